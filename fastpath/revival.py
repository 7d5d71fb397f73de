"""From a native flow to the objects that the reference would have, had it begun the flow itself.

Layer entries of the firewall, and of NAT where the flow is translated; unified entries that come from them; the
connection that depends on them. They take their places in the tables, and nothing is counted for it.
"""

from typing import NamedTuple, Protocol

import reference
from fastpath.decompile import decompile_flow
from fastpath.layout import TRANSFORM_WORDS, TRANSFORMS_AT
from fastpath.memory import Words
from fastpath.native import NO_NAT, SOURCE_NAT
from fastpath.native_flow import NativeConnection, NativeFlow, NativeHalf
from fastpath.openings import opening_of
from reference.action import ActionDescriptor
from reference.direction import Direction
from reference.flow_table import FlowEntry, Lifetime
from reference.layer_flows import LayerEntry, LayerFlows
from reference.packet.flow import FlowId, is_echo
from reference.tcp_flows import TcpFlow
from reference.transform import FlowTransform
from reference.uft import UftEntry
from reference.vpc import firewall, nat
from reference.vpc.snat import PortPools, SourceNatDescriptor, SourceNatEchoDescriptor

_LOW_32 = 0xFFFF_FFFF
_NO_TRANSFORM = FlowTransform((), (), None)


class Decisions(Protocol):
    """What the words of a native flow leave to the rules under which it passed."""

    def route(self, number: int) -> object:
        """The router target with a `ROUTE_ID`."""

    def pools(self, number: int) -> PortPools:
        """The pools with a number."""

    def changed(self, layer: str) -> int:
        """The epoch in which the rules of a layer changed last."""


class Revived(NamedTuple):
    """A flow as the reference has it now.

    Attributes:
        halves: both unified entries by direction; one that nobody holds is in no table.
        connection: for TCP; one that nobody holds has expired.
    """

    halves: dict[Direction, UftEntry]
    connection: TcpFlow | None


class _LayerPair(NamedTuple):
    """Both halves of a flow in one layer."""

    outbound: LayerEntry
    inbound: LayerEntry


