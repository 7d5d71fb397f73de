"""Recalling: a flow that lies in the arena alone comes out as the reference would have it, whoever asks first."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import fastpath
import reference
from fastpath import recall, revival
from fastpath.current_rules import CurrentRules
from fastpath.halves import Half
from fastpath.layout import ENTRY_LIST, ENTRY_STOCK, FLOW_LIST, FLOW_STOCK
from fastpath.openings import opening_of
from fastpath.pipeline import process_batch_under
from fastpath.policy import Misses
from fastpath.records import count_free
from fastpath.table_entries import TableEntries
from proofs.equivalence import vpc
from proofs.equivalence.frames import ACK, FIN, ICMP, ICMPV6, RST, SYN, TCP, UDP, Content, Tunnel, plain
from proofs.units.fastpath.natives import Writer, told
from proofs.units.fastpath.ports import IN, LIMITS, NOW, OUT, TUNNEL, fast_port, reference_port
from reference.direction import Direction
from reference.packet.flow import FlowId
from reference.vpc.config import ExternalIps, TableLimits
from reference.vpc.firewall import FirewallRule

FROM_OUTSIDE = Tunnel(vpc.BOUNDARY_UNDERLAY[0], vpc.GUEST_UNDERLAY, vpc.BOUNDARY_VNI, bytes.fromhex("01290000"))
GUEST, PEER, INTERNET = vpc.GUEST, vpc.PEERS, vpc.INTERNET
CONVERSATIONS = (
    FlowId(UDP, 4, GUEST[4], PEER[4][0], 2_000, 80),
    FlowId(TCP, 4, GUEST[4], PEER[4][0], 2_000, 80),
    FlowId(TCP, 6, GUEST[6], PEER[6][0], 22, 4_000),
    FlowId(UDP, 6, GUEST[6], PEER[6][1], 53, 4_000),
    FlowId(UDP, 6, GUEST[6], INTERNET[6][0], 53, 4_000),
    FlowId(TCP, 6, GUEST[6], INTERNET[6][0], 2_000, 443),
    FlowId(ICMPV6, 6, GUEST[6], INTERNET[6][1], 128, 7),
    FlowId(UDP, 4, GUEST[4], INTERNET[4][0], 2_000, 53),
    FlowId(TCP, 4, GUEST[4], INTERNET[4][1], 2_000, 443),
    FlowId(ICMP, 4, GUEST[4], INTERNET[4][0], 8, 7),
)
"""By the guest's flow id: with neighbours, and with the internet under one-to-one (IPv6) and source NAT (IPv4)."""

Port = reference.Port | fastpath.Port
Sight = tuple[Direction, bytes]


class Scene:
    """A reference port, and a fast port whose arena gets the same flows as native words.

    Packets the reference port sees alone, until `hand_over`; what else happens, happens to both. Compiled code serves
    hits of the fast port, and all its misses are the reference's unless said otherwise: so that whatever is native has
    been written here.
    """

    def __init__(self, limits: TableLimits = LIMITS, misses: Misses = Misses.REFERENCE) -> None:
        self.now_ms = NOW
        self.plain = reference_port(limits)
        self.fast = fast_port(limits=limits)
        self.fast._process_batch = process_batch_under(replace(self.fast.policy, misses=misses))

    @property
    def ports(self) -> tuple[Port, Port]:
        """Both."""
        return self.fast, self.plain

    @property
    def is_possible(self) -> bool:
        """Whether compiled code could have begun and served all flows of the reference port."""
        return all(flow.is_possible for flow in told(self.plain))

    def hand_over(self) -> None:
        """Write what the reference port knows into the arena of the other one."""
        misses: Any = self.fast._slow_path.misses
        writer = Writer(self.fast.words, self.fast._slow_path.port, misses._rules._compiler)
        for flow in told(self.plain):
            writer.write(flow)

    def sight(self, number: int, direction: Direction, flags: int) -> Sight:
        """A packet of a conversation: of the guest, or what the remote side answers, or would begin with."""
        flow, content = CONVERSATIONS[number], Content(flags=flags, sequence=number, acknowledgement=3)
        if direction is OUT:
            return OUT, plain(flow, content, vpc.GATEWAY_MAC, vpc.GUEST_MAC)
        keys = [known.key(IN) for known in told(self.plain) if known.flow == flow]
        internal = flow.destination in vpc.PEERS[flow.family]
        address = GUEST[flow.family] if internal else vpc.EPHEMERAL[flow.family]
        key = keys[0] if keys else flow.mirror()._replace(destination=address)
        tunnel = TUNNEL if internal else FROM_OUTSIDE
        return IN, tunnel.wrap(plain(key, content, vpc.GUEST_MAC, vpc.GATEWAY_MAC))


