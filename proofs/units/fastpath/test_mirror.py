"""The mirror: after every slow operation the arena holds what the reference holds, and reuses nothing in use."""

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastpath import flow as flow_record
from fastpath import tcp, uft
from fastpath.compile_flow import compile_flow
from fastpath.designs import Design
from fastpath.frames import FrameBatch
from fastpath.layout import (
    ACTION,
    BINDING,
    DEAD,
    LIFE,
    LOW_32,
    OUTBOUND,
    PARTNER,
    REWRITE,
    TRANSFORM_WORDS,
    TRANSFORMS_AT,
)
from fastpath.memory import Words
from fastpath.pipeline import NO_COUNTS, NO_RULES, process_batch_for
from fastpath.reclaim import enter, leave
from proofs.equivalence.frames import ACK, FIN, RST, SYN, TCP, UDP, Content
from proofs.units.fastpath.arenas import entry_place, slots
from proofs.units.fastpath.ports import IN, LIMITS, NOW, OUT, Parts, flow, inbound, outbound
from reference.direction import Direction
from reference.flow_table import FLOW_TIME_TO_LIVE_MS
from reference.packet.flow import FlowId
from reference.tcp_flows import INCIPIENT_TIME_TO_LIVE_MS
from reference.uft import UftEntry
from reference.vpc.config import TableLimits
from reference.vpc.firewall import FirewallRule

TINY = TableLimits(uft=3, tcp=2, gateway=8, firewall=6, nat=6)
SEGMENT = Content(flags=ACK, sequence=1, acknowledgement=1)


def hit(parts: Parts, *sights: tuple[Direction, bytes], now_ms: int = NOW, thread: int = 0) -> int:
    """Let compiled code have frames; how many of them it decided before it stopped."""
    batch = FrameBatch(max(1, len(sights)), 2_048)
    batch.load_all(sights)
    arguments = (parts.words, batch.frames, batch.descriptors, batch.work, NO_RULES, NO_COUNTS)
    return int(process_batch_for(Design.FINE)(*arguments, 0, batch.count, np.uint64(now_ms), thread))


def at(parts: Parts, direction: Direction, id_: FlowId) -> int:
    """Where the words of a half's entry are; it must be there."""
    entry = parts.entry(direction, id_)
    assert entry, f"no entry for {id_}"
    return entry_place(parts.words, entry)


def tcp_word(words: Words, place: int) -> int:
    """The TCP word of the connection that an entry names."""
    record = words[place + BINDING] & LOW_32
    assert record
    return int(words[int(flow_record.tcp_word_at(words, record))])


def is_served(original: UftEntry) -> bool:
    """Whether hits may serve an entry of the reference."""
    is_closed = original.tcp_flow is not None and not original.tcp_flow.holders
    return original.compiled and not original.killed and not is_closed


def check_in_step(parts: Parts) -> None:
    """The arena holds what hits may serve, as the reference has it, and of what is over nothing but dead words."""
    originals = {
        (direction, id_): original
        for direction in Direction
        for id_, original in parts.port.uft.table(direction).entries.items()
    }
    found = {key: parts.entry(*key) for key in originals}
    assert sorted(slots(parts.words).values()) == sorted(entry for entry in found.values() if entry)
    for key, original in originals.items():
        if is_served(original):
            check_copy(parts, key[0], original, found)
        elif found[key]:
            assert original.tcp_flow is not None
            assert tcp_word(parts.words, entry_place(parts.words, found[key])) & int(tcp.DEAD)


def check_copy(
    parts: Parts, direction: Direction, original: UftEntry, found: dict[tuple[Direction, FlowId], int]
) -> None:
    """An entry says what its original says."""
    words, place = parts.words, at(parts, direction, original.flow)
    assert original.transform.compiled is not None
    compiled = compile_flow(original.flow, original.transform.compiled, udp_zero_as_ones=True)
    assert compiled is not None
    transform = int(words[TRANSFORMS_AT]) + int(words[place + ACTION] >> np.uint64(32)) * TRANSFORM_WORDS
    assert tuple(words[transform : transform + TRANSFORM_WORDS].tolist()) == compiled.transform
    assert words[place + REWRITE] == compiled.rewrite
    assert words[place + ACTION] & LOW_32 == original.l4_hash
    assert words[place + BINDING] >> np.uint64(32) == original.epoch
    assert words[place + LIFE] == original.last_hit_ms
    partner = int(words[place + PARTNER])
    assert partner == 0 or original.pair is not None
    assert partner in (0, found.get((direction.opposite, original.pair or original.flow)))
    if original.tcp_flow is not None:
        word = np.uint64(tcp_word(words, place))
        assert tcp.state_of(word) == original.tcp_flow.state
        assert not word & (tcp.FROZEN | tcp.DEAD)
        assert tcp.may_advance(word, np.uint64(parts.port.epoch)) or original.epoch < parts.port.epoch
        assert bool(word & tcp.SEQUENCE_KNOWN) == (original.tcp_flow.guest_sequence is not None)
    else:
        assert words[place + BINDING] & LOW_32 == 0


