"""When the arena is full: what finds no room is served slowly, and copied once there is some."""

from fastpath.geometry import Geometry
from fastpath.reclaim import enter, leave
from proofs.units.fastpath.arenas import entry_place, slots
from proofs.units.fastpath.ports import IN, OUT, Parts, flow, outbound
from proofs.units.fastpath.test_mirror import check_nothing_leaks
from reference.verdict import Modified


def test_what_found_no_room_is_copied_with_its_next_packet_once_there_is_some() -> None:
    parts = Parts(geometry=Geometry(entries=2, spare=0, threads=1))
    parts.converse(1)
    parts.converse(2)
    assert parts.entry(OUT, flow(2)) == 0
    with parts.slow_path.operation() as port:
        port.uft.outbound.remove(flow(1))
        port.uft.inbound.remove(flow(1).mirror())
    assert isinstance(parts.process(OUT, outbound(2)), Modified)
    assert parts.entry(OUT, flow(2)) != 0


def test_what_found_no_room_and_is_gone_is_not_copied_any_more() -> None:
    parts = Parts(geometry=Geometry(entries=2, spare=0, threads=1))
    parts.converse(1)
    parts.converse(2)
    with parts.slow_path.operation() as port:
        port.clear_uft()
    assert parts.entry(OUT, flow(2)) == parts.entry(IN, flow(2).mirror()) == 0


def test_what_does_not_fit_is_counted_and_served_by_the_slow_path() -> None:
    parts = Parts(geometry=Geometry(entries=3, spare=0, threads=1))
    for number in range(4):
        parts.converse(number)
    assert parts.slow_path.mirror.refused == 5
    assert len(slots(parts.words)) == 3
    assert len(parts.port.uft.outbound) == 4
    assert isinstance(parts.process(OUT, outbound(3)), Modified)
    for number in range(4):
        parts.connect(number)
    check_nothing_leaks(parts)


def test_room_that_comes_free_is_used_again() -> None:
    parts = Parts(geometry=Geometry(entries=4, spare=0, threads=1))
    for _ in range(5):
        for number in range(2):
            parts.converse(number)
            parts.connect(number)
            with parts.slow_path.operation() as port:
                port.clear_uft()
                port.tcp_flows.clear()
    assert parts.slow_path.mirror.refused == 0


def test_an_entry_is_not_reused_while_a_thread_may_still_hold_it() -> None:
    parts = Parts(geometry=Geometry(entries=3, spare=0, threads=3))
    parts.converse(1)
    held = {parts.entry(OUT, flow(1)), parts.entry(IN, flow(1).mirror())}
    before = {entry: parts.words[entry_place(parts.words, entry) :][:8].tolist() for entry in held}
    enter(parts.words, 1)
    with parts.slow_path.operation() as port:
        port.clear_uft()
    parts.converse(2)
    in_use = {parts.entry(OUT, flow(2)), parts.entry(IN, flow(2).mirror())}
    assert in_use - {0} != set()
    assert not held & in_use
    assert {entry: parts.words[entry_place(parts.words, entry) :][:8].tolist() for entry in held} == before
    leave(parts.words, 1)
    parts.converse(3)
    parts.converse(4)
    assert held & set(slots(parts.words).values())
