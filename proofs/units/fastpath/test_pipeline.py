"""A batch through the compiled path: what is decided, where it stops, what it leaves behind; and nothing allocates."""

import re
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastpath import flow as flow_record
from fastpath import tcp, uft
from fastpath.control import publish
from fastpath.designs import Design
from fastpath.dispatcher import code_of
from fastpath.frames import Path, Undecided
from fastpath.layout import (
    BYTES,
    CONTROL_EPOCH_SHIFT,
    HITS,
    LIFE,
    PORT_LOCK,
    STATE_PAUSED,
    STATE_READY,
    STATE_RUNNING,
    STATE_SEALED,
    WINDOW,
)
from fastpath.memory import Words
from fastpath.pipeline import NO_COUNTS, NO_RULES, STRIDE, process_batch_for
from fastpath.port_lock import lock_port, unlock_port
from fastpath.reclaim import thread_at
from proofs.equivalence.frames import ACK, FIN, RST, SYN
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import entry_place
from proofs.units.fastpath.established import (
    EPOCH,
    FLOWS,
    NOW,
    THREAD,
    UNKNOWN,
    Frame,
    Sight,
    World,
    batch_of,
    every_design,
    expected,
    mixed,
    run,
    sight,
)
from reference.direction import Direction

UNCOMPILED = arenas.plain("fastpath.pipeline")
OUT, IN = Direction.OUT, Direction.IN


@every_design
def test_every_hit_is_decided_and_counted_where_it_belongs(design: Design) -> None:
    world = World()
    frames = [Frame(0, OUT, payload=b"abc"), Frame(0, IN), Frame(1, OUT), Frame(1, OUT), Frame(3, IN, payload=b"x")]
    batch = batch_of(frames)
    assert run(world, batch, design) == len(frames)
    assert [batch.verdict(index) for index in range(batch.count)] == [expected(frame) for frame in frames]
    assert [batch.path(index) for index in range(batch.count)] == [Path.HIT] * len(frames)
    assert world.counters() == (2, 3)
    assert [world.field(frame, HITS) for frame in frames] == [1, 1, 2, 2, 1]
    assert [world.field(frame, LIFE) for frame in frames] == [NOW] * len(frames)
    assert [world.field(frame, BYTES) for frame in frames] == [57, 70 + 54, 0, 0, 0]


@every_design
def test_a_thread_leaves_what_it_entered_and_frees_what_it_locked(design: Design) -> None:
    world = World()
    for count, frames in enumerate(([Frame(0, OUT)], [UNKNOWN], []), 1):
        run(world, batch_of(frames), design)
        assert [int(world.words[int(thread_at(world.words, thread))]) for thread in range(3)] == [0, 2 * count, 0]
        assert world.words[PORT_LOCK] == 0


def test_hits_are_counted_in_the_line_of_their_thread() -> None:
    world = World()
    run(world, batch_of([Frame(0, OUT)]), thread=2)
    run(world, batch_of([Frame(0, IN), Frame(1, IN)]), thread=0)
    assert [world.counters(thread) for thread in range(3)] == [(2, 0), (0, 0), (0, 1)]


@every_design
def test_hits_of_one_half_by_several_threads_are_all_counted(design: Design) -> None:
    world, frame = World(), Frame(2, OUT, payload=b"abc")
    for thread in (2, 0, 2, 1):
        assert run(world, batch_of([frame]), design, thread=thread) == 1
    owned, others = (world.field(frame, HITS), world.field(frame, BYTES)), world.others(2, OUT)
    assert [sum(counts) for counts in zip(owned, others, strict=True)] == [4, 4 * 57]
    assert others == ((0, 0) if design is Design.MUTEX else (2, 2 * 57))


_EDGES = [edge + off for edge in (STRIDE, 4 * STRIDE, 5 * STRIDE, WINDOW) for off in (-1, 0, 1)]


@pytest.mark.parametrize("position", sorted({0, 1, *_EDGES, 2 * WINDOW + 3}))
def test_a_batch_stops_at_the_first_frame_that_is_not_a_hit(position: int) -> None:
    world, frames = World(), mixed(2 * WINDOW + 5)
    frames[position] = UNKNOWN
    batch = batch_of(frames)
    assert run(world, batch) == position
    assert all(batch.verdict(index) == expected(frames[index]) for index in range(position))
    for index in range(position, batch.count):
        assert batch.frame(index) == sight(frames[index])[1]
        with pytest.raises(Undecided):
            batch.verdict(index)
    ways = [frame.direction for frame in frames[:position]]
    assert world.counters() == (ways.count(IN), ways.count(OUT))


