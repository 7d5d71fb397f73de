"""Where a packet's headers are while it is processed: in the frame itself, or in a copy that is written back.

The copy is one of the old ways (`policy.Parsing.COPYING`): parsing and transforms then work on it, and offsets in the
work record count from the beginning of the work array's bytes.
"""

import numpy as np

from fastpath.atomics import copy_bytes
from fastpath.compiler import kernel
from fastpath.fin import fin_sent
from fastpath.full_checksum import body_sum, transport_length
from fastpath.layout import (
    COPIED_BYTES,
    COPIES_AT,
    COPY_HEADERS,
    COPY_WORDS,
    DESCRIPTOR_WORDS,
    FRAME_DIRECTION,
    FRAME_LENGTH,
    FRAME_OFFSET,
    WORK_BODY_SUM,
    WORK_NETWORK,
    WORK_TRANSPORT,
    WORK_WORDS,
    Index,
)
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.metadata import read_metadata
from fastpath.parse import ETHERNET_LENGTH, parse
from fastpath.policy import COPYING, FULL_CHECKSUMS, FULL_METADATA

_NOTHING = np.uint64(0)
_WORD_BYTES = 8


@kernel
def copy_at(record: Index) -> Index:
    """Where the copy that belongs to a work record begins, descriptor first, in the work array."""
    return COPIES_AT + record // WORK_WORDS * COPY_WORDS


@kernel
def read_headers(
    frames: Frame, descriptors: Words, frame: Index, work: Words, record: Index, old_ways: np.uint64
) -> bool:
    """Parse frame number `frame` into a work record; False leaves it to the slow path, as `parse` says."""
    at = frame * DESCRIPTOR_WORDS
    headers = work.view(np.uint8) if old_ways & COPYING != _NOTHING else frames
    if old_ways & COPYING != _NOTHING:
        parsed = parse(headers, work, copy_in(frames, descriptors, at, work, record), work, record)
    else:
        parsed = parse(frames, descriptors, at, work, record)
    if parsed and old_ways & FULL_METADATA != _NOTHING:
        read_metadata(headers, work, record)
    if parsed and old_ways & FULL_CHECKSUMS != _NOTHING:
        work[record + WORK_BODY_SUM] = body_sum(headers, work, record)
    return parsed


@kernel
def fin_in(frames: Frame, descriptors: Words, at: Index, work: Words, record: Index, old_ways: np.uint64) -> np.uint64:
    """The FIN word for a frame that `read_headers` has found to be a FIN of the guest, see `fin.fin_sent`."""
    if old_ways & COPYING != _NOTHING:
        return fin_sent(work.view(np.uint8), work, copy_at(record), work, record)
    return fin_sent(frames, descriptors, at, work, record)


@kernel
def copy_in(frames: Frame, descriptors: Words, at: Index, work: Words, record: Index) -> Index:
    """Copy a frame's headers; where the copy's descriptor is, which says the frame's length, not the copy's."""
    copy = copy_at(record)
    begin = (copy + COPY_HEADERS) * _WORD_BYTES
    length = descriptors[at + FRAME_LENGTH]
    copied: Index = min(np.int64(length), np.int64(COPIED_BYTES))
    copy_bytes(work.view(np.uint8), begin, frames, np.int64(descriptors[at + FRAME_OFFSET]), copied)
    work[copy + FRAME_OFFSET] = np.uint64(begin)
    work[copy + FRAME_LENGTH] = length
    work[copy + FRAME_DIRECTION] = descriptors[at + FRAME_DIRECTION]
    return copy


@kernel
def write_back(frames: Frame, start: Index, work: Words, record: Index) -> None:
    """Copy the inner headers back to the frame that begins at `start`."""
    copied_start = (copy_at(record) + COPY_HEADERS) * _WORD_BYTES
    ethernet = np.int64(work[record + WORK_NETWORK]) - ETHERNET_LENGTH
    end = np.int64(work[record + WORK_TRANSPORT]) + transport_length(work, record)
    copy_bytes(frames, start + ethernet - copied_start, work.view(np.uint8), ethernet, end - ethernet)
