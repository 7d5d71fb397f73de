"""Certificates for what z3 calls contradictory: clauses, a DRAT proof, and the check of it.

What remains to be trusted: that the terms are those of the claim (`proofs.smt.executor`), with z3's simplifier, which
has a part in building them and is applied to them once more, and its substitution, by which cases are told apart; their
translation to clauses (`proofs.smt.certificates.translation`, with the linear arithmetic, bounds, cases and gates that
it uses); and the checker (`proofs.smt.certificates.drat`) as numba compiles it. Neither z3's verdict, nor its choice of
the conditions that matter (`proofs.smt.certificates.core`), nor the SAT solver's verdict counts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from proofs.ledger import Unknown
from proofs.smt.certificates.cases import split
from proofs.smt.certificates.circuit import Clause
from proofs.smt.certificates.core import Question, Reasons, separate, shortened, simplified
from proofs.smt.certificates.drat import Step, verify
from proofs.smt.certificates.linear import Untranslatable
from proofs.smt.certificates.solving import solve_within
from proofs.smt.certificates.translation import Translation
from proofs.smt.solver import Disagreement, Unsatisfiable, witnessed
from proofs.smt.values import Term

CONFLICTS = 20_000
"""So many conflicts a solver may need before the conditions are split into cases."""


@dataclass(frozen=True)
class Certificate:
    """Clauses and a proof that they have no solution."""

    clauses: Sequence[Clause]
    proof: list[Step]

    def check(self) -> None:
        """Return if our own checker accepts the proof. Raises Rejected."""
        verify(self.clauses, self.proof)


@dataclass
class Tally:
    """How much has been certified: answers of z3, cases of them, clauses, and steps of the proofs."""

    all_answers: int = 0
    """Of the proof, certified here or not."""
    answers: int = 0
    cases: int = 0
    clauses: int = 0
    steps: int = 0
    largest: tuple[int, int] = (0, 0)
    """Clauses and steps of the certificate with the longest proof."""

    def __str__(self) -> str:
        """For the terminal."""
        return (
            f"{self.answers} of {self.all_answers} answers, in {self.cases} cases: "
            f"{self.clauses} clauses, {self.steps} steps of proof; the longest proof has {self.largest[1]} steps "
            f"on {self.largest[0]} clauses"
        )

    def take(self, certificate: Certificate) -> None:
        """Check a certificate and count it. Raises Rejected."""
        certificate.check()
        size = len(certificate.clauses), len(certificate.proof)
        self.cases += 1
        self.clauses += size[0]
        self.steps += size[1]
        self.largest = max(self.largest, size, key=lambda pair: pair[1])


def certificates(answer: Unsatisfiable, done: Reasons | None = None) -> Iterator[Certificate]:
    """Certificates that together, one for each case, show that z3's answer is right.

    None where it is already for a reason that is `done`; new ones are added to these.

    Raises:
        Unknown: the clauses have a solution, since some conditions could not be translated; or none could be.
        Disagreement: the clauses have a solution, although they say all that the conditions do.
    """
    done = Reasons() if done is None else done
    for conditions in separate(answer.conditions):
        question = Question(conditions)
        if not done.are_given([*question.parts, *question.conditions]):
            reason, found = _of_few(question, answer.what)
            yield from found
            done.add(reason)


def _of_few(question: Question, what: str) -> tuple[Sequence[Term], list[Certificate]]:
    """Certificates for some of the conditions, if that will do, and for which."""
    *some, everything = question.cores()
    for core in some:
        try:
            return core, list(_in_cases(shortened(simplified(core)), what, limited=True))
        except (Unknown, Disagreement):
            continue
    return everything, list(_in_cases(simplified(everything) if some else everything, what))


def _in_cases(conditions: Sequence[Term], what: str, limited: bool = False) -> Iterator[Certificate]:
    """A certificate, or one for each of several cases, if bounds are found, or a proof, only there.

    Raises Disagreement, and Unknown, with `limited` also where a proof would take too long.
    """
    waiting: list[Sequence[Term]] = [conditions]
    while waiting:
        conditions = waiting.pop()
        try:
            translation = Translation(conditions)
        except Untranslatable as refusal:
            cases = split(conditions, refusal.choices)
            if cases is not None:
                waiting += cases
                continue
            translation = _what_can_be(conditions, what)
        cases = split(conditions, list(translation.integers.conditions.values()))
        certificate = _refutation(translation, what, CONFLICTS if limited or cases is not None else None)
        if certificate is not None:
            yield certificate
        elif cases is None:
            raise Unknown(f"{what}: no proof within {CONFLICTS} conflicts")
        else:
            waiting += cases


def _what_can_be(conditions: Sequence[Term], what: str) -> Translation:
    """A translation of those conditions that have one. Raises Unknown if some integer cannot even be read."""
    try:
        return Translation(conditions, leave_out=True)
    except Untranslatable as refusal:
        raise Unknown(f"{what}: {refusal}") from refusal


def _refutation(translation: Translation, what: str, conflicts: int | None) -> Certificate | None:
    """A certificate for clauses; congruence is added where a solution lacks it. None after so many conflicts."""
    translation.reach_arguments()
    while True:
        clauses = translation.circuit.clauses
        solved = solve_within(clauses, conflicts)
        if solved is None:
            return None
        if solved.proof is not None:
            return Certificate(clauses, solved.proof)
        pairs = translation.incongruent(solved.true)
        if not pairs and translation.left_out:
            raise Unknown(f"{what}: no translation, or no bounds, for {translation.left_out[0]}")
        if not pairs:
            raise Disagreement(f"{what}: z3 finds no solution, but the clauses have one")
        translation.congruence(pairs)
        translation.reach_arguments()


def certify(proof: Callable[[], object], share: tuple[int, int] = (0, 1)) -> Tally:
    """Run a proof to its end, and then certify every answer of z3's that it rests on, in the order of the answers.

    `share`: which of how many shares of the answers, as `(0, 2)` for the first half. The proof must ask the same each
    time for shares to be all of it.

    Raises:
        Disagreement, Rejected: z3 or the solver is wrong, or the translation.
        Unknown: an answer is not certified.
    """
    answers: list[Unsatisfiable] = []
    with witnessed(answers.append):
        proof()
    tally = Tally(len(answers))
    done = Reasons()
    number, shares = share
    for answer in answers[len(answers) * number // shares : len(answers) * (number + 1) // shares]:
        for certificate in certificates(answer, done):
            tally.take(certificate)
        tally.answers += 1
    return tally
