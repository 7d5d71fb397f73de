"""A batch of frames: where a caller puts packets, and where it finds what became of them.

Every frame has a slot of its own with headroom in front, so that encapsulation is pushed in place and nothing is
copied. A batch belongs to one thread at a time.
"""

import enum
from collections.abc import Iterable

import numpy as np

from fastpath.layout import (
    DENIED_BY_ACTION,
    DENIED_BY_DEFAULT,
    DENIED_BY_RULE,
    DENIED_LAYER_SHIFT,
    DESCRIPTOR_WORDS,
    FRAME_DIRECTION,
    FRAME_FLAGS,
    FRAME_L4_HASH,
    FRAME_LENGTH,
    FRAME_OFFSET,
    FRAME_TICKET,
    FRAME_VERDICT,
    HEADROOM,
    INBOUND,
    MISSED,
    OUTBOUND,
    VERDICT_DENIED,
    VERDICT_OTHER,
    VERDICT_SLOW,
    VERDICT_WAIT,
    WORK_ARRAY_WORDS,
)
from fastpath.lowering import Frame
from fastpath.memory import Words
from reference.direction import Direction
from reference.verdict import DenyReason, Drop, LayerDrop, Modified, Verdict
from reference.vpc import firewall, gateway, nat, overlay, router

_CODE = {Direction.IN: INBOUND, Direction.OUT: OUTBOUND}
_DIRECTION = {int(code): direction for direction, code in _CODE.items()}
_LAYERS = (gateway.NAME, firewall.NAME, router.NAME, nat.NAME, overlay.NAME)
_REASONS = {
    int(DENIED_BY_RULE): DenyReason.RULE,
    int(DENIED_BY_DEFAULT): DenyReason.DEFAULT,
    int(DENIED_BY_ACTION): DenyReason.ACTION,
}


class Path(enum.Enum):
    """How a port has come to its decision about a frame."""

    HIT = "hit"
    """By the unified flow table, in compiled code."""
    MISS = "miss"
    """By its layers, in compiled code."""
    SLOW = "slow"
    """By the reference, as a slow operation."""


class FrameTooLong(ValueError):
    """A frame does not fit its slot. Make the batch with a larger `frame_size`."""


class BatchFull(ValueError):
    """All slots are taken. Process and clear the batch, or make it with a larger `capacity`."""


class Undecided(LookupError):
    """The port has not decided about a frame: the batch was not processed, or processing it raised an exception."""


