"""Real guests talking through ports: `make live`, or `python -m experiments.live`.

Needs Linux, root, and the Debian packages iproute2 iperf3 curl iputils-ping udhcpc. Exit status: 0 when every step has
succeeded, 1 when one has not, 2 for what the user must change.
"""

import signal
import sys
import threading
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console
from rich.live import Live

from experiments.errors import InputError
from experiments.live.guests import check_machine, guests
from experiments.live.network import Network, NotChanged
from experiments.live.trial import Plan, Trial
from experiments.live.view import View, steps_table
from experiments.live.vpc import MOST, addresses
from experiments.recording.programs import RecordingError
from fastpath import Design

FAILED, UNUSABLE = 1, 2
PICTURES: Final = 4
"""A second."""

console = Console(highlight=False, markup=False)


def main(
    design: Annotated[list[Design] | None, typer.Option(help="Designs, in turn; all by default.")] = None,
    count: Annotated[int, typer.Option("--guests", min=2, max=MOST, help="How many guests.")] = 2,
    seconds: Annotated[int, typer.Option(min=1, help="Of each iperf3 run.")] = 3,
    megabytes: Annotated[int, typer.Option(min=1, help="Of the file that is transferred.")] = 1_000,
    rate: Annotated[float, typer.Option(min=0.1, help="Changes of firewall rules a second.")] = 10.0,
    offload: Annotated[bool, typer.Option(help="Let guests hand over segments of up to 60 kB.")] = True,
) -> None:
    """Lets real programs in network namespaces talk through the ports, while designs and rules change."""
    signal.signal(signal.SIGTERM, _interrupt)
    plan = Plan(tuple(design or Design), seconds, megabytes, rate)
    try:
        check_machine()
        run(plan, count, offload)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - one plain line, never wrapped
        raise typer.Exit(UNUSABLE) from None
    except (RecordingError, NotChanged) as failure:
        cause = f" ({failure.__cause__!r})" if isinstance(failure, NotChanged) else ""
        print(f"error: {failure}{cause}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(FAILED) from None


def run(plan: Plan, count: int, offload: bool) -> Trial:
    """The trial, shown while it runs. Raises `InputError`, `RecordingError` or `NotChanged`."""
    places = addresses(count)
    with guests(places, offload=offload) as there:
        console.print("Compiling the designs' ports ...")
        with Network(places, [guest.device for guest in there], plan.designs[0]) as network:
            trial = Trial(network, there, plan)
            _show_while(trial, View(network, trial))
    return trial


def _show_while(trial: Trial, view: View) -> None:
    failures: list[BaseException] = []

    def carry_out() -> None:
        try:
            trial.run()
        except BaseException as failure:
            failures.append(failure)

    running = threading.Thread(target=carry_out, daemon=True)
    running.start()
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while running.is_alive():
                live.update(view.picture(), refresh=True)
                running.join(1 / PICTURES)
    running.join()
    console.print(steps_table(trial.steps))
    if failures:
        raise failures[0]
    console.print(f"All {len(trial.steps)} steps have succeeded.")


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    """Lets the namespaces be removed before the process ends."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    typer.run(main)
