"""The command line: `python -m proofs.interleavings list | run SCENARIO | replay STRING | campaign | speed`.

`--design` is the lock design; `--memory sc|tso|ra` says what the threads may rely on: see `memory_model.MemoryName`.

Exit codes: 0 when all is as it should be, 1 when an interleaving fails, 2 for names or schedules that make no sense, 3
when it is not known.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from fastpath.designs import Design
from proofs.interleavings.campaign.command import campaign
from proofs.interleavings.campaign.summary import ExitCode
from proofs.interleavings.case import FORM, Case, from_replay_text
from proofs.interleavings.catalogue import SCENARIOS
from proofs.interleavings.compiled.build import Instrumented
from proofs.interleavings.compiled.engine import Engine
from proofs.interleavings.compiled.known import KNOWN
from proofs.interleavings.compiled.speed import measure
from proofs.interleavings.compiled.switch import UnavailableError, why_unavailable
from proofs.interleavings.counterexamples import Counterexample
from proofs.interleavings.finding import Effort, Finding, Manner, Verdict, finding, investigate
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.report import Search
from proofs.interleavings.scenario import Scenario, UnknownNameError
from proofs.interleavings.schedule import ScheduleError, replay
from proofs.interleavings.scheduler import NotEnabledError

application = typer.Typer(add_completion=False, no_args_is_help=True, help="Explore interleavings of the fast path.")
application.command()(campaign)
console = Console()

JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the result here too.")]


@application.command("list")
def show_scenarios(
    design: Annotated[Design | None, typer.Option(help="Only those that this lock design has.")] = None,
    json_file: JsonOption = None,
) -> None:
    """Show all scenarios with their threads and faults."""
    shown = [
        scenario for scenario in SCENARIOS.values() if design is None or design in (*scenario.designs, *scenario.broken)
    ]
    for scenario in shown:
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
    _write_json(json_file, [_described(scenario) for scenario in shown])


@application.command()
def run(  # noqa: PLR0913, PLR0917 - one parameter for each option
    name: Annotated[str, typer.Argument(help="A scenario, see `list`.")],
    design: Annotated[Design, typer.Option(help="The lock design.")] = Design.FINE,
    fault: Annotated[str | None, typer.Option(help="Change the production source by this fault first.")] = None,
    memory: Annotated[MemoryName, typer.Option(help="Sequential consistency, x86-TSO, release-acquire.")] = (
        MemoryName.SC
    ),
    schedule: Annotated[Manner, typer.Option(help="Search every interleaving, or draw schedules.")] = Manner.SEARCH,
    search: Annotated[
        Search | None,
        typer.Option(help="Every state once, one run of each equivalence class, or every order; default states."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 1,
    executions: Annotated[int, typer.Option(min=1, help="Runs at the most.")] = Effort.executions,
    depth: Annotated[int, typer.Option(min=1, help="Ordered steps that a fault needs, for pct.")] = Effort.depth,
    seconds: Annotated[float, typer.Option(min=0, help="Give up after this long.")] = Effort.seconds,
    compiled: Annotated[bool, typer.Option("--compiled", help="By the compiled engine, for some scenarios.")] = False,
    store: Annotated[Path | None, typer.Option(help="Keep a failing schedule in this folder.")] = None,
    json_file: JsonOption = None,
) -> None:
    """Run every interleaving of a scenario, or some by chance; show how to replay the first that fails."""
    case, effort = Case(name, design, memory, fault), Effort(schedule, search, executions, depth, seconds)
    try:
        found = _compiled(case, effort, seed) if compiled else investigate(case, effort, seed)
    except (UnknownNameError, UnavailableError) as error:
        raise _misused(error) from error
    console.print(str(found), markup=False, highlight=False, soft_wrap=True)
    _write_json(json_file, _result(found, effort))
    if found.replay is not None and store is not None:
        kept = Counterexample(*from_replay_text(found.replay), str(found.failure).partition(":")[0])
        console.print(f"stored in {kept.store(store)}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(_EXIT_CODES[found.verdict])


_EXIT_CODES = {
    Verdict.HOLDS: ExitCode.GOOD,
    Verdict.SAMPLED: ExitCode.GOOD,
    Verdict.FAILS: ExitCode.FAILED,
    Verdict.UNDECIDED: ExitCode.INCOMPLETE,
}


@application.command("replay")
def run_once(
    text: Annotated[str, typer.Argument(metavar="STRING", help=f"As `run` prints it: {FORM}")],
    design: Annotated[Design | None, typer.Option(help="Another lock design, as far as the steps exist there.")] = None,
    memory: Annotated[MemoryName | None, typer.Option(help="Another memory model, likewise.")] = None,
    production: Annotated[bool, typer.Option("--production", help="Without the fault, likewise.")] = False,
    json_file: JsonOption = None,
) -> None:
    """Run one schedule, such as "TWO HITS/fine/sc/a4ba12", and show each step."""
    try:
        case, schedule = from_replay_text(text)
        other = replace(
            case,
            design=design or case.design,
            memory=memory or case.memory,
            fault=None if production else case.fault,
        )
        outcome = replay(other.program(), schedule, strict=other == case, memory=other.memory)
    except (UnknownNameError, ScheduleError, NotEnabledError) as error:
        raise _misused(error) from error
    for line in outcome.lines():
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    failure = None if outcome.failure is None else f"{type(outcome.failure).__name__}: {outcome.failure}"
    replayed = other.replay_text(outcome.schedule)
    _write_json(json_file, {"replay": replayed, "failure": failure, "steps": list(outcome.lines())})
    raise typer.Exit(ExitCode.GOOD if failure is None else ExitCode.FAILED)


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


def _compiled(case: Case, effort: Effort, seed: int) -> Finding:
    """By the compiled engine. Raises UnavailableError, UnknownNameError."""
    if case.memory is not MemoryName.SC and effort.manner is not Manner.SEARCH:
        raise UnavailableError("the compiled engine draws schedules under --memory sc alone")
    if case.scenario not in KNOWN:
        raise UnknownNameError(f"the compiled engine runs {', '.join(map(repr, KNOWN))}")
    case.program()  # for its errors
    changes = {**case.found.faults, **case.found.harmless}
    rewrites = changes[case.fault].rewrites if case.fault is not None else None
    engine = Engine(KNOWN[case.scenario], Instrumented(rewrites))
    if effort.manner is Manner.RANDOM:
        report = engine.wander(effort.executions, seed, effort.seconds)
    elif effort.manner is Manner.PCT:
        report = engine.wander_by_priority(effort.executions, effort.depth, seed, effort.seconds)
    else:
        report = engine.explore(effort.search or Search.REDUCED, effort.executions, effort.seconds, case.memory)
    found = finding(case, report)
    sampled = effort.manner is not Manner.SEARCH and found.verdict is Verdict.UNDECIDED
    return replace(found, verdict=Verdict.SAMPLED, seed=seed) if sampled else found


def _misused(error: Exception) -> typer.Exit:
    console.print(str(error.args[0]), style="red", markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(ExitCode.MISUSED)


def _described(scenario: Scenario) -> dict[str, Any]:
    return {
        "scenario": scenario.name,
        "about": scenario.about,
        "threads": list(scenario.threads),
        "designs": [design.value for design in scenario.designs],
        "broken": {design.value: defect for design, defect in scenario.broken.items()},
        "faults": {name: fault.about for name, fault in scenario.faults.items()},
        "harmless": {name: fault.about for name, fault in scenario.harmless.items()},
    }


def _result(found: Finding, effort: Effort) -> dict[str, Any]:
    """The finding and the effort in one flat object."""
    content: dict[str, Any] = msgspec.to_builtins(found)
    return {
        **content.pop("case"),
        **content,
        "manner": effort.manner.value,
        "search": effort.search and effort.search.value,
    }


def _write_json(file: Path | None, content: Any) -> None:
    if file is not None:
        file.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    application()
