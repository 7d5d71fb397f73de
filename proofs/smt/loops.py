"""Loops: unrolled while another round is possible, or replaced by a contract (`proofs.smt.contracts`)."""

import ast
from dataclasses import dataclass, field
from typing import Protocol

import z3

from proofs.smt.contracts import Contract, after_contract
from proofs.smt.expressions import Expressions
from proofs.smt.machine import Machine
from proofs.smt.path import Path, join_all, split
from proofs.smt.source import Source
from proofs.smt.values import Term, Value, negation


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
            return after_contract(self, statement, path, self.owner.contract)
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
            following = self.body(statement, following, left)
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
            following = self.body(statement, entering, left) if reached else None
        if following is not None:
            again = self.owner.expressions.condition(statement.test, following)
            demand = self.owner.expressions.demand(statement.test, following)
            demand(negation(again), f"at most {self.maximum_rounds} rounds")
            left.append(following)
        return join_all(self.owner.machine, left)

    def body(self, statement: ast.While | ast.For, path: Path, left: list[Path]) -> Path | None:
        """One round: the path to the next one; what leaves the loop is added to `left`."""
        loop = Loop()
        self.owner.open_loops.append(loop)
        after = self.owner.block(statement.body, path)
        self.owner.open_loops.pop()
        left.extend(loop.left)
        return join_all(self.owner.machine, [*loop.continued, *([after] if after else [])])
