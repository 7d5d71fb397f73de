"""Snapshots: everything observable about a port as plain values, in the terms of recordings.

Dictionaries, lists, numbers, texts and None only, so that snapshots of different engines compare by `==`. Tables are in
OPTE's key order.
"""

from typing import Any, TypeAlias

from reference.action import action_text
from reference.errors import BadState
from reference.flow_table import FlowEntry, FlowTable
from reference.layer import Layer
from reference.layer_flows import LayerEntry
from reference.port_data import PortData, PortState
from reference.rule import RuleTable
from reference.tcp import TcpState
from reference.tcp_flows import TcpFlow
from reference.uft import UftEntry

Plain: TypeAlias = dict[str, Any]


def statistics(data: PortData) -> Plain:
    """All counters by OPTE's names; those of layers in a dictionary under the layer's name."""
    counters: Plain = {
        **data.statistics.as_dict(),
        **{layer.name: layer.statistics_dict() for layer in data.layers},
    }
    if data.semantics.gauges_are_exact:
        _put_right(counters, data)
    return counters


def _put_right(counters: Plain, data: PortData) -> None:
    """Let gauges be the sizes of their tables, and count as evictions only what went to make room."""
    for prefix, table in (("in_uft", data.uft.inbound), ("out_uft", data.uft.outbound), ("tcp", data.tcp_flows)):
        counters[f"{prefix}_flows"] = len(table)
        counters[f"{prefix}_evictions"] = table.evictions
    for layer in data.layers:
        counters[layer.name]["flows"] = len(layer.outbound.table)


def flow_counts(data: PortData) -> Plain:
    """The number of entries present in every table, and each layer's own count."""
    counts: Plain = {
        "uft": {"in": len(data.uft.inbound), "out": len(data.uft.outbound)},
        "tcp": len(data.tcp_flows),
    }
    for layer in data.layers:
        counts[layer.name] = {
            "in": len(layer.inbound.table),
            "out": len(layer.outbound.table),
            "count": layer.count,
        }
    return counts


def snapshot(data: PortData) -> Plain:
    """State, epoch, counters, table sizes, and full dumps of all tables and rules.

    On a port that is ready the tables of unified entries and of connections are replaced by upstream's refusal to dump
    them.
    """
    uft: Plain | list[Plain]
    tcp: Plain | list[Plain]
    if data.state is PortState.READY:
        uft = tcp = {"error": str(BadState(data.state.value))}
    else:
        uft = _uft(data)
        tcp = _table(data.tcp_flows, _tcp_flow)
    return {
        "epoch": data.epoch,
        "port_state": data.state.value,
        "stats": statistics(data),
        "flows": flow_counts(data),
        "uft": uft,
        "tcp": tcp,
        "layers": [_layer(layer) for layer in data.layers],
    }


def _table(table: FlowTable[Any], describe: Any) -> list[Plain]:
    return [_common(entry) | describe(entry) for entry in table.in_order()]


def _common(entry: FlowEntry) -> Plain:
    return {
        "flow": entry.flow.to_json(),
        "hits": entry.hits,
        "last_hit_ms": entry.last_hit_ms,
        "killed": entry.killed,
    }


def _uft(data: PortData) -> Plain:
    return {
        "in_limit": data.uft.inbound.limit,
        "out_limit": data.uft.outbound.limit,
        "in_num": len(data.uft.inbound),
        "out_num": len(data.uft.outbound),
        "in": _table(data.uft.inbound, _uft_entry),
        "out": _table(data.uft.outbound, _uft_entry),
    }


def _uft_entry(entry: UftEntry) -> Plain:
    return {
        "summary": str(entry.transform),
        "l4_hash": entry.l4_hash,
        "epoch": entry.epoch,
        "pair": None if entry.pair is None else entry.pair.to_json(),
        "compiled": entry.compiled,
    }


def _tcp_flow(flow: TcpFlow) -> Plain:
    return {
        "inbound_ufid": None if flow.inbound_flow is None else flow.inbound_flow.to_json(),
        "tcp_state": TcpState(flow.state).text,
        "guest_seq": flow.guest_sequence,
        "guest_ack": flow.guest_acknowledgement,
        "remote_seq": flow.remote_sequence,
        "remote_ack": flow.remote_acknowledgement,
        "segs_in": flow.segments_in,
        "segs_out": flow.segments_out,
        "bytes_in": flow.bytes_in,
        "bytes_out": flow.bytes_out,
    }


def _layer(layer: Layer) -> Plain:
    return {
        "name": layer.name,
        "default_in": layer.inbound.default.value,
        "default_in_hits": layer.inbound.default_hits,
        "default_out": layer.outbound.default.value,
        "default_out_hits": layer.outbound.default_hits,
        "rules_in": _rules(layer.inbound.rules),
        "rules_out": _rules(layer.outbound.rules),
        "count": layer.count,
        "ft_in": _table(layer.inbound.table, _layer_entry),
        "ft_out": _table(layer.outbound.table, _layer_entry),
    }


def _layer_entry(entry: LayerEntry) -> Plain:
    return {"summary": entry.summary, "dirty": entry.dirty}


def _rules(table: RuleTable) -> list[Plain]:
    return [
        {
            "id": present.id,
            "hits": present.hits,
            "priority": present.rule.priority,
            "predicates": [str(predicate) for predicate in present.rule.predicates],
            "data_predicates": [str(predicate) for predicate in present.rule.data_predicates],
            "action": action_text(present.rule.action),
        }
        for present in table.rules
    ]
