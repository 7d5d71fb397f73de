"""What a campaign has come to: a table, and a verdict."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from rich.table import Table

from proofs.interleavings.campaign.job import Done, Job
from proofs.interleavings.finding import Finding, Verdict


class ExitCode(enum.IntEnum):
    """What a campaign's exit code says."""

    GOOD = 0
    FAILED = 1
    MISUSED = 2
    INCOMPLETE = 3
    """Jobs are left, or a search was given up before its end."""


@dataclass(frozen=True)
class Summary:
    """The findings of the jobs that are done, and the jobs that are not: why."""

    findings: Sequence[Finding]
    missing: Mapping[str, str]

    @property
    def failures(self) -> list[Finding]:
        """What should hold and fails; and what has a known defect under its design that a whole search did not find."""
        return [
            found for found in self.findings if (_is_known(found) and found.verdict is Verdict.HOLDS) or _fails(found)
        ]

    @property
    def undecided(self) -> list[Finding]:
        """Searches that were given up."""
        return [found for found in self.findings if found.verdict is Verdict.UNDECIDED]

    @property
    def exit_code(self) -> ExitCode:
        """1 when anything failed, else 3 when anything is left."""
        if self.failures:
            return ExitCode.FAILED
        return ExitCode.INCOMPLETE if self.missing or self.undecided else ExitCode.GOOD

    def __str__(self) -> str:
        known = sum(_is_known(found) and found.verdict is Verdict.FAILS for found in self.findings)
        parts = [f"{len(self.findings)} of {len(self.findings) + len(self.missing)} jobs done"]
        parts += [f"{len(self.failures)} failed", f"{known} with the defect that their design is known for"]
        parts += [
            f"{len(self.undecided)} undecided",
            f"{sum(found.executions for found in self.findings):,} executions",
        ]
        return ", ".join(parts)

    def table(self) -> Table:
        """A row for each job."""
        table = Table(box=None, pad_edge=False)
        for column in ("scenario", "design", "memory", "seed", "verdict"):
            table.add_column(column, overflow="fold")
        for column in ("states", "executions", "redundant", "steps", "outcomes", "seconds"):
            table.add_column(column, justify="right")
        table.add_column("replay", overflow="fold")
        for found in self.findings:
            verdict = f"{found.verdict} (known)" if _is_known(found) and found.replay else str(found.verdict)
            counts = (found.states, found.executions, found.redundant, found.steps, found.outcomes)
            table.add_row(
                *(
                    found.case.scenario,
                    found.case.design.value,
                    found.case.memory.value,
                    str(found.seed or ""),
                    verdict,
                ),
                *(f"{count:,}" for count in counts),
                f"{found.seconds:.1f}",
                (found.replay or "").rpartition("/")[2],
            )
        for key, why in self.missing.items():
            table.add_row(key, "", "", "", f"missing: {why}")
        return table

    def as_json(self) -> dict[str, Any]:
        """The same, for programs."""
        return {
            "exit_code": int(self.exit_code),
            "summary": str(self),
            "findings": msgspec.to_builtins(list(self.findings)),
            "missing": dict(self.missing),
        }


def summarised(jobs: Sequence[Job], done: Mapping[str, Done], lost: Mapping[str, str]) -> Summary:
    """What these jobs have come to."""
    findings = [done[job.key].finding for job in jobs if job.key in done]
    missing = {job.key: lost.get(job.key, "not done yet") for job in jobs if job.key not in done}
    return Summary(findings, missing)


def _is_known(found: Finding) -> bool:
    """Whether the design has a known defect in this scenario."""
    return found.case.design in found.case.found.broken


def _fails(found: Finding) -> bool:
    return found.verdict is Verdict.FAILS and not _is_known(found)