def test_a_batch_goes_on_behind_the_frame_that_the_slow_path_took() -> None:
    world = World()
    frames = [Frame(0, OUT), UNKNOWN, Frame(1, OUT), Frame(1, IN)]
    batch = batch_of(frames)
    assert run(world, batch) == 1
    assert run(world, batch, first=2) == 4
    assert [batch.verdict(index) for index in (0, 2, 3)] == [expected(frames[index]) for index in (0, 2, 3)]


def test_a_batch_that_is_processed_again_forgets_the_verdicts_of_the_first_time() -> None:
    world, batch = World(), batch_of([Frame(0, OUT)])
    assert run(world, batch) == 1
    _control(EPOCH, STATE_PAUSED)(world.words, 0)
    assert run(world, batch) == 0
    with pytest.raises(Undecided):
        batch.verdict(0)


def _damage(words: Words, number: int) -> None:
    words[entry_place(words, World.entry(number, OUT)) + 5] ^= np.uint64(1 << 32)


def _kill(words: Words, number: int) -> None:
    uft.kill(words, np.uint64(World.entry(number, OUT)))


def _remove(words: Words, number: int) -> None:
    uft.remove(words, np.uint64(World.entry(number, OUT)), np.uint64(World.entry(number, IN)))


def _control(epoch: int, state: np.uint64) -> Callable[[Words, int], None]:
    return lambda words, _number: publish(words, np.uint64(epoch << int(CONTROL_EPOCH_SHIFT)) | state)


def _freeze(words: Words, number: int) -> None:
    flow_record.freeze(words, np.uint64(number + 1))


def _bury(words: Words, number: int) -> None:
    flow_record.bury(words, np.uint64(number + 1))


@every_design
@pytest.mark.parametrize(
    ("number", "change"),
    [
        (1, _damage),
        (1, _remove),
        (1, _control(EPOCH, STATE_READY)),
        (1, _control(EPOCH, STATE_PAUSED)),
        (1, _control(EPOCH, STATE_SEALED)),
        (1, _control(EPOCH + 1, STATE_RUNNING)),
        (0, _freeze),
        (0, _bury),
    ],
    ids=["stale", "gone", "ready", "paused", "sealed", "new rules", "frozen", "buried"],
)
def test_what_may_not_be_hit_is_left_to_the_slow_path_untouched(
    design: Design, number: int, change: Callable[[Words, int], None]
) -> None:
    world = World()
    change(world.words, number)
    frame = Frame(number, OUT)
    batch = batch_of([frame])
    before = (world.tcp_word(0), world.field(frame, HITS), world.field(frame, BYTES))
    assert run(world, batch, design) == 0
    assert batch.frame(0) == sight(frame)[1]
    assert (world.tcp_word(0), world.field(frame, HITS), world.field(frame, BYTES)) == before
    assert world.counters() == (0, 0)


@every_design
@pytest.mark.parametrize("number", [0, 1], ids=["TCP", "UDP"])
def test_only_fine_asks_whether_an_entry_that_it_has_reached_is_dead(design: Design, number: int) -> None:
    world, frame = World(), Frame(number, OUT)
    _kill(world.words, number)
    before = world.field(frame, LIFE)
    assert run(world, batch_of([frame]), design) == (0 if design is Design.FINE else 1)
    assert world.field(frame, LIFE) == before


@pytest.mark.parametrize(
    "frame",
    [(OUT, b""), (IN, bytes(60)), (OUT, sight(Frame(0, OUT))[1][:40]), (IN, sight(Frame(0, OUT))[1])],
    ids=["empty", "zeros", "cut", "wrong direction"],
)
def test_a_frame_that_does_not_parse_is_left_to_the_slow_path(frame: Sight) -> None:
    assert run(World(), batch_of([frame])) == 0


def test_the_epoch_is_compared_in_32_bits_by_entries_and_in_24_by_connections() -> None:
    for epoch, decided in ((EPOCH + (1 << 32), 1), (EPOCH + (1 << 31), 0), (EPOCH + (1 << 24), 0)):
        world = World()
        _control(epoch, STATE_RUNNING)(world.words, 0)
        assert run(world, batch_of([Frame(0, OUT)])) == decided


@every_design
def test_segments_step_the_connection_in_their_order(design: Design) -> None:
    world = World()
    frames = [
        Frame(0, OUT, ACK, 50, 1),
        Frame(0, IN, ACK, 1, 51),
        Frame(0, OUT, ACK, 51, 2),
    ]
    assert run(world, batch_of(frames), design) == 3
    word = np.uint64(world.tcp_word(0))
    assert tcp.state_of(word) == tcp.ESTABLISHED
    assert tcp.sequence_of(word) == 51