Step = Callable[[Parts, int], object]
_PACKETS: list[Step] = [
    lambda parts, now: parts.converse(0, now),
    lambda parts, now: parts.converse(1, now),
    lambda parts, now: parts.process(IN, inbound(2), now),
    lambda parts, now: parts.connect(0, now),
    lambda parts, now: parts.connect(1, now),
    lambda parts, now: parts.connect(2, now),
    lambda parts, now: parts.process(OUT, outbound(0, SEGMENT._replace(flags=FIN | ACK), TCP), now),
    lambda parts, now: parts.process(IN, inbound(0, SEGMENT._replace(flags=FIN | ACK), TCP), now),
    lambda parts, now: parts.process(OUT, outbound(1, SEGMENT._replace(flags=RST), TCP), now),
]


def _hits(parts: Parts, now: int) -> None:
    for number in range(3):
        for direction, build in ((OUT, outbound), (IN, inbound)):
            hit(parts, (direction, build(number)), now_ms=now)
            hit(parts, (direction, build(number, SEGMENT, TCP)), now_ms=now)
    parts.slow_path.mirror.synchronise()


def _control(name: str, *arguments: object) -> Step:
    def step(parts: Parts, _now: int) -> None:
        with parts.slow_path.operation() as port:
            getattr(port, name)(*arguments)

    return step


def _expire(parts: Parts, now: int) -> None:
    with parts.slow_path.operation() as port:
        parts.slow_path.mirror.stop_expiring(now)
        port.expire(now)


_CONTROLS: list[Step] = [
    _control("clear_uft"),
    _control("clear_lft", "firewall"),
    _control("set_firewall_rules", [FirewallRule.parse("dir=in action=allow priority=1")]),
    _control("set_firewall_rules", []),
]
_WAITS = (0, 1, INCIPIENT_TIME_TO_LIVE_MS, FLOW_TIME_TO_LIVE_MS - 1, FLOW_TIME_TO_LIVE_MS)
scripts = st.lists(
    st.tuples(st.sampled_from([*_PACKETS, *_PACKETS, _hits, _hits, _expire, *_CONTROLS]), st.sampled_from(_WAITS)),
    max_size=25,
)


@pytest.mark.parametrize("limits", [LIMITS, TINY], ids=["large", "tiny"])
@given(script=scripts)
@settings(max_examples=80)
def test_after_every_operation_the_arena_is_in_step_with_the_reference(
    limits: TableLimits, script: Iterable[tuple[Step, int]]
) -> None:
    parts, now = Parts(limits), NOW
    for step, wait in script:
        now += wait
        step(parts, now)
        check_in_step(parts)
    assert parts.slow_path.mirror.refused == 0
    check_nothing_leaks(parts)


def check_nothing_leaks(parts: Parts) -> None:
    """Without flows every record can be taken again."""
    _control("reset")(parts, NOW)
    assert slots(parts.words) == {}
    mirror, geometry = parts.slow_path.mirror, parts.geometry
    mirror._transforms.sweep()
    for records, count in (
        (mirror._entries, geometry.entry_records),
        (mirror._flows, geometry.flow_records),
        (mirror._transforms, geometry.transform_records),
    ):
        assert records.free == count - 1


def test_the_halves_that_one_packet_makes_enter_as_partners() -> None:
    parts = Parts()
    parts.process(OUT, outbound(1))
    halves = parts.entry(OUT, flow(1)), parts.entry(IN, flow(1).mirror())
    assert all(halves)
    assert [int(parts.words[entry_place(parts.words, half) + PARTNER]) for half in halves] == list(halves[::-1])
    check_in_step(parts)


