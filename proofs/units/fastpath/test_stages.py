"""How frames move through the stages of a batch: what is in flight, what is asked for, who is finished with whom."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from fastpath.designs import Design
from fastpath.frames import FrameBatch
from fastpath.hash_table import first_bucket, hash_key, hinted_bucket, hinted_slot, second_bucket, slot_content
from fastpath.layout import COPIES_AT, LINE, SLOTS, WINDOW, WORK_HASH, WORK_SLOT, WORK_WORDS
from fastpath.memory import Words
from fastpath.pipeline import NO_COUNTS, NO_RULES, STRIDE, record_of, stride_of
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import entry_place
from proofs.units.fastpath.established import (
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


def test_the_frames_in_flight_have_a_work_record_each() -> None:
    assert WINDOW & (WINDOW - 1) == 0
    assert len({int(record_of(position)) for position in range(WINDOW)}) == WINDOW
    assert max(int(record_of(position)) for position in range(WINDOW)) + WORK_WORDS <= COPIES_AT
    assert 4 * STRIDE < WINDOW


@every_design
@pytest.mark.parametrize("first", [0, 1, STRIDE, WINDOW - 1])
@pytest.mark.parametrize("count", [1, STRIDE - 1, STRIDE, 4 * STRIDE + 1, 5 * STRIDE, WINDOW + 1, 2 * WINDOW + 5])
def test_every_frame_is_finished_with_what_was_found_in_it(design: Design, first: int, count: int) -> None:
    world, frames = World(), mixed(first + count)
    batch = batch_of(frames)
    assert run(world, batch, design, first) == first + count
    assert [batch.verdict(at) for at in range(first, first + count)] == [expected(frame) for frame in frames[first:]]
    assert [batch.frame(at) for at in range(first)] == [sight(frame)[1] for frame in frames[:first]]


def _move_to_second_bucket(words: Words, entry: int) -> None:
    hashed = hash_key(words, words, entry_place(words, entry))
    slot, content = int(first_bucket(words, hashed)), slot_content(hashed, np.uint64(entry))
    slot += words[slot : slot + LINE].tolist().index(int(content))
    free = int(second_bucket(words, hashed)) + SLOTS
    assert words[free] == 0
    words[slot], words[free] = 0, content


def _finished(world: World, batch: FrameBatch, first: int, stride: int) -> Iterator[range]:
    """Which frames are finished step by step, if some are."""
    UNCOMPILED.empty(batch.work, first, stride)
    ready = first
    for ahead in range(first, batch.count + WINDOW):
        assert ahead - ready < WINDOW
        UNCOMPILED.prepare(world.words, batch.frames, batch.descriptors, batch.count, ahead, stride, batch.work)
        done, ready = ready, int(UNCOMPILED.ready_until(batch.work, ready, batch.count, ahead + 1, stride))
        if done < ready:
            yield range(done, ready)


@pytest.mark.parametrize("stride", [1, STRIDE])
@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize("moved", [[], [Frame(2, OUT)], [Frame(0, IN)]], ids=["none", "twice in a row", "three times"])
def test_a_frame_that_is_ready_has_the_slot_of_its_entry(first: int, moved: list[Frame], stride: int) -> None:
    world, count = World(), 3 * WINDOW + 1
    for frame in moved:
        _move_to_second_bucket(world.words, World.entry(frame.number, frame.direction))
    frames = [*mixed(count - 5), *[UNKNOWN] * 2, *[Frame(0, IN)] * 3]
    batch, finished = batch_of(frames), []
    for position in itertools.chain.from_iterable(_finished(world, batch, first, stride)):
        finished.append(position)
        record = int(record_of(position))
        hashed, hint = batch.work[record + WORK_HASH], batch.work[record + WORK_SLOT]
        if frames[position] is UNKNOWN:
            assert hint == 0
        else:
            slot = int(hinted_bucket(world.words, hashed, hint)) + int(hinted_slot(hint))
            frame = frames[position]
            assert int(world.words[slot]) & 0xFFFF_FFFF == World.entry(frame.number, frame.direction)
    assert finished == list(range(first, count))


def test_packets_of_one_flow_are_finished_together_those_of_others_one_by_one() -> None:
    frames = [*mixed(10), *[Frame(0, IN)] * 20, *mixed(10)]
    groups = [len(group) for group in _finished(World(), batch_of(frames), 0, STRIDE)]
    most = WINDOW - 4 * STRIDE
    assert sum(groups) == len(frames)
    assert max(groups) == most
    # Two of flow 2 in each turn follow each other.
    assert groups[:8] == [1, 1, 2, 1, 1, 1, 2, 1]
    assert groups.count(most) >= 20 // most


def test_a_frame_that_does_not_parse_belongs_to_no_run() -> None:
    cut: Sight = (OUT, sight(Frame(0, OUT))[1][:40])
    whole: list[Frame | Sight] = [Frame(0, OUT)] * (WINDOW + 1)
    world, frames = World(), [*whole, cut, *whole]
    batch = batch_of(frames)
    assert run(world, batch) == len(whole)
    assert run(world, batch, first=len(whole) + 1) == len(frames)
    # Record by record: the one that does not parse has a hash from a window ago, that of its neighbours.
    groups = list(_finished(world, batch_of(frames), 0, STRIDE))
    assert any(group.stop == len(whole) for group in groups)
    assert len(whole) in groups[[group.stop for group in groups].index(len(whole)) + 1]


@pytest.mark.parametrize("count", [*range(1, 10), STRIDE * 4, WINDOW, 256])
def test_a_short_batch_takes_few_steps(count: int) -> None:
    stride = int(stride_of(count))
    assert 1 <= stride <= STRIDE
    assert 4 * stride <= max(4, count)
    assert stride == STRIDE or count < 4 * STRIDE


STAGES = ("prefetch_bucket", "prefetch_entry", "prefetch_flow", "prefetch_late_flow")


@pytest.mark.parametrize("moved", [False, True], ids=["first bucket", "second bucket"])
@pytest.mark.parametrize(
    "frames",
    [mixed(1), mixed(STRIDE), mixed(WINDOW + 1), [Frame(0, OUT)] * 2 * WINDOW],
    ids=["one", "a stride", "more than a window", "one flow"],
)
def test_each_stage_takes_each_frame_once_and_a_run_asks_for_its_flow_once(
    frames: list[Frame], moved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Counter[str]()

    def noting(stage: str) -> Callable[..., Any]:
        ask = getattr(UNCOMPILED, stage)

        def noted(*given: Any) -> Any:
            asked[stage] += 1
            return ask(*given)

        return noted

    for stage in STAGES:
        monkeypatch.setattr(UNCOMPILED, stage, noting(stage))
    world, count = World(), len(frames)
    if moved:
        _move_to_second_bucket(world.words, World.entry(0, OUT))
    process = UNCOMPILED.process_batch_for(UNCOMPILED.Design.FINE)
    runs = 1 + sum(frame[:2] != before[:2] for before, frame in itertools.pairwise(frames))
    work = batch_of(frames).work
    for _ in range(2):
        asked.clear()
        batch = batch_of(frames)
        arguments = (world.words, batch.frames, batch.descriptors, work, NO_RULES, NO_COUNTS)
        assert process(*arguments, 0, count, np.uint64(NOW), THREAD) == count
        assert [asked[stage] for stage in STAGES] == [count, count, runs, runs]
