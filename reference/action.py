"""Actions: what a rule does with a packet it matches.

Upstream behaviour: `lib/opte/src/engine/rule.rs` (`Action` and the traits beside it).
"""

import enum
from abc import ABC, abstractmethod
from typing import TypeAlias

from reference.direction import Direction
from reference.packet.packet import Packet
from reference.transform import BodyTransform, HeaderTransform


class ActionMeta:
    """What actions tell the later ones about one packet.

    Attributes:
        tags: texts by name that predicates can match: `vni`, `router-target`, `router-target-class`.
        router_target: the target that the router chose, of a type only the VPC knows.
        external_ip_applied: the packet's source is an external address of this port.
        internal_target: the destination is reached inside the VPC alone.
    """

    __slots__ = ("external_ip_applied", "internal_target", "router_target", "tags")

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.router_target: object = None
        self.external_ip_applied = False
        self.internal_target = False


class SimpleAction(enum.Enum):
    """Actions without parameters. The values are their texts."""

    ALLOW = "Allow"
    """Let the packet pass."""

    STATEFUL_ALLOW = "Stateful Allow"
    """Let the packet and its flow, in both directions, pass."""

    DENY = "Deny"
    """Drop the packet."""

    HANDLE_PACKET = "Handle Packet"
    """Leave the layers: the packet is handled by itself, outside of any flow (ARP)."""

    def __str__(self) -> str:
        return self.value


class MetaAction(ABC):
    """Changes nothing but the packet's `ActionMeta`. `str()` is its text after `Meta: `."""

    @abstractmethod
    def apply(self, packet: Packet, meta: ActionMeta) -> bool:
        """Note something in `meta`; False refuses the packet."""


class StaticAction(ABC):
    """Transforms headers without keeping state. `str()` is its text after `Static: `."""

    @abstractmethod
    def transform(self, packet: Packet, meta: ActionMeta) -> HeaderTransform | None:
        """The transformation for this packet; None refuses the packet."""


class ActionDescriptor(ABC):
    """What a stateful action decided for one flow. Both halves of the flow share it; `str()` is its name in summaries.

    It may own a resource, which `release` gives back when no half, and nothing that depends on a half, exists any more.
    """

    __slots__ = ("holders",)

    def __init__(self) -> None:
        self.holders = 0

    def hold(self) -> None:
        """Keep the descriptor; to be paired with `drop`."""
        self.holders += 1

    def drop(self) -> None:
        """Let the descriptor go; the last to do so releases what it owns."""
        self.holders -= 1
        if self.holders == 0:
            self.release()

    def release(self) -> None:  # noqa: B027
        """Give back what the descriptor owns; nothing, unless a descriptor says otherwise."""

    def is_valid(self) -> bool:
        """Whether the flow may keep this descriptor after a soft change of rules."""
        return False

    @abstractmethod
    def header_transform(self, direction: Direction, meta: ActionMeta) -> HeaderTransform:
        """The header transformation of packets in one direction; notes in `meta` what later layers must know."""

    def body_transform(self, packet: Packet) -> BodyTransform | None:
        """The transformation of a packet's body, if there is one."""
        return None


class StatefulAction(ABC):
    """Decides once per flow. `str()` is its text after `Stateful: `."""

    @abstractmethod
    def describe(self, packet: Packet) -> ActionDescriptor | None:
        """The descriptor of a new flow; None refuses the packet.

        Raises:
            LayerError: the descriptor cannot be made.
        """


class HairpinAction(ABC):
    """Answers the packet. `str()` is its text after `Hairpin: `."""

    @abstractmethod
    def reply(self, packet: Packet) -> bytes | None:
        """The answering frame; None refuses the packet.

        Raises:
            LayerError: an answer is due but cannot be made.
        """


Action: TypeAlias = SimpleAction | MetaAction | StaticAction | StatefulAction | HairpinAction


def action_text(action: Action) -> str:
    """The action as dumps of rules show it."""
    match action:
        case SimpleAction():
            return str(action)
        case MetaAction():
            return f"Meta: {action}"
        case StaticAction():
            return f"Static: {action}"
        case StatefulAction():
            return f"Stateful: {action}"
        case HairpinAction():
            return f"Hairpin: {action}"
