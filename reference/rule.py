"""Rules and rule tables: which rule of a layer decides about a packet.

Upstream behaviour: `Rule` in `lib/opte/src/engine/rule.rs`, `RuleTable` in `layer.rs`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from reference.action import Action, ActionMeta, SimpleAction
from reference.errors import RuleNotFound
from reference.packet.packet import Packet
from reference.predicate import Predicate


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: packets for which all predicates hold get the action.

    Attributes:
        priority: 0 to 65535; the smaller number decides first.
        predicates: conditions on headers and metadata; none at all match every packet.
        data_predicates: conditions on the packet's body, looked at last.
    """

    priority: int
    action: Action
    predicates: tuple[Predicate, ...] = ()
    data_predicates: tuple[Predicate, ...] = ()

    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        """Whether all predicates hold for the packet."""
        for predicate in self.predicates:
            if not predicate.matches(packet, meta):
                return False
        return all(predicate.matches(packet, meta) for predicate in self.data_predicates)

    def same_predicates(self, other: "Rule") -> bool:
        """Whether both rules match the same packets by having the same predicates, in any order."""
        return _same_set(self.predicates, other.predicates) and _same_set(self.data_predicates, other.data_predicates)


def _same_set(left: tuple[Predicate, ...], right: tuple[Predicate, ...]) -> bool:
    return len(left) == len(right) and all(predicate in right for predicate in left)


class NumberedRule:
    """A rule in a table: with its id and the number of packets that it matched."""

    __slots__ = ("hits", "id", "rule")

    def __init__(self, rule_id: int, rule: Rule) -> None:
        self.id = rule_id
        self.rule = rule
        self.hits = 0


class RuleTable:
    """Rules of one direction of a layer, in order of evaluation. Ids count up and are never used twice."""

    __slots__ = ("_next_id", "rules")

    def __init__(self) -> None:
        self.rules: list[NumberedRule] = []
        self._next_id = 0

    def __len__(self) -> int:
        return len(self.rules)

    def add(self, rule: Rule) -> None:
        """Insert a rule in front of the first that it precedes.

        It precedes rules of greater priority number, and those of equal priority unless they deny and it does not.
        """
        self.rules.insert(self._position(rule), NumberedRule(self._next_id, rule))
        self._next_id += 1

    def _position(self, rule: Rule) -> int:
        denies = rule.action is SimpleAction.DENY
        for position, present in enumerate(self.rules):
            other = present.rule
            if rule.priority < other.priority:
                return position
            if rule.priority == other.priority and (denies or other.action is not SimpleAction.DENY):
                return position
        return len(self.rules)

    def replace(self, rules: Iterable[Rule]) -> None:
        """Replace all rules, adding the new ones one by one."""
        self.rules.clear()
        for rule in rules:
            self.add(rule)

    def remove(self, rule_id: int) -> None:
        """Remove a rule by id; raises `RuleNotFound`."""
        for position, present in enumerate(self.rules):
            if present.id == rule_id:
                del self.rules[position]
                return
        raise RuleNotFound(rule_id)

    def find(self, rule: Rule) -> int | None:
        """Id of the first rule with the same predicates, whatever its action and priority."""
        for present in self.rules:
            if present.rule.same_predicates(rule):
                return present.id
        return None

    def match(self, packet: Packet, meta: ActionMeta) -> NumberedRule | None:
        """The first rule that matches. Its hits are not counted here."""
        for present in self.rules:
            if present.rule.matches(packet, meta):
                return present
        return None
