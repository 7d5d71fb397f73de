"""The results file: it is gone on with, never mixed, and whole whatever ended the campaign before."""

from dataclasses import replace
from pathlib import Path

import pytest

from proofs.interleavings.campaign import results_file
from proofs.interleavings.campaign.job import Done, jobs_of, perform
from proofs.interleavings.campaign.results_file import ResultsFileError, opened
from proofs.interleavings.catalogue import scenario_named
from proofs.interleavings.finding import Effort, Manner
from proofs.interleavings.memory_model import MemoryName

EFFORT = Effort(Manner.RANDOM, executions=3)


def done() -> list[Done]:
    scenario = scenario_named("thaw hands over")
    return [perform(job) for job in jobs_of([scenario], scenario.designs, [MemoryName.SC], EFFORT, seeds=3)]


def write(file: Path, results: list[Done]) -> None:
    with opened(file, EFFORT) as kept:
        for each in results:
            kept.add(each)


def test_what_was_done_is_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    file, results = tmp_path / "new folder" / "results.jsonl", done()
    write(file, results[:2])
    with opened(file, EFFORT) as kept:
        assert list(kept.done.values()) == results[:2]
        kept.add(results[2])
    with opened(file, EFFORT) as kept:
        assert list(kept.done.values()) == results


def test_a_line_that_was_not_finished_is_dropped_and_can_be_written_again(tmp_path: Path) -> None:
    file, results = tmp_path / "results.jsonl", done()
    write(file, results)
    content = file.read_bytes()
    last = content.rindex(b"\n", 0, -1) + 1
    for cut in (last + 1, len(content) - 1):
        file.write_bytes(content[:cut])
        with opened(file, EFFORT) as kept:
            assert list(kept.done.values()) == results[:2]
            kept.add(results[2])
        assert file.read_bytes() == content


def test_other_parameters_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    write(file, done())
    other = opened(file, replace(EFFORT, depth=4))
    with pytest.raises(ResultsFileError, match=r"made with another effort .* name another file with --results"), other:
        pass


def test_other_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "results.jsonl"
    write(file, done())
    monkeypatch.setattr(results_file, "code_identity", lambda: "other")
    with pytest.raises(ResultsFileError, match="made with another code"), opened(file, EFFORT):
        pass


def test_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text("a letter to somebody\n")
    with pytest.raises(ResultsFileError, match="holds no results"), opened(file, EFFORT):
        pass
    assert file.read_text() == "a letter to somebody\n"


def test_two_campaigns_do_not_write_to_one_file(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    with opened(file, EFFORT), pytest.raises(ResultsFileError, match="by another campaign"), opened(file, EFFORT):
        pass
