"""Delta debugging: of a sequence that fails, a short one that still does (Zeller and Hildebrandt, TSE 2002)."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Piece = TypeVar("Piece")


def minimal(pieces: Sequence[Piece], fails: Callable[[Sequence[Piece]], bool]) -> Sequence[Piece]:
    """A part of `pieces`, which fail, that fails and of which no single piece can be left out.

    The algorithm is `ddmin` without its test of subsets: complements of chunks are tried, chunks of half the length
    each time that none can be left out.
    """
    length = (len(pieces) + 1) // 2
    while length:
        start, left_out = 0, False
        while start < len(pieces):
            rest = [*pieces[:start], *pieces[start + length :]]
            if fails(rest):
                pieces, left_out = rest, True
            else:
                start += length
        if length == 1 and not left_out:
            break
        length = (length + 1) // 2
    return pieces
