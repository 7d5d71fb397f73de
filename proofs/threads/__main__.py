"""`python -m proofs.threads SEED`: let one story happen again and again on real threads, until nothing explains it.

Exit status: 0 every history was explained, 1 one was not.
"""

from typing import Annotated

import typer

import fastpath
from proofs.threads.explain import Undecided, Unexplained, explain
from proofs.threads.performance import beginning, perform
from proofs.threads.stories import Teller

app = typer.Typer(add_completion=False)


@app.command()
def main(
    seed: Annotated[int, typer.Argument(min=0, metavar="SEED", help="Which story.")],
    times: Annotated[int, typer.Option(min=1, metavar="N", help="How often it happens.")] = 100,
    stories: Annotated[int, typer.Option(min=1, metavar="N", help="How many stories, from SEED on.")] = 1,
    design: Annotated[fastpath.Design, typer.Option(help="The lock design.")] = fastpath.Design.FINE,
) -> None:
    """Let stories happen on real threads, and look for one sequential order of what happened."""
    undecided = 0
    for number in range(seed, seed + stories):
        story = Teller(number).story()
        for _ in range(times):
            try:
                explain(perform(story, design), beginning(story, design))
            except Unexplained as unexplained:
                typer.echo(f"story {number}: {unexplained}")
                raise typer.Exit(1) from None
            except Undecided:
                undecided += 1
    typer.echo(f"{stories * times - undecided} histories explained, {undecided} undecided")


if __name__ == "__main__":
    app()
