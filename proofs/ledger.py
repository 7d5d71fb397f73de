"""The ledger of claims: what is claimed, by what method, within what bounds, and whether it holds.

A check declares the claim that it supports where it stands:

    @claim("C1", "incremental checksum equals full checksum", method=Method.PROVED,
           scope="any number of 16-bit words", assumptions="remainder sum >= 1")
    def test_incremental_checksum_equals_full() -> None: ...

The rows are built from the outcome of a run (`proofs.ledger_recorder`), never from the declaration:
a claim is held only when every check behind its row ran and passed in that run.

`python -m proofs.ledger` (or `make ledger`) runs the claimed checks, prints the table and writes it
to `results/ledger.json` and `results/ledger.md`.
"""

import enum
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import pytest
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

Check = TypeVar("Check", bound=Callable[..., Any])

WIDTH_WITHOUT_TERMINAL = 160

COLUMNS = ("claim", "statement", "method", "scope", "assumptions", "seconds", "result")


class Method(enum.Enum):
    """By what right a claim is made, from strongest to weakest."""

    PROVED = "proved"
    """z3 says unsat on terms of the production function, or an inductive invariant."""
    EXHAUSTIVE = "exhaustive"
    """Every interleaving or state of a stated scenario."""
    CONFORMANT = "conformant"
    """Equal to recordings of the real OPTE."""
    TESTED = "tested"
    """Generated or chosen examples."""


class Result(enum.Enum):
    """What a run found out about a claim; the later members overrule the earlier ones."""

    HELD = "held"
    NOT_RUN = "not run"
    UNKNOWN = "unknown"
    FAILED = "FAILED"


class Unknown(Exception):
    """A check could not decide: the solver gave up or ran out of time. Never counts as a pass."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim as its check declares it."""

    identifier: str
    statement: str
    method: Method
    scope: str
    assumptions: str

    def __post_init__(self) -> None:
        """Refuse a declaration that says nothing.

        Raises:
            ValueError: identifier, statement or scope is blank.
        """
        for field in ("identifier", "statement", "scope"):
            if not getattr(self, field).strip():
                raise ValueError(f"claim {self.identifier!r}: give its {field}")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the ledger: a declared claim, and what this run says about it."""

    claim: Claim
    check: str
    """The check's pytest node id, without parameters."""
    seconds: float
    result: Result
    reason: str = ""
    """Why it is not held, in a line."""

    def order(self) -> tuple[tuple[int | str, ...], int, str]:
        """Sort key: claim number, then strength of method, then check."""
        parts = re.split(r"(\d+)", self.claim.identifier)
        number = tuple(int(part) if part.isdigit() else part for part in parts)
        return number, list(Method).index(self.claim.method), self.check

    def cells(self) -> tuple[str, ...]:
        """The row's text, in the order of `COLUMNS`."""
        result = self.result.value + (f": {self.reason}" if self.reason else "")
        declared = self.claim
        return (
            declared.identifier,
            declared.statement,
            declared.method.value,
            declared.scope,
            declared.assumptions or "none",
            f"{self.seconds:.2f}",
            result,
        )


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """All rows of one run, and what kept checks from being collected at all."""

    python: str
    platform: str
    rows: list[Row]
    uncollected: list[str]
    """Files that could not be imported: their claims are unknown, the ledger is incomplete."""

    def holds(self) -> bool:
        """Whether there is at least one claim, every one is held, and every file was collected."""
        held = all(row.result is Result.HELD for row in self.rows)
        return bool(self.rows) and held and not self.uncollected


def claim(
    identifier: str, statement: str, *, method: Method, scope: str, assumptions: str = ""
) -> Callable[[Check], Check]:
    """Declare that the decorated test (function or class) supports a claim.

    `scope` says what is unbounded, what is bounded and by how much; `assumptions` what is taken for
    granted. A test that supports several claims carries the decorator several times.

    Raises:
        ValueError: identifier, statement or scope is blank.
    """
    declared = Claim(
        identifier=identifier,
        statement=statement,
        method=method,
        scope=scope,
        assumptions=assumptions,
    )

    def declare(check: Check) -> Check:
        marked: Check = pytest.mark.claim(declared)(check)
        return marked

    return declare


def write(ledger: Ledger, path: Path) -> None:
    """Write the ledger as JSON, creating the folder.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(ledger), indent=2) + b"\n")


def read(path: Path) -> Ledger:
    """Read a ledger that `write` wrote.

    Raises:
        OSError: the file cannot be read.
        msgspec.DecodeError: the file is not a ledger.
    """
    return msgspec.json.decode(path.read_bytes(), type=Ledger)


def markdown(ledger: Ledger) -> str:
    """The ledger as a Markdown table, with a line for each file that could not be collected."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"

    text = line(COLUMNS) + line(["---"] * len(COLUMNS))
    text += "".join(line(row.cells()) for row in ledger.rows)
    for file in ledger.uncollected:
        text += f"\nNot collected, its claims are missing here: {file}\n"
    return text


def table(ledger: Ledger) -> Table:
    """The ledger as a table for the terminal."""
    styles = {Result.HELD: "green", Result.FAILED: "bold red"}
    shown = Table(*COLUMNS, show_lines=True)
    for row in ledger.rows:
        *cells, result = row.cells()
        shown.add_row(*map(Text, cells), Text(result, style=styles.get(row.result, "yellow")))
    return shown


def main(
    folder: Annotated[Path, typer.Option(help="Where ledger.json and ledger.md go.")] = Path("results"),
) -> None:
    """Run every claimed check, print the ledger and write it. Exit code 1 unless all hold."""
    target = folder / "ledger.json"
    target.unlink(missing_ok=True)
    run = [sys.executable, "-m", "pytest", "-m", "claim", f"--ledger={target}"]
    finished = subprocess.run(run, check=False)
    if not target.exists():
        raise SystemExit(f"error: pytest ended with {finished.returncode} and wrote no ledger")
    ledger = read(target)
    (folder / "ledger.md").write_text(markdown(ledger))
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH_WITHOUT_TERMINAL)
    console.print(table(ledger))
    for file in ledger.uncollected:
        console.print(f"not collected, its claims are missing: {file}", style="bold red")
    held = sum(row.result is Result.HELD for row in ledger.rows)
    console.print(f"{held} of {len(ledger.rows)} claims held; {folder / 'ledger.md'}")
    if finished.returncode or not ledger.holds():
        raise SystemExit(1)


if __name__ == "__main__":
    typer.run(main)