def comparable(snapshot: dict[str, Any]) -> dict[str, Any]:
    """A snapshot without counters of packets: nobody has counted those that only one port has seen."""
    layers = [
        {name: value for name, value in layer.items() if not name.startswith(("rules_", "default_"))}
        for layer in snapshot["layers"]
    ]
    gauges = {name: value for name, value in snapshot["stats"].items() if name.endswith("_flows")}
    flows = {layer["name"]: snapshot["stats"][layer["name"]]["flows"] for layer in snapshot["layers"]}
    return {**snapshot, "layers": layers, "stats": gauges | flows}


def check_same(scene: Scene) -> None:
    """Both ports hold the same."""
    fast, plain_ = (comparable(port.snapshot()) for port in scene.ports)
    assert fast == plain_


# --- what happens ---


class Event:
    """Something that happens to ports; `str()` says what."""

    def __init__(self, name: str, act: Callable[[Scene, Port], object]) -> None:
        self._name = name
        self.act = act

    def __repr__(self) -> str:
        return self._name


def packet(number: int, direction: Direction, flags: int = ACK) -> Event:
    """A packet of a conversation."""

    def act(scene: Scene, port: Port) -> object:
        return port.process(*scene.sight(number, direction, flags), scene.now_ms)

    return Event(f"packet({number}, {direction.name}, {flags})", act)


def past_nat(number: int) -> Event:
    """An inbound packet to the guest's own address, in a conversation whose packets NAT translates."""
    frame = plain(CONVERSATIONS[number].mirror(), Content(), vpc.GUEST_MAC, vpc.GATEWAY_MAC)
    sight = (IN, FROM_OUTSIDE.wrap(frame))
    return Event(f"past_nat({number})", lambda scene, port: port.process(*sight, scene.now_ms))


def waiting(milliseconds: int) -> Event:
    """Time passes, and flows expire."""

    def act(scene: Scene, port: Port) -> object:
        if port is scene.fast:
            scene.now_ms += milliseconds
        return port.expire(scene.now_ms)

    return Event(f"waiting({milliseconds})", act)


def change_rules(port: Port) -> None:
    """A firewall rule that matches nothing."""
    port.add_firewall_rule(FirewallRule.parse("dir=in action=deny priority=7 protocol=UDP port=9"))


def change_addresses(port: Port) -> None:
    """The same addresses once more: flows keep them."""
    port.set_external_ips(vpc.external_ips(4), vpc.external_ips(6))


def take_addresses(port: Port) -> None:
    """The guest loses its own external address."""
    port.set_external_ips(ExternalIps(snat=vpc.source_nat(4)), ExternalIps(snat=vpc.source_nat(6)))


def deny(port: Port) -> None:
    """What neighbours may begin is not allowed any more."""
    port.add_firewall_rule(FirewallRule.parse("dir=in action=deny priority=6 protocol=UDP"))
    port.add_firewall_rule(FirewallRule.parse("dir=out action=deny priority=6 protocol=UDP port=80"))


def control(operation: Callable[[Port], object]) -> Event:
    """A control operation."""
    return Event(operation.__name__, lambda _, port: operation(port))


def clear_unified(port: Port) -> None:
    """Empty the unified table."""
    port.clear_uft()


def clear_nat(port: Port) -> None:
    """Forget NAT's flows."""
    port.clear_lft("nat")


def clear_firewall(port: Port) -> None:
    """Forget the firewall's flows."""
    port.clear_lft("firewall")


def begin_anew(port: Port) -> None:
    """Forget everything."""
    port.reset()
    port.start()


def count_flows(port: Port) -> dict[str, object]:
    """How many entries there are."""
    return port.flow_counts()


def look_at_connections(port: Port) -> list[object]:
    """The states of all connections."""
    return [port.tcp_state(flow) for flow in CONVERSATIONS]


numbers = st.integers(0, len(CONVERSATIONS) - 1)
openings = st.builds(packet, numbers, st.sampled_from(Direction), st.sampled_from([SYN, SYN | ACK, ACK, ACK]))
packets = st.builds(
    packet, numbers, st.sampled_from(Direction), st.sampled_from([SYN, SYN | ACK, ACK, FIN | ACK, RST])
) | st.builds(past_nat, numbers)
waits = st.builds(waiting, st.sampled_from([1, 3_000, 6_000, 59_000, 61_000]))
changes = st.sampled_from([change_rules, change_addresses]).map(control)
controls = st.sampled_from(
    [
        change_rules,
        change_addresses,
        take_addresses,
        deny,
        clear_unified,
        clear_nat,
        clear_firewall,
        begin_anew,
        count_flows,
        look_at_connections,
    ]
).map(control)


