"""Segments: words that rule sets share.

Rule sets are written one in front of the other into one buffer, each a view from its header to the buffer's end. What
has not changed stays where it is, in every later view at the same distance from the end; a new rule set costs what is
new in it. When the buffer is full, what is still needed moves to another one, and the old one lives as long as views
of it do.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np

from fastpath.layout import LINE
from fastpath.memory import Words

SPARE_WORDS: Final = 1 << 14
"""A new buffer has at least this much room beside what is needed, and twice as much room as that."""


class Segment:
    """Words that are never changed, written once somewhere in the buffer.

    Attributes:
        words: the content.
        from_end: distance of the first word from the end of the buffer; 0 before it is written.
    """

    __slots__ = ("from_end", "words")

    def __init__(self, words: Words) -> None:
        self.words = words
        self.from_end = 0


class Buffer:
    """Where rule sets are written, from the end to the front; one owner at a time."""

    def __init__(self) -> None:
        self._words = _aligned(0)
        self._used = 0
        self._written: list[Segment] = []

    def write(self, header: Segment, segments: Iterable[Segment]) -> None:
        """Write a header and those segments that have not been, in front of what is there.

        Afterwards every segment has its place, and the header's words are still to be filled in, with `view`.
        """
        needed = [header, *segments]
        new = [segment for segment in needed if segment.from_end == 0]
        if self._used + sum(_lines(segment) for segment in new) > len(self._words):
            total = sum(map(_lines, needed))
            self._words, self._used = _aligned(total + max(total, SPARE_WORDS)), 0
            new = needed
        for segment in reversed(new):
            self._used += _lines(segment)
            segment.from_end = self._used
            at = len(self._words) - self._used
            place = self._words[at : at + len(segment.words)]
            place[:] = segment.words
            segment.words = place

    def view(self, header: Segment) -> Words:
        """From a header to the end of the buffer, not to be written to."""
        view = self._words[len(self._words) - header.from_end :]
        view.flags.writeable = False
        return view


def _lines(segment: Segment) -> int:
    return -(-len(segment.words) // LINE) * LINE


def _aligned(count: int) -> Words:
    """Zeros that begin with a cache line; `count` is a multiple of one. So equal rule sets are equal in gaps, too."""
    raw = np.zeros(count + LINE, np.uint64)
    skip = -raw.ctypes.data % (8 * LINE) // 8
    return raw[skip : skip + count]
