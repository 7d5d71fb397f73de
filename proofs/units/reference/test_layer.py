"""A layer: rules, flows, their halves, validation, and the layer's own count."""

from typing import Any

import pytest

from proofs.units.reference.scene import outbound_packet, packed, udp, udp_flow
from proofs.units.reference_packet.frames import REMOTE_IP
from reference.action import (
    Action,
    ActionDescriptor,
    ActionMeta,
    HairpinAction,
    MetaAction,
    SimpleAction,
    StatefulAction,
    StaticAction,
)
from reference.direction import Direction
from reference.errors import LayerError
from reference.flow_table import FLOW_TIME_TO_LIVE_MS
from reference.layer import DefaultAction, HandlePacket, Layer
from reference.packet.packet import Packet
from reference.passage import Passage
from reference.rule import Rule
from reference.semantics import Semantics
from reference.transform import HeaderTransform, InnerModification
from reference.verdict import DenyReason, Drop, Hairpin, LayerDrop

PUBLIC = packed("10.0.0.1")


class Translation(ActionDescriptor):
    """Exchanges the guest's address; valid as long as a test says so."""

    __slots__ = ("owner",)

    def __init__(self, owner: "Translate") -> None:
        super().__init__()
        self.owner = owner

    def release(self) -> None:
        self.owner.released += 1

    def is_valid(self) -> bool:
        return self.owner.valid

    def header_transform(self, direction: Direction, meta: ActionMeta) -> HeaderTransform:
        meta.tags["translated"] = "yes"
        if direction is Direction.OUT:
            return HeaderTransform("translate", InnerModification(ip_source=PUBLIC))
        return HeaderTransform("translate", InnerModification(ip_destination=packed("172.30.0.5")))

    def __str__(self) -> str:
        return "translation"


class Translate(StatefulAction):
    """Begins translated flows, or refuses them."""

    def __init__(self, refuse: bool = False) -> None:
        self.refuse = refuse
        self.valid = True
        self.released = 0

    def describe(self, packet: Packet) -> ActionDescriptor | None:
        return None if self.refuse else Translation(self)


class Refusing(MetaAction, StaticAction, HairpinAction):
    """Refuses whatever it is asked for."""

    def apply(self, packet: Packet, meta: ActionMeta) -> bool:
        return False

    def transform(self, packet: Packet, meta: ActionMeta) -> HeaderTransform | None:
        return None

    def reply(self, packet: Packet) -> bytes | None:
        return None


class Answering(HairpinAction):
    """Answers everything alike."""

    def reply(self, packet: Packet) -> bytes | None:
        return b"answer"


def layer_with(*actions: Action, limit: int = 4, default: DefaultAction = DefaultAction.DENY) -> Layer:
    layer = Layer("test", DefaultAction.DENY, default, limit, Semantics.UPSTREAM)
    for action in actions:
        layer.add_rule(Direction.OUT, Rule(1, action))
    return layer


def outbound(number: int = 5000, now_ms: int = 0) -> Passage:
    return Passage(outbound_packet(udp(number)), Direction.OUT, now_ms)


def reply_to(number: int = 5000, destination: str | None = None) -> Passage:
    """The answer to a datagram of the guest, as the layer sees it."""
    flow = udp_flow(number).mirror()
    packet = outbound_packet(udp(number))
    packet.flow = flow if destination is None else flow._replace(destination=packed(destination))
    return Passage(packet, Direction.IN, 0)


def drop(why: DenyReason) -> Drop:
    return Drop(LayerDrop("test", why))


@pytest.mark.parametrize(
    ("default", "outcome"),
    [(DefaultAction.ALLOW, None), (DefaultAction.DENY, drop(DenyReason.DEFAULT))],
)
def test_the_default_decides_where_no_rule_does(default: DefaultAction, outcome: Any) -> None:
    layer = layer_with(default=default)
    assert layer.process(outbound()) == outcome
    assert layer.outbound.default_hits == 1
    assert layer.outbound.statistics.rule_nomatch == 1