def test_a_half_enters_alone_where_the_reference_has_one_only() -> None:
    parts = Parts()
    parts.process(OUT, outbound(1))
    with parts.slow_path.operation() as port:
        port.uft.inbound.remove(flow(1).mirror())
    parts.process(IN, inbound(1))
    assert [parts.words[at(parts, *half) + PARTNER] for half in ((OUT, flow(1)), (IN, flow(1).mirror()))] == [0, 0]
    check_in_step(parts)


def test_both_halves_leave_together() -> None:
    parts = Parts()
    parts.converse(1)
    parts.converse(2)
    with parts.slow_path.operation() as port:
        port.uft.remove_pair(flow(1), flow(1).mirror())
        assert parts.entry(OUT, flow(1))
    assert not parts.entry(OUT, flow(1))
    assert not parts.entry(IN, flow(1).mirror())
    assert parts.entry(OUT, flow(2))


def test_what_comes_and_goes_within_one_operation_never_becomes_reachable() -> None:
    parts = Parts()
    with parts.slow_path.operation() as port:
        port.process(OUT, outbound(1), NOW)
        port.clear_uft()
    assert slots(parts.words) == {}
    check_nothing_leaks(parts)


def test_what_comes_goes_and_comes_again_within_one_operation_is_there_once() -> None:
    parts = Parts()
    with parts.slow_path.operation() as port:
        port.process(OUT, outbound(1), NOW)
        port.clear_uft()
        port.process(OUT, outbound(1), NOW)
    check_in_step(parts)
    assert parts.entry(OUT, flow(1))


def test_hits_of_a_thread_that_still_held_a_removed_half_are_not_lost() -> None:
    parts = Parts()
    parts.connect(1)
    place = at(parts, OUT, flow(1, TCP))
    connection = parts.original(OUT, flow(1, TCP)).tcp_flow
    assert connection is not None
    enter(parts.words, 1)
    with parts.slow_path.operation() as port:
        port.clear_uft()
    counted = (connection.segments_out, connection.bytes_out)
    record = flow_record.flow_at(parts.words, parts.words[place + BINDING] & LOW_32)
    for owner, length in ((1, 60), (2, 70), (1, 80)):
        numbers = (np.uint64(number) for number in (owner, length, 9, 8))
        uft.count_segment(parts.words, place, record, OUTBOUND, *numbers)
    leave(parts.words, 1)
    with parts.slow_path.operation():
        pass
    assert (connection.segments_out, connection.bytes_out) == (counted[0] + 3, counted[1] + 210)
    assert connection.guest_acknowledgement == 8


def test_a_connection_that_is_looked_at_stands_still_until_the_operation_ends() -> None:
    parts = Parts()
    parts.connect(1)
    place = at(parts, OUT, flow(1, TCP))
    with parts.slow_path.operation() as port:
        assert not tcp_word(parts.words, place) & int(tcp.FROZEN)
        port.tcp_state(flow(1, TCP))
        assert tcp_word(parts.words, place) & int(tcp.FROZEN)
        assert hit(parts, (OUT, outbound(1, SEGMENT, TCP))) == 0
    assert hit(parts, (OUT, outbound(1, SEGMENT, TCP))) == 1


def test_what_hits_did_to_a_connection_is_known_when_it_is_looked_at() -> None:
    parts = Parts()
    parts.connect(1)
    later = SEGMENT._replace(sequence=44)
    assert hit(parts, (OUT, outbound(1, later, TCP)), now_ms=NOW + 9) == 1
    connection = parts.port.tcp_flows.entries[flow(1, TCP)]
    assert connection.guest_sequence != 44
    with parts.slow_path.operation() as port:
        port.tcp_state(flow(1, TCP))
        assert (connection.state, connection.guest_sequence) == (int(tcp.ESTABLISHED), 44)
        assert connection.last_hit_ms == NOW + 9


def test_a_connection_that_is_over_is_buried_before_anything_else_happens() -> None:
    parts = Parts()
    parts.connect(1)
    place = at(parts, OUT, flow(1, TCP))
    with parts.slow_path.operation() as port:
        port.tcp_flows.clear()
        assert tcp_word(parts.words, place) & int(tcp.DEAD)
        assert hit(parts, (OUT, outbound(1, SEGMENT, TCP))) == 0


