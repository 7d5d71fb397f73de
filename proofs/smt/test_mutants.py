"""Every small fault in the TCP word is found by its theorems, with a segment on which the faulty code really fails."""

import pytest

from fastpath import tcp
from fastpath.interpreted import interpreted
from proofs.ledger import Method, claim
from proofs.smt.mutants import Mutant, mutants
from proofs.smt.source import SOURCE_TEXT
from proofs.smt.test_tcp_word import OWNERSHIP, PACKS, SERVES, STEPS, STORES

STATES = (
    "CLOSED",
    "LISTEN",
    "SYN_SENT",
    "SYN_RECEIVED",
    "ESTABLISHED",
    "CLOSE_WAIT",
    "LAST_ACK",
    "FIN_WAIT_1",
    "FIN_WAIT_2",
    "TIME_WAIT",
    "NO_TRANSITION",
)
FLAGS = ("FIN", "SYN", "RST", "ACK")
OUTCOMES = ("ADVANCE", "UNEXPECTED", "LEAVE", "CLOSE")
NEXT = {name: names[names.index(name) - 1] for names in (STATES, FLAGS, OUTCOMES) for name in names}
"""Each constant is mistaken for its neighbour."""


def is_found(mutant: Mutant) -> bool:
    """Whether some theorem about the TCP word is refuted by inputs on which the mutant fails when it is run."""
    faulty = interpreted(tcp.__name__, {tcp.__name__: mutant.rewrite})
    vars(faulty)[SOURCE_TEXT] = mutant.text
    for theorem in (STEPS, SERVES, STORES, OWNERSHIP, PACKS):
        values = theorem.counterexample(faulty)
        if values is not None and not theorem.replay(faulty, values):
            return True
    return False


@pytest.mark.slow
@claim(
    "C11",
    "every mutant of the TCP word is refuted by a theorem, with inputs on which it fails",
    method=Method.EXHAUSTIVE,
    scope="one operator, constant, complement or conditional expression of fastpath/tcp.py changed at a time",
)
def test_every_mutant_of_the_tcp_word_is_found() -> None:
    outcomes = {mutant.what: is_found(mutant) for mutant in mutants(tcp, NEXT)}
    assert len(outcomes) > 60
    assert [what for what, found in outcomes.items() if not found] == []
