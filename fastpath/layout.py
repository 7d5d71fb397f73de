"""Where every field lies: the one place that gives the words of arena, descriptor and work record their offsets.

The arena is one array of 64-bit words. Its first lines are the header: words that every packet reads and almost
nobody writes, the port lock, and the geometry, which is constant from creation on. Then come five regions of
fixed-size records: thread lines, buckets, entries (halves of flows), flow records, header transforms. Records are
numbered from 1; 0 says "none". A line is what the processor moves between cores, so words written by different
threads never share one.

Bit fields of a word are given as shift and mask. All masks and flags are unsigned 64-bit, so that kernels stay within
one integer type.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

Index: TypeAlias = int | np.int64
"""A position, in words or bytes. Signed, and never mixed with a word's value: numba would make a float of both."""

LINE: Final = 8
"""Words in a cache line of 64 bytes."""

ONE: Final = np.uint64(1)
LOW_32: Final = np.uint64(0xFFFF_FFFF)
LOW_16: Final = np.uint64(0xFFFF)
LOW_8: Final = np.uint64(0xFF)
SHIFT_16: Final = np.uint64(16)
SHIFT_32: Final = np.uint64(32)
SHIFT_48: Final = np.uint64(48)

# --- header of the arena ---

CONTROL: Final = 0
"""Epoch and port state in one word: `epoch << 2 | state`."""
CONTROL_EPOCH_SHIFT: Final = np.uint64(2)
CONTROL_STATE_MASK: Final = np.uint64(3)
STATE_READY: Final = np.uint64(0)
STATE_RUNNING: Final = np.uint64(1)
STATE_PAUSED: Final = np.uint64(2)
STATE_SEALED: Final = np.uint64(3)
"""Hits are held off while a full table chooses whom to evict."""

PORT_LOCK: Final = 1 * LINE
"""The lock of the designs that have one: see `port_lock.py`."""

BUCKET_MASK: Final = 2 * LINE
BUCKETS_AT: Final = 2 * LINE + 1
ENTRIES_AT: Final = 2 * LINE + 2
FLOWS_AT: Final = 2 * LINE + 3
TRANSFORMS_AT: Final = 2 * LINE + 4
THREADS_AT: Final = 2 * LINE + 5
THREAD_COUNT: Final = 2 * LINE + 6
SECRET: Final = 3 * LINE
"""Four random words: without them a guest cannot aim flows at one bucket."""

HEADER_WORDS: Final = 4 * LINE

# --- thread line ---

THREAD_WORDS: Final = LINE
ANNOUNCE: Final = 0
"""Odd while the thread is inside a batch."""
THREAD_HITS: Final = 1
"""Hits of this thread: inbound here, outbound in the next word."""

# --- bucket: a version and seven slots ---

BUCKET_WORDS: Final = LINE
VERSION: Final = 0
SLOTS: Final = 7
SLOT_TAG_SHIFT: Final = SHIFT_32
"""A slot is `tag << 32 | entry`; 0 is empty."""

# --- entry: one half of a flow ---

ENTRY_WORDS: Final = 2 * LINE
KEY: Final = 0
"""Five words: source high and low, destination high and low, and the meta word."""
KEY_WORDS: Final = 5
BINDING: Final = 5
"""`epoch << 32 | flow record`; no flow record for protocols other than TCP."""
ACTION: Final = 6
"""`header transform << 32 | L4 hash`."""
REWRITE: Final = 7
"""What the transform does to this flow alone: see the `REWRITE_` shifts."""
LIFE: Final = LINE + 0
"""Time of the last hit in milliseconds, and the dead mark."""
HITS: Final = LINE + 1
"""Of a connection's half `owner << 54 | hits by the owner`, otherwise all hits: see `uft.count_segment`."""
BYTES: Final = LINE + 2
"""Bytes of the owner's hits."""
NUMBERS: Final = LINE + 3
"""`sequence << 32 | acknowledgement` of the direction's last TCP segment."""
PARTNER: Final = LINE + 4
"""The entry of the other half."""

DEAD: Final = np.uint64(1 << 63)
"""In `LIFE`: the entry has left the table, whoever still holds it must look again."""

