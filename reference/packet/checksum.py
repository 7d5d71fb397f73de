"""The Internet checksum: full (RFC 1071) and incremental (RFC 1624).

All functions are pure. Words are unsigned 16-bit integers as they stand on the wire, big endian. A *sum* is a plain sum
of words, carries not yet folded in; its order does not matter, and any number of sums may be added before folding. A
*checksum* is the folded sum's complement, as a header carries it.

In one's-complement arithmetic 0x0000 and 0xffff are the same number. `fold` gives 0 for the sum of nothing but zeros
only, so that the checksum of data with at least one non-zero word is never 0xffff.
"""

import struct


def fold(total: int) -> int:
    """Bring a sum of words into 16 bits, carries added at the low end (RFC 1071 section 1)."""
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def complement(word: int) -> int:
    """The one's complement of a word: its negative."""
    return word ^ 0xFFFF


def checksum_of(total: int) -> int:
    """The checksum of data whose words sum up to `total`."""
    return complement(fold(total))


def change(old: int, new: int) -> int:
    """What replacing the word `old` by `new` adds to a sum."""
    return complement(old) + new


def update(checksum: int, delta: int) -> int:
    """The checksum after words were replaced; `delta` is the sum of their `change`s (RFC 1624 equation 3).

    Equal to the checksum computed anew whenever the old one was right and the new data has a non-zero word; a checksum
    that was wrong stays wrong by the same amount. The words that were not replaced take part in the sum as
    `complement(word) + word`, which is 0xffff: adding it once stands for all of them, and makes 0xffff (a UDP sender's
    other form of 0) behave as 0.
    """
    return complement(fold(complement(checksum) + 0xFFFF + delta))


def sum_of(data: bytes | bytearray) -> int:
    """The sum of the words of `data`; a last odd byte counts as if a zero byte followed."""
    if len(data) % 2:
        data = data + b"\0"
    return sum(struct.unpack(f">{len(data) // 2}H", data))


def change_of(old: bytes, new: bytes) -> int:
    """What replacing the bytes `old` by `new` adds to a sum.

    Raises:
        ValueError: the lengths differ, or are odd.
    """
    if len(old) != len(new) or len(old) % 2:
        raise ValueError(f"cannot replace {len(old)} bytes by {len(new)}: both must be the same even number")
    return sum(map(change, struct.unpack(f">{len(old) // 2}H", old), struct.unpack(f">{len(new) // 2}H", new)))
