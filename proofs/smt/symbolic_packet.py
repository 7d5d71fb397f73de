"""A packet with an IP header as rules see it, of which only the family is known, and the reference's verdict about it.

The reference's predicates, rules and tables are run as they are, once for each way to answer what they ask: first each
predicate alone, then what is made of predicates, with those known by their conditions.
"""

import dataclasses
import enum
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import z3

from proofs.smt.module_copies import ModuleCopies
from proofs.smt.values import FALSE, TRUE, Term, conjunction, disjunction, negation
from reference.packet.flow import FlowId

COPIED = ("reference.address", "reference.predicate", "reference.rule")


class Branches:
    """All ways through a function that asks for conditions, also those that cannot be gone."""

    def __init__(self) -> None:
        self.prefix: list[bool] = []
        self.taken: list[tuple[Term, bool]] = []
        self.pending: list[list[bool]] = []

    def outcomes(self, run: Callable[[], Any]) -> Iterable[tuple[Term, Any]]:
        """What a function returns, and under which condition."""
        self.pending = [[]]
        while self.pending:
            self.prefix, self.taken = self.pending.pop(), []
            returned = run()
            condition = TRUE
            for asked, answer in self.taken:
                condition = conjunction(condition, asked if answer else negation(asked))
            yield condition, returned

    def truth(self, run: Callable[[], Any]) -> Term:
        """Under which condition a function returns something true."""
        found = FALSE
        for condition, returned in self.outcomes(lambda: bool(run())):
            found = disjunction(found, condition) if returned else found
        return z3.simplify(found)

    def decide(self, asked: Term) -> bool:
        """Whether a condition holds on the present way."""
        asked = z3.simplify(asked)
        if z3.is_true(asked) or z3.is_false(asked):
            return bool(z3.is_true(asked))
        for known, answer in self.taken:
            if known.eq(asked):
                return answer
        place = len(self.taken)
        answer = self.prefix[place] if place < len(self.prefix) else True
        if place >= len(self.prefix):
            self.pending.append([*(given for _, given in self.taken), False])
        self.taken.append((asked, answer))
        return answer


class Condition:
    """A condition; whoever asks whether it is true goes one way."""

    def __init__(self, branches: Branches, term: Term) -> None:
        self.branches = branches
        self.term = term

    def __bool__(self) -> bool:
        return self.branches.decide(self.term)


class Field:
    """A natural number of a known number of bits."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, branches: Branches, term: Term) -> None:
        self.branches = branches
        self.term = term

    def _compared(self, other: int, compare: Callable[[Term, Term], Term], below: bool, above: bool) -> Condition:
        """A comparison; its outcome is known where the other number does not fit."""
        if other < 0 or other >> self.term.size():
            return Condition(self.branches, z3.BoolVal(below if other < 0 else above))
        return Condition(self.branches, compare(self.term, z3.BitVecVal(other, self.term.size())))

    def __eq__(self, other: object) -> Any:
        return self._compared(int(other), lambda one, two: one == two, False, False)  # type: ignore[call-overload]

    def __ne__(self, other: object) -> Any:
        return self._compared(int(other), lambda one, two: one != two, True, True)  # type: ignore[call-overload]

    def __le__(self, other: int) -> Condition:
        return self._compared(other, z3.ULE, False, True)

    def __ge__(self, other: int) -> Condition:
        return self._compared(other, z3.UGE, True, False)

    def __and__(self, mask: int) -> "Field":
        return Field(self.branches, self.term & mask)

    def __rshift__(self, count: int) -> "Field":
        return Field(self.branches, z3.LShR(self.term, count))

    def __mod__(self, modulus: int) -> "Field":
        return Field(self.branches, z3.URem(self.term, modulus))


class Octets:
    """Bytes in network order, of a known number."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, branches: Branches, term: Term) -> None:
        self.branches = branches
        self.term = term

    def __len__(self) -> int:
        return int(self.term.size()) // 8

    def __getitem__(self, place: int) -> Field:
        high = self.term.size() - 8 * place
        return Field(self.branches, z3.Extract(high - 1, high - 8, self.term))

    def __eq__(self, other: object) -> Any:
        known = bytes(other)  # type: ignore[call-overload]
        same = len(known) == len(self)
        term = self.term == z3.BitVecVal(int.from_bytes(known), self.term.size()) if same else FALSE
        return Condition(self.branches, term)


class Integer(int):
    """In place of `int`: reads unknown bytes."""

    @classmethod
    def from_bytes(cls, value: Any, *_: Any) -> Any:  # type: ignore[override]
        """The number that bytes are in network order."""
        return Field(value.branches, value.term) if isinstance(value, Octets) else int.from_bytes(value)


