"""One line of control: under which condition it is taken, and what the local variables hold on it."""

from dataclasses import dataclass

from proofs.smt.machine import Machine
from proofs.smt.values import Term, Value, conjunction, disjunction, negation


@dataclass
class Path:
    """Statements are executed on a path; a branch makes two of it, a join makes one of two."""

    guard: Term
    variables: dict[str, Value]

    def where(self, condition: Term) -> "Path":
        """The part of this path on which the condition holds, with variables of its own."""
        return Path(conjunction(self.guard, condition), dict(self.variables))


def split(path: Path, condition: Term) -> tuple[Path, Path]:
    """The parts of a path on which a condition holds and does not hold."""
    return path.where(condition), path.where(negation(condition))


def join(machine: Machine, condition: Term, then: Path | None, otherwise: Path | None) -> Path | None:
    """One path of two, of which `then` is taken where the condition holds; None is a path that ended.

    A variable that has a value on one of them only is left without a value.
    """
    if then is None or otherwise is None:
        return then or otherwise
    common = [name for name in then.variables if name in otherwise.variables]
    variables = {name: machine.choose(condition, then.variables[name], otherwise.variables[name]) for name in common}
    return Path(disjunction(then.guard, otherwise.guard), variables)


def join_all(machine: Machine, paths: list[Path]) -> Path | None:
    """One path of any number of them, no two of which can be taken together."""
    joined: Path | None = None
    for path in paths:
        joined = join(machine, path.guard, path, joined)
    return joined