@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        (SimpleAction.ALLOW, None),
        (SimpleAction.DENY, drop(DenyReason.RULE)),
        (SimpleAction.HANDLE_PACKET, HandlePacket.HANDLE_PACKET),
        (Answering(), Hairpin(b"answer")),
        (Refusing(), drop(DenyReason.ACTION)),
        (Translate(refuse=True), drop(DenyReason.ACTION)),
    ],
)
def test_the_action_of_the_matching_rule_decides(action: Action, outcome: Any) -> None:
    layer = layer_with(action)
    assert layer.process(outbound()) == outcome
    assert layer.outbound.rules.rules[0].hits == 1
    assert layer.count == 0


def test_a_stateful_allowance_lets_the_reply_pass_where_the_default_denies() -> None:
    layer = layer_with(SimpleAction.STATEFUL_ALLOW)
    assert layer.process(reply_to()) == drop(DenyReason.DEFAULT)
    assert layer.process(outbound()) is None
    assert layer.process(reply_to()) is None
    assert layer.inbound.statistics.lft_hit == 1


def test_a_stateful_action_decides_once_and_its_flow_keys_are_as_each_side_sees_them() -> None:
    layer = layer_with(Translate())
    first, second = outbound(), outbound()
    layer.process(first)
    layer.process(second)
    assert layer.outbound.statistics.rule_match == 1
    assert second.packet.flow.source == PUBLIC
    assert list(layer.outbound.table.entries) == [udp_flow()]
    assert list(layer.inbound.table.entries) == [udp_flow()._replace(source=PUBLIC).mirror()]
    assert layer.process(reply_to(destination="10.0.0.1")) is None


def test_entries_that_took_part_are_remembered_by_the_passage() -> None:
    layer = layer_with(SimpleAction.STATEFUL_ALLOW)
    first, reply = outbound(), reply_to()
    layer.process(first)
    layer.process(reply)
    assert first.parents == [layer.outbound.table.entries[udp_flow()]]
    assert reply.parents == [layer.inbound.table.entries[udp_flow().mirror()]]


def test_a_full_layer_refuses_and_says_in_which_direction() -> None:
    layer = layer_with(SimpleAction.STATEFUL_ALLOW, limit=1)
    layer.process(outbound(1))
    with pytest.raises(LayerError, match=r'FlowTableFull \{ layer: "test", dir: Out \}'):
        layer.process(outbound(2))
    assert layer.outbound.statistics.lft_full == 1


def test_a_killed_flow_makes_room_in_both_directions() -> None:
    layer = layer_with(SimpleAction.STATEFUL_ALLOW, limit=1)
    layer.process(outbound(1))
    layer.outbound.table.entries[udp_flow(1)].kill()
    layer.process(outbound(2))
    assert list(layer.outbound.table.entries) == [udp_flow(2)]
    assert list(layer.inbound.table.entries) == [udp_flow(2).mirror()]
    assert (layer.count, layer.statistics.evictions) == (1, 1)


def test_a_refused_flow_evicts_nobody() -> None:
    layer = layer_with(Translate(refuse=True), limit=1)
    other = layer_with(SimpleAction.STATEFUL_ALLOW, limit=1)
    layer.outbound.table, layer.flows.count = other.outbound.table, 1
    other.process(outbound(1))
    other.outbound.table.entries[udp_flow(1)].kill()
    assert layer.process(outbound(2)) == drop(DenyReason.ACTION)
    assert len(layer.outbound.table) == 1


def test_a_hard_change_of_rules_forgets_flows_but_leaves_the_gauge() -> None:
    layer = layer_with(SimpleAction.STATEFUL_ALLOW)
    layer.process(outbound())
    layer.set_rules([], [])
    assert (len(layer.outbound.table), len(layer.inbound.table), layer.count) == (0, 0, 0)
    assert layer.statistics.flows == 1


