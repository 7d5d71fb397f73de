"""One flow of a reference port expires as the reference's expiry would have it, and no other one does."""

from typing import Any

import pytest

from proofs.equivalence import frames, vpc
from proofs.equivalence.conversation import Far, Opening
from proofs.equivalence.stage import Stage
from proofs.equivalence.world import World
from proofs.threads.one_flow import expire_flow
from proofs.threads.stories import BEGINNING_MS
from reference import Port
from reference.direction import Direction
from reference.flow_table import FLOW_TIME_TO_LIVE_MS
from reference.packet.flow import FlowId
from reference.packet.parse import parse
from reference.tcp_flows import ESTABLISHED_TIME_TO_LIVE_MS

_INTERNET = Opening(4, frames.UDP, Far.INTERNET, near_port=1_000, far_port=53)
"""By source NAT."""
_PEER = Opening(4, frames.UDP, Far.PEER, near_port=1_001, far_port=53)
_CONNECTION = Opening(4, frames.TCP, Far.PEER, near_port=1_002, far_port=80)


class _Recorder(World):
    """A world of the reference alone that knows the guest's last packet."""

    outbound: FlowId

    def process(self, direction: Direction, frame: bytes, segments: Any = ()) -> Any:
        if direction is Direction.OUT:
            self.outbound = parse(direction, frame).flow
        return super().process(direction, frame, segments)


def _port_with(*openings: Opening) -> tuple[Port, list[FlowId]]:
    """A reference port in which conversations have begun, and their outbound ids."""
    world = _Recorder(limits=vpc.ROOMY, fast_ports={}, now_ms=BEGINNING_MS)
    stage = Stage(world)
    flows = []
    for opening in openings:
        stage.establish(opening)
        flows.append(world.outbound)
    return world.port, flows


def _present(port: Port) -> dict[str, set[FlowId]]:
    """The keys of all entries, by table."""
    data = port.data
    keys = {
        "tcp": set(data.tcp_flows.entries),
        "uft in": set(data.uft.inbound.entries),
        "uft out": set(data.uft.outbound.entries),
    }
    for layer in data.layers:
        keys[f"{layer.name} in"] = set(layer.inbound.table.entries)
        keys[f"{layer.name} out"] = set(layer.outbound.table.entries)
    return {name: present for name, present in keys.items() if present}


@pytest.mark.parametrize("opening", [_PEER, _CONNECTION], ids=["a peer's", "a peer's connection"])
def test_what_is_left_of_other_flows_is_what_there_would_be_without_it(opening: Opening) -> None:
    others, _ = _port_with(_INTERNET)
    port, [_, flow] = _port_with(_INTERNET, opening)
    assert _present(port) != _present(others)
    assert expire_flow(port.data, flow, BEGINNING_MS + ESTABLISHED_TIME_TO_LIVE_MS)
    assert _present(port) == _present(others)


def test_a_flow_that_owns_a_port_of_source_nat_keeps_it_and_its_layer_entries() -> None:
    """Only the reference gives ports back (`docs/misses.md`)."""
    port, [flow] = _port_with(_INTERNET)
    before = _present(port)
    assert expire_flow(port.data, flow, BEGINNING_MS + FLOW_TIME_TO_LIVE_MS)
    assert _present(port) == {name: keys for name, keys in before.items() if not name.startswith("uft")}
    assert "nat out" in before
    port.expire(BEGINNING_MS + FLOW_TIME_TO_LIVE_MS)
    assert _present(port) == {}


def test_of_a_connection_only_what_is_due_expires() -> None:
    port, [flow] = _port_with(_CONNECTION)
    before = _present(port)
    assert not expire_flow(port.data, flow, BEGINNING_MS + FLOW_TIME_TO_LIVE_MS - 1)
    assert _present(port) == before
    assert expire_flow(port.data, flow, BEGINNING_MS + FLOW_TIME_TO_LIVE_MS)
    assert _present(port) == {name: keys for name, keys in before.items() if not name.startswith("uft")}
    assert flow in port.data.tcp_flows.entries
