"""The command `python -m proofs.interleavings campaign`."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fastpath.designs import Design
from proofs.interleavings.campaign.coverage import coverage
from proofs.interleavings.campaign.dask_cluster import ClusterError, DaskCluster
from proofs.interleavings.campaign.job import Done, Job, jobs_of
from proofs.interleavings.campaign.local_processes import LocalProcesses
from proofs.interleavings.campaign.results_file import ResultsFile, ResultsFileError, opened
from proofs.interleavings.campaign.summary import ExitCode, summarised
from proofs.interleavings.catalogue import SCENARIOS, scenario_named
from proofs.interleavings.finding import Effort, Manner
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.report import Search
from proofs.interleavings.scenario import UnknownNameError

RESULTS = Path("results/interleavings/campaign.jsonl")

console = Console(width=None if os.isatty(1) else 200)


def campaign(  # noqa: PLR0913, PLR0917 - one parameter for each option
    names: Annotated[list[str] | None, typer.Argument(help="Scenarios, see `list`; all when none is named.")] = None,
    design: Annotated[list[Design] | None, typer.Option(help="A lock design; may be repeated; default all.")] = None,
    memory: Annotated[
        list[MemoryName] | None, typer.Option(help="A memory model; may be repeated; default all.")
    ] = None,
    schedule: Annotated[Manner, typer.Option(help="Search every interleaving, or draw schedules.")] = Manner.SEARCH,
    search: Annotated[Search | None, typer.Option(help="What searches leave out, see `run`; default states.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Jobs with different draws for each case.")] = 1,
    executions: Annotated[int, typer.Option(min=1, help="Runs of a job at the most.")] = Effort.executions,
    depth: Annotated[int, typer.Option(min=1, help="Ordered steps that a fault needs, for pct.")] = Effort.depth,
    seconds: Annotated[float, typer.Option(min=0, help="Time of a job at the most.")] = Effort.seconds,
    workers: Annotated[int, typer.Option(min=1, help="Local processes.")] = os.cpu_count() or 1,
    cluster: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, instead of local processes.")
    ] = None,
    results: Annotated[Path, typer.Option(help="Where results go; what stands there is not done again.")] = RESULTS,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the summary here too.")] = None,
    markdown_file: Annotated[
        Path | None, typer.Option("--markdown", help="Write a table of scenarios by memory models here.")
    ] = None,
) -> None:
    """Look at scenarios under designs, memory models and seeds, on many processes; go on where an earlier one ended.

    Exit codes: 0 when all is as it should be, 1 when something failed, 2 for what makes no sense, 3 when jobs are left
    or a search was given up.
    """
    effort = Effort(schedule, search, executions=executions, depth=depth, seconds=seconds)
    try:
        scenarios = [scenario_named(name) for name in names] if names else list(SCENARIOS.values())
        jobs = jobs_of(scenarios, design or list(Design), memory or list(MemoryName), effort, seeds)
        if not jobs:
            raise UnknownNameError("none of these scenarios has such a design")
        where = DaskCluster(cluster) if cluster is not None else LocalProcesses(workers)
        with opened(results, effort) as file:
            lost = _run(jobs, where, file)
            summary = summarised(jobs, file.done, lost)
    except (UnknownNameError, ResultsFileError, ClusterError) as error:
        console.print(str(error.args[0]), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(ExitCode.MISUSED) from error
    console.print(summary.table())
    console.print(str(summary), markup=False, highlight=False, soft_wrap=True)
    if json_file is not None:
        json_file.write_text(json.dumps(summary.as_json(), indent=2) + "\n")
    if markdown_file is not None:
        markdown_file.write_text(coverage(summary.findings))
    raise typer.Exit(summary.exit_code)


def _run(jobs: Sequence[Job], where: DaskCluster | LocalProcesses, file: ResultsFile) -> dict[str, str]:
    """Do what is left of the jobs; why some could not be done. An interrupt ends it, and leaves what is done."""
    left = [job for job in jobs if job.key not in file.done]
    lost: dict[str, str] = {}
    if not left:
        return lost
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("campaign", total=len(jobs), completed=len(jobs) - len(left))
        try:
            for answer in where.results(left):
                if isinstance(answer, Done):
                    file.add(answer)
                else:
                    lost[answer.key] = answer.why
                progress.advance(bar)
                progress.update(bar, description=answer.key)
        except KeyboardInterrupt:
            console.print("interrupted: the same command goes on from here", style="yellow")
    return lost
