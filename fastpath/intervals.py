"""Intervals: for every address of a family, what the first of many prefixes says that contains it.

A list of intervals is the number of its rows, then three words a row: where the interval begins, as two words, and a
place relative to the list, 0 for nothing. Rows ascend, the first begins at address 0, and each interval ends where the
next begins. Prefixes are nested or apart, never crossing, so that one pass over them in ascending order makes the list.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np

from fastpath.compiler import entry_point, kernel
from fastpath.layout import ONE, Index
from fastpath.memory import Words
from reference.address import Cidr

ROW_WORDS: Final = 3
ROW_START: Final = 0
ROW_PLACE: Final = 2

PREFIX_WORDS: Final = 5
PREFIX_FIRST: Final = 0
PREFIX_LAST: Final = 2
PREFIX_RANK: Final = 4
"""A prefix as words: its first and its last address, two words each, and its rank: the smallest decides."""

LONGEST: Final = {4: 32, 6: 128}
"""Bits of an address, by family."""

_NOTHING = np.uint64(0)
_ONES: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_LOW_64: Final = 0xFFFF_FFFF_FFFF_FFFF


@kernel
def is_below(high: np.uint64, low: np.uint64, other_high: np.uint64, other_low: np.uint64) -> bool:
    """Whether the first of two addresses is the smaller."""
    return bool(high < other_high or (high == other_high and low < other_low))


@kernel
def find_interval(rules: Words, at: Index, high: np.uint64, low: np.uint64) -> Index:
    """Index of what the list at `rules[at]` says about an address; 0 for nothing."""
    row, count = at + 1, np.int64(rules[at])
    while count > 1:
        half = count // 2
        middle = row + half * ROW_WORDS
        if not is_below(high, low, rules[middle + ROW_START], rules[middle + ROW_START + 1]):
            row = middle
        count -= half
    place = np.int64(rules[row + ROW_PLACE])
    return at + place if place != 0 else 0


@kernel
def put_row(rows: Words, count: Index, high: np.uint64, low: np.uint64, place: np.uint64) -> Index:
    """Let an interval begin; how many there are then. One that begins where the last did takes its place."""
    last = (count - 1) * ROW_WORDS
    if rows[last + ROW_START] == high and rows[last + ROW_START + 1] == low:
        rows[last + ROW_PLACE] = place
        return count
    if rows[last + ROW_PLACE] == place:
        return count
    rows[last + ROW_WORDS + ROW_START] = high
    rows[last + ROW_WORDS + ROW_START + 1] = low
    rows[last + ROW_WORDS + ROW_PLACE] = place
    return count + 1


@entry_point
def flatten(prefixes: Words, count: Index, places: Words, rows: Words, stack: Words) -> Index:
    """Write the intervals of prefixes that ascend by first address, those of one first address the longest range first.

    Args:
        prefixes: `PREFIX_WORDS` each.
        count: how many.
        places: by rank.
        rows: room for `2 * count + 1` rows.
        stack: room for as many words as `prefixes`.

    Returns:
        The number of rows.
    """
    rows[ROW_START], rows[ROW_START + 1], rows[ROW_PLACE] = _NOTHING, _NOTHING, _NOTHING
    written: Index = 1
    depth = prefix = 0
    while prefix < count or depth > 0:
        at, top = prefix * PREFIX_WORDS, (depth - 1) * PREFIX_WORDS
        if depth > 0 and (
            prefix == count
            or is_below(
                stack[top + PREFIX_LAST],
                stack[top + PREFIX_LAST + 1],
                prefixes[at + PREFIX_FIRST],
                prefixes[at + PREFIX_FIRST + 1],
            )
        ):
            # The innermost prefix ends: what contains it decides behind it.
            depth -= 1
            high, low = stack[top + PREFIX_LAST], stack[top + PREFIX_LAST + 1]
            if high != _ONES or low != _ONES:
                high, low = (high, low + ONE) if low != _ONES else (high + ONE, _NOTHING)
                place = places[np.int64(stack[top - PREFIX_WORDS + PREFIX_RANK])] if depth > 0 else _NOTHING
                written = put_row(rows, written, high, low, place)
            continue
        for word in range(PREFIX_WORDS):
            stack[top + PREFIX_WORDS + word] = prefixes[at + word]
        if depth > 0:
            stack[top + PREFIX_WORDS + PREFIX_RANK] = min(stack[top + PREFIX_RANK], prefixes[at + PREFIX_RANK])
        rank = np.int64(stack[top + PREFIX_WORDS + PREFIX_RANK])
        written = put_row(rows, written, prefixes[at + PREFIX_FIRST], prefixes[at + PREFIX_FIRST + 1], places[rank])
        depth += 1
        prefix += 1
    return written


def prefix_words(prefix: Cidr) -> tuple[int, int, int, int]:
    """First and last address of a prefix, two words each."""
    bits = LONGEST[prefix.family] - prefix.length
    first = int.from_bytes(prefix.address) >> bits << bits
    last = first | (1 << bits) - 1
    return first >> 64, first & _LOW_64, last >> 64, last & _LOW_64


def ranked(prefixes: Iterable[tuple[int, int, int, int]]) -> Words:
    """Prefixes as rows; their ranks are their positions."""
    rows = [(*words, rank) for rank, words in enumerate(prefixes)]
    return np.array(rows, np.uint64).reshape(-1, PREFIX_WORDS)


def interval_list(prefixes: Words, places: Words, gap: int = 0) -> Words:
    """The list of intervals for prefixes of one family in any order.

    Args:
        prefixes: one row of `PREFIX_WORDS` each.
        places: what each rank says: a place relative to what stands `gap` words behind the list.
        gap: words.
    """
    count = len(prefixes)
    order = np.lexsort(
        (
            ~prefixes[:, PREFIX_LAST + 1],
            ~prefixes[:, PREFIX_LAST],
            prefixes[:, PREFIX_FIRST + 1],
            prefixes[:, PREFIX_FIRST],
        )
    )
    ascending = np.ascontiguousarray(prefixes[order]).reshape(-1)
    words = np.empty(1 + (2 * count + 1) * ROW_WORDS, np.uint64)
    rows = int(flatten(ascending, count, places + ONE, words[1:], np.empty_like(ascending)))
    words = words[: 1 + rows * ROW_WORDS].copy()
    words[0] = rows
    found = words[1 + ROW_PLACE :: ROW_WORDS]
    found[found != 0] += np.uint64(len(words) + gap - 1)
    return words
