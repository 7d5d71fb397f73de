"""C7: what the kernels do to shared words is a behaviour of the protocols whose promises are proved.

The production source runs under the explorer, and every access to the arena is mapped to the step that it stands for,
as it is made. A step that the protocol does not allow fails the run.
"""

import functools
from collections import Counter

import pytest

from model.protocols.instances import PROTOCOLS
from proofs.interleavings.catalogue import scenario_named
from proofs.interleavings.scenario import Fault
from proofs.ledger import Method, claim
from proofs.refinement.behaviour import NotABehaviour
from proofs.refinement.replays import MANY_EXECUTIONS, MOST_EXECUTIONS, REPLAYED, Replay, Replayed, replayed

_IN_THE_MODEL_ONLY = {
    "bucket": set[str](),
    "pairs": set[str](),
    "grace": {"show"},
    "tag": set(PROTOCOLS["tag"][0].steps),
}
"""Steps that no log has: a thing is watched from when it is shown on; the epoch tag is not replayed."""

_FAULTS: list[tuple[str, Fault, str]] = [
    (name, fault, refusal)
    for name, replay in REPLAYED.items()
    for fault, refusal in (
        *((scenario_named(name).faults[title], refusal) for title, refusal in replay.refused.items()),
        *replay.seeded,
    )
]


@claim(
    "C7",
    "every recorded execution of the kernels of look-ups, paired installs, removals, commits of misses, renewals and "
    "grace periods is a behaviour of the protocols that are proved, access by access",
    method=Method.TESTED,
    scope=f"the production source, interpreted: up to {MOST_EXECUTIONS} explored executions of each of {len(REPLAYED)} "
    f"scenarios of 2 or 3 threads: {'; '.join(REPLAYED)}; all sentences looked at after every access in the first ones",
    assumptions="sequentially consistent memory; the protocols are written by hand, and one abstraction function for "
    "each; the epoch tag is replayed nowhere, grace for one watched entry and not for CONTROL; whether a key is "
    "present is judged from the model's state; what a thread wrote into its own records before it locks is taken as "
    "written then",
)
@pytest.mark.parametrize("name", REPLAYED)
def test_every_execution_is_a_behaviour_of_the_protocols(name: str) -> None:
    _are_behaviours(_replayed(name), REPLAYED[name], MOST_EXECUTIONS)


@claim(
    "C7",
    "every recorded execution of the same scenarios, explored much further, is a behaviour of the protocols",
    method=Method.TESTED,
    scope=f"up to {MANY_EXECUTIONS} explored executions of each of {len(REPLAYED)} scenarios",
    assumptions="as for fewer executions",
)
@pytest.mark.prove
@pytest.mark.parametrize("name", REPLAYED)
def test_many_executions_are_behaviours_of_the_protocols(name: str) -> None:
    found = replayed(scenario_named(name).program(), REPLAYED[name].watch, MANY_EXECUTIONS)
    _are_behaviours(found, REPLAYED[name], MANY_EXECUTIONS)


@functools.cache
def _replayed(name: str) -> Replayed:
    return replayed(scenario_named(name).program(), REPLAYED[name].watch)


def _are_behaviours(found: Replayed, replay: Replay, most: int) -> None:
    assert found.report.failure is None, found.report.failure
    assert found.report.complete or found.report.executions == most
    assert set(found.steps) == replay.protocols
    assert all(sum(steps.values()) > found.report.executions for steps in found.steps.values())


def test_every_step_of_the_protocols_is_seen_in_some_execution() -> None:
    seen: dict[str, Counter[str]] = {}
    for scenario in REPLAYED:
        for title, steps in _replayed(scenario).steps.items():
            seen[title] = seen.get(title, Counter()) + steps
    for name, (protocol, _) in PROTOCOLS.items():
        assert set(protocol.steps) - set(seen.get(protocol.name, ())) == _IN_THE_MODEL_ONLY[name]


@claim(
    "C11",
    "a fault seeded in the kernels gives an execution that is no behaviour of the protocol: refused, by step and guard",
    method=Method.TESTED,
    scope=f"{len(_FAULTS)} changes of the production source",
)
@pytest.mark.parametrize(
    ("name", "fault", "refused"), _FAULTS, ids=[f"{name}, {fault.about}" for name, fault, _ in _FAULTS]
)
def test_a_fault_of_the_kernels_is_refused(name: str, fault: Fault, refused: str) -> None:
    found = replayed(scenario_named(name).changed(fault), REPLAYED[name].watch, 400)
    assert isinstance(found.report.failure, NotABehaviour), found.report.failure
    assert refused in str(found.report.failure)
