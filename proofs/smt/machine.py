"""The state of a proof in the making: unknowns, what is assumed about them, and what remains to be shown."""

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, groupby

import numpy as np
import z3

from proofs.smt.lookups import Lookups
from proofs.smt.solver import TIMEOUT_MS, Refuted, prove, prove_all, satisfy, value_of
from proofs.smt.theory import Demand, Theory
from proofs.smt.values import (
    FALSE,
    TRUE,
    WORD_LIMIT,
    Kind,
    Number,
    Term,
    Value,
    as_truth,
    conjunction,
    is_truth,
    kind_of,
    negation,
)


@dataclass(frozen=True)
class Obligation:
    """Something that must hold wherever it is reached, for the terms to mean what the code does.

    It may lean on what was assumed before it only: what is known after a loop must not help to show that the loop gets
    there.
    """

    reached: Term
    condition: Term
    what: str
    given: int
    """How many assumptions there were."""

    @property
    def holds(self) -> Term:
        """The obligation as one condition."""
        return z3.Implies(self.reached, self.condition)


class IncomparableValues(TypeError):
    """Two values have no common kind: compiled code would turn them into something else, such as a float."""


@dataclass
class Machine:
    """Terms over one theory. Unknowns are named; the same name means the same unknown.

    Attributes:
        theory: how numbers are read.
        logic, timeout_ms: see `proofs.smt.solver.satisfy`.
        facts: conditions that hold by definition, such as the range of an unknown.
        assumptions: conditions taken for granted, in the order in which they were.
        obligations: what remains to be shown.
        unknowns: by name.
        lookups: what constant tables are asked for.
    """

    theory: Theory
    logic: str | None = None
    timeout_ms: int = TIMEOUT_MS
    facts: list[Term] = field(default_factory=list)
    assumptions: list[Term] = field(default_factory=list)
    obligations: list[Obligation] = field(default_factory=list)
    unknowns: dict[str, Value] = field(default_factory=dict)
    lookups: Lookups = field(init=False)
    _limits: dict[str, int] = field(default_factory=dict)
    _defined: set[Term] = field(default_factory=set)
    _serial: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.lookups = Lookups(lambda: [*self.facts, *self.assumptions])

    # --- unknowns ---

    def word(self, name: str, below: int | None = None) -> Number:
        """Any `np.uint64`, or one below a limit."""
        return self._unknown(name, Kind.WORD, below)

    def integer(self, name: str, below: int | None = None) -> Number:
        """Any Python integer that the theory can express, or one from 0 to below a limit."""
        return self._unknown(name, Kind.INTEGER, below)

    def truth(self, name: str) -> Term:
        """Either truth value."""
        return self.unknowns.setdefault(name, z3.Bool(name))

    def new_name(self, stem: str) -> str:
        """A name that no unknown has yet."""
        return f"{stem} #{next(self._serial)}"

    def _unknown(self, name: str, kind: Kind, below: int | None) -> Number:
        if name not in self.unknowns:
            term, valid = self.theory.symbol(name, kind)
            number = self.unknowns[name] = Number(term, kind)
            self.define(valid)
            if below is not None:
                self._limits[name] = below
                self.define(self.compare(ast.GtE, number, self.constant(0, kind)))
                self.define(self.compare(ast.Lt, number, self.constant(below, kind)))
        found: Number = self.unknowns[name]
        return found

    # --- what is known, and what is to be shown ---

    def define(self, condition: Term) -> None:
        """State what holds by definition, whatever the code does."""
        if condition not in self._defined:
            self._defined.add(condition)
            self.facts.append(condition)

    def assume(self, condition: Value) -> None:
        """Take a condition for granted from now on."""
        self.assumptions.append(as_truth(condition))

    def demand_under(self, reached: Term) -> Demand:
        """A demand for operations that are reached under a condition."""

        def demand(condition: Term, what: str) -> None:
            if not z3.is_true(condition) and not z3.is_false(reached):
                self.obligations.append(Obligation(reached, condition, what, len(self.assumptions)))

        return demand

    def may_hold(self, condition: Term) -> bool:
        """Whether some values meet the assumptions and the condition."""
        if z3.is_true(condition) or z3.is_false(condition):
            return bool(z3.is_true(condition))
        return (
            satisfy([*self.facts, *self.assumptions, condition], "reachability", self.timeout_ms, self.logic)
            is not None
        )

    def prove(self, goal: Value, what: str) -> None:
        """Prove all obligations so far, then the goal. Raises Refuted, Unknown."""
        self.prove_obligations()
        prove(as_truth(goal), what, [*self.facts, *self.assumptions], self.timeout_ms, self.logic)

    def prove_obligations(self) -> None:
        """Prove that every operation means what its term says. Raises Refuted, Unknown."""
        for given, together in groupby(self.obligations, lambda obligation: obligation.given):
            premises = [*self.facts, *self.assumptions[:given]]
            prove_all(
                [(obligation.what, obligation.holds) for obligation in together], premises, self.timeout_ms, self.logic
            )

    def counterexample(self, goal: Value, what: str) -> dict[str, int | bool] | None:
        """Values of the unknowns for which the goal fails, or else an obligation; None without. Raises Unknown.

        Where the obligations hold, terms mean what the code does, and code that is run on the values fails as well.
        """
        model = satisfy(self._violations(goal), what, self.timeout_ms, self.logic)
        if model is None:
            try:
                self.prove_obligations()
            except Refuted as refuted:
                model = refuted.counterexample
        return None if model is None else {name: self._in_model(model, value) for name, value in self.unknowns.items()}

    def guess(self, goal: Value, tries: int) -> dict[str, int | bool] | None:
        """Values of the unknowns for which the goal fails and the obligations hold, among some drawn by chance.

        They are the same each time. None is no proof.
        """
        source = random.Random(0)
        sought = z3.And(self._violations(goal))
        for _ in range(tries):
            drawn = {name: self._drawn(source, name, value) for name, value in self.unknowns.items()}
            assignment = {
                value.term if isinstance(value, Number) else value: self._known(drawn[name], value)
                for name, value in self.unknowns.items()
            }
            if z3.is_true(value_of(sought, assignment)):
                return drawn
        return None

    def _violations(self, goal: Value) -> list[Term]:
        """Conditions under which the goal fails although every obligation holds."""
        kept = [obligation.holds for obligation in self.obligations]
        return [*self.facts, *self.assumptions, *kept, negation(as_truth(goal))]

    def _drawn(self, source: random.Random, name: str, value: Value) -> int | bool:
        """A value of an unknown; of numbers as often a short one as a long one, of integers none below 0."""
        if not isinstance(value, Number):
            return source.random() < 1 / 2
        limit = self._limits.get(name, WORD_LIMIT if value.kind is Kind.WORD else WORD_LIMIT // 2)
        return source.randrange(limit) >> source.randrange(limit.bit_length())

    def _known(self, drawn: int | bool, value: Value) -> Term:
        return self.constant(drawn, value.kind).term if isinstance(value, Number) else z3.BoolVal(drawn)

    def _in_model(self, model: z3.ModelRef, value: Value) -> int | bool:
        if isinstance(value, Number):
            return self.theory.number(model.eval(value.term, model_completion=True), value.kind)
        return bool(z3.is_true(model.eval(value, model_completion=True)))

    # --- operations ---

    def constant(self, value: int | np.uint64, kind: Kind) -> Number:
        """A known number as a term."""
        return Number(self.theory.constant(int(value), kind, self.demand_under(TRUE)), kind)

    def term(self, value: Value, kind: Kind) -> Term:
        """The term of a number, known or not."""
        return value.term if isinstance(value, Number) else self.constant(value, kind).term

    def binary(self, operator: type[ast.operator], left: Value, right: Value, demand: Demand) -> Value:
        """`left operator right`. Raises IncomparableValues, UnsupportedOperation."""
        kind = self._common_kind(left, right)
        term = self.theory.binary(operator, self.term(left, kind), self.term(right, kind), kind, demand)
        if z3.is_int_value(term):
            return np.uint64(term.as_long()) if kind is Kind.WORD else int(term.as_long())
        return Number(term, kind)

    def compare(self, operator: type[ast.cmpop], left: Value, right: Value) -> Term:
        """`left operator right`. Raises IncomparableValues."""
        if is_truth(left) and is_truth(right) and operator in (ast.Eq, ast.NotEq):
            equal = as_truth(left) == as_truth(right)
            return equal if operator is ast.Eq else negation(equal)
        kind = self._common_kind(left, right)
        return self.theory.compare(operator, self.term(left, kind), self.term(right, kind), kind)

    def equal(self, left: Value, right: Value) -> Term:
        """Whether two values, or two tuples of them, are the same."""
        if isinstance(left, tuple) and isinstance(right, tuple):
            result = TRUE if len(left) == len(right) else FALSE
            for one, other in zip(left, right, strict=False):
                result = conjunction(result, self.equal(one, other))
            return result
        return self.compare(ast.Eq, left, right)

    def choose(self, condition: Term, then: Value, otherwise: Value) -> Value:
        """`then` where the condition holds, `otherwise` elsewhere. Raises IncomparableValues."""
        if then is otherwise or z3.is_true(condition):
            return then
        if z3.is_false(condition):
            return otherwise
        if isinstance(then, tuple) and isinstance(otherwise, tuple) and len(then) == len(otherwise):
            return _alike(then, [self.choose(condition, *pair) for pair in zip(then, otherwise, strict=True)])
        if is_truth(then) and is_truth(otherwise):
            return z3.If(condition, as_truth(then), as_truth(otherwise))
        kind = self._common_kind(then, otherwise)
        return Number(z3.If(condition, self.term(then, kind), self.term(otherwise, kind)), kind)

    def as_integer(self, value: Number, demand: Demand) -> Number:
        """A word as the Python integer of the same value."""
        return Number(self.theory.as_integer(value.term, demand), Kind.INTEGER)

    def as_word(self, value: Value, demand: Demand) -> Number:
        """An integer or a truth value as the word of the same value."""
        if is_truth(value):
            one, zero = self.constant(1, Kind.WORD), self.constant(0, Kind.WORD)
            return Number(z3.If(as_truth(value), one.term, zero.term), Kind.WORD)
        if kind_of(value) is Kind.WORD:
            return Number(self.term(value, Kind.WORD), Kind.WORD)
        return Number(self.theory.as_word(self.term(value, Kind.INTEGER), demand), Kind.WORD)

    @staticmethod
    def _common_kind(left: Value, right: Value) -> Kind:
        kind = kind_of(left)
        if kind is None or kind is not kind_of(right):
            raise IncomparableValues(f"no common kind of {left!r} and {right!r}; compiled code would convert")
        return kind


def _alike(pattern: tuple[Value, ...], members: list[Value]) -> tuple[Value, ...]:
    """A tuple of the same (perhaps named) type with other members."""
    made: tuple[Value, ...] = pattern._make(members) if hasattr(pattern, "_make") else tuple(members)
    return made
