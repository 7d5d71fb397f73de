"""Campaigns: nothing is lost with a process, nothing is done twice, and the exit code says how it went."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fastpath.designs import Design
from proofs.interleavings.__main__ import application
from proofs.interleavings.campaign import command
from proofs.interleavings.campaign.job import Done, Job, Lost, jobs_of, perform
from proofs.interleavings.campaign.local_processes import MOST_ATTEMPTS, LocalProcesses
from proofs.interleavings.campaign.summary import ExitCode, summarised
from proofs.interleavings.case import Case
from proofs.interleavings.catalogue import scenario_named
from proofs.interleavings.finding import Effort, Finding, Manner, Verdict
from proofs.interleavings.memory_model import MemoryName
from proofs.units.interleavings.campaign.fatal import fatal, fatal_at_first

NAME = "thaw hands over"
SCENARIO = scenario_named(NAME)
BROKEN = "port: hit beside expiry"


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(application, ["campaign", *arguments])
    return result.exit_code, result.output


def jobs(seeds: int) -> list[Job]:
    return jobs_of([SCENARIO], [Design.FINE], [MemoryName.SC], Effort(Manner.RANDOM, executions=5), seeds)


def test_there_is_a_job_for_each_scenario_design_memory_model_and_seed() -> None:
    port = scenario_named(BROKEN)
    searched = jobs_of([SCENARIO, port], list(Design), list(MemoryName), Effort(), seeds=5)
    assert len(searched) == (1 + 4) * 3, "a search has no seeds, and a scenario only its designs"
    drawn = jobs_of([SCENARIO, port], list(Design), list(MemoryName), Effort(Manner.PCT), seeds=5)
    assert len(drawn) == len({job.key for job in drawn}) == 5 * len(searched)


@pytest.mark.slow
def test_a_local_process_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    where = LocalProcesses(2, partial(fatal_at_first, tmp_path / "killed"))
    answers = list(where.results(jobs(4)))
    assert where.replaced == 1
    assert sorted(answer.key for answer in answers) == sorted(job.key for job in jobs(4))
    assert all(isinstance(answer, Done) and answer.finding.executions == 5 for answer in answers)


@pytest.mark.slow
def test_a_job_that_kills_every_process_is_given_up() -> None:
    where = LocalProcesses(1, fatal)
    (answer,) = where.results(jobs(1))
    assert isinstance(answer, Lost)
    assert where.replaced == MOST_ATTEMPTS


class Here:
    """Does jobs in this process; stands in for processes, and counts."""

    def __init__(self, most: int = 1_000) -> None:
        self.most, self.done = most, list[str]()

    def __call__(self, _count: int) -> "Here":
        return self

    def results(self, left: list[Job]) -> Iterator[Done]:
        for job in left:
            if len(self.done) == self.most:
                raise KeyboardInterrupt
            self.done.append(job.key)
            yield perform(job)


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    file, result = tmp_path / "results.jsonl", tmp_path / "summary.json"
    chance = ["--schedule", "random", "--executions", "4", "--seeds", "3", "--memory", "sc"]
    return [NAME, *chance, "--results", str(file), "--json", str(result)]


def test_an_interrupted_campaign_goes_on_where_it_ended(options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = Here(most=1), Here(), Here()
    monkeypatch.setattr(command, "LocalProcesses", first)
    code, output = invoke(*options)
    assert code == ExitCode.INCOMPLETE
    assert "interrupted: the same command goes on from here" in output
    assert "1 of 3 jobs done" in output
    monkeypatch.setattr(command, "LocalProcesses", second)
    code, output = invoke(*options)
    assert code == ExitCode.GOOD
    assert "3 of 3 jobs done, 0 failed" in output
    monkeypatch.setattr(command, "LocalProcesses", third)
    assert invoke(*options)[0] == ExitCode.GOOD
    assert [len(each.done) for each in (first, second, third)] == [1, 2, 0]
    assert set(first.done).isdisjoint(second.done)
    summary = json.loads(Path(options[-1]).read_text())
    assert [found["executions"] for found in summary["findings"]] == [4, 4, 4]
    assert summary["missing"] == {}


def test_a_campaign_with_other_parameters_does_not_go_on_with_a_file(
    options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "LocalProcesses", Here())
    assert invoke(*options)[0] == ExitCode.GOOD
    code, output = invoke(*options, "--executions", "5")
    assert code == ExitCode.MISUSED
    assert "made with another effort" in output


@pytest.mark.parametrize("arguments", [("no such scenario",), (NAME, "--design", "mutex")])
def test_names_that_make_no_sense_exit_with_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert invoke(*arguments, "--results", str(tmp_path / "results.jsonl"))[0] == ExitCode.MISUSED


def found(verdict: Verdict, case: Case) -> Done:
    replay = case.replay_text(()) if verdict is Verdict.FAILS else None
    return Done(f"{case}/0", "", Finding(case, 0, verdict, 1, 0, 1, 1, 0.0, replay))


HOLDS = Case(NAME)
KNOWN = Case(BROKEN, Design.RWLOCK)
EXIT_CODES = {
    "all hold": ([found(Verdict.HOLDS, HOLDS)], ExitCode.GOOD),
    "one fails": ([found(Verdict.FAILS, HOLDS)], ExitCode.FAILED),
    "one is undecided": ([found(Verdict.UNDECIDED, HOLDS)], ExitCode.INCOMPLETE),
    "no run by chance failed": ([found(Verdict.SAMPLED, HOLDS)], ExitCode.GOOD),
    "a known defect is found": ([found(Verdict.FAILS, KNOWN)], ExitCode.GOOD),
    "a known defect is not found": ([found(Verdict.HOLDS, KNOWN)], ExitCode.FAILED),
    "one fails and one is undecided": ([found(Verdict.FAILS, HOLDS), found(Verdict.UNDECIDED, KNOWN)], ExitCode.FAILED),
    "one is missing": ([], ExitCode.INCOMPLETE),
}


@pytest.mark.parametrize(("results", "code"), EXIT_CODES.values(), ids=EXIT_CODES)
def test_the_exit_code_says_whether_anything_failed_or_is_left(results: list[Done], code: ExitCode) -> None:
    expected = [Job(done.finding.case, Effort()) for done in results] or [Job(HOLDS, Effort())]
    assert summarised(expected, {done.key: done for done in results}, {}).exit_code == code
