"""The steps from OPTE of 2023 to a port without a lock, each a switch of the same source.

A policy is a set of constants that the compiler sees: code that a policy does not choose is not in its machine code,
and nothing else differs between two policies. So two that differ in one switch measure that step alone.

No switch changes a verdict or a byte. They change what a packet costs, and what may happen beside it
(`docs/protocol.md`).
"""

import enum
from dataclasses import dataclass
from typing import Final

import numpy as np

COPYING: Final = np.uint64(1 << 0)
FULL_METADATA: Final = np.uint64(1 << 1)
FULL_CHECKSUMS: Final = np.uint64(1 << 2)
RECOMPUTED_HASH: Final = np.uint64(1 << 3)
SERIALISED_PUSH: Final = np.uint64(1 << 4)
"""Old ways of working on a packet: bits of `Policy.old_ways`."""
NO_OLD_WAYS: Final = np.uint64(0)


class PortLock(enum.Enum):
    """How hits and slow operations share the port.

    A slow operation holds the lock, if there is one, alone and from beginning to end.
    """

    EXCLUSIVE = "exclusive"
    """One hit at a time (upstream issue 435)."""
    SHARED = "shared"
    """Hits beside one another (upstream PR 636)."""
    NONE = "none"
    """Hits take no lock: versions, epochs and grace periods instead."""


class Parsing(enum.Enum):
    """Where headers are while a packet is processed."""

    COPYING = "copying"
    """In a copy that is parsed and changed, and written back at the end: owned headers, as before upstream PR 585."""
    IN_PLACE = "in place"
    """In the frame itself (upstream PR 585, ingot)."""


class Metadata(enum.Enum):
    """What is kept of a parsed packet."""

    FULL = "full"
    """Every field of every header, read when the packet is parsed and written when it leaves."""
    LIGHT = "light"
    """The flow's key and where the headers begin (upstream PR 585, lightweight metadata)."""


class Checksums(enum.Enum):
    """How the checksum of the transport header follows a translation."""

    FULL = "full"
    """The sum of what follows the headers is derived from every packet; after a change the headers are added again."""
    INCREMENTAL = "incremental"
    """One addition, and only where a covered field changes (upstream PR 585)."""


class FlowHash(enum.Enum):
    """Where the layer-4 hash of a packet's flow comes from."""

    RECOMPUTED = "recomputed"
    """CRC-32 over the flow id, for every packet."""
    CACHED = "cached"
    """It is kept with the flow (upstream PR 585)."""


class Push(enum.Enum):
    """How outer headers are written."""

    SERIALISED = "serialised"
    """Field by field, for every packet."""
    STORED = "stored"
    """As bytes that were serialised with the flow (upstream PR 585)."""


class Transforms(enum.Enum):
    """When headers are changed. Without a port lock there is no difference."""

    INSIDE = "inside"
    """Before the port lock is given back."""
    OUTSIDE = "outside"
    """After it: entry and transform are kept from being reused instead (upstream PR 585)."""


class TcpState(enum.Enum):
    """How a hit reaches and advances the state of its connection."""

    LOOKED_UP = "looked up"
    """By a second look-up under the port lock; where that admits others, by compare-and-swap."""
    FLOW_LOCK = "flow lock"
    """By reference, under a lock of its own (upstream PR 585)."""
    WORD = "word"
    """By reference, by compare-and-swap of one word (proposed in upstream issue 837)."""


class Misses(enum.Enum):
    """Who decides about a packet that is not in the unified flow table."""

    REFERENCE = "reference"
    """The reference port, one packet at a time."""
    COMPILED = "compiled"
    """Compiled layers, beside one another, where they have an answer (`docs/misses.md`)."""


@dataclass(frozen=True)
class Policy:
    """One choice for each switch. The defaults are those of `fine`.

    Attributes:
        port_lock: how hits and slow operations share the port.
        parsing: where headers are while a packet is processed.
        metadata: what is kept of a parsed packet.
        checksums: how the transport's checksum follows.
        flow_hash: where the layer-4 hash comes from.
        push: how outer headers are written.
        transforms: whether headers are changed before or after the port lock is given back.
        tcp_state: how a connection's state is reached and advanced.
        misses: who decides about packets that miss.
    """

    port_lock: PortLock = PortLock.NONE
    parsing: Parsing = Parsing.IN_PLACE
    metadata: Metadata = Metadata.LIGHT
    checksums: Checksums = Checksums.INCREMENTAL
    flow_hash: FlowHash = FlowHash.CACHED
    push: Push = Push.STORED
    transforms: Transforms = Transforms.OUTSIDE
    tcp_state: TcpState = TcpState.WORD
    misses: Misses = Misses.COMPILED

    @property
    def compiles_misses(self) -> bool:
        """Whether compiled code decides about misses where it can."""
        return self.misses is Misses.COMPILED

    @property
    def has_port_lock(self) -> bool:
        """Whether slow operations take the port lock; those of a policy without one wait for grace periods instead."""
        return self.port_lock is not PortLock.NONE

    @property
    def transforms_inside(self) -> bool:
        """Whether a hit holds the port lock until its frame is finished."""
        return self.has_port_lock and self.transforms is Transforms.INSIDE

    @property
    def tracks_inside(self) -> bool:
        """Whether a hit holds the port lock until it is counted and its connection advanced."""
        return self.has_port_lock and (self.transforms_inside or self.tcp_state is TcpState.LOOKED_UP)

    @property
    def tracks_alone(self) -> bool:
        """Whether a hit has the port to itself until it is counted and its connection advanced."""
        return self.tracks_inside and self.port_lock is PortLock.EXCLUSIVE

    @property
    def old_ways(self) -> np.uint64:
        """The switches that concern one packet alone, as kernels are given them: a bit for each old way."""
        chosen = NO_OLD_WAYS
        for is_old, bit in (
            (self.parsing is Parsing.COPYING, COPYING),
            (self.metadata is Metadata.FULL, FULL_METADATA),
            (self.checksums is Checksums.FULL, FULL_CHECKSUMS),
            (self.flow_hash is FlowHash.RECOMPUTED, RECOMPUTED_HASH),
            (self.push is Push.SERIALISED, SERIALISED_PUSH),
        ):
            if is_old:
                chosen |= bit
        return chosen
