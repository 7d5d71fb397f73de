"""The command line: `python -m proofs.interleavings list | run SCENARIO | replay SCENARIO SCHEDULE`.

`--memory sc|tso|ra` says what the threads may rely on: see `memory_model.MemoryName`.

Exit codes: 0 when all is as it should be, 1 when an interleaving fails, 2 for names or schedules that make no sense.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from fastpath.designs import Design
from proofs.interleavings.catalogue import SCENARIOS, scenario_named
from proofs.interleavings.compiled.build import Instrumented
from proofs.interleavings.compiled.engine import Engine
from proofs.interleavings.compiled.known import KNOWN
from proofs.interleavings.compiled.speed import measure
from proofs.interleavings.compiled.switch import UnavailableError, why_unavailable
from proofs.interleavings.explore import Report, Search, explore
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.scenario import Scenario, UnknownNameError
from proofs.interleavings.schedule import ScheduleError, from_text, replay, shrink, to_text
from proofs.interleavings.scheduler import NotEnabledError

application = typer.Typer(add_completion=False, no_args_is_help=True, help="Explore interleavings of the fast path.")
console = Console()

Name = Annotated[str, typer.Argument(help="A scenario, see `list`.")]
DesignOption = Annotated[Design, typer.Option(help="The lock design.")]
MemoryOption = Annotated[MemoryName, typer.Option(help="Sequential consistency, x86-TSO, or release and acquire.")]
FaultOption = Annotated[str | None, typer.Option(help="Change the production source by this fault first.")]


@application.command("list")
def show_scenarios() -> None:
    """Show all scenarios with their threads and faults."""
    for scenario in SCENARIOS.values():
        designs = ", ".join(
            [
                *(design.value for design in scenario.designs),
                *(f"{design.value} fails: {defect}" for design, defect in scenario.broken.items()),
            ]
        )
        lines = [scenario.about, *(f"thread: {work}" for work in scenario.threads)]
        lines += [f"fault {name!r}: {fault.about}" for name, fault in scenario.faults.items()]
        lines += [f"harmless {name!r}: {fault.about}" for name, fault in scenario.harmless.items()]
        console.print(f"{scenario.name} ({designs})", style="bold", highlight=False)
        for line in lines:
            console.print(f"    {line}", highlight=False, soft_wrap=True)


@application.command()
def run(
    name: Name,
    design: DesignOption = Design.FINE,
    fault: FaultOption = None,
    memory: MemoryOption = MemoryName.SC,
    search: Annotated[Search, typer.Option(help="One run of each equivalence class, or every order.")] = Search.REDUCED,
    seconds: Annotated[float, typer.Option(min=0, help="Give up after this long.")] = 600.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here too.")] = None,
    compiled: Annotated[bool, typer.Option("--compiled", help="By the compiled engine, for some scenarios.")] = False,
) -> None:
    """Run every interleaving of a scenario; show the schedule of the first that fails."""
    scenario = _found(name)
    program = _program(scenario, fault, design)
    if compiled:
        report = _compiled_engine(scenario, fault, memory).explore(search, most_seconds=seconds)
    else:
        report = explore(program, search, most_seconds=seconds, memory=memory)
    schedule = to_text(shrink(program, report.counterexample, memory)) if report.counterexample is not None else None
    console.print(_summary(scenario, report, schedule), markup=False, highlight=False, soft_wrap=True)
    if json_file is not None:
        json_file.write_text(
            json.dumps(_result(scenario, design, fault, memory, search, report, schedule), indent=2) + "\n"
        )
    raise typer.Exit(1 if schedule is not None else 0)


@application.command("replay")
def run_once(
    name: Name,
    schedule: str,
    design: DesignOption = Design.FINE,
    fault: FaultOption = None,
    memory: MemoryOption = MemoryName.SC,
) -> None:
    """Run one schedule, such as a4ba12, and show each step."""
    program = _program(_found(name), fault, design)
    try:
        outcome = replay(program, from_text(schedule), memory=memory)
    except (ScheduleError, NotEnabledError) as error:
        raise _misused(error) from error
    for line in outcome.lines():
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if outcome.failure is None else 1)


@application.command("speed")
def show_speed(
    runs: Annotated[int, typer.Option(min=1, help="Schedules of a sample.")] = 200_000,
) -> None:
    """Measure how many schedules a second both engines run."""
    reason = why_unavailable()
    if reason is not None:
        raise _misused(UnavailableError(reason))
    for speed in measure(runs):
        console.print(str(speed), markup=False, highlight=False, soft_wrap=True)


def _found(name: str) -> Scenario:
    try:
        return scenario_named(name)
    except UnknownNameError as error:
        raise _misused(error) from error


def _program(scenario: Scenario, fault: str | None, design: Design) -> Any:
    try:
        return scenario.program(fault, design)
    except LookupError as error:
        raise _misused(error) from error


def _compiled_engine(scenario: Scenario, fault: str | None, memory: MemoryName) -> Engine:
    if memory is not MemoryName.SC:
        raise _misused(UnavailableError(f"the compiled engine knows --memory sc alone, not {memory.value}"))
    if scenario.name not in KNOWN:
        raise _misused(UnknownNameError(f"the compiled engine runs {', '.join(map(repr, KNOWN))}"))
    changes = {**scenario.faults, **scenario.harmless}
    try:
        return Engine(KNOWN[scenario.name], Instrumented(changes[fault].rewrites if fault else None))
    except UnavailableError as error:
        raise _misused(error) from error


def _misused(error: Exception) -> typer.Exit:
    console.print(str(error.args[0]), style="red", highlight=False, soft_wrap=True)
    return typer.Exit(2)


def _summary(scenario: Scenario, report: Report, schedule: str | None) -> str:
    counts = f"{report.executions} executions, {report.steps} steps, {report.seconds:.1f} s"
    if schedule is not None:
        failure = f"{type(report.failure).__name__}: {report.failure}"
        return f"{scenario.name}: FAILS under schedule {schedule} after {counts}\n{failure}"
    if not report.complete:
        return f"{scenario.name}: UNKNOWN, given up after {counts}"
    return f"{scenario.name}: holds in all interleavings: {counts}, {len(report.outcomes)} outcomes"


def _result(
    scenario: Scenario,
    design: Design,
    fault: str | None,
    memory: MemoryName,
    search: Search,
    report: Report,
    schedule: str | None,
) -> dict[str, Any]:
    return {
        "scenario": scenario.name,
        "design": design.value,
        "fault": fault,
        "memory": memory.value,
        "search": search.value,
        "complete": report.complete,
        "executions": report.executions,
        "redundant": report.redundant,
        "steps": report.steps,
        "outcomes": len(report.outcomes),
        "seconds": round(report.seconds, 3),
        "schedule": schedule,
        "failure": None if report.failure is None else f"{type(report.failure).__name__}: {report.failure}",
    }


if __name__ == "__main__":
    application()