OWNER_SHIFT: Final = np.uint64(54)
OWNED_HITS: Final = np.uint64((1 << 54) - 1)
"""In `HITS`: `owner << 54 | hits`. Owners are threads, numbered from 1; 0 is nobody."""
GREATEST_THREADS: Final = (1 << 10) - 1
"""As many threads as an owner's field can tell apart."""

META_DIRECTION_SHIFT: Final = SHIFT_48
META_FAMILY_SHIFT: Final = np.uint64(40)
META_PROTOCOL_SHIFT: Final = SHIFT_32
META_SOURCE_PORT_SHIFT: Final = SHIFT_16
"""The meta word is `direction << 48 | family << 40 | protocol << 32 | source port << 16 | destination port`."""

INBOUND: Final = np.uint64(0)
OUTBOUND: Final = np.uint64(1)

REWRITE_CHECKSUM_SHIFT: Final = SHIFT_48
REWRITE_OUTER_PORT_SHIFT: Final = SHIFT_32
REWRITE_SOURCE_PORT_SHIFT: Final = SHIFT_16
"""`checksum delta << 48 | outer UDP source port << 32 | source port << 16 | destination port or ICMP identifier`."""

# --- flow record: what both halves share ---

FLOW_WORDS: Final = LINE
TCP_WORD: Final = 0
OTHERS_HITS: Final = 4
"""Hits by threads that do not own the half: inbound here, outbound in the next word."""
OTHERS_BYTES: Final = 6
"""Bytes of those hits, in the same order."""

# --- header transform, shared by all flows that need the same one ---

TRANSFORM_WORDS: Final = 3 * LINE
TRANSFORM_FLAGS: Final = 0
ETHER_DESTINATION: Final = 1
ETHER_SOURCE: Final = 2
IP_SOURCE: Final = 3
IP_DESTINATION: Final = 5
PUSH_AT: Final = 8
"""The bytes to push, little endian in words, right aligned: they end where the inner frame begins."""
PUSH_WORDS: Final = TRANSFORM_WORDS - PUSH_AT
PUSH_BYTES: Final = 8 * PUSH_WORDS

TRANSFORM_PUSH_LENGTH_MASK: Final = LOW_8
TRANSFORM_POP: Final = np.uint64(1 << 8)
TRANSFORM_ETHER_DESTINATION: Final = np.uint64(1 << 9)
TRANSFORM_ETHER_SOURCE: Final = np.uint64(1 << 10)
TRANSFORM_IP_SOURCE: Final = np.uint64(1 << 11)
TRANSFORM_IP_DESTINATION: Final = np.uint64(1 << 12)
TRANSFORM_SOURCE_PORT: Final = np.uint64(1 << 13)
TRANSFORM_DESTINATION_PORT: Final = np.uint64(1 << 14)
TRANSFORM_ICMP_IDENTIFIER: Final = np.uint64(1 << 15)
TRANSFORM_CHECKSUMS: Final = np.uint64(1 << 16)
"""Addresses or ports change, so that checksums do."""
TRANSFORM_INTERNAL: Final = np.uint64(1 << 17)
"""The destination is inside the VPC: no limit on the frame's size (`mtu_unrestricted`)."""
TRANSFORM_UDP_ONES: Final = np.uint64(1 << 18)
"""An updated UDP checksum that comes out as 0 is sent as 0xffff (`Semantics.udp_zero_as_ones`)."""

# --- descriptor: one frame of a batch, as its owner sees it ---

DESCRIPTOR_WORDS: Final = LINE
FRAME_OFFSET: Final = 0
FRAME_LENGTH: Final = 1
FRAME_DIRECTION: Final = 2
FRAME_VERDICT: Final = 3
FRAME_L4_HASH: Final = 4
FRAME_FLAGS: Final = 5
"""`TRANSFORM_INTERNAL`, or 0."""
FRAME_TICKET: Final = 6
"""Rank among the port's slow operations; 0 for a hit."""

VERDICT_SLOW: Final = np.uint64(0)
"""Not decided by the compiled code."""
VERDICT_MODIFIED: Final = np.uint64(1)
VERDICT_OTHER: Final = np.uint64(2)
"""Decided by the slow path; the verdict object says how."""

