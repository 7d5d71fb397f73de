"""C7 on the models: pairing, no lost update, no reuse, no deadlock, settled changes, under both designs."""

from typing import Any

import pytest

from model.catalogue import CONFIGURATIONS
from model.search import Outcome
from proofs.ledger import Method, claim
from proofs.model.recorded_numbers import numbers, recorded
from proofs.model.searched import searched

_ASSUMPTIONS = (
    "the model follows the source as docs/protocol.md says; each atomic access is one step; the stores of a commit "
    "appear in program order or contents last; store buffers for announcements and the control word only"
)
_SCOPE = (
    "the model, not the source: one flow with its two halves, 2 or 3 hit threads with 2 packets each at the most, up "
    "to two slow operations beside them, records for 1 or 2 pairs; every interleaving of {count} configurations"
)


_MOMENT = 40_000
"""States that are searched in a fraction of a second."""


def _names(design: str) -> list[str]:
    return [name for name in CONFIGURATIONS if name.startswith(design)]


def _configurations(design: str) -> list[Any]:
    """The configurations of a design; those that take more than a moment are left out of the inner loop."""
    sizes = recorded()
    return [
        pytest.param(name, marks=[pytest.mark.slow] if name not in sizes or sizes[name]["states"] > _MOMENT else [])
        for name in _names(design)
    ]


def test_every_configuration_is_recorded_and_no_other() -> None:
    assert set(recorded()) == set(CONFIGURATIONS)


def _holds(name: str) -> None:
    result = searched(CONFIGURATIONS[name])
    assert result.outcome is Outcome.HELD, result.finding
    assert numbers(result) == recorded()[name], "the model changed: python -m proofs.model.recorded_numbers"


@claim(
    "C7",
    "under `fine` no half dangles after a commit, no update is lost, no record is reused while held, no packet takes "
    "effect under a change that has returned or after a newer installation, no live flow expires, nobody is stuck",
    method=Method.EXHAUSTIVE,
    scope=_SCOPE.format(count=len(_names("fine"))) + ", with and without TCP, halves in pairs and singly",
    assumptions=_ASSUMPTIONS,
)
@pytest.mark.parametrize("name", _configurations("fine"))
def test_fine_keeps_every_invariant(name: str) -> None:
    _holds(name)


@claim(
    "C7",
    "under `mutex` the same invariants hold, without any grace period while the port lock is held",
    method=Method.EXHAUSTIVE,
    scope=_SCOPE.format(count=len(_names("mutex"))),
    assumptions=_ASSUMPTIONS,
)
@pytest.mark.parametrize("name", _configurations("mutex"))
def test_mutex_keeps_every_invariant(name: str) -> None:
    _holds(name)