def test_a_soft_change_keeps_a_flow_whose_descriptor_is_still_valid() -> None:
    action = Translate()
    layer = layer_with(action)
    layer.process(outbound())
    layer.set_rules([], [], soft=True)
    passage = outbound()
    assert layer.process(passage) is None
    assert passage.packet.flow.source == PUBLIC
    assert not layer.outbound.table.entries[udp_flow()].dirty
    assert all(entry.dirty for entry in layer.inbound.table.entries.values())


def test_a_soft_change_removes_an_invalid_flow_in_the_direction_of_its_next_packet_only() -> None:
    action = Translate()
    layer = layer_with(action)
    layer.process(outbound())
    action.valid = False
    layer.set_rules([], [], soft=True)
    assert layer.process(outbound()) == drop(DenyReason.DEFAULT)
    assert (len(layer.outbound.table), len(layer.inbound.table), layer.count) == (0, 1, 1)
    assert action.released == 0


def test_a_resource_is_released_when_the_last_half_is_gone() -> None:
    action = Translate()
    layer = layer_with(action)
    layer.process(outbound())
    layer.outbound.table.clear()
    assert action.released == 0
    layer.inbound.table.clear()
    assert action.released == 1


def test_a_resource_is_held_by_whoever_depends_on_a_half() -> None:
    action = Translate()
    layer = layer_with(action)
    layer.process(outbound())
    half = layer.outbound.table.entries[udp_flow()]
    half.hold()
    layer.clear_flows()
    assert action.released == 0
    half.drop()
    assert action.released == 1


def test_expiry_looks_at_outbound_halves_and_takes_their_partners_along() -> None:
    layer = layer_with(SimpleAction.STATEFUL_ALLOW)
    layer.process(outbound(1))
    layer.process(outbound(2, now_ms=10))
    layer.expire(FLOW_TIME_TO_LIVE_MS)
    assert list(layer.outbound.table.entries) == [udp_flow(2)]
    assert list(layer.inbound.table.entries) == [udp_flow(2).mirror()]
    assert (layer.count, layer.statistics.flows) == (1, 1)


def test_a_hit_in_either_direction_keeps_both_halves() -> None:
    layer = layer_with(SimpleAction.STATEFUL_ALLOW)
    layer.process(outbound())
    reply = reply_to()
    reply.now_ms = 50_000
    layer.process(reply)
    layer.expire(FLOW_TIME_TO_LIVE_MS)
    assert layer.count == 1


def test_the_flow_is_keyed_by_addresses_and_ports_of_the_remote() -> None:
    layer = layer_with(SimpleAction.STATEFUL_ALLOW)
    layer.process(outbound())
    stranger = reply_to()
    stranger.packet.flow = stranger.packet.flow._replace(source=packed("8.8.8.8"))
    assert packed(REMOTE_IP) != packed("8.8.8.8")
    assert layer.process(stranger) == drop(DenyReason.DEFAULT)


def test_simulation_follows_a_flow_without_a_trace() -> None:
    layer = layer_with(Translate())
    layer.process(outbound())
    before = (layer.statistics_dict(), [e.hits for e in layer.inbound.table.entries.values()])
    reply = reply_to(destination="10.0.0.1")
    assert layer.simulate(reply)
    assert reply.packet.flow == udp_flow().mirror()
    assert before == (layer.statistics_dict(), [e.hits for e in layer.inbound.table.entries.values()])


@pytest.mark.parametrize(
    "action", [SimpleAction.STATEFUL_ALLOW, SimpleAction.DENY, Translate(), Answering(), Refusing()]
)
def test_simulation_ends_where_a_packet_would_not_merely_be_let_through(action: Action) -> None:
    layer = layer_with(action)
    assert not layer.simulate(outbound())
    assert len(layer.outbound.table) == 0