class Revival:
    """Makes the flows of one port."""

    def __init__(self, words: Words, port: reference.Port, decisions: Decisions) -> None:
        self._words = words
        self._port = port
        self._decisions = decisions
        self._firewall = port.data.layer(firewall.NAME).flows
        self._nat = port.data.layer(nat.NAME).flows

    def revive(self, native: NativeFlow) -> Revived:
        """Make a flow, and put it into the tables."""
        layers = [self._in_firewall(native)]
        if native.nat != NO_NAT:
            layers.append(self._in_nat(native))
        parents: dict[Direction, tuple[FlowEntry, ...]] = {
            Direction.OUT: tuple(pair.outbound for pair in layers),
            Direction.IN: tuple(pair.inbound for pair in reversed(layers)),
        }
        connection = self._connection(native, parents)
        halves = {
            direction: self._unified(half, direction, other.flow, parents[direction], connection)
            for direction, half, other in (
                (Direction.OUT, native.outbound, native.inbound),
                (Direction.IN, native.inbound, native.outbound),
            )
        }
        return Revived(halves, connection)

    # --- layers ---

    def _in_firewall(self, native: NativeFlow) -> _LayerPair:
        """The firewall sees the flow before NAT, and has allowed its first packet."""
        flow = native.outbound.flow
        first = flow if native.begun is Direction.OUT else flow.mirror()
        opening = opening_of(native.begun, first, native.noted_vni)
        pair = self._pair(native, flow.mirror(), self._decisions.changed(firewall.NAME), None)
        for entry in pair:
            entry.opening = opening
        return _placed(self._firewall, pair)

    def _in_nat(self, native: NativeFlow) -> _LayerPair:
        pair = self._pair(native, native.inbound.flow, self._decisions.changed(nat.NAME), self._descriptor(native))
        pair.outbound.route = self._decisions.route(native.route) if native.route else None
        return _placed(self._nat, pair)

    def _pair(
        self, native: NativeFlow, inbound_flow: FlowId, changed: int, descriptor: ActionDescriptor | None
    ) -> _LayerPair:
        """Both halves in one layer. One is dirty if no packet of its direction has passed since the rules changed."""
        lifetime = Lifetime(native.layers_hit_ms)
        flow = native.outbound.flow
        pair = _LayerPair(
            LayerEntry(flow, inbound_flow, descriptor, lifetime), LayerEntry(inbound_flow, flow, descriptor, lifetime)
        )
        for entry, half in zip(pair, (native.outbound, native.inbound), strict=True):
            entry.hits = half.passed
            entry.dirty = self._epoch(half.passed_epoch) < changed
        return pair

    def _descriptor(self, native: NativeFlow) -> ActionDescriptor:
        """What NAT decided: the external address is where replies go, the external port is theirs."""
        flow, reply = native.outbound.flow, native.inbound.flow
        network = self._port.network
        family = network.ipv4 if flow.family == 4 else network.ipv6
        assert family is not None
        if native.nat != SOURCE_NAT:
            return nat.NatDescriptor(family, reply.destination)
        pools = self._decisions.pools(native.pools)
        pool = pools.of(flow.protocol)
        assert pool is not None
        if is_echo(flow.protocol, flow.source_port):
            private, external = flow.icmp_identifier, reply.icmp_identifier
            return SourceNatEchoDescriptor(pools, pool, family.private_ip, private, external)
        return SourceNatDescriptor(pools, pool, family.private_ip, flow.source_port, reply.destination_port)

    # --- connection and unified entries ---

    def _connection(self, native: NativeFlow, parents: dict[Direction, tuple[FlowEntry, ...]]) -> TcpFlow | None:
        """The connection; an expired one is in no table and depends on nothing."""
        known = native.connection
        if known is None:
            return None
        flow = TcpFlow(native.outbound.flow, known.last_segment_ms, self._port.semantics)
        flow.inbound_flow = native.inbound.flow
        _set_numbers(flow, known)
        flow.bytes_in, flow.bytes_out = native.inbound.length, native.outbound.length
        if not known.is_dead:
            self._port.data.tcp_flows.put(flow)
            for direction, entries in parents.items():
                flow.adopt_parents(direction, entries)
        return flow

    def _unified(
        self,
        half: NativeHalf,
        direction: Direction,
        pair: FlowId,
        parents: tuple[FlowEntry, ...],
        connection: TcpFlow | None,
    ) -> UftEntry:
        """A unified entry; that of a dead half is in no table, depends on nothing and does nothing."""
        transform = _NO_TRANSFORM if half.is_dead else self._transform(half)
        depends_on = () if half.is_dead else parents
        entry = UftEntry(
            half.flow, pair, self._epoch(half.epoch), half.l4_hash, transform, depends_on, half.last_hit_ms
        )
        entry.tcp_flow = connection
        entry.hits = half.hits - half.hits_before
        if not half.is_dead:
            self._port.data.uft.table(direction).put(entry)
            for parent in parents:
                parent.add_child(entry)
        return entry

    def _transform(self, half: NativeHalf) -> FlowTransform:
        at = int(self._words[TRANSFORMS_AT]) + half.transform * TRANSFORM_WORDS
        return decompile_flow(half.flow, self._words[at : at + TRANSFORM_WORDS].tolist(), half.rewrite)

    def _epoch(self, low: int) -> int:
        """The latest epoch with these low 32 bits."""
        epoch = self._port.epoch
        return epoch - (epoch - low & _LOW_32)


def _placed(flows: LayerFlows, pair: _LayerPair) -> _LayerPair:
    flows.outbound.put(pair.outbound)
    flows.inbound.put(pair.inbound)
    return pair


def _set_numbers(flow: TcpFlow, known: NativeConnection) -> None:
    """State and numbers; the segment that began the connection was no hit of it."""
    flow.state = known.state
    flow.fin_sequence = known.fin_sequence
    flow.guest_sequence = known.guest_sequence
    flow.guest_acknowledgement = known.guest_acknowledgement
    flow.remote_sequence = known.remote_sequence
    flow.remote_acknowledgement = known.remote_acknowledgement
    flow.segments_in, flow.segments_out = known.segments_in, known.segments_out
    flow.hits = known.segments_in + known.segments_out - 1
