"""Where every field lies: the one place that gives the words of arena, descriptor and work record their offsets.

The arena is one array of 64-bit words. Its first lines are the header: words that every packet reads and almost
nobody writes, the port lock, what misses share (`gate.py`, `records.py`, `capacity.py`), and the geometry, which is
constant from creation on. Then come the regions: thread records, buckets, entries (halves of flows), flow records,
header transforms, their index, claims, numbers of free records, and pools of ports; `geometry.py` has their sizes.
Records are numbered from 1; 0 says "none". A line is what the processor moves between cores, so words written by
different threads never share one.

Bit fields of a word are given as shift and mask. All masks and flags are unsigned 64-bit, so that kernels stay within
one integer type.
"""

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

GATE: Final = 2 * LINE
"""1 while a slow operation keeps misses out: see `gate.py`."""
RULES_WANTED: Final = GATE + 1
"""The number of the rule set that misses go by (`current_rules.py`); it changes with the gate closed."""

RECORDS: Final = 3 * LINE
"""The records that nobody has (`records.py`): a spin lock, and the lists of entries and of flow records."""
RECORDS_LOCK: Final = RECORDS
ENTRY_LIST: Final = RECORDS + 1
FLOW_LIST: Final = RECORDS + 3
"""Of a list: how many numbers it holds. They lie in a region of their own, the one that was given back last behind."""
FRESH: Final = 1
"""From the first word of a list to the last number that was ever given out; those above are fresh."""

TRANSFORM_LOCK: Final = 4 * LINE
"""A spin lock for whoever adds a header transform: see `transforms.py`."""
TRANSFORM_LIST: Final = 4 * LINE + 1
"""As `ENTRY_LIST`."""

ROOM: Final = 5 * LINE
"""By kind of entry (`KIND_UFT_IN` and following): how many more the tables can hold that no thread has been granted."""

KINDS: Final = 5
KIND_UFT_IN: Final = 0
KIND_UFT_OUT: Final = 1
KIND_FIREWALL: Final = 2
KIND_NAT: Final = 3
KIND_TCP: Final = 4
"""Kinds of entries with a limit. The unified table has one for each direction, inbound first as `INBOUND`."""

BUCKET_MASK: Final = 6 * LINE
BUCKETS_AT: Final = 6 * LINE + 1
ENTRIES_AT: Final = 6 * LINE + 2
FLOWS_AT: Final = 6 * LINE + 3
TRANSFORMS_AT: Final = 6 * LINE + 4
THREADS_AT: Final = 6 * LINE + 5
THREAD_COUNT: Final = 6 * LINE + 6
ENTRY_COUNT: Final = 7 * LINE
FLOW_COUNT: Final = 7 * LINE + 1
TRANSFORM_COUNT: Final = 7 * LINE + 2
"""Records of each kind, the unused record 0 included."""
TRANSFORM_INDEX_AT: Final = 7 * LINE + 3
TRANSFORM_INDEX_MASK: Final = 7 * LINE + 4
CLAIMS_AT: Final = 7 * LINE + 5
CLAIM_MASK: Final = 7 * LINE + 6
POOLS_AT: Final = 7 * LINE + 7
SECRET: Final = 8 * LINE
"""Four random words: without them a guest cannot aim flows at one bucket."""

ENTRY_NUMBERS_AT: Final = 8 * LINE + 4
FLOW_NUMBERS_AT: Final = 8 * LINE + 5
TRANSFORM_NUMBERS_AT: Final = 8 * LINE + 6
"""Where the numbers of each list of free records lie."""

HEADER_WORDS: Final = 10 * LINE
"""An even number of lines, as all regions up to the entries have: the two lines of an entry are fetched as a pair."""

# --- thread record: what one thread writes, and others only read while it is not inside a miss ---

THREAD_WORDS: Final = 38 * LINE
ANNOUNCE: Final = 0
"""Odd while the thread is inside a batch. In a line of its own: who waits for a grace period looks at it all the time,
and each look takes the line away from the thread."""
MISSING: Final = LINE
"""Odd while the thread is inside a miss: see `gate.py`."""
ENDED: Final = LINE + 3
"""By kind: native entries that segments of this thread have ended so far (`close.py`)."""
USED: Final = 2 * LINE
"""By kind: entries that misses of this thread have begun so far. Never falls from one miss to the next."""
THREAD_HITS: Final = USED + KINDS
"""Hits of this thread: inbound here, outbound in the next word."""
GRANTED: Final = 3 * LINE
"""By kind: how far `USED` may rise before the thread must ask for more room (`capacity.py`)."""
STOCK_WORDS: Final = 17 * LINE
ENTRY_STOCK: Final = 4 * LINE
FLOW_STOCK: Final = ENTRY_STOCK + STOCK_WORDS
"""How many free records the thread has put by; their numbers follow (`records.py`)."""

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
"""`flags << 32 | entry of the other half`."""
PASSED: Final = LINE + 5
"""`hits of this direction's layer entries << 32 | epoch in which a packet of this direction last passed the layers`.
This word and the next two belong to native flows only, see `native.py`."""
HITS_BEFORE: Final = LINE + 6
"""What `HITS` was when the half was installed last."""
ORIGIN: Final = LINE + 7
"""Of the inbound half: how the flow began and what was decided for it, see `native.py`."""
LAYERS_HIT: Final = LINE + 7
"""Of the outbound half: time of the last hit of the flow's layer entries, in milliseconds."""

