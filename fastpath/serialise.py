"""Outer headers written field by field, for every packet: one of the old ways (`policy.Push.SERIALISED`)."""

import numpy as np

from fastpath.atomics import load_plain, store_le16, store_le32, store_le64, store_u8
from fastpath.compiler import kernel
from fastpath.layout import PUSH_AT, Index
from fastpath.lowering import Frame
from fastpath.memory import Words

_HEADERS = (np.uint64(0x2_2424), np.uint64(0x8888_1124), np.uint64(0x2222), np.uint64(0x4211))
"""Lengths of the fields of Ethernet, IPv6, UDP and Geneve, the first in the lowest digit: see `metadata.py`."""
_OPTION = np.uint64(0x4)

_NOTHING = np.uint64(0)
_DIGIT = np.uint64(4)
_DIGIT_MASK = np.uint64(0xF)


@kernel
def field(words: Words, transform: Index, place: Index, length: Index) -> np.uint64:
    """The field at byte `place` of the push area, its first byte lowest; what is above `length` is rubbish."""
    word, inside = transform + PUSH_AT + place // 8, place % 8
    value = load_plain(words, word) >> np.uint64(8 * inside)
    if inside + length > 8:
        value |= load_plain(words, word + 1) << np.uint64(64 - 8 * inside)
    return value


@kernel
def write_header(words: Words, transform: Index, place: Index, frames: Frame, to: Index, lengths: np.uint64) -> Index:
    """Write one header from byte `place` on; how many bytes it has."""
    written: Index = 0
    while lengths != _NOTHING:
        length = np.int64(lengths & _DIGIT_MASK)
        value = field(words, transform, place + written, length)
        if length == 1:
            store_u8(frames, to + written, value)
        elif length == 2:
            store_le16(frames, to + written, value)
        elif length == 4:
            store_le32(frames, to + written, value)
        else:
            store_le64(frames, to + written, value)
        written += length
        lengths >>= _DIGIT
    return written


@kernel
def write_outer_headers(words: Words, transform: Index, pushed: Index, frames: Frame, start: Index) -> None:
    """Write `pushed` bytes of headers in front of `start`, Geneve options last."""
    outer = start - pushed
    skipped = (pushed + 7) // 8 * 8 - pushed
    written: Index = 0
    for lengths in _HEADERS:
        written += write_header(words, transform, skipped + written, frames, outer + written, lengths)
    while written < pushed:
        written += write_header(words, transform, skipped + written, frames, outer + written, _OPTION)
