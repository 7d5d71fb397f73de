"""Differences from recordings, attributed to the corrections that explain them."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from proofs.conformance.__main__ import app
from proofs.conformance.attribution import Attribution
from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.engines import EngineName, engines_by_semantics
from proofs.conformance.recording import Recording, read
from proofs.conformance.replay import replay
from reference.semantics import Semantics

FORGED_SYN = RECORDINGS / "museum" / "m_blind-syn_v4.jsonl.gz"
PINNED = RECORDINGS / "museum" / "m_port-pinned_v4.jsonl.gz"
ENGINES = engines_by_semantics(EngineName.REFERENCE, None)


def explained(recording: Recording, attribution: Attribution | None = None) -> tuple[str, ...] | None:
    seen = replay(recording, ENGINES(Semantics.CORRECT))
    assert not seen.equal
    return (attribution or Attribution(ENGINES)).explain(recording, seen)


def reproduces(recording: Recording, off: Iterable[str]) -> bool:
    return replay(recording, ENGINES(Semantics.CORRECT.without(*off))).equal


def falsified(source: Path, target: Path) -> Path:
    with gzip.open(source, "rt") as stream:
        lines: list[Any] = [json.loads(line) for line in stream]
    next(line for line in lines if line.get("op") == "process")["result"]["l4_hash"] = 1
    target.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return target


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("path", [FORGED_SYN, PINNED], ids=["blind-syn", "port-pinned"])
def test_the_flags_explain_the_recording_and_none_of_them_can_be_left_out(path: Path) -> None:
    recording = read(path)
    off = explained(recording)
    assert off is not None
    assert reproduces(recording, off)
    assert not any(reproduces(recording, [flag for flag in off if flag != spared]) for spared in off)


def test_the_flag_of_the_exhibit_is_among_them() -> None:
    assert explained(read(FORGED_SYN)) == ("pair_at_install", "remote_syn_keeps_established")


def test_what_explained_much_is_tried_first_next_time() -> None:
    attribution = Attribution(ENGINES)
    explained(read(FORGED_SYN), attribution)
    explained(read(PINNED), attribution)
    assert attribution.counts["pair_at_install"] == 2
    assert attribution.counts["fin_ends_after_payload"] == 0


def test_a_difference_that_no_correction_explains_has_no_attribution(tmp_path: Path) -> None:
    assert explained(read(falsified(FORGED_SYN, tmp_path / "falsified.jsonl"))) is None


def test_explained_differences_are_listed_with_their_flags_and_are_no_failure(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    result = invoke("--semantics", "correct", "--json", target, FORGED_SYN)
    assert result.exit_code == 0
    assert result.stdout.startswith("expl  m_blind-syn_v4 ")
    assert "from step 1 (process out): pair_at_install, remote_syn_keeps_established" in result.stdout
    assert "different, explained by corrections: 1 recordings, 16 steps" in result.stdout
    assert "  remote_syn_keeps_established: 1 recordings" in result.stdout
    [finding] = json.loads(target.read_text())["recordings"]
    assert finding["explained_by"] == ["pair_at_install", "remote_syn_keeps_established"]
    assert finding["first_difference"]["step"] == 1


def test_an_unexplained_difference_fails_under_the_corrected_semantics_too(tmp_path: Path) -> None:
    result = invoke("--semantics", "correct", falsified(FORGED_SYN, tmp_path / "falsified.jsonl"), PINNED)
    assert result.exit_code == 1
    assert "DIFF  m_blind-syn_v4" in result.stdout
    assert "expl  m_port-pinned_v4" in result.stdout


def test_upstreams_semantics_are_not_excused() -> None:
    recording = read(FORGED_SYN)
    assert reproduces(recording, Semantics.names())
    result = invoke("--semantics", "upstream", FORGED_SYN)
    assert result.exit_code == 0
    assert result.stdout.startswith("pass  ")
