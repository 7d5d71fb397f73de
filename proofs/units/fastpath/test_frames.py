"""A batch of frames: slots that hold what fits, refuse what does not, and keep to themselves."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.frames import BatchFull, FrameBatch, FrameTooLong, Undecided
from fastpath.layout import (
    DENIED_BY_ACTION,
    DENIED_BY_DEFAULT,
    DENIED_BY_RULE,
    DENIED_LAYER_SHIFT,
    DESCRIPTOR_WORDS,
    FRAME_FLAGS,
    FRAME_L4_HASH,
    FRAME_OFFSET,
    FRAME_VERDICT,
    HEADROOM,
    TRANSFORM_INTERNAL,
    VERDICT_DENIED,
    VERDICT_MODIFIED,
    VERDICT_WAIT,
)
from reference.direction import Direction
from reference.verdict import (
    DenyReason,
    Drop,
    DropCause,
    Hairpin,
    LayerDrop,
    Modified,
    ParseError,
    ProcessError,
    Verdict,
)

DROP = Drop(DropCause.TCP_ERROR)


@given(frames=st.lists(st.tuples(st.sampled_from(Direction), st.binary(max_size=64)), max_size=8))
def test_frames_come_back_as_they_were_loaded_in_their_order(frames: list[tuple[Direction, bytes]]) -> None:
    batch = FrameBatch(capacity=8, frame_size=64)
    batch.load_all(frames)
    assert batch.count == len(frames)
    assert [(batch.direction(index), batch.frame(index)) for index in range(batch.count)] == frames


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_frame_is_copied_from_any_kind_of_bytes(kind: Callable[[bytes], bytes | bytearray | memoryview]) -> None:
    batch = FrameBatch(1, 64)
    source = kind(b"frame")
    assert batch.load(Direction.OUT, source) == 0
    batch.frames[:] = 0
    assert bytes(source) == b"frame"


def test_frames_begin_behind_their_headroom_in_slots_of_whole_cache_lines() -> None:
    batch = FrameBatch(3, 100)
    assert batch.slot % 64 == 0
    assert batch.slot >= HEADROOM + 100
    for index in range(3):
        batch.load(Direction.OUT, b"frame")
        assert batch.descriptors[index * DESCRIPTOR_WORDS + FRAME_OFFSET] == index * batch.slot + HEADROOM


def test_a_frame_of_the_full_size_fits_and_one_byte_more_does_not() -> None:
    batch = FrameBatch(2, frame_size=100)
    batch.load(Direction.IN, bytes(range(100)))
    with pytest.raises(FrameTooLong, match="a frame of 101 bytes exceeds frame_size=100"):
        batch.load(Direction.IN, bytes(101))
    assert batch.count == 1
    assert batch.frame(0) == bytes(range(100))


def test_a_full_batch_takes_no_more_until_it_is_cleared() -> None:
    batch = FrameBatch(2, 64)
    with pytest.raises(BatchFull, match="holds 2 frames already"):
        batch.load_all([(Direction.OUT, b"frame")] * 3)
    assert batch.count == 2
    batch.clear()
    assert batch.count == 0
    assert batch.load(Direction.IN, b"other") == 0
    assert (batch.direction(0), batch.frame(0)) == (Direction.IN, b"other")


@pytest.mark.parametrize("ask", ["frame", "direction", "verdict", "ticket"])
@pytest.mark.parametrize("index", [-1, 1, 2])
def test_a_frame_that_was_not_loaded_cannot_be_asked_for(ask: str, index: int) -> None:
    batch = FrameBatch(4, 64)
    batch.load(Direction.OUT, b"frame")
    with pytest.raises(IndexError, match=f"frame {index} of a batch that holds 1"):
        getattr(batch, ask)(index)


def test_a_frame_that_nobody_decided_about_has_no_verdict() -> None:
    batch = FrameBatch(2, 64)
    batch.load(Direction.OUT, b"frame")
    with pytest.raises(Undecided, match="has not decided about frame 0"):
        batch.verdict(0)


@pytest.mark.parametrize("verdict", [DROP, Modified(b"frame on its way", 1, False)])
def test_the_verdict_about_an_earlier_frame_does_not_pass_to_the_next_one(verdict: Verdict) -> None:
    batch = FrameBatch(2, 64)
    batch.load(Direction.OUT, b"frame")
    batch.decide(0, verdict, 1)
    batch.clear()
    batch.load(Direction.OUT, b"frame")
    with pytest.raises(Undecided):
        batch.verdict(0)


@pytest.mark.parametrize(
    "verdict",
    [DROP, Hairpin(b"answer"), ProcessError("no"), ParseError("no", {}), Modified(b"frame on its way", 7, True)],
    ids=lambda verdict: type(verdict).__name__,
)
def test_what_the_slow_path_decided_comes_back_with_its_ticket(verdict: Verdict) -> None:
    batch = FrameBatch(2, 64)
    batch.load_all([(Direction.OUT, b"frame"), (Direction.IN, b"other")])
    batch.decide(0, verdict, 12)
    batch.decide(1, DROP, 13)
    assert (batch.verdict(0), batch.ticket(0)) == (verdict, 12)
    assert (batch.verdict(1), batch.ticket(1)) == (DROP, 13)


def test_only_a_packet_that_goes_on_changes_its_frame() -> None:
    batch = FrameBatch(2, 64)
    batch.load_all([(Direction.OUT, b"frame"), (Direction.OUT, b"other")])
    batch.decide(0, Modified(b"wrapped frame", 1, False), 1)
    batch.decide(1, Hairpin(b"answer"), 2)
    assert (batch.frame(0), batch.frame(1)) == (b"wrapped frame", b"other")


def test_what_compiled_code_decided_is_read_from_the_descriptor() -> None:
    batch = FrameBatch(2, 64)
    batch.load_all([(Direction.OUT, b"frame"), (Direction.OUT, b"other")])
    for index, flags in enumerate((np.uint64(0), TRANSFORM_INTERNAL)):
        at = index * DESCRIPTOR_WORDS
        batch.descriptors[at + FRAME_VERDICT] = VERDICT_MODIFIED
        batch.descriptors[at + FRAME_L4_HASH] = 0xFFFF_FFFF
        batch.descriptors[at + FRAME_FLAGS] = flags
    assert batch.verdict(0) == Modified(b"frame", 0xFFFF_FFFF, False)
    assert batch.verdict(1) == Modified(b"other", 0xFFFF_FFFF, True)


@pytest.mark.parametrize(
    ("layer", "reason", "drop"),
    [
        (0, DENIED_BY_DEFAULT, LayerDrop("gateway", DenyReason.DEFAULT)),
        (1, DENIED_BY_RULE, LayerDrop("firewall", DenyReason.RULE)),
        (2, DENIED_BY_DEFAULT, LayerDrop("router", DenyReason.DEFAULT)),
        (3, DENIED_BY_RULE, LayerDrop("nat", DenyReason.RULE)),
        (4, DENIED_BY_ACTION, LayerDrop("overlay", DenyReason.ACTION)),
    ],
)
def test_what_a_compiled_layer_denied_is_read_from_the_descriptor(
    layer: int, reason: np.uint64, drop: LayerDrop
) -> None:
    batch = FrameBatch(1, 64)
    batch.load(Direction.OUT, b"frame")
    batch.descriptors[FRAME_VERDICT] = VERDICT_DENIED
    batch.descriptors[FRAME_FLAGS] = layer << int(DENIED_LAYER_SHIFT) | int(reason)
    assert batch.verdict(0) == Drop(drop)
    assert batch.frame(0) == b"frame"


def test_a_frame_that_waits_is_not_decided() -> None:
    batch = FrameBatch(1, 64)
    batch.load(Direction.OUT, b"frame")
    assert not batch.waits(0)
    batch.descriptors[FRAME_VERDICT] = VERDICT_WAIT
    assert batch.waits(0)
    assert not batch.waits(1)
    with pytest.raises(Undecided):
        batch.verdict(0)


@pytest.mark.parametrize("length", [0, 1, 64, 65, 64 + HEADROOM])
def test_a_frame_that_grew_stays_inside_its_slot(length: int) -> None:
    batch = FrameBatch(3, 64)
    batch.load_all([(Direction.OUT, b"\x11" * 64)] * 3)
    batch.decide(1, Modified(b"\x22" * length, 1, False), 1)
    assert batch.frame(1) == b"\x22" * length
    assert batch.frame(0) == batch.frame(2) == b"\x11" * 64
    written = np.flatnonzero(batch.frames == 0x22)
    assert all(batch.slot <= index < 2 * batch.slot for index in written)


def test_a_frame_that_outgrew_its_slot_is_refused_and_its_neighbours_stay() -> None:
    batch = FrameBatch(2, 64)
    batch.load_all([(Direction.OUT, b"\x11" * 64)] * 2)
    with pytest.raises(FrameTooLong, match=f"grown to {batch.slot + 1} bytes, its slot has {batch.slot}"):
        batch.decide(0, Modified(bytes(batch.slot + 1), 1, False), 1)
    assert batch.frame(1) == b"\x11" * 64
