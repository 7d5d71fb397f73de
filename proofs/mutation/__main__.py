"""The command line: `python -m proofs.mutation [--workers N] [--survivors]`, behind `make mutation`.

Exit codes: 0 when enough of the sample is caught and every survivor is judged, 1 otherwise.
"""

import queue
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from proofs.mutation.mutants import Mutant, sample
from proofs.mutation.results import (
    LEAST_CAUGHT,
    Result,
    read,
    read_judgements,
    result,
    share_caught,
    summary,
    unjudged,
    write,
)
from proofs.mutation.trial import Trial, Verdict, Workplace, workplace

PROJECT = Path(__file__).resolve().parents[2]

application = typer.Typer(add_completion=False)
console = Console(markup=False, highlight=False, soft_wrap=True)


@application.command()
def run(
    workers: Annotated[int, typer.Option(min=1, help="How many mutants are tried at a time.")] = 2,
    survivors: Annotated[bool, typer.Option(help="Try only those anew that no test caught the last time.")] = False,
) -> None:
    """Plant each fault of the sample in a copy of the reference and see whether the tests catch it."""
    mutants = sample(PROJECT, "reference")
    known = {row.change: row for row in read() if row.verdict is Verdict.CAUGHT} if survivors else {}
    results = [_moved(known[_change(mutant)], mutant) for mutant in mutants if _change(mutant) in known]
    for mutant, trial in _trials([mutant for mutant in mutants if _change(mutant) not in known], workers):
        results.append(result(mutant, trial))
        console.print(f"{len(results)}/{len(mutants)} {trial.verdict}: {results[-1]}")
        write(results)
    write(results)
    open_questions = unjudged(results, read_judgements())
    for row in open_questions:
        console.print(f"survives and is not judged: {row}")
    console.print(summary(results))
    raise typer.Exit(0 if share_caught(results) >= LEAST_CAUGHT and not open_questions else 1)


def _trials(mutants: Sequence[Mutant], workers: int) -> Iterator[tuple[Mutant, Trial]]:
    with ExitStack() as stack, ThreadPoolExecutor(workers) as executor:
        places: queue.SimpleQueue[Workplace] = queue.SimpleQueue()
        first = stack.enter_context(workplace(PROJECT))
        first.warm()
        places.put(first)
        for _ in range(workers - 1):
            places.put(stack.enter_context(workplace(first.root)))

        def tried(mutant: Mutant) -> Trial:
            place = places.get()
            try:
                return place.try_out(mutant)
            finally:
                places.put(place)

        under_way = {executor.submit(tried, mutant): mutant for mutant in mutants}
        for done in as_completed(under_way):
            yield under_way[done], done.result()


def _change(mutant: Mutant) -> tuple[str, str, str]:
    return mutant.module, mutant.before, mutant.after


def _moved(row: Result, mutant: Mutant) -> Result:
    return result(mutant, Trial(row.verdict, row.caught_by))


if __name__ == "__main__":
    application()