class Tags:
    """What earlier layers noted, as texts. `meanings` gives the condition that a name has a value."""

    def __init__(self, branches: Branches, meanings: Callable[[str, str], Term]) -> None:
        self.branches = branches
        self.meanings = meanings

    def get(self, name: str) -> "Text":
        """The text under a name."""
        return Text(self, name)


class Text:
    """A text that is not known."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, tags: Tags, name: str) -> None:
        self.tags = tags
        self.name = name

    def __eq__(self, other: object) -> Any:
        return Condition(self.tags.branches, self.tags.meanings(self.name, str(other)))


@dataclasses.dataclass(frozen=True)
class Known:
    """Stands for a predicate or rule whose condition is known."""

    branches: Branches
    term: Term

    def matches(self, *_: Any) -> Condition:
        """As `reference.predicate.Predicate.matches`."""
        return Condition(self.branches, self.term)


class ReferenceView:
    """The reference's rules on one unknown packet.

    Attributes:
        fields: terms: `source`, `destination`, `protocol`, `source_port`, `destination_port`, `ether_source`,
            `ether_destination`.
        family: 4 or 6.
        tags: the condition that a tag has a value.
    """

    def __init__(self, fields: SimpleNamespace, family: int, tags: Callable[[str, str], Term]) -> None:
        self.branches = Branches()
        self.copies = ModuleCopies(COPIED, {"int": Integer})
        part = self.branches
        flow = FlowId(
            Field(part, fields.protocol),  # type: ignore[arg-type]
            family,
            Octets(part, fields.source),  # type: ignore[arg-type]
            Octets(part, fields.destination),  # type: ignore[arg-type]
            Field(part, fields.source_port),  # type: ignore[arg-type]
            Field(part, fields.destination_port),  # type: ignore[arg-type]
        )
        ethernet = SimpleNamespace(
            source=Octets(part, fields.ether_source), destination=Octets(part, fields.ether_destination)
        )
        ether_type = 0x0800 if family == 4 else 0x86DD
        self.packet = SimpleNamespace(flow=flow, network=object(), ethertype=ether_type, ethernet=ethernet)
        self.meta = SimpleNamespace(tags=Tags(part, tags))
        self.unknown_conditions = 0

    def position(self, rules: Sequence[Any]) -> list[Term]:
        """For each rule of a table, the condition that it decides; at the end the condition that none does."""
        table = SimpleNamespace(rules=[SimpleNamespace(rule=Known(self.branches, self.rule(one))) for one in rules])
        match = self.copies.module("reference.rule").RuleTable.match
        decides = [FALSE] * (len(rules) + 1)
        for condition, found in self.branches.outcomes(lambda: match(table, self.packet, self.meta)):
            place = len(rules) if found is None else next(at for at, one in enumerate(table.rules) if one is found)
            decides[place] = disjunction(decides[place], condition)
        return decides

    def rule(self, rule: Any) -> Term:
        """The condition that a rule matches; what it asks of the packet's body may be anything."""
        known = SimpleNamespace(
            predicates=[Known(self.branches, self.predicate(one)) for one in rule.predicates],
            data_predicates=[Known(self.branches, self._anything()) for _ in rule.data_predicates],
        )
        matches = self.copies.module("reference.rule").Rule.matches
        return self.branches.truth(lambda: matches(known, self.packet, self.meta))

    def predicate(self, predicate: Any) -> Term:
        """The condition that a predicate holds."""
        copy = self._copied(predicate)
        return self.branches.truth(lambda: copy.matches(self.packet, self.meta))

    def _copied(self, value: Any) -> Any:
        """The same value, made of the classes of the copies; predicates in it are replaced by their conditions."""
        if isinstance(value, tuple) and type(value) is tuple:
            return tuple(self._inner(member) for member in value)
        module = type(value).__module__
        if module not in COPIED:
            return value
        kind = getattr(self.copies.module(module), type(value).__name__)
        if isinstance(value, enum.Enum):
            return kind[value.name]
        members = value if isinstance(value, tuple) else [getattr(value, one.name) for one in dataclasses.fields(value)]
        return kind(*[self._inner(member) for member in members])

    def _inner(self, value: Any) -> Any:
        return Known(self.branches, self.predicate(value)) if hasattr(value, "matches") else self._copied(value)

    def _anything(self) -> Term:
        self.unknown_conditions += 1
        return z3.Bool(f"condition on the body {self.unknown_conditions}")
