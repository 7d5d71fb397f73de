"""The Internet checksum as kernels: whole sums, and one addition a packet for a known translation.

A one's complement sum is kept as a plain 64-bit sum of 16-bit words that `fold` reduces at the end;
both agree modulo 0xffff (RFC 1071). What a translation does to a checksum depends only on the words
it changes, so a flow computes its *delta* once, and each packet needs `update` alone (RFC 1624).

One's complement has two zeros: 0 is the sum of zero words only, every other multiple of 0xffff
folds to 0xffff. An update adds 0xffff, which stands for all the words that did not change, so that
its result is never 0xffff: exactly as if the whole packet had been summed again, since a packet
with a transport header always has a word that is not zero. Upstream behaviour:
`lib/opte/src/engine/checksum.rs`, `parse.rs`.

Numbers are `np.uint64`. No sum can overflow for a frame of less than 2**32 bytes.
"""

import numpy as np

from fastpath.atomics import load_be16, load_be32, load_u8
from fastpath.compiler import kernel
from fastpath.lowering import Frame

WORD_MASK = np.uint64(0xFFFF)
"""A 16-bit word of ones: also the negative zero of one's complement."""

ZERO = np.uint64(0)
ONE = np.uint64(1)
TWO = np.uint64(2)
FOUR = np.uint64(4)
BYTE_BITS = np.uint64(8)
WORD_BITS = np.uint64(16)
TWO_WORDS_BITS = np.uint64(32)
THREE_WORDS_BITS = np.uint64(48)


@kernel
def fold(total: np.uint64) -> np.uint64:
    """Add the carries back in until 16 bits are left (RFC 1071 section 2). 0 only for 0."""
    while total >> WORD_BITS != ZERO:
        total = (total & WORD_MASK) + (total >> WORD_BITS)
    return total


@kernel
def finish(total: np.uint64) -> np.uint64:
    """The 16-bit header field that stands for a sum: its one's complement."""
    return fold(total) ^ WORD_MASK


@kernel
def sum_of_words(value: np.uint64) -> np.uint64:
    """Sum of the four 16-bit words of `value`, at most 18 bits."""
    return (
        (value & WORD_MASK)
        + (value >> WORD_BITS & WORD_MASK)
        + (value >> TWO_WORDS_BITS & WORD_MASK)
        + (value >> THREE_WORDS_BITS)
    )


@kernel
def delta_of_words(old: np.uint64, new: np.uint64) -> np.uint64:
    """What replacing the four 16-bit words `old` by `new` adds to a sum, as 16 bits.

    Each value holds up to four aligned words in network order: an IPv4 address, half an IPv6
    address, a port. The sum of several deltas is the delta of all their changes.
    """
    return fold(sum_of_words(~old) + sum_of_words(new))


@kernel
def update(checksum: np.uint64, delta: np.uint64) -> np.uint64:
    """The header field `checksum` after words changed by `delta` (RFC 1624, equation 3).

    A checksum that was wrong stays wrong by the same amount.
    """
    return finish((checksum ^ WORD_MASK) + WORD_MASK + delta)


@kernel
def update_udp(checksum: np.uint64, delta: np.uint64, zero_as_ones: bool) -> np.uint64:
    """As `update`, but 0 says that the sender computed none (RFC 768) and stays 0.

    `zero_as_ones`: a result of 0 becomes 0xffff, its other form, so that it does not say so too.
    """
    if checksum == ZERO:
        return checksum
    updated = update(checksum, delta)
    if updated == ZERO and zero_as_ones:
        return WORD_MASK
    return updated


@kernel
def internet_sum(frame: Frame, offset: np.uint64, length: np.uint64) -> np.uint64:
    """Unfolded sum of `length` bytes from `offset`, as words in network order; padded with zero.

    Words are taken in pairs: 2**16 is 1 modulo 0xffff. The caller has checked that the bytes are
    inside the frame.
    """
    total = ZERO
    end = offset + length
    while offset + FOUR <= end:
        total += load_be32(frame, offset)
        offset += FOUR
    if offset + TWO <= end:
        total += load_be16(frame, offset)
        offset += TWO
    if offset + ONE <= end:
        total += load_u8(frame, offset) << BYTE_BITS
    return total
