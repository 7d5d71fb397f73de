"""The layer-4 hash of a packet's flow, computed anew: CRC-32 over the flow id, eight bytes a step.

What a miss leaves with its flow, and one of the old ways (`policy.FlowHash.RECOMPUTED`).
`reference.packet.flow.l4_hash` says what is hashed. The tables are those of slicing by eight (Kounavis and Berry, A
systematic approach to building high performance software-based CRC generators, ISCC 2005). For IPv4 the message is put
together in registers, five words that never are in memory; for IPv6 in room that the caller gives.
"""

import zlib
from typing import Final

import numpy as np

from fastpath.atomics import load_le64, load_u8, store_be64, store_le16, store_le64, store_u8
from fastpath.compiler import kernel
from fastpath.layout import (
    LOW_8,
    LOW_16,
    LOW_32,
    META_FAMILY_SHIFT,
    META_PROTOCOL_SHIFT,
    META_SOURCE_PORT_SHIFT,
    SHIFT_16,
    WORK_KEY,
    Index,
)
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.metadata import metadata_at

_SLICES: Final = 8
_BYTE, _BYTES_3, _BYTES_5, _BYTES_7 = (np.uint64(8 * count) for count in (1, 3, 5, 7))
_ODD_BYTES = np.uint64(0x00FF_00FF)
_FAMILY_4 = np.uint64(4)
_INTERNET, _INTERNET_6 = np.uint64(2), np.uint64(26)
_FOUR, _SIXTEEN, _PORTS = np.uint64(4), np.uint64(16), np.uint64(2)
_LOW_32 = 0xFFFF_FFFF


def _tables() -> Words:
    """Table `n`, 256 words from `256 * n`: what a byte adds to the checksum when `n` zero bytes follow it."""
    first = [zlib.crc32(bytes([byte]), _LOW_32) ^ _LOW_32 for byte in range(256)]
    tables = [first]
    for _ in range(1, _SLICES):
        tables.append([first[value & 0xFF] ^ value >> 8 for value in tables[-1]])
    return np.array(tables, np.uint64).reshape(-1)


TABLES: Final = _tables()


@kernel
def crc32(message: Frame, offset: Index, length: Index) -> np.uint64:
    """CRC-32 (IEEE 802.3) of `length` bytes."""
    remainder = LOW_32
    end = offset + length
    while offset + 8 <= end:
        word = remainder ^ load_le64(message, offset)
        remainder = np.uint64(0)
        for place in range(_SLICES):
            remainder ^= TABLES[256 * (_SLICES - 1 - place) + np.int64(word & LOW_8)]
            word >>= _BYTE
        offset += 8
    while offset < end:
        remainder = TABLES[np.int64((remainder ^ load_u8(message, offset)) & LOW_8)] ^ remainder >> _BYTE
        offset += 1
    return remainder ^ LOW_32


@kernel
def crc32_of_word(remainder: np.uint64, word: np.uint64, length: Index) -> np.uint64:
    """The remainder after `length` more bytes, at least four and at most eight; the word has them lowest first."""
    word ^= remainder
    following = np.uint64(0)
    for place in range(length):
        following ^= TABLES[256 * (length - 1 - place) + np.int64(word & LOW_8)]
        word >>= _BYTE
    return following


@kernel
def flow_hash(work: Words, record: Index) -> np.uint64:
    """The layer-4 hash of the flow that a parsed frame belongs to."""
    return hash_of_flow(work, record + WORK_KEY, metadata_at(record))


@kernel
def hash_of_flow(work: Words, key: Index, message_at: Index) -> np.uint64:
    """The layer-4 hash of the flow with the key at `work[key]`; `work[message_at]` and following are room for it."""
    if work[key + 4] >> META_FAMILY_SHIFT & LOW_8 == _FAMILY_4:
        return hash_of_ipv4_flow(work[key + 1], work[key + 3], work[key + 4])
    return hash_of_ipv6_flow(work, key, message_at)


@kernel
def hash_of_ipv4_flow(source: np.uint64, destination: np.uint64, meta: np.uint64) -> np.uint64:
    """Protocol, family, addresses and ports behind their lengths: 39 bytes, in words of eight, lowest byte first."""
    source, destination = reversed_bytes(source), reversed_bytes(destination)
    source_port, destination_port = meta >> META_SOURCE_PORT_SHIFT & LOW_16, meta & LOW_16
    protocol = meta >> META_PROTOCOL_SHIFT & LOW_8
    remainder = crc32_of_word(LOW_32, protocol | _INTERNET << _BYTE | _FOUR << _BYTES_3, 8)
    remainder = crc32_of_word(remainder, source << _BYTES_3 | _FOUR << _BYTES_7, 8)
    remainder = crc32_of_word(remainder, destination << _BYTES_7, 8)
    remainder = crc32_of_word(remainder, destination >> _BYTE | _PORTS << _BYTES_3, 8)
    remainder = crc32_of_word(remainder, source_port << _BYTES_3 | destination_port << _BYTES_5, 7)
    return remainder ^ LOW_32


@kernel
def reversed_bytes(value: np.uint64) -> np.uint64:
    """The four bytes of an IPv4 address in the other order."""
    value = (value & _ODD_BYTES) << _BYTE | value >> _BYTE & _ODD_BYTES
    return (value & LOW_16) << SHIFT_16 | value >> SHIFT_16


@kernel
def hash_of_ipv6_flow(work: Words, key: Index, message_at: Index) -> np.uint64:
    """The same for IPv6: 63 bytes."""
    message = work.view(np.uint8)
    begin = message_at * 8
    meta = work[key + 4]
    store_u8(message, begin, meta >> META_PROTOCOL_SHIFT)
    store_le16(message, begin + 1, _INTERNET_6)
    at = begin + 3
    for address in range(2):
        store_le64(message, at, _SIXTEEN)
        store_be64(message, at + 8, work[key + 2 * address])
        store_be64(message, at + 16, work[key + 2 * address + 1])
        at += 24
    store_le64(message, at, _PORTS)
    store_le16(message, at + 8, meta >> META_SOURCE_PORT_SHIFT)
    store_le16(message, at + 10, meta)
    return crc32(message, begin, at + 12 - begin)