def story(scene: Scene, before: list[Event], after: list[Event], require: Callable[[bool], object] = assume) -> None:
    """Let events happen to the reference port, hand over, and let both go on; they do the same and end the same."""
    for event in before:
        if not event._name.startswith("packet"):
            event.act(scene, scene.fast)
        event.act(scene, scene.plain)
    require(scene.is_possible)
    scene.hand_over()
    assert scene.fast.flow_counts() == scene.plain.flow_counts()
    for event in after:
        outcomes = [event.act(scene, port) for port in scene.ports]
        assert outcomes[0] == outcomes[1], event
        assert scene.fast.flow_counts() == scene.plain.flow_counts()
    check_same(scene)


@settings(max_examples=60)
@given(before=st.lists(openings | openings | openings | waits | changes, min_size=1, max_size=14))
def test_what_is_recalled_is_what_the_reference_would_hold(before: list[Event]) -> None:
    story(Scene(), before, [])


@settings(max_examples=100)
@given(
    before=st.lists(openings | openings | openings | waits | changes, min_size=1, max_size=10),
    after=st.lists(packets | waits | controls, min_size=1, max_size=8),
)
def test_a_flow_goes_on_as_if_the_reference_had_begun_it(before: list[Event], after: list[Event]) -> None:
    story(Scene(), before, after)


@settings(max_examples=100)
@given(
    events=st.lists(openings | openings | packets | waits | controls, min_size=1, max_size=16),
    limits=st.sampled_from(vpc.LIMITS),
)
def test_flows_that_compiled_misses_begin_are_those_of_the_reference(events: list[Event], limits: TableLimits) -> None:
    """Nothing is written by hand: both ports see every packet, and count alike as well."""
    scene = Scene(limits, Misses.COMPILED)
    for event in events:
        outcomes = [event.act(scene, port) for port in scene.ports]
        assert outcomes[0] == outcomes[1], event
        assert scene.fast.statistics() == scene.plain.statistics(), event
        assert scene.fast.flow_counts() == scene.plain.flow_counts(), event
    assert scene.fast.snapshot() == scene.plain.snapshot()


HANDSHAKE = [packet(5, OUT, SYN), packet(5, IN, SYN | ACK), packet(5, OUT)]
EVERYTHING = [packet(number, OUT, SYN) for number in range(len(CONVERSATIONS))]
FROM_REMOTE = [packet(number, IN, SYN) for number in (2, 3, 4)]


@pytest.mark.parametrize(
    "before",
    [
        EVERYTHING,
        FROM_REMOTE,
        HANDSHAKE,
        [*HANDSHAKE, waiting(61_000)],
        [packet(1, OUT), waiting(61_000), packet(1, IN)],
    ],
    ids=["begun by the guest", "begun from outside", "connected", "idle", "half idle"],
)
def test_nothing_of_the_arena_stays_behind(before: list[Event]) -> None:
    """When everything is gone, all records are free."""
    scene = Scene()
    free = free_records(scene.fast)
    story(scene, before, [control(look_at_connections), packet(1, OUT), control(begin_anew)], must)
    assert free_records(scene.fast) == free


def must(condition: bool) -> None:
    """For what is known to be so."""
    assert condition


def free_records(port: fastpath.Port) -> tuple[int, int]:
    """How many entries and flow records nobody has."""
    entries = int(count_free(port.words, ENTRY_STOCK, ENTRY_LIST))
    return entries, int(count_free(port.words, FLOW_STOCK, FLOW_LIST))


# --- what must be noticed ---

Fault = tuple[object, str, object]
FAULTS: dict[str, tuple[Fault, list[Event], list[Event]]] = {
    "nothing is dirty": (
        (CurrentRules, "changed", lambda *_: 0),
        [packet(0, OUT), control(change_rules)],
        [],
    ),
    "hits are counted once more": (
        (Half, "count_as_known", lambda *_: None),
        [packet(0, OUT), packet(0, OUT), packet(0, IN)],
        [control(clear_nat), packet(0, OUT)],
    ),
    "recalled entries still count as native": (
        (recall, "kinds_of", lambda _: []),
        [packet(0, OUT)],
        [control(clear_nat)],
    ),
    "the noted VNI is lost": (
        (revival, "opening_of", lambda direction, flow, _: opening_of(direction, flow, None)),
        [packet(1, IN, SYN), control(change_rules)],
        [packet(1, IN)],
    ),
    "the firewall's inbound entries are not found": (
        (TableEntries, "_recalls", lambda entries, flow: not entries._mirrored and natives_have(entries, flow)),
        [packet(5, OUT)],
        [past_nat(5)],
    ),
}


def natives_have(entries: TableEntries[Any], flow: FlowId) -> bool:
    """What a table that is found by its own key asks."""
    return entries._natives.look_for(entries._direction, flow) and dict.__contains__(entries, flow)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_recalling_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fault, before, after = FAULTS[name]
    story(Scene(), before, after, must)
    monkeypatch.setattr(*fault)
    with pytest.raises(AssertionError):
        story(Scene(), before, after, must)
