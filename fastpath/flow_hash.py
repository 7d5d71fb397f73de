"""The layer-4 hash of a packet's flow, computed anew: CRC-32 over the flow id, eight bytes a step.

One of the old ways (`policy.FlowHash.RECOMPUTED`); `reference.packet.flow.l4_hash` says what is hashed. The tables are
those of slicing by eight (Kounavis and Berry, A systematic approach to building high performance software-based CRC
generators, ISCC 2005). The message is put together in the frame's metadata area, which nothing else uses by then.
"""

import zlib
from typing import Final

import numpy as np

from fastpath.atomics import load_le64, load_u8, store_be32, store_be64, store_le16, store_le64, store_u8
from fastpath.compiler import kernel
from fastpath.layout import (
    LOW_8,
    LOW_32,
    META_FAMILY_SHIFT,
    META_PROTOCOL_SHIFT,
    META_SOURCE_PORT_SHIFT,
    WORK_KEY,
    Index,
)
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.metadata import metadata_at

_SLICES: Final = 8
_BYTE = np.uint64(8)
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
def flow_hash(work: Words, record: Index) -> np.uint64:
    """The layer-4 hash of the flow that a parsed frame belongs to."""
    return hash_of_flow(work, record + WORK_KEY, metadata_at(record))


@kernel
def hash_of_flow(work: Words, key: Index, message_at: Index) -> np.uint64:
    """The layer-4 hash of the flow with the key at `work[key]`; the message is put together at `work[message_at]`."""
    message = work.view(np.uint8)
    begin = message_at * 8
    meta = work[key + 4]
    is_ipv4 = meta >> META_FAMILY_SHIFT & LOW_8 == _FAMILY_4
    store_u8(message, begin, meta >> META_PROTOCOL_SHIFT)
    store_le16(message, begin + 1, _INTERNET if is_ipv4 else _INTERNET_6)
    at = begin + 3
    for address in range(2):
        high, low = work[key + 2 * address], work[key + 2 * address + 1]
        store_le64(message, at, _FOUR if is_ipv4 else _SIXTEEN)
        if is_ipv4:
            store_be32(message, at + 8, low)
            at += 12
        else:
            store_be64(message, at + 8, high)
            store_be64(message, at + 16, low)
            at += 24
    store_le64(message, at, _PORTS)
    store_le16(message, at + 8, meta >> META_SOURCE_PORT_SHIFT)
    store_le16(message, at + 10, meta)
    return crc32(message, begin, at + 12 - begin)
