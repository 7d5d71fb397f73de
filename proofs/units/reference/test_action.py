"""Actions: their texts in rule dumps, and descriptors that own something."""

import pytest

from reference.action import (
    Action,
    ActionDescriptor,
    ActionMeta,
    HairpinAction,
    MetaAction,
    SimpleAction,
    StatefulAction,
    StaticAction,
    action_text,
)
from reference.direction import Direction
from reference.packet.packet import Packet
from reference.transform import HeaderTransform


class Everything(MetaAction, StaticAction, StatefulAction, HairpinAction):
    """The abstract parts of all actions, and a text."""

    def apply(self, packet: Packet, meta: ActionMeta) -> bool:
        raise NotImplementedError

    def transform(self, packet: Packet, meta: ActionMeta) -> HeaderTransform | None:
        raise NotImplementedError

    def describe(self, packet: Packet) -> ActionDescriptor | None:
        raise NotImplementedError

    def reply(self, packet: Packet) -> bytes | None:
        raise NotImplementedError

    def __str__(self) -> str:
        return "text"


def of_kind(kind: type) -> Action:
    """An action of one kind only."""
    members = {name: getattr(Everything, name) for name in (*kind.__abstractmethods__, "__str__")}  # type: ignore[attr-defined]
    made: Action = type("One", (kind,), members)()
    return made


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (SimpleAction.ALLOW, "Allow"),
        (SimpleAction.STATEFUL_ALLOW, "Stateful Allow"),
        (SimpleAction.DENY, "Deny"),
        (SimpleAction.HANDLE_PACKET, "Handle Packet"),
        (of_kind(MetaAction), "Meta: text"),
        (of_kind(StaticAction), "Static: text"),
        (of_kind(StatefulAction), "Stateful: text"),
        (of_kind(HairpinAction), "Hairpin: text"),
    ],
    ids=["allow", "stateful-allow", "deny", "handle", "meta", "static", "stateful", "hairpin"],
)
def test_an_action_is_shown_by_kind_and_text(action: Action, text: str) -> None:
    assert action_text(action) == text


class Owner(ActionDescriptor):
    """Owns something and counts how often it gives it back."""

    __slots__ = ("released",)

    def __init__(self) -> None:
        super().__init__()
        self.released = 0

    def release(self) -> None:
        self.released += 1

    def header_transform(self, direction: Direction, meta: ActionMeta) -> HeaderTransform:
        raise NotImplementedError


def test_a_descriptor_gives_back_what_it_owns_once_when_nobody_holds_it_any_more() -> None:
    owner = Owner()
    owner.hold()
    owner.hold()
    owner.drop()
    assert owner.released == 0
    owner.drop()
    assert owner.released == 1
