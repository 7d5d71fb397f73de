"""A batch that arrives: a compiled loop writes each frame's headers and descriptor, as a network card would."""

from typing import Final

import numpy as np

from experiments.forwarding import RESTORED_BYTES
from experiments.replay import BATCH
from fastpath.atomics import store_be32
from fastpath.compiler import kernel
from fastpath.layout import DESCRIPTOR_WORDS, HEADROOM, Index
from fastpath.lowering import Frame
from fastpath.memory import Words

_HEADER_WORDS: Final = RESTORED_BYTES // 8
_SEQUENCE_NUMBER: Final = 4
"""Bytes behind the ports of a TCP header."""


@kernel
def write_batch(  # noqa: PLR0913, PLR0917 - arrays and numbers are all that a kernel can be given
    frame_words: Words,
    frames: Frame,
    descriptors: Words,
    headers: Words,
    pristine: Words,
    ports: Words,
    first: Index,
    ports_at: Index,
    slot: Index,
    is_numbered: bool,
) -> None:
    """Write the headers of a whole batch with the ports of frames `first` and following, and fresh descriptors.

    Args:
        frame_words, frames: the batch's frames, by words and by bytes.
        descriptors: of the batch.
        headers, pristine: headers and descriptors as they are before the ports are written.
        ports: both ports of each frame, source port first.
        first: the number of the batch's first frame among `ports`.
        ports_at: offset of the ports in a frame's slot.
        slot: bytes of one.
        is_numbered: whether each frame, a TCP segment, has its own number as sequence number.
    """
    for frame in range(BATCH):
        at = (frame * slot + HEADROOM) // 8
        for word in range(_HEADER_WORDS):
            frame_words[at + word] = headers[frame * _HEADER_WORDS + word]
        store_be32(frames, frame * slot + ports_at, ports[first + frame])
        if is_numbered:
            store_be32(frames, frame * slot + ports_at + _SEQUENCE_NUMBER, np.uint64(first + frame))
        for word in range(DESCRIPTOR_WORDS):
            descriptors[frame * DESCRIPTOR_WORDS + word] = pristine[frame * DESCRIPTOR_WORDS + word]
