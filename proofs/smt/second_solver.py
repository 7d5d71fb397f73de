"""A second solver, cvc5, is asked what z3 has answered: a proof should not hang on the mistakes of one program.

It gets the conditions as SMT-LIB text, as z3 writes it: first only those that z3 says contradict each other, since what
follows from few conditions follows from all; where cvc5 cannot tell, the same as z3's simplifier leaves them; then all
of them. Whatever it cannot decide with its resources, or cannot read, may have a certificate all the same; what has
neither is unknown, and counted as such.
"""

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import z3

from proofs.ledger import Unknown
from proofs.smt.certificates.certificate import certificates
from proofs.smt.certificates.core import Question, Reasons, shortened, simplified
from proofs.smt.solver import Disagreement, Unsatisfiable
from proofs.smt.values import FALSE, TRUE, Term

try:
    import cvc5
except ImportError:  # a platform that cvc5 has no wheel for
    cvc5 = None

RESOURCES = 3_000_000
"""So many of cvc5's own units of work an answer may take: about ten seconds, but the same ones on every machine."""
SHARE_OF_A_CORE = 30
"""Of the units, one in so many for some of the conditions: more of them, which are tried next, may be easier."""
TIMEOUT_MS = 300_000
"""Far beyond what the units take; whatever does not count them must end too."""

SIMPLIFIED_DIVISION = re.compile(r"\((bvudiv|bvurem|bvsdiv|bvsrem|bvsmod)_i ")
"""What z3's simplifier makes of divisions: the same function, by a name of its own that is not SMT-LIB's."""


def available() -> bool:
    """Whether the second solver is there."""
    return cvc5 is not None


PRODUCT_FITS: Mapping[int, tuple[str, str]] = {
    z3.Z3_OP_BSMUL_NO_OVFL: ("bvsmul_noovfl", "(bvsle (bvmul {signed}) (_ bv{greatest} {double}))"),
    z3.Z3_OP_BSMUL_NO_UDFL: ("bvsmul_noudfl", "(bvsle (bvneg (_ bv{least} {double})) (bvmul {signed}))"),
    z3.Z3_OP_BUMUL_NO_OVFL: ("bvumul_noovfl", "(bvule (bvmul {plain}) (_ bv{most} {double}))"),
}
"""z3's own functions that say whether a product fits, and what they mean, in numbers of twice as many bits."""


def text_of(conditions: Iterable[Term]) -> str:
    """Conditions in SMT-LIB 2.6, without the question."""
    solver = z3.Solver()
    # z3 writes the connectives of nothing as names without parentheses, which SMT-LIB does not have.
    solver.add(*(z3.substitute(one, (z3.Or([]), FALSE), (z3.And([]), TRUE)) for one in conditions))
    lines = SIMPLIFIED_DIVISION.sub(r"(\1 ", solver.to_smt2()).splitlines()
    kept = [line for line in lines if not line.startswith(("(set-info", "(check-sat)", ";"))]
    return "\n".join([*_definitions(solver.assertions()), *kept])


def _definitions(conditions: Iterable[Term]) -> list[str]:
    """What z3's own functions in some conditions mean, in SMT-LIB."""
    seen: set[int] = set()
    found: set[str] = set()
    waiting = list(conditions)
    while waiting:
        term = waiting.pop()
        if term.get_id() in seen or not z3.is_app(term):
            continue
        seen.add(term.get_id())
        waiting += term.children()
        if term.decl().kind() in PRODUCT_FITS:
            found.add(_definition(*PRODUCT_FITS[term.decl().kind()], term.arg(0).size()))
    return sorted(found)


def _definition(name: str, meaning: str, bits: int) -> str:
    extended = {kind: " ".join(f"((_ {kind}_extend {bits}) {one})" for one in "xy") for kind in ("sign", "zero")}
    numbers = {"greatest": (1 << bits - 1) - 1, "least": 1 << bits - 1, "most": (1 << bits) - 1, "double": 2 * bits}
    body = meaning.format(signed=extended["sign"], plain=extended["zero"], **numbers)
    return f"(define-fun {name} ((x (_ BitVec {bits})) (y (_ BitVec {bits}))) Bool {body})"


def contradictory(text: str, resources: int = RESOURCES) -> bool:
    """What the second solver says of conditions in SMT-LIB. Raises Unknown, also where there is no second solver."""
    if not available():
        raise Unknown("cvc5 is not there")
    terms = cvc5.TermManager()
    solver = cvc5.Solver(terms)
    solver.setOption("rlimit-per", str(resources))
    solver.setOption("tlimit-per", str(TIMEOUT_MS))
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


def _as_simplified(conditions: Sequence[Term]) -> list[Term]:
    return shortened(simplified(conditions))


@dataclass(eq=False)
class SecondOpinion:
    """A witness of z3's answers (`proofs.smt.solver.witnessed`) that puts them to the second solver.

    Attributes:
        resources: units of work that cvc5 may spend on all conditions of an answer; on some of them, few more before.
        certifies: whether to ask for a certificate (`proofs.smt.certificates`) where cvc5 cannot tell. That is as good
            an opinion: a SAT solver finds a proof, case by case, and our own checker accepts it.
        confirmed: how many cvc5 has confirmed.
        certified: how many others have a certificate.
        undecided: what could not be told of the rest.
        reasons: what cvc5 has confirmed. Where all of one of them is given again, it need not be asked again.
    """

    resources: int = RESOURCES
    certifies: bool = False
    confirmed: int = 0
    certified: int = 0
    undecided: list[str] = field(default_factory=list)
    reasons: Reasons = field(default_factory=Reasons)

    def __call__(self, answer: Unsatisfiable) -> None:
        """Ask for the same. Raises Disagreement."""
        question = Question(answer.conditions)
        if not self.reasons.are_given([*question.parts, *question.conditions]):
            try:
                self._ask(question, answer.what)
            except Unknown as unknown:
                self._certify(answer, unknown)
                return
        self.confirmed += 1

    def _ask(self, question: Question, what: str) -> None:
        """Ask about some of the conditions first, with less resources. Raises Disagreement, Unknown."""
        *cores, everything = question.cores()
        if question.needed is not None:
            cores.insert(0, question.needed)
        asked = set()
        for written in (list, _as_simplified):
            for core in cores:
                text = text_of(written(core))
                if text in asked:
                    continue
                asked.add(text)
                with contextlib.suppress(Unknown):
                    self._confirm(text, what, max(1, self.resources // SHARE_OF_A_CORE))
                    self.reasons.add(core)
                    return
        self._confirm(text_of(everything), what, self.resources)
        self.reasons.add(everything)

    def _confirm(self, text: str, what: str, resources: int) -> None:
        if not contradictory(text, resources):
            raise Disagreement(f"{what}: z3 finds no solution, cvc5 does")

    def _certify(self, answer: Unsatisfiable, unknown: Unknown) -> None:
        reason = str(unknown)
        if self.certifies:
            try:
                for certificate in certificates(answer):
                    certificate.check()
            except Unknown as uncertified:
                reason += f"; no certificate: {uncertified}"
            else:
                self.certified += 1
                return
        self.undecided.append(f"{answer.what}: {reason}")