PARTNER_NATIVE: Final = np.uint64(1 << 32)
"""Flag: the half belongs to a flow that a compiled miss began and that the reference does not know."""

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

META_MASK: Final = np.uint64((1 << 48) - 1)
"""All of the meta word but the direction: what a flow has of it."""

INBOUND: Final = np.uint64(0)
OUTBOUND: Final = np.uint64(1)

REWRITE_CHECKSUM_SHIFT: Final = SHIFT_48
REWRITE_OUTER_PORT_SHIFT: Final = SHIFT_32
REWRITE_SOURCE_PORT_SHIFT: Final = SHIFT_16
"""`checksum delta << 48 | outer UDP source port << 32 | source port << 16 | destination port or ICMP identifier`."""

# --- flow record: what both halves share ---

FLOW_WORDS: Final = LINE
TCP_WORD: Final = 0
FIN_WORD: Final = 1
"""Where the guest's FIN ends; 0 before there was one. Written once: see `fin.py`."""
SEGMENTS_MISSED: Final = 2
"""`outbound << 32 | inbound`: segments that were misses, in no half's `HITS`, and whether one of them acknowledged
anything. Native flows only, as the next word."""
MISSED_ACKNOWLEDGEMENT: Final = np.uint64(1 << 31)
MISSED_COUNT: Final = np.uint64((1 << 31) - 1)
LAST_SEGMENT: Final = 3
"""Time of the connection's last segment before its halves were made anew, which have forgotten theirs; 0 at first."""
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
TRANSFORM_LINK: Final = 7
"""0, and no part of the transform: hits do not read it. A sweep has its marks and links here, see `transforms.py`."""
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

# --- pool of ports: what source NAT may give away, lent to misses (`port_pool.py`) ---

POOL_LOCK: Final = 0
POOL_NUMBER: Final = 1
"""Whose ports these are: the number of the pools, as `ORIGIN` of a native flow has it; 0 for none."""
POOL_TOP: Final = 2
"""How many ports are free; the last of them is the next to be taken."""
POOL_PORTS: Final = LINE
POOL_WORDS: Final = POOL_PORTS + (1 << 16)
POOLS: Final = 6
"""For IPv4 and then for IPv6 those of TCP, UDP and echo."""

# --- descriptor: one frame of a batch, as its owner sees it ---

DESCRIPTOR_WORDS: Final = LINE
FRAME_OFFSET: Final = 0
FRAME_LENGTH: Final = 1
FRAME_DIRECTION: Final = 2
FRAME_VERDICT: Final = 3
FRAME_L4_HASH: Final = 4
FRAME_FLAGS: Final = 5
"""`TRANSFORM_INTERNAL`, or 0. Of a frame that a layer denied: `layer << 8 | reason`, see `VERDICT_DENIED`."""
FRAME_TICKET: Final = 6
"""Rank among the port's slow operations; 0 for a hit, and `MISSED` where compiled layers decided."""
MISSED: Final = np.uint64((1 << 64) - 1)

VERDICT_SLOW: Final = np.uint64(0)
"""Not decided by the compiled code."""
VERDICT_MODIFIED: Final = np.uint64(1)
VERDICT_OTHER: Final = np.uint64(2)
"""Decided by the slow path; the verdict object says how."""
VERDICT_DENIED: Final = np.uint64(3)
"""A layer denied the frame: layers count in outbound order, reasons are `DENIED_BY_RULE` and following."""
VERDICT_WAIT: Final = np.uint64(4)
"""Not decided yet: a slow operation keeps misses out."""
DENIED_BY_RULE: Final = np.uint64(0)
DENIED_BY_DEFAULT: Final = np.uint64(1)
DENIED_BY_ACTION: Final = np.uint64(2)
DENIED_LAYER_SHIFT: Final = np.uint64(8)

HEADROOM: Final = 128
"""Bytes kept free in front of a frame for what is pushed there."""

# --- work record: what parsing found in one frame of a frame in flight ---

WINDOW: Final = 32
"""Work records of a batch, a power of two: no more frames are in flight between the stages of `pipeline.py`."""
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
MISS_AT: Final = METADATA_AT + WINDOW * METADATA_WORDS
"""Behind the fields: room for one miss, see `passage.py`."""
MISS_WORDS: Final = 32 * LINE
WORK_ARRAY_WORDS: Final = MISS_AT + MISS_WORDS
"""Length of the array that a batch brings along for all of this."""
