"""A second solver, cvc5, is asked what z3 has answered: a proof should not hang on the mistakes of one program.

It gets the conditions as SMT-LIB text, as z3 writes it, and nothing else of z3. Whatever it cannot decide in its time,
or cannot read, is unknown, and counted as such.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import z3

from proofs.ledger import Unknown
from proofs.smt.solver import Unsatisfiable
from proofs.smt.values import Term

try:
    import cvc5
except ImportError:  # a platform that cvc5 has no wheel for
    cvc5 = None

TIMEOUT_MS = 10_000


class Disagreement(Exception):
    """What one solver calls contradictory, the other one has a solution for."""


def available() -> bool:
    """Whether the second solver is there."""
    return cvc5 is not None


def text_of(conditions: Iterable[Term]) -> str:
    """Conditions in SMT-LIB 2.6, without the question."""
    solver = z3.Solver()
    solver.add(*conditions)
    lines = solver.to_smt2().splitlines()
    return "\n".join(line for line in lines if not line.startswith(("(set-info", "(check-sat)", ";")))


def contradictory(text: str, timeout_ms: int = TIMEOUT_MS) -> bool:
    """What the second solver says of conditions in SMT-LIB. Raises Unknown."""
    terms = cvc5.TermManager()
    solver = cvc5.Solver(terms)
    solver.setOption("tlimit-per", str(timeout_ms))
    solver.setLogic("ALL")
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "conditions")
    symbols = parser.getSymbolManager()
    try:
        while not (command := parser.nextCommand()).isNull():
            command.invoke(solver, symbols)
        answer = solver.checkSat()
    except RuntimeError as refusal:
        raise Unknown(f"cvc5: {refusal}") from refusal
    if answer.isUnknown():
        raise Unknown(f"cvc5: {answer.getUnknownExplanation()}")
    return bool(answer.isUnsat())


@dataclass
class SecondOpinion:
    """A witness of z3's answers (`proofs.smt.solver.witnessed`) that puts them to the second solver.

    Attributes:
        confirmed: how many it has confirmed.
        undecided: what it could not tell of the others.
    """

    timeout_ms: int = TIMEOUT_MS
    confirmed: int = 0
    undecided: list[str] = field(default_factory=list)

    def __call__(self, answer: Unsatisfiable) -> None:
        """Ask for the same. Raises Disagreement."""
        try:
            agrees = contradictory(text_of(answer.conditions), self.timeout_ms)
        except Unknown as unknown:
            self.undecided.append(f"{answer.what}: {unknown}")
            return
        if not agrees:
            raise Disagreement(f"{answer.what}: z3 finds no solution, cvc5 does")
        self.confirmed += 1