HEADROOM: Final = 128
"""Bytes kept free in front of a frame for what is pushed there."""

# --- work record: what parsing found in one frame of the window being processed ---

WINDOW: Final = 32
"""Frames in flight between the stages of a batch."""
WORK_WORDS: Final = 2 * LINE
WORK_KEY: Final = 0
WORK_HASH: Final = 5
WORK_NETWORK: Final = 6
"""Offset of the inner IP header; 0 when the frame is left to the slow path."""
WORK_TRANSPORT: Final = 7
WORK_ENCAPSULATION: Final = 8
"""Bytes in front of the inner Ethernet header."""
WORK_TCP_FLAGS: Final = 9
WORK_SEQUENCE: Final = 10
WORK_ACKNOWLEDGEMENT: Final = 11
WORK_BODY_SUM: Final = 12
"""Sum of what follows the transport header, where a policy wants it (`policy.Checksums.FULL`)."""

WORK_SLOT: Final = 13
"""Which slot had the key's tag when its bucket was fetched: a hint, see `hash_table.find_hinted`."""

COPIES_AT: Final = WINDOW * WORK_WORDS
"""Behind the work records: a copy of each frame's headers, where a policy wants one (`headers.py`)."""
COPY_WORDS: Final = 8 * LINE
COPY_HEADERS: Final = LINE
"""A descriptor of the copy comes first, then the headers."""
COPIED_BYTES: Final = 8 * (COPY_WORDS - COPY_HEADERS)
"""More than all headers that are served: an outer header with the longest options, and an inner one."""
METADATA_AT: Final = COPIES_AT + WINDOW * COPY_WORDS
"""Behind the copies: every header field of each frame, where a policy wants them (`metadata.py`)."""
METADATA_WORDS: Final = 8 * LINE
WORK_ARRAY_WORDS: Final = METADATA_AT + WINDOW * METADATA_WORDS
"""Length of the array that a batch brings along for all of this."""


@dataclass(frozen=True)
class Geometry:
    """Sizes of an arena's regions, in records.

    Attributes:
        entries: halves that can be held at once, in both directions together.
        spare: further entries and flow records, so that retired ones can wait for their grace period.
        threads: threads that may be inside a batch, at most `GREATEST_THREADS`; more raise `ValueError`.
    """

    entries: int
    spare: int = 1024
    threads: int = 64

    def __post_init__(self) -> None:
        if self.threads > GREATEST_THREADS:
            raise ValueError(f"threads={self.threads}: at most {GREATEST_THREADS} can be told apart")

    @property
    def buckets(self) -> int:
        """A power of two that leaves at least half of the slots empty when every entry is in use."""
        return 1 << max(3, (2 * self.entries // SLOTS).bit_length())

    @property
    def entry_records(self) -> int:
        """Entries with the spare ones, and the unused record 0."""
        return self.entries + self.spare + 1

    @property
    def flow_records(self) -> int:
        """One for each pair of halves at the most, spare ones, and the unused record 0."""
        return self.entries + self.spare + 1

    @property
    def transform_records(self) -> int:
        """One for each entry at the most, and the unused record 0."""
        return self.entries + self.spare + 1

    def offsets(self) -> dict[int, int]:
        """The geometry words of the header and their values."""
        threads_at = HEADER_WORDS
        buckets_at = threads_at + self.threads * THREAD_WORDS
        entries_at = buckets_at + self.buckets * BUCKET_WORDS
        flows_at = entries_at + self.entry_records * ENTRY_WORDS
        return {
            THREAD_COUNT: self.threads,
            THREADS_AT: threads_at,
            BUCKET_MASK: self.buckets - 1,
            BUCKETS_AT: buckets_at,
            ENTRIES_AT: entries_at,
            FLOWS_AT: flows_at,
            TRANSFORMS_AT: flows_at + self.flow_records * FLOW_WORDS,
        }

    @property
    def words(self) -> int:
        """Length of the arena in words."""
        return self.offsets()[TRANSFORMS_AT] + self.transform_records * TRANSFORM_WORDS
