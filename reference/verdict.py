"""Verdicts: what a port decides about one packet."""

import enum
from dataclasses import dataclass
from typing import TypeAlias


class DropCause(enum.Enum):
    """Reasons for a drop that are not a layer's decision."""

    TCP_ERROR = "tcp_err"
    """A segment with which no tracked connection can begin, or no room in the table of TCP flows."""

    HANDLE_PACKET = "handle_pkt"
    """A frame handled outside the flows (ARP) that was not meant for the gateway."""


class DenyReason(enum.Enum):
    """Why a layer denied a packet."""

    RULE = "rule"
    """A rule that denies matched."""

    DEFAULT = "default"
    """No rule matched and the layer denies by default."""

    ACTION = "action"
    """The action of the matching rule refused the packet."""


@dataclass(frozen=True, slots=True)
class LayerDrop:
    """Drop by a layer: the layer's name and why."""

    layer: str
    why: DenyReason


@dataclass(frozen=True, slots=True)
class Modified:
    """The packet goes on.

    Attributes:
        packet: the finished frame: outbound with its encapsulation, inbound without.
        l4_hash: hash of the flow, for multipath selection.
        mtu_unrestricted: the destination is reached inside the VPC alone.
    """

    packet: bytes
    l4_hash: int
    mtu_unrestricted: bool


@dataclass(frozen=True, slots=True)
class Hairpin:
    """The port itself answers with this frame, towards where the packet came from."""

    packet: bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """The packet is dropped."""

    reason: DropCause | LayerDrop


@dataclass(frozen=True, slots=True)
class ProcessError:
    """The port failed to process the packet; the packet is lost. `error` is upstream's text."""

    error: str

    def __str__(self) -> str:
        return self.error


@dataclass(frozen=True, slots=True)
class ParseError:
    """The frame is malformed and never reached the port: no state and no counter changed.

    Attributes:
        error: kind of the error: `IngotError`, `IllegalValue`, `BadLength` or `UnrecognisedTunnelOpt`.
        members: what else is known, by kind, as in `packet.errors`.
    """

    error: str
    members: dict[str, str | int]


Verdict: TypeAlias = Modified | Hairpin | Drop | ProcessError | ParseError
