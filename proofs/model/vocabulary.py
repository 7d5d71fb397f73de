"""A protocol's sorts, words and terms as z3 has them: uninterpreted sorts and functions, integers for numbers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import z3

from model.protocols.protocol import Protocol
from model.protocols.terms import NUMBER, TRUTH, Op, Sort, Term, Word
from proofs.smt.values import Term as Formula

Environment = Mapping[int, Formula]
"""What variables stand for, by identity."""

Reading = Callable[[Word, Sequence[Formula]], Formula]
"""The value of a word in some state."""


class Vocabulary:
    """The translation of one protocol."""

    def __init__(self, protocol: Protocol) -> None:
        self.sorts: dict[Sort, z3.SortRef] = {NUMBER: z3.IntSort(), TRUTH: z3.BoolSort()}
        self._values: dict[tuple[Sort, str | None], Formula] = {}
        for sort in {*protocol.sorts, *(word.sort for word in protocol.words)}:
            if sort.values:
                self.sorts[sort], values = z3.EnumSort(sort.name, sort.values)
                self._values |= {(sort, name): value for name, value in zip(sort.values, values, strict=True)}
            elif sort.is_open:
                self.sorts[sort] = z3.DeclareSort(sort.name)
                if sort.nothing:
                    self._values[sort, None] = z3.Const(sort.nothing, self.sorts[sort])
        self._applied: dict[tuple[Any, ...], Formula] = {}
        self._words = {
            word: z3.Function(word.name, *(self.sorts[sort] for sort in word.arguments), self.sorts[word.sort])
            for word in protocol.words
        }

    def before(self, word: Word, arguments: Sequence[Formula]) -> Formula:
        """The value of a word before the step."""
        place = (word, *(argument.get_id() for argument in arguments))
        if place not in self._applied:
            self._applied[place] = self._words[word](*arguments)
        return self._applied[place]

    def nothing(self, sort: Sort) -> Formula:
        """The element that stands for none."""
        return self._values[sort, None]

    def nothings(self, sort: Sort) -> list[Formula]:
        """The same, in a list; an empty one where the sort has no such element."""
        return [self._values[sort, None]] if sort.nothing else []

    def element(self, sort: Sort, name: str) -> Formula:
        """A named element."""
        return z3.Const(name, self.sorts[sort])

    def formula(self, term: Term, environment: Environment, reading: Reading) -> Formula:
        """A term without quantifiers, in the state that `reading` reads."""
        if term.op is Op.VARIABLE:
            return environment[id(term)]
        if term.op is Op.CONSTANT:
            return self._constant(term)
        parts = [self.formula(part, environment, reading) for part in term.parts]
        if term.op is Op.APPLY:
            assert term.word is not None
            return reading(term.word, parts)
        return _operation(term.op, parts)

    def _constant(self, term: Term) -> Formula:
        if term.sort is NUMBER:
            return z3.IntVal(term.value)
        if term.sort is TRUTH:
            return z3.BoolVal(term.value)
        assert term.value is None or isinstance(term.value, str)
        return self._values[term.sort, term.value]


def _operation(op: Op, parts: Sequence[Formula]) -> Formula:
    match op:
        case Op.EQUAL:
            return parts[0] == parts[1]
        case Op.NOT:
            return z3.Not(parts[0])
        case Op.AND:
            return z3.And(parts)
        case Op.OR:
            return z3.Or(parts)
        case Op.IMPLIES:
            return z3.Implies(parts[0], parts[1])
        case Op.LESS:
            return parts[0] < parts[1]
        case Op.ADD:
            return parts[0] + parts[1]
        case Op.ODD:
            return parts[0] % 2 == 1
        case Op.CHOOSE:
            return z3.If(*parts)
    raise NotImplementedError(f"{op.value} inside a formula: quantifiers stand outside")
