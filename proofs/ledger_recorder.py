"""The pytest side of the ledger: turns what happened to each claimed check into a row.

`--ledger=FILE` writes the rows of the run as JSON when the session ends, however it ends. Where the checks are spread
over processes (`-n`), each worker hands its records to the process that started it. What a worker that dies had found
out dies with it: its checks count as left out.
"""

import platform
import sys
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proofs.ledger import Claim, Ledger, Result, Row, Unknown, write

WORKER_OUTPUT = "ledger"
"""Name under which a worker's records travel."""
LEFT_OUT = "left out of this run"


@dataclass
class Record:
    """What has happened so far to one collected test."""

    claims: list[Claim]
    result: Result = Result.NOT_RUN
    seconds: float = 0.0
    reason: str = LEFT_OUT

    def merge(self, other: "Record") -> None:
        """Take in what another process found out about the same test."""
        self.seconds += other.seconds
        if other.reason != LEFT_OUT:
            self.add(other.result, other.reason)

    def add(self, result: Result, reason: str) -> None:
        """Take in what one phase found; once a phase has decided, only a worse finding counts."""
        order = list(Result)
        undecided = self.result is Result.NOT_RUN
        if undecided or order.index(result) > order.index(self.result):
            self.result, self.reason = result, reason


@dataclass(eq=False)
class LedgerRecorder:
    """Follows a pytest session; registered as a plugin when `--ledger` is given."""

    target: Path
    records: dict[str, Record] = field(default_factory=dict)
    uncollected: list[str] = field(default_factory=list)

    @pytest.hookimpl(tryfirst=True)
    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Open a record for a claimed test, before anything can deselect it.

        The long proofs have a ledger of their own: they count where `--prove` asks for them.
        """
        claims = [mark.args[0] for mark in item.iter_markers("claim")]
        asked = not item.get_closest_marker("prove") or item.config.getoption("prove", False)
        if claims and asked:
            self.records[item.nodeid] = Record(claims)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file whose claims cannot be known, since it could not be collected."""
        if report.failed:
            self.uncollected.append(report.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Bring the record up to date with the setup, call or teardown that has just ended."""
        report = yield
        record = self.records.get(item.nodeid)
        if record is not None:
            record.seconds += report.duration
            finding = judge(report, call)
            if finding is not None:
                record.add(*finding)
        return report

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the ledger, or hand the records over for it."""
        output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if output is None:
            write(self.ledger(), self.target)
        else:
            output[WORKER_OUTPUT] = msgspec.to_builtins([self.records, self.uncollected])

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take in the records of a worker that has ended."""
        output = getattr(node, "workeroutput", {}).get(WORKER_OUTPUT)
        if output is None:
            return
        records, uncollected = msgspec.convert(output, tuple[dict[str, Record], list[str]])
        for nodeid, record in records.items():
            if nodeid in self.records:
                self.records[nodeid].merge(record)
            else:
                self.records[nodeid] = record
        self.uncollected += [name for name in uncollected if name not in self.uncollected]

    def ledger(self) -> Ledger:
        """The rows as they stand now: one per check and claim, parameters taken together."""
        grouped: dict[tuple[str, Claim], list[Record]] = {}
        for nodeid, record in self.records.items():
            for claimed in record.claims:
                grouped.setdefault((nodeid.split("[")[0], claimed), []).append(record)
        rows = [combine(check, claimed, records) for (check, claimed), records in grouped.items()]
        return Ledger(
            python=sys.version.split()[0],
            platform=platform.platform(),
            rows=sorted(rows, key=Row.order),
            uncollected=self.uncollected,
        )


def judge(report: pytest.TestReport, call: pytest.CallInfo[None]) -> tuple[Result, str] | None:
    """What one phase of a test says about its claims, and why; None where it decides nothing."""
    if report.failed:
        if call.excinfo is None:
            return Result.FAILED, f"{report.when} failed"
        if call.excinfo.errisinstance(Unknown):
            return Result.UNKNOWN, first_line(str(call.excinfo.value))
        return Result.FAILED, first_line(call.excinfo.exconly())
    if report.skipped:
        if hasattr(report, "wasxfail"):
            return Result.FAILED, first_line(f"expected failure: {report.wasxfail}")
        return Result.NOT_RUN, first_line(str(call.excinfo.value)) if call.excinfo else "skipped"
    return (Result.HELD, "") if report.when == "call" else None


def combine(check: str, claimed: Claim, records: Iterable[Record]) -> Row:
    """One row for all parameters of a check: as good as the worst of them."""
    every = list(records)
    worst = max(every, key=lambda record: list(Result).index(record.result))
    alike = sum(record.result is worst.result for record in every)
    of_many = f"{alike} of {len(every)}: " if len(every) > 1 and worst.reason else ""
    return Row(
        claim=claimed,
        check=check,
        seconds=sum(record.seconds for record in every),
        result=worst.result,
        reason=of_many + worst.reason if worst.reason else "",
    )


def first_line(text: str) -> str:
    """The first line of `text`, cut to what fits a table."""
    line = text.strip().split("\n")[0]
    return line if len(line) <= 120 else line[:119] + "…"
