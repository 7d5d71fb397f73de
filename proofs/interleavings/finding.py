"""What came of looking at a case, by search or by chance: a verdict, the counts, and how to see a failure again."""

import enum
from dataclasses import dataclass, replace

from proofs.interleavings.case import Case
from proofs.interleavings.chance import Draw, Sample, sample
from proofs.interleavings.explore import explore
from proofs.interleavings.report import Report, Search
from proofs.interleavings.schedule import shrink


class Manner(enum.StrEnum):
    """How schedules are chosen."""

    SEARCH = "search"
    """All of them, or one of each class of equivalent ones."""
    RANDOM = "random"
    PCT = "pct"


class Verdict(enum.StrEnum):
    """What is known afterwards."""

    HOLDS = "holds"
    """In every interleaving."""
    FAILS = "fails"
    SAMPLED = "not failed"
    """In no run that was made by chance."""
    UNDECIDED = "undecided"
    """A search was given up."""


@dataclass(frozen=True)
class Effort:
    """How a case is looked at, and how much: the same for all jobs of a campaign.

    Attributes:
        manner: how schedules are chosen.
        search: what a search leaves out; None for the search of states.
        executions: runs at the most.
        depth: of the faults that PCT shall find.
        seconds: time at the most, for each job.
    """

    manner: Manner = Manner.SEARCH
    search: Search | None = None
    executions: int = 1_000_000
    depth: int = 3
    seconds: float = 600.0


@dataclass(frozen=True)
class Finding:
    """What came of one job.

    Attributes:
        case: scenario, fault, design and memory model.
        seed: of the draws; 0 for a search.
        verdict: what is known.
        executions: runs that reached their end.
        redundant: runs given up because an equivalent one had been run already.
        steps: scheduling points of all runs.
        outcomes: different ones.
        seconds: time taken.
        replay: the string that replays the failure, shrunk; None without one.
        failure: what went wrong there.
        states: different states, if the search told them apart.
        note: for runs by chance, what they would have found with which probability.
    """

    case: Case
    seed: int
    verdict: Verdict
    executions: int
    redundant: int
    steps: int
    outcomes: int
    seconds: float
    replay: str | None = None
    failure: str | None = None
    note: str = ""
    states: int = 0

    def __str__(self) -> str:
        states = f"{self.states} states, " if self.states else ""
        counts = f"{states}{self.executions} executions, {self.steps} steps, {self.seconds:.1f} s"
        note = f"\n{self.note}" if self.note else ""
        if self.verdict is Verdict.FAILS:
            return f"{self.case}: FAILS after {counts}{note}\nreplay: {self.replay}\n{self.failure}"
        if self.verdict is Verdict.UNDECIDED:
            return f"{self.case}: UNKNOWN, given up after {counts}"
        if self.verdict is Verdict.SAMPLED:
            return f"{self.case}: no failure by chance in {counts}, {self.outcomes} outcomes{note}"
        return f"{self.case}: holds in all interleavings: {counts}, {self.outcomes} outcomes"


def investigate(case: Case, effort: Effort, seed: int = 1) -> Finding:
    """Look at a case. Raises UnknownNameError, and what the machinery itself raises."""
    program = case.program()
    if effort.manner is Manner.SEARCH:
        report = explore(program, effort.search or Search.STATES, effort.executions, effort.seconds, case.memory)
    else:
        draw = Draw(effort.manner.value)
        report = sample(program, draw, effort.executions, seed, effort.depth, case.memory, effort.seconds)
    return finding(case, report)


def finding(case: Case, report: Report) -> Finding:
    """A report as a finding; a failing schedule is shrunk."""
    chance = isinstance(report, Sample)
    verdict = Verdict.HOLDS if report.complete else Verdict.SAMPLED if chance else Verdict.UNDECIDED
    found = Finding(
        case=case,
        seed=report.seed if isinstance(report, Sample) else 0,
        verdict=verdict,
        executions=report.executions,
        redundant=report.redundant,
        steps=report.steps,
        outcomes=len(report.outcomes),
        seconds=round(report.seconds, 3),
        note=str(report) if chance else "",
        states=report.states,
    )
    if report.counterexample is None:
        return found
    schedule = shrink(case.program(), report.counterexample, case.memory)
    failure = f"{type(report.failure).__name__}: {report.failure}"
    return replace(found, verdict=Verdict.FAILS, replay=case.replay_text(schedule), failure=failure)
