"""Campaigns on a real Dask scheduler with two workers, each a process of its own, on the loopback interface."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fastpath.designs import Design
from proofs.interleavings.__main__ import application
from proofs.interleavings.campaign import dask_cluster
from proofs.interleavings.campaign.dask_cluster import ClusterError, DaskCluster
from proofs.interleavings.campaign.job import Done, Lost, jobs_of
from proofs.interleavings.campaign.summary import ExitCode
from proofs.interleavings.catalogue import scenario_named
from proofs.interleavings.finding import Effort, Manner
from proofs.interleavings.memory_model import MemoryName
from proofs.units.interleavings.campaign.fatal import fatal_at_first

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[4]
START_SECONDS = 90.0
NAME = "thaw hands over"
JOBS = jobs_of(
    [scenario_named(NAME)], [Design.FINE], list(MemoryName), Effort(Manner.RANDOM, executions=5, seconds=30), seeds=3
)


def started(stack: ExitStack, module: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A process of the cluster, ended with the stack."""
    command = [sys.executable, "-m", f"distributed.cli.{module}", "--no-dashboard", *arguments]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL
    )
    stack.callback(process.wait, 30)
    stack.callback(process.kill)
    return process


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The scheduler's address, and two workers."""
    file = tmp_path / "scheduler.json"
    with ExitStack() as stack:
        started(stack, "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        end = time.monotonic() + START_SECONDS
        while not file.exists() or not file.read_text().endswith("}"):
            assert time.monotonic() < end, "the scheduler does not start"
            time.sleep(0.05)
        worker = ("--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--local-directory", str(tmp_path))
        address = str(json.loads(file.read_text())["address"])
        yield address, [started(stack, "dask_worker", address, *worker) for _ in range(2)]


def test_a_campaign_runs_on_a_cluster_and_loses_nothing_with_a_killed_worker(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, workers = cluster
    where = DaskCluster(address, partial(fatal_at_first, tmp_path / "killed"), START_SECONDS, workers=2)
    answers = list(where.results(JOBS))
    assert sorted(answer.key for answer in answers) == sorted(job.key for job in JOBS)
    assert [answer for answer in answers if not isinstance(answer, Done)] == []
    assert all(isinstance(answer, Done) and answer.finding.executions == 5 for answer in answers)
    killed = [worker for worker in workers if worker.poll() is not None]
    assert len(killed) == 1

    arguments = ["campaign", NAME, "--schedule", "random", "--executions", "5", "--memory", "ra"]
    arguments += ["--cluster", address, "--results", str(tmp_path / "results.jsonl")]
    result = CliRunner().invoke(application, arguments)
    assert result.exit_code == ExitCode.GOOD, result.output
    assert "1 of 1 jobs done, 0 failed" in result.output

    monkeypatch.setattr(dask_cluster, "code_identity", lambda: "other")
    (refused,) = DaskCluster(address).results(JOBS[:1])
    assert isinstance(refused, Lost)
    assert "other sources" in refused.why


def test_a_cluster_that_is_not_there_is_reported() -> None:
    with pytest.raises(ClusterError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:9"):
        list(DaskCluster("tcp://127.0.0.1:9", connect_seconds=0.5).results(JOBS[:1]))
