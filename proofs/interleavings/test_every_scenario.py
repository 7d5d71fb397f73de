"""Every scenario under `fine`, in every execution that each memory model allows: to the end, all of them.

By the search of states; where a reduced search, which makes runs and keeps no states, ends as well, both have the same
outcomes. The other tests of this folder break the source, and go through the other designs.
"""

import pytest

from proofs.interleavings.catalogue import PORTS, RACY, SCENARIOS
from proofs.interleavings.exploring import assert_fails, assert_program_holds
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.report import Search
from proofs.ledger import Method, claim

LONG = {
    *(("look-up, removal and install", memory) for memory in MemoryName),
    ("counts of one half", MemoryName.RA),
    ("renewal beside renewal", MemoryName.RA),
    ("renewal of a dead half, twice", MemoryName.RA),
    ("closing: reset and data under a flow lock", MemoryName.RA),
    ("closing: resets both ways", MemoryName.RA),
}
"""A reduced search takes long for these."""
WHOLE = {scenario.name for scenario in PORTS}
"""On the whole port. Under sequential consistency `test_port.py`, `test_port_misses.py` and `test_translation.py` have
them, under all designs."""
CASES = [
    (name, memory)
    for name in SCENARIOS
    for memory in MemoryName
    if (name, memory) != (RACY, MemoryName.RA) and not (name in WHOLE and memory is MemoryName.SC)
]
LONGEST = {
    ("misses: renewal in both directions", MemoryName.RA),
    ("misses: two of one flow", MemoryName.RA),
    ("misses: both directions at once", MemoryName.RA),
    ("misses: beside expiry", MemoryName.RA),
    ("misses: beside a full table", MemoryName.RA),
}
"""About a minute each, and more: for `make prove`."""
SEARCHED_TWICE = {case for case in CASES if case[0] not in WHOLE} - LONG
UNORDERED = {"epoch ignored", "control word stays", "mappings unseen", "reset unseen"}
"""Not found under release and acquire: two calls that know nothing of each other may take effect in either order."""
FAULTS = [
    (scenario.name, fault, memory)
    for scenario in PORTS
    for fault in scenario.faults
    for memory in (MemoryName.TSO, MemoryName.RA)
    if memory is MemoryName.TSO or fault not in UNORDERED
]
HARMLESS = [(scenario.name, change) for scenario in PORTS for change in scenario.harmless]


@claim(
    "C8",
    "what each scenario says holds under sequential consistency, x86-TSO and release-acquire; no data race, no "
    "deadlock, no lost wake-up",
    method=Method.EXHAUSTIVE,
    scope=f"[fine] all {len(SCENARIOS)} scenarios of two, three and four threads, of which {len(WHOLE)} on the whole "
    "port, slow path and all (there C7 has sequential consistency, for all designs), under all three models; but not "
    f"{RACY} under {MemoryName.RA.value}, a data race by intention; every state once, and {len(SEARCHED_TWICE)} "
    f"of the {len(CASES)} cases also by a reduced search, which has the same outcomes; {len(LONGEST)} of them in `make "
    "prove` alone",
    assumptions="no values out of thin air; the slow lock orders what Python does behind it, and Python's assignments "
    "and look-ups outside it release and acquire; under release-acquire, operations are ordered by happens-before; "
    "what decides how a thread goes on is its local state (local_state.py)",
)
@pytest.mark.parametrize(
    ("name", "memory"),
    [
        pytest.param(
            *case,
            marks=[
                *([pytest.mark.slow] if case[0] in WHOLE else []),
                *([pytest.mark.prove] if case in LONGEST else []),
            ],
        )
        for case in CASES
    ],
)
def test_holds_in_every_execution(name: str, memory: MemoryName) -> None:
    report = assert_program_holds(SCENARIOS[name].program(), name, Search.STATES, memory)
    counts = f"{report.states} states, {report.executions} of them last ones, {len(report.outcomes)} outcomes"
    print(f"{name}, {memory.value}: {counts}, {report.seconds:.1f} s")  # noqa: T201 - shown by pytest when asked
    assert report.steps >= (10 if name in WHOLE else 5), f"only {report.steps} steps: is there nothing to interleave?"
    if (name, memory) in SEARCHED_TWICE:
        reduced = assert_program_holds(SCENARIOS[name].program(), name, Search.REDUCED, memory)
        assert reduced.outcomes.keys() == report.outcomes.keys()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "fault", "memory"), FAULTS)
def test_finds_the_seeded_fault_of_a_port_under_weak_memory(name: str, fault: str, memory: MemoryName) -> None:
    scenario = SCENARIOS[name]
    assert_fails(scenario.program(fault), scenario.program(), fault, memory, Search.STATES)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "change"), HARMLESS)
def test_holds_where_something_else_still_protects(name: str, change: str) -> None:
    """That no interleaving shows a change is a result of a search that ends, and nothing less."""
    assert_program_holds(SCENARIOS[name].program(change), f"{name}, {change}", Search.STATES)
