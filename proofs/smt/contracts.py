"""Loop contracts: a loop known by an invariant, for any number of rounds.

The invariant is proved from the source of the body: it holds at first, a round keeps it, and rounds come to an end.
What follows the loop then knows the invariant and that the condition is false, and nothing else.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import z3

from proofs.smt.path import Path
from proofs.smt.values import Kind, Number, Term, conjunction, kind_of, negation

if TYPE_CHECKING:
    from proofs.smt.loops import LoopRunner

Terms: TypeAlias = Mapping[str, Term]
"""The numbers among the variables, as terms."""


@dataclass(frozen=True)
class Contract:
    """What a `while` loop keeps, and why it ends.

    A ghost is a natural number that the proof carries along: 0 before the first round, then whatever `advance` makes of
    it in each round. It spares the invariant an "exists", which solvers dislike.

    Attributes:
        invariant: of the variables before the first round, the variables now, and the ghost; true before every test of
            the condition.
        variant: a term over the variables now, a natural number that every round makes smaller.
        advance: the ghost after a round, of the variables and the ghost before it.
    """

    invariant: Callable[[Terms, Terms, Term], Term]
    variant: Callable[[Terms], Term]
    advance: Callable[[Terms, Term], Term] = lambda _, ghost: ghost


def after_contract(loop: "LoopRunner", statement: ast.While, path: Path, contract: Contract) -> Path:
    """The path after any number of rounds; that the contract is right becomes an obligation.

    Raises:
        UnsupportedConstruct: the loop can be left from its body, or changes something that is no number.
    """
    use = _Use(loop, statement, path, contract)
    use.prove()
    after, _ = use.some_round()
    ended = negation(loop.owner.expressions.condition(statement.test, after))
    loop.owner.machine.assume(z3.Implies(path.guard, ended))
    return after


class _Use:
    """One loop with its contract, reached on one path."""

    def __init__(self, loop: "LoopRunner", statement: ast.While, path: Path, contract: Contract) -> None:
        self.loop = loop
        self.owner = loop.owner
        self.statement = statement
        self.path = path
        self.contract = contract
        self.before = self.terms(path)

    def prove(self) -> None:
        """The obligations: the invariant holds at first, every round keeps it, and there is a last round."""
        demand = self.owner.expressions.demand(self.statement.test, self.path)
        demand(self.contract.invariant(self.before, self.before, z3.IntVal(0)), "the invariant holds before the loop")
        now, ghost = self.some_round()
        after = self.round_from(now)
        demand = self.owner.expressions.demand(self.statement.test, after)
        advanced = self.contract.advance(self.terms(now), ghost)
        kept = self.contract.invariant(self.before, self.terms(after), advanced)
        demand(conjunction(kept, advanced >= 0), "the invariant is kept by a round")
        variant = self.contract.variant(self.terms(after))
        smaller = conjunction(variant >= 0, variant < self.contract.variant(self.terms(now)))
        demand(smaller, "the variant becomes smaller and stays natural")

    def some_round(self) -> tuple[Path, Term]:
        """A path before some round, of which only the invariant is known, and the ghost there."""
        now = Path(self.path.guard, {**self.path.variables, **self.fresh_variables()})
        ghost = z3.Int(self.owner.machine.new_name(f"ghost of {self.owner.source.function.__qualname__}"))
        known = conjunction(ghost >= 0, self.contract.invariant(self.before, self.terms(now), ghost))
        self.owner.machine.assume(z3.Implies(self.path.guard, known))
        return now, ghost

    def round_from(self, now: Path) -> Path:
        """The path after one round."""
        condition = self.owner.expressions.condition(self.statement.test, now)
        left: list[Path] = []
        returned = len(self.owner.returned)
        after = self.loop.body(self.statement, now.where(condition), left)
        if after is None or left or len(self.owner.returned) != returned:
            raise self.owner.source.unsupported(self.statement, "a loop with a contract is left from its body")
        return after

    def fresh_variables(self) -> dict[str, Number]:
        """Unknowns for the variables that a round changes."""
        machine = self.owner.machine
        fresh = {}
        for name in sorted(_stored(self.statement) & self.path.variables.keys()):
            kind = kind_of(self.path.variables[name])
            if kind is None:
                raise self.owner.source.unsupported(self.statement, f"{name} changes in a loop and is no number")
            unknown = machine.new_name(f"{name} in {self.owner.source.function.__qualname__}")
            fresh[name] = machine.word(unknown) if kind is Kind.WORD else machine.integer(unknown)
        return fresh

    def terms(self, path: Path) -> Terms:
        """The numbers among a path's variables."""
        kinds = {name: kind_of(value) for name, value in path.variables.items()}
        return {name: self.owner.machine.term(path.variables[name], kind) for name, kind in kinds.items() if kind}


def _stored(statement: ast.While) -> set[str]:
    """Names that the loop assigns to."""
    names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
    return {node.id for node in names if isinstance(node.ctx, ast.Store)}
