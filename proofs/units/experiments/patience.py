"""Measurements in tests: of them it matters that they can be made, not on which machine."""

from collections.abc import Callable
from typing import TypeVar

import pytest

from experiments.measure import TooNoisy

_Measured = TypeVar("_Measured")

ATTEMPTS = 5
"""How often a machine may be too busy to measure before the test is left out, and says so."""


def undisturbed(measure: Callable[[], _Measured]) -> _Measured:
    """What a measurement gives, taken again where the machine was too busy for it."""
    for _ in range(ATTEMPTS):
        try:
            return measure()
        except TooNoisy as disturbance:
            reason = str(disturbance)
    pytest.skip(f"{ATTEMPTS} times: {reason}")
