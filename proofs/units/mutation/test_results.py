"""The recorded sample: large enough, caught well enough, and every survivor judged."""

from collections import Counter
from pathlib import Path

import pytest

from proofs.mutation.results import (
    LEAST_CAUGHT,
    Judgement,
    Result,
    read,
    read_judgements,
    share_caught,
    summary,
    unjudged,
    write,
)
from proofs.mutation.trial import Verdict

ROOT = Path(__file__).parents[3]
CAUGHT = Result("reference/a.py", 1, "operator_number", "x = 1", "x = 2", Verdict.CAUGHT, "proofs/test_a.py")
LOOPS = Result("reference/a.py", 2, "operator_name", "y = False", "y = True", Verdict.TIMED_OUT, "")
SURVIVES = Result("reference/a.py", 3, "operator_number", "z = 1", "z = 2", Verdict.SURVIVED, "")


def test_at_least_300_faults_were_tried_and_nine_in_ten_caught() -> None:
    results = read()
    assert len(results) >= 300
    assert max(Counter(row.change for row in results).values()) <= 2
    assert share_caught(results) >= LEAST_CAUGHT


def test_every_survivor_is_judged_and_nothing_else_is() -> None:
    results, judgements = read(), read_judgements()
    assert unjudged(results, judgements) == []
    survivors = {row.change for row in results if row.verdict is Verdict.SURVIVED}
    assert [judgement for judgement in judgements if judgement.change not in survivors] == []


@pytest.mark.parametrize("judgement", read_judgements(), ids=lambda judgement: judgement.before)
def test_a_judgement_is_about_code_that_is_there_and_gives_its_reason(judgement: Judgement) -> None:
    lines = {line.strip() for line in (ROOT / judgement.module).read_text().splitlines()}
    assert set(judgement.before.splitlines()) <= lines
    assert judgement.reason


def test_what_runs_out_of_time_counts_as_caught_and_apart() -> None:
    assert share_caught([CAUGHT, LOOPS, SURVIVES, SURVIVES]) == 0.5
    assert summary([CAUGHT, LOOPS, SURVIVES, SURVIVES]) == (
        "4 mutants: 1 caught, 1 timed out, 2 survived; 50.0 % caught"
    )


def test_a_survivor_without_judgement_is_named() -> None:
    judgement = Judgement("reference/a.py", "z = 1", "z = 2", equivalent=True, reason="z is not used")
    assert unjudged([CAUGHT, SURVIVES], []) == [SURVIVES]
    assert unjudged([CAUGHT, SURVIVES], [judgement]) == []


def test_results_read_back_as_they_were_written(tmp_path: Path) -> None:
    write([SURVIVES, CAUGHT, LOOPS], tmp_path / "results.json")
    assert read(tmp_path / "results.json") == [CAUGHT, LOOPS, SURVIVES]