class FrameBatch:
    """Frames with their directions, lengths and verdicts.

    Attributes:
        frames: all bytes, `capacity * slot` of them (uint8).
        descriptors: `capacity` records of `DESCRIPTOR_WORDS` words (uint64), see `layout.FRAME_OFFSET` and following.
        work: room for the stages of the pipeline.
        count: frames loaded.
    """

    def __init__(self, capacity: int = 256, frame_size: int = 1536) -> None:
        """Make room for `capacity` frames of up to `frame_size` bytes each, headroom not counted."""
        self.capacity = capacity
        self.frame_size = frame_size
        # Whole cache lines, so that no two threads' slots share one.
        self.slot = -(-(HEADROOM + frame_size) // 64) * 64
        self.frames: Frame = np.zeros(capacity * self.slot, np.uint8)
        self.descriptors: Words = np.zeros(capacity * DESCRIPTOR_WORDS, np.uint64)
        self.work: Words = np.zeros(WORK_ARRAY_WORDS, np.uint64)
        self.count = 0
        self._others: dict[int, Verdict] = {}

    def clear(self) -> None:
        """Forget all frames."""
        self.count = 0
        self._others.clear()

    def load(self, direction: Direction, frame: bytes | bytearray | memoryview) -> int:
        """Put a frame into the next free slot and return its number.

        Raises:
            BatchFull: no slot is free.
            FrameTooLong: the frame is longer than `frame_size`.
        """
        if self.count == self.capacity:
            raise BatchFull(f"the batch holds {self.capacity} frames already: process it, or give it a larger capacity")
        if len(frame) > self.frame_size:
            raise FrameTooLong(f"a frame of {len(frame)} bytes exceeds frame_size={self.frame_size}")
        index = self.count
        start = index * self.slot + HEADROOM
        self.frames[start : start + len(frame)] = np.frombuffer(bytes(frame), np.uint8)
        self._place(index, start, len(frame))
        self.descriptors[index * DESCRIPTOR_WORDS + FRAME_DIRECTION] = _CODE[direction]
        self.descriptors[index * DESCRIPTOR_WORDS + FRAME_VERDICT] = VERDICT_SLOW
        self.count += 1
        return index

    def load_all(self, frames: Iterable[tuple[Direction, bytes]]) -> None:
        """Put frames into the next free slots."""
        for direction, frame in frames:
            self.load(direction, frame)

    def frame(self, index: int) -> bytes:
        """The bytes of a frame as they are now."""
        start = self._word(index, FRAME_OFFSET)
        return self.frames[start : start + self._word(index, FRAME_LENGTH)].tobytes()

    def direction(self, index: int) -> Direction:
        """The way a frame travels."""
        return _DIRECTION[self._word(index, FRAME_DIRECTION)]

    def verdict(self, index: int) -> Verdict:
        """What the port decided about a frame; raises `Undecided` before the batch has been processed."""
        verdict = self._word(index, FRAME_VERDICT)
        if verdict == VERDICT_OTHER:
            return self._others[index]
        if verdict == VERDICT_DENIED:
            layer, reason = divmod(self._word(index, FRAME_FLAGS), 1 << int(DENIED_LAYER_SHIFT))
            return Drop(LayerDrop(_LAYERS[layer], _REASONS[reason]))
        if verdict in (VERDICT_SLOW, VERDICT_WAIT):
            raise Undecided(f"the port has not decided about frame {index}: process the batch first")
        return Modified(self.frame(index), self._word(index, FRAME_L4_HASH), self._word(index, FRAME_FLAGS) != 0)

    def path(self, index: int) -> Path:
        """The path on which the port decided about a frame."""
        ticket = self._word(index, FRAME_TICKET)
        return Path.MISS if ticket == MISSED else Path.SLOW if ticket else Path.HIT

    def ticket(self, index: int) -> int:
        """A frame's rank among the slow operations of the port; 0 for a frame that took another path.

        Slow operations took effect in the order of their tickets, so that a concurrent run can be replayed in a
        sequential order.
        """
        return self._word(index, FRAME_TICKET) if self.path(index) is Path.SLOW else 0

    def waits(self, index: int) -> bool:
        """Whether a frame waits for a slow operation to be over; no for an index behind the last one."""
        return index < self.count and self._word(index, FRAME_VERDICT) == VERDICT_WAIT

    def decide(self, index: int, verdict: Verdict, ticket: int) -> None:
        """Note the slow path's verdict about a frame, and its bytes if it goes on."""
        at = index * DESCRIPTOR_WORDS
        self.descriptors[at + FRAME_VERDICT] = VERDICT_OTHER
        self.descriptors[at + FRAME_TICKET] = ticket
        self._others[index] = verdict
        if isinstance(verdict, Modified):
            length = len(verdict.packet)
            if length > self.slot:
                raise FrameTooLong(f"a frame has grown to {length} bytes, its slot has {self.slot}")
            start = (index + 1) * self.slot - max(length, self.slot - HEADROOM)
            self.frames[start : start + length] = np.frombuffer(verdict.packet, np.uint8)
            self._place(index, start, length)

    def _place(self, index: int, start: int, length: int) -> None:
        at = index * DESCRIPTOR_WORDS
        self.descriptors[at + FRAME_OFFSET] = start
        self.descriptors[at + FRAME_LENGTH] = length

    def _word(self, index: int, field: int) -> int:
        if not 0 <= index < self.count:
            raise IndexError(f"frame {index} of a batch that holds {self.count}")
        return int(self.descriptors[index * DESCRIPTOR_WORDS + field])