@pytest.mark.parametrize("flags", [RST, SYN, FIN, 0], ids=["reset", "syn", "fin", "nothing"])
def test_a_segment_that_resets_or_acknowledges_nothing_stops_the_batch(flags: int) -> None:
    world = World()
    frames = [Frame(0, OUT, ACK, 7, 1), Frame(0, OUT, flags, 8, 1), Frame(0, OUT, ACK, 9, 1)]
    assert run(world, batch_of(frames)) == 1
    assert tcp.sequence_of(np.uint64(world.tcp_word(0))) == 7
    assert world.field(frames[0], HITS) == 1


@pytest.mark.parametrize(("now", "last"), [(NOW - 5, NOW - 1), (NOW + 5, NOW + 5)])
def test_time_stamps_only_move_on(now: int, last: int) -> None:
    world, frame = World(), Frame(1, OUT)
    assert run(world, batch_of([frame]), now=now) == 1
    assert world.field(frame, LIFE) == last


@every_design
def test_only_fine_does_not_wait_for_the_port_lock(design: Design) -> None:
    waits = design is not Design.FINE
    world, batch = World(), batch_of([Frame(0, OUT)])
    run(world, batch_of([]), design)
    lock_port(world.words)
    is_over = threading.Event()

    def process() -> None:
        run(world, batch, design)
        is_over.set()

    thread = threading.Thread(target=process, daemon=True)
    thread.start()
    assert is_over.wait(0.05 if waits else 20) is not waits
    unlock_port(world.words)
    assert is_over.wait(20)
    thread.join(20)
    assert batch.verdict(0) == expected(Frame(0, OUT))


members = st.fixed_dictionaries(
    {
        "number": st.integers(0, FLOWS),
        "direction": st.sampled_from(Direction),
        "flags": st.sampled_from([ACK, ACK, FIN | ACK, SYN, RST, 0]),
        "sequence": st.integers(0, 3),
        "acknowledgement": st.integers(0, 3),
        "payload": st.binary(max_size=4),
    }
)
any_frames = st.lists(members.map(lambda drawn: Frame(**drawn)), max_size=12)


@every_design
@given(frames=any_frames, now=st.integers(NOW - 2, NOW + 2))
@settings(max_examples=30)
def test_a_batch_leaves_the_same_words_and_bytes_compiled_and_uncompiled(
    design: Design, frames: list[Frame], now: int
) -> None:
    # The copy's own policy: to the copy, members of the original's enumerations are strangers.
    uncompiled = UNCOMPILED.specialise(UNCOMPILED.POLICIES[UNCOMPILED.Design(design.value)])
    worlds, batches = (World(), World()), (batch_of(frames), batch_of(frames))
    position = 0
    while position < len(frames):
        stopped = run(worlds[0], batches[0], design, position, now)
        batch = batches[1]
        arguments = (worlds[1].words, batch.frames, batch.descriptors, batch.work, NO_RULES, NO_COUNTS)
        with np.errstate(over="ignore"):
            assert uncompiled(*arguments, position, batch.count, np.uint64(now), THREAD) == stopped
        position = stopped + 1
    assert np.array_equal(worlds[0].words, worlds[1].words)
    assert np.array_equal(batches[0].frames, batches[1].frames)
    assert np.array_equal(batches[0].descriptors, batches[1].descriptors)


@pytest.fixture(scope="module", params=Design, ids=lambda design: design.value)
def machine_code(request: pytest.FixtureRequest) -> str:
    """The optimised code of the batch function and of all that it calls, as it is in the cache."""
    kernel: Any = process_batch_for(request.param)
    world, batch = World(), batch_of([Frame(0, OUT)])
    run(world, batch, request.param)
    parts = [part for text in code_of(kernel) for part in re.split(r"^define ", text, flags=re.MULTILINE)[1:]]
    bodies = {part.partition("\n")[0]: part for part in parts if "cpython" not in part.partition("\n")[0]}
    for name in ("process_batch", "miss", "perform_miss", "refill"):
        assert any(f"{len(name)}{name}" in line for line in bodies)
    return "\n".join(bodies.values())


def test_compiled_batches_do_not_allocate_count_references_or_raise(machine_code: str) -> None:
    assert "NRT_" not in machine_code
    assert not re.search(r"malloc|calloc|alloca_once|Py[A-Z]\w+|numba_unpickle|raise", machine_code)


def test_compiled_batches_call_nothing_but_instructions_and_the_yield_of_a_lock(machine_code: str) -> None:
    called = set(re.findall(r"(?:call|invoke)[^@\n]*@\"?([\w.$]+)", machine_code))
    foreign = {name for name in called if not name.startswith(("llvm.", "_ZN"))}
    assert foreign <= {"sched_yield"}
    assert all("fastpath" in name for name in called if name.startswith("_ZN"))


def test_compiled_batches_compute_in_integers(machine_code: str) -> None:
    assert not re.search(r"\b(double|float)\b", machine_code)
    assert not re.search(r"\b(sitofp|uitofp|fptoui|fptosi|fadd|fmul)\b", machine_code)
