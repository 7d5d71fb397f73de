"""Seeded faults: both engines find them in the same run, and shrink them to the same schedule."""

import pytest

from fastpath.interpreted import Interpreted
from proofs.interleavings.catalogue import scenario_named
from proofs.interleavings.compiled import engine as engine_module
from proofs.interleavings.compiled.build import Instrumented
from proofs.interleavings.compiled.engine import Engine
from proofs.interleavings.compiled.kernel_program import Build, CheckFailedError, KernelProgram, as_program
from proofs.interleavings.compiled.known import KNOWN
from proofs.interleavings.compiled.sequence_lock import sequence_lock
from proofs.interleavings.compiled.switch import Operation, why_unavailable
from proofs.interleavings.explore import explore
from proofs.interleavings.report import Report
from proofs.interleavings.schedule import from_text, replay, shrink, to_text
from proofs.ledger import Method, claim
from proofs.units.interleavings.compiled.generated_kernels import generated_kernels

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))

FAULTS = [(name, fault) for name in KNOWN for fault in scenario_named(name).faults]


def unlocked(modules: Interpreted) -> KernelProgram:
    return sequence_lock(modules, locked=False)


def minimal(build: Build, modules: Interpreted, report: Report) -> str:
    """The shortest schedule, found with the plain engine from the counterexample of either."""
    assert report.counterexample is not None
    return to_text(shrink(as_program(build, modules), report.counterexample))


def test_a_torn_read_is_found_by_both_with_the_same_minimal_schedule() -> None:
    compiled, plain = Engine(unlocked).explore(), explore(as_program(unlocked), every_access=True)
    assert isinstance(compiled.failure, CheckFailedError)
    assert isinstance(plain.failure, CheckFailedError)
    assert compiled.counterexample == plain.counterexample
    assert (compiled.executions, compiled.steps) == (plain.executions, plain.steps)
    schedule = minimal(unlocked, Interpreted(), compiled)
    assert schedule == minimal(unlocked, Interpreted(), plain)
    assert isinstance(replay(as_program(unlocked), from_text(schedule)).failure, CheckFailedError)
    assert replay(as_program(sequence_lock), from_text(schedule), strict=False).failure is None


@claim(
    "C11",
    "both engines find the same seeded faults in the same first run, with the same minimal schedule",
    method=Method.TESTED,
    scope="; ".join(scenario_named(name).faults[fault].about for name, fault in FAULTS),
)
@pytest.mark.parametrize(("name", "fault"), FAULTS)
def test_a_seeded_fault_is_found_by_both_with_the_same_minimal_schedule(name: str, fault: str) -> None:
    build, rewrites = KNOWN[name], scenario_named(name).faults[fault].rewrites
    compiled = Engine(build, Instrumented(rewrites)).explore()
    plain = explore(as_program(build, Interpreted(rewrites)), every_access=True)
    known = explore(scenario_named(name).program(fault), every_access=True)
    assert type(compiled.failure) is type(plain.failure)
    assert compiled.counterexample == plain.counterexample
    assert (compiled.executions, compiled.redundant, compiled.steps) == (plain.executions, plain.redundant, plain.steps)
    # The known scenario looks at some results at once, where the kernels' check waits for the end of the run.
    assert compiled.counterexample is not None
    assert known.counterexample is not None
    assert compiled.counterexample[: len(known.counterexample)] == known.counterexample
    schedule = minimal(build, Interpreted(rewrites), compiled)
    assert replay(scenario_named(name).program(fault), from_text(schedule), strict=False).failure is not None


@pytest.mark.parametrize("operation", [Operation.STORE, Operation.UPDATE, Operation.COMPARE_AND_SWAP])
def test_an_engine_that_gives_an_operation_no_turn_loses_outcomes(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds, modules = [generated_kernels(seed) for seed in range(40)], Instrumented()
    complete = [Engine(build, modules).explore().outcomes.keys() for build in builds]
    monkeypatch.setattr(engine_module, "TURNS_UNDER_SC", engine_module.TURNS_UNDER_SC & ~(1 << operation))
    assert any(
        Engine(build, modules).explore().outcomes.keys() < all_ for build, all_ in zip(builds, complete, strict=True)
    )
