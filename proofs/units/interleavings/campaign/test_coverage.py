"""The table of how far searches have come."""

from typing import Any

from fastpath.designs import Design
from proofs.interleavings.campaign.coverage import coverage
from proofs.interleavings.case import Case
from proofs.interleavings.finding import Finding, Verdict
from proofs.interleavings.memory_model import MemoryName


def finding(scenario: str, memory: MemoryName, verdict: Verdict, executions: int, **told: Any) -> Finding:
    case = Case(scenario, Design.FINE, memory)
    return Finding(case, 0, verdict, executions, 0, 10 * executions, 1, 2.0, **told)


def test_a_search_that_ended_was_given_up_or_failed_is_told_apart() -> None:
    found = [
        finding("room for one", MemoryName.SC, Verdict.HOLDS, 1_234),
        finding("room for one", MemoryName.TSO, Verdict.UNDECIDED, 56),
        finding("room for one", MemoryName.RA, Verdict.FAILS, 7, failure="DataRaceError: words: both store"),
        finding("three takers", MemoryName.SC, Verdict.HOLDS, 8, states=12_914),
        finding("three takers", MemoryName.TSO, Verdict.UNDECIDED, 2, states=999),
    ]
    lines = coverage(found).splitlines()
    assert "| room for one | fine | 2 | 1,234 | > 56 | DataRaceError after 7 |" in lines
    assert "| three takers | fine | 3 | 12,914 states | > 999 states |  |" in lines
    assert "2 threads: 1 of 3 searches ended, 0 states and 1,297 executions in 6 s.  " in lines
    assert "3 threads: 1 of 2 searches ended, 13,913 states and 10 executions in 4 s.  " in lines
