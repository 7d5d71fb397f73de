"""What came of a sample of mutants, as data, and what was made of those that no test caught."""

import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from proofs.mutation.mutants import Mutant
from proofs.mutation.trial import Trial, Verdict

RESULTS = Path(__file__).with_name("results.json")
JUDGEMENTS = Path(__file__).with_name("survivors.toml")

LEAST_CAUGHT = 0.9
"""The share of the sample that the tests have to catch."""


class Result(msgspec.Struct, frozen=True, order=True):
    """One mutant and its verdict; the members are those of `Mutant` and `Trial`."""

    module: str
    line: int
    operator: str
    before: str
    after: str
    verdict: Verdict
    caught_by: str

    @property
    def change(self) -> tuple[str, str, str]:
        """What identifies the mutant while lines move."""
        return self.module, self.before, self.after

    def __str__(self) -> str:
        """One line."""
        return f"{self.module}:{self.line}: {self.before}  ->  {self.after}"


class Judgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a survivor survives. `equivalent`: no observable behaviour differs, so no test could tell."""

    module: str
    before: str
    after: str
    equivalent: bool
    reason: str

    @property
    def change(self) -> tuple[str, str, str]:
        """The `Result.change` it is about."""
        return self.module, self.before, self.after


def result(mutant: Mutant, trial: Trial) -> Result:
    """The pair as one row."""
    where = (mutant.module, mutant.line, mutant.operator)
    return Result(*where, mutant.before, mutant.after, trial.verdict, trial.caught_by)


def share_caught(results: Sequence[Result]) -> float:
    """Which part of the mutants was caught; those that ran out of time count, being caught by the bound."""
    return sum(row.verdict is not Verdict.SURVIVED for row in results) / len(results)


def unjudged(results: Sequence[Result], judgements: Sequence[Judgement]) -> list[Result]:
    """The survivors that nobody has judged."""
    judged = {judgement.change for judgement in judgements}
    return [row for row in results if row.verdict is Verdict.SURVIVED and row.change not in judged]


def summary(results: Sequence[Result]) -> str:
    """One line of counts."""
    counts = Counter(row.verdict for row in results)
    parts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict)
    return f"{len(results)} mutants: {parts}; {100 * share_caught(results):.1f} % caught"


def write(results: Sequence[Result], path: Path = RESULTS) -> None:
    """Write the rows, one to a line, in order."""
    rows = ",\n".join(msgspec.json.encode(row).decode() for row in sorted(results))
    path.write_text(f"[\n{rows}\n]\n", encoding="utf-8")


def read(path: Path = RESULTS) -> list[Result]:
    """Read what `write` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=list[Result])


def read_judgements(path: Path = JUDGEMENTS) -> list[Judgement]:
    """Read the judgements, a TOML file of `[[survivor]]` tables."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return msgspec.convert(tables["survivor"], list[Judgement])