def test_a_connection_that_is_opened_anew_gets_a_record_of_its_own() -> None:
    parts = Parts()
    parts.connect(1)
    first = parts.words[at(parts, OUT, flow(1, TCP)) + BINDING] & LOW_32
    enter(parts.words, 2)
    parts.process(OUT, outbound(1, SEGMENT._replace(flags=RST), TCP))
    parts.connect(1)
    second = parts.words[at(parts, OUT, flow(1, TCP)) + BINDING] & LOW_32
    assert second != first
    assert int(parts.words[int(flow_record.tcp_word_at(parts.words, first))]) & int(tcp.DEAD)
    assert not tcp_word(parts.words, at(parts, OUT, flow(1, TCP))) & int(tcp.DEAD)


def test_a_half_that_stays_when_its_partner_leaves_gets_a_fresh_copy_with_a_fresh_connection() -> None:
    parts = Parts()
    parts.connect(1)
    before, stays = at(parts, IN, flow(1, TCP).mirror()), flow(1, TCP).mirror()
    enter(parts.words, 2)
    with parts.slow_path.operation() as port:
        port.uft.outbound.remove(flow(1, TCP))
    after = at(parts, IN, stays)
    assert after != before
    assert parts.words[before + LIFE] & DEAD
    assert tcp_word(parts.words, before) & int(tcp.DEAD)
    assert not tcp_word(parts.words, after) & int(tcp.DEAD)
    assert parts.words[after + PARTNER] == 0


@pytest.mark.parametrize(("idle_ms", "survives"), [(FLOW_TIME_TO_LIVE_MS - 1, True), (FLOW_TIME_TO_LIVE_MS, False)])
def test_an_expiry_pass_stops_hits_on_what_is_past_its_time_and_on_nothing_else(idle_ms: int, survives: bool) -> None:
    parts = Parts()
    parts.converse(1)
    now = NOW + idle_ms
    with parts.slow_path.operation() as port:
        parts.slow_path.mirror.stop_expiring(now)
        assert hit(parts, (OUT, outbound(1)), now_ms=now) == survives
        port.expire(now)
    assert bool(parts.entry(OUT, flow(1))) is survives


def test_a_hit_before_the_expiry_pass_keeps_its_half_alive() -> None:
    parts = Parts()
    parts.converse(1)
    assert hit(parts, (OUT, outbound(1)), now_ms=NOW + 10) == 1
    _expire(parts, NOW + FLOW_TIME_TO_LIVE_MS + 5)
    assert parts.entry(OUT, flow(1))
    assert not parts.entry(IN, flow(1).mirror())
    check_in_step(parts)


def test_a_connection_past_its_time_goes_although_its_halves_are_not() -> None:
    parts = Parts()
    parts.process(OUT, outbound(1, Content(flags=SYN), TCP))
    _expire(parts, NOW + INCIPIENT_TIME_TO_LIVE_MS)
    assert not parts.port.tcp_flows.entries
    assert hit(parts, (OUT, outbound(1, SEGMENT, TCP))) == 0
    check_in_step(parts)


@pytest.mark.parametrize("early_ms", [0, 1])
def test_an_expiry_pass_stops_hits_on_a_connection_past_its_time_although_its_halves_are_not(early_ms: int) -> None:
    parts = Parts()
    parts.process(OUT, outbound(1, Content(flags=SYN), TCP))
    now = NOW + INCIPIENT_TIME_TO_LIVE_MS - early_ms
    with parts.slow_path.operation():
        parts.slow_path.mirror.stop_expiring(now)
        assert hit(parts, (OUT, outbound(1, SEGMENT, TCP)), now_ms=now) == early_ms


def test_a_half_that_an_expiry_pass_stopped_but_the_reference_kept_comes_back() -> None:
    parts = Parts()
    parts.converse(1)
    place = at(parts, OUT, flow(1))
    with parts.slow_path.operation():
        parts.slow_path.mirror.stop_expiring(NOW + FLOW_TIME_TO_LIVE_MS)
        assert parts.words[place + LIFE] & DEAD
    check_in_step(parts)
    assert hit(parts, (OUT, outbound(1))) == 1


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_after_a_change_of_rules_hits_wait_for_the_slow_path_to_take_the_flow_over(protocol: int) -> None:
    parts = Parts()
    parts.connect(1) if protocol == TCP else parts.converse(1)
    frame = (OUT, outbound(1, SEGMENT, protocol))
    assert hit(parts, frame) == 1
    with parts.slow_path.operation() as port:
        port.add_firewall_rule(FirewallRule.parse("dir=out action=allow priority=7"))
    assert hit(parts, frame) == 0
    parts.process(*frame)
    assert hit(parts, frame) == 1
    check_in_step(parts)
