"""Stories notice mistakes: with any one of the seeded faults in the fast path, some story soon departs."""

import contextlib
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from proofs.equivalence import budget
from proofs.equivalence.decoder import Decoder
from proofs.equivalence.faults import FAULTS, Fault, sound_port
from proofs.equivalence.machine import machine
from proofs.equivalence.world import Departure, MakePort, World
from proofs.ledger import Method, claim
from reference.semantics import Semantics

_BYTES = settings(
    max_examples=budget.BYTE_STORIES,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)

_MACHINE = settings(_BYTES, max_examples=budget.MACHINE_STORIES, stateful_step_count=budget.MACHINE_STEPS)

_SHOWN_BY_THE_MACHINE = (
    "the change of the checksum is left out",
    "the TCP word is not written back",
    "an entry of an earlier epoch is accepted",
    "the time of the last hit is not brought home",
    "the partner of a removed half stays",
)
"""One fault of each kind: bytes, connections, rules, time, pairing."""


@contextlib.contextmanager
def _interpreted() -> Iterator[None]:
    """Arithmetic of the interpreter wraps around as the compiled one does, without a word."""
    with np.errstate(over="ignore"):
        yield


def _play_bytes(port: MakePort, stories: settings) -> None:
    make_world = partial(World, fast_ports={"interpreted": port})

    @stories
    @given(st.binary(min_size=budget.SHORTEST, max_size=budget.LONGEST))
    def play(data: bytes) -> None:
        Decoder(data, make_world).play()

    with _interpreted():
        play()


@claim(
    "C11",
    "stories on one thread catch every seeded fault of the fast path that shows there",
    method=Method.TESTED,
    scope=f"{len(FAULTS)} one-line faults, each within {budget.BYTE_STORIES} stories told by bytes, the number told in "
    "every run of the checks",
)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_some_story_told_by_bytes_departs(fault: Fault) -> None:
    with pytest.raises(Departure):
        _play_bytes(fault.faulty_port(), _BYTES)


@pytest.mark.parametrize("name", _SHOWN_BY_THE_MACHINE)
def test_some_story_told_by_the_machine_departs(name: str) -> None:
    [fault] = [fault for fault in FAULTS if fault.name == name]
    with pytest.raises(Departure), _interpreted():
        run_state_machine_as_test(machine(Semantics.CORRECT, {"faulty": fault.faulty_port()}), settings=_MACHINE)


def test_no_story_departs_without_a_fault() -> None:
    """The copy in which faults are seeded is itself sound."""
    _play_bytes(sound_port(), settings(_BYTES, max_examples=40))
