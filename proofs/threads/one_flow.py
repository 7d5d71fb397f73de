"""One flow of a reference port expires, and nothing else.

Compiled code expires the flows that misses have begun each in a moment of its own (`docs/misses.md`); the reference,
all that are due at once. So whatever belongs to other flows is given a child that lives on, for as long as the
reference expires what is left.
"""

from collections.abc import Iterator

from reference.direction import Direction
from reference.flow_table import FlowEntry, Lifetime
from reference.layer_flows import LayerEntry
from reference.packet.flow import FlowId
from reference.port_data import PortData
from reference.vpc.snat import SourceNatDescriptor


def outbound_id(data: PortData, direction: Direction, key: FlowId) -> FlowId | None:
    """The id of the guest's packets in a flow whose packets in a direction have `key`.

    None where inbound packets have no unified entry, or one that came of no stateful layer.
    """
    if direction is Direction.OUT:
        return key
    entry = data.uft.inbound.entries.get(key)
    halves = () if entry is None else entry.parents()
    return next((half.partner for half in halves if isinstance(half, LayerEntry)), None)


def expire_flow(data: PortData, flow: FlowId, now_ms: int) -> bool:
    """Expire what is due of the flow with an outbound id; whether anything was.

    Of a flow that owns a port of source NAT the layers keep what they have: only the reference gives its port back.
    """
    mine = _lifetimes_of(data, flow)
    present = sum(1 for _ in _entries(data))
    # Halves of a layer's flow share a lifetime; a list of children must get the child but once.
    others = {id(entry.lifetime): entry.lifetime for entry in _entries(data) if entry.lifetime not in mine}
    child = FlowEntry(flow, Lifetime(now_ms))
    child.hold()
    for lifetime in others.values():
        lifetime.children.append(child)
    data.expire(now_ms)
    for lifetime in others.values():
        lifetime.children.remove(child)
    return sum(1 for _ in _entries(data)) != present


def _lifetimes_of(data: PortData, flow: FlowId) -> list[Lifetime]:
    """What may expire of a flow: its connection, its unified entries, and its layer entries unless they own a port."""
    found = (layer.outbound.table.entries.get(flow) for layer in data.layers)
    halves = [half for half in found if half is not None]
    layers = [half.lifetime for half in halves]
    unified = [*data.uft.inbound.entries.values(), *data.uft.outbound.entries.values()]
    mine = [entry.lifetime for entry in unified if any(parent.lifetime in layers for parent in entry.parents())]
    if flow in data.tcp_flows.entries:
        mine.append(data.tcp_flows.entries[flow].lifetime)
    owns_port = any(isinstance(half.descriptor, SourceNatDescriptor) for half in halves)
    return mine if owns_port else mine + layers


def _entries(data: PortData) -> Iterator[FlowEntry]:
    yield from data.tcp_flows.entries.values()
    yield from data.uft.inbound.entries.values()
    yield from data.uft.outbound.entries.values()
    for layer in data.layers:
        yield from layer.inbound.table.entries.values()
        yield from layer.outbound.table.entries.values()
