"""Loops: unrolled while another round is possible, or replaced by an invariant that holds for any number of rounds."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

import z3

from proofs.smt.expressions import Expressions
from proofs.smt.machine import Machine
from proofs.smt.path import Path, join_all, split
from proofs.smt.source import Source
from proofs.smt.values import Kind, Number, Term, Value, conjunction, kind_of, negation

Variables = Mapping[str, Value]


@dataclass(frozen=True)
class Contract:
    """What a `while` loop keeps, and why it ends.

    Attributes:
        invariant: of the variables before the first round and now; true before every test of the condition.
        variant: a term over the variables now, a natural number that every round makes smaller.
    """

    invariant: Callable[[Variables, Variables], Term]
    variant: Callable[[Variables], Term]


@dataclass
class Loop:
    """Paths that leave the body of the innermost loop early."""

    left: list[Path] = field(default_factory=list)
    continued: list[Path] = field(default_factory=list)


class LoopOwner(Protocol):
    """The execution of a function, as far as its loops are concerned."""

    machine: Machine
    source: Source
    expressions: Expressions
    contract: Contract | None
    open_loops: list[Loop]
    returned: list[tuple[Term, Value]]

    def block(self, statements: list[ast.stmt], path: Path | None) -> Path | None:
        """The path after a list of statements."""


_serial = count()


class LoopRunner:
    """Executes the loops of one function."""

    def __init__(self, owner: LoopOwner, maximum_rounds: int) -> None:
        self.owner = owner
        self.maximum_rounds = maximum_rounds

    def run_while(self, statement: ast.While, path: Path) -> Path | None:
        """A `while` loop: by its contract if there is one, otherwise unrolled."""
        if statement.orelse:
            raise self.owner.source.unsupported(statement, "`else` of a loop")
        if self.owner.contract is not None:
            return self._by_contract(statement, path, self.owner.contract)
        return self._unrolled(statement, path)

    def run_for(self, statement: ast.For, path: Path) -> Path | None:
        """A `for` loop over a known collection, such as a range of known numbers."""
        items = self.owner.expressions.evaluate(statement.iter, path)
        if statement.orelse or not isinstance(items, range | tuple) or not isinstance(statement.target, ast.Name):
            raise self.owner.source.unsupported(
                statement, "only plain loops over known ranges and tuples are supported"
            )
        left: list[Path] = []
        following: Path | None = path
        for item in items:
            if following is None:
                break
            following.variables[statement.target.id] = item
            following = self._body(statement, following, left)
        return join_all(self.owner.machine, [*left, *([following] if following else [])])

    def _unrolled(self, statement: ast.While, path: Path) -> Path | None:
        left: list[Path] = []
        following: Path | None = path
        for _ in range(self.maximum_rounds):
            if following is None:
                break
            entering, leaving = split(following, self.owner.expressions.condition(statement.test, following))
            if not z3.is_false(leaving.guard):
                left.append(leaving)
            reached = self.owner.machine.may_hold(entering.guard)
            following = self._body(statement, entering, left) if reached else None
        if following is not None:
            again = self.owner.expressions.condition(statement.test, following)
            demand = self.owner.expressions.demand(statement.test, following)
            demand(negation(again), f"at most {self.maximum_rounds} rounds")
            left.append(following)
        return join_all(self.owner.machine, left)

    def _body(self, statement: ast.While | ast.For, path: Path, left: list[Path]) -> Path | None:
        """One round: the path to the next one; what leaves the loop is added to `left`."""
        loop = Loop()
        self.owner.open_loops.append(loop)
        after = self.owner.block(statement.body, path)
        self.owner.open_loops.pop()
        left.extend(loop.left)
        return join_all(self.owner.machine, [*loop.continued, *([after] if after else [])])

    def _by_contract(self, statement: ast.While, path: Path, contract: Contract) -> Path:
        """The path after any number of rounds, known only by the invariant and the condition's falsehood."""
        before = dict(path.variables)
        demand = self.owner.expressions.demand(statement.test, path)
        demand(contract.invariant(before, before), "the invariant holds before the loop")
        now = {**before, **self._havoc(statement, before)}
        self.owner.machine.assume(z3.Implies(path.guard, contract.invariant(before, now)))

        tested = Path(path.guard, now)
        entering, leaving = split(tested, self.owner.expressions.condition(statement.test, tested))
        left: list[Path] = []
        returned = len(self.owner.returned)
        after = self._body(statement, entering, left)
        if after is None or left or len(self.owner.returned) != returned:
            raise self.owner.source.unsupported(statement, "a loop with a contract that can be left from its body")
        demand = self.owner.expressions.demand(statement.test, after)
        demand(contract.invariant(before, after.variables), "the invariant is kept by a round")
        variant = contract.variant(after.variables)
        smaller = conjunction(variant >= 0, variant < contract.variant(now))
        demand(smaller, "the variant becomes smaller and stays natural")
        return leaving

    def _havoc(self, statement: ast.While, before: Variables) -> dict[str, Number]:
        """Fresh unknowns for the variables that a round changes."""
        stored = [
            node for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        ]
        changed = {node.id for node in stored if node.id in before}
        fresh = {}
        for name in sorted(changed):
            kind = kind_of(before[name])
            if kind is None:
                raise self.owner.source.unsupported(statement, f"{name} changes in a loop and is no number")
            unknown = f"{name} in {self.owner.source.function.__qualname__} #{next(_serial)}"
            machine = self.owner.machine
            fresh[name] = machine.word(unknown) if kind is Kind.WORD else machine.integer(unknown)
        return fresh
