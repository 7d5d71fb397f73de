"""Pages as a person approved them, line by line, and what is said about results of every kind."""

from pathlib import Path

import pytest

from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.recording import find
from reference.show.__main__ import main

PAGES = sorted((Path(__file__).parent / "pages").glob("*.txt"))
BY_NAME = {path.name.removesuffix(".jsonl.gz"): path for path in find([RECORDINGS])}


def page(name: str, step: str | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A recording's story, or one step of it, on 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")
    assert main([str(BY_NAME[name]), *([] if step is None else ["--step", step])]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("approved", PAGES, ids=lambda path: path.stem)
def test_a_page_is_as_it_was_approved(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, approved: Path
) -> None:
    whole = approved.stem in BY_NAME
    name, _, step = (approved.stem, "", None) if whole else approved.stem.rpartition("_")
    assert page(name, step, capsys, monkeypatch) == approved.read_text()


@pytest.mark.parametrize(
    ("name", "step", "told"),
    [
        ("1_ip_odd_v4", 121, "parse error: IngotError, header"),
        ("6_geneve_v4", 52, "parse error: UnrecognisedTunnelOpt, class 297, type 128"),
        ("6_geneve_v4", 163, "parse error: IllegalValue, location Geneve.version, expected 0, actual 1"),
        ("5_gateway_v4", 3, "dropped: handle_pkt"),
        ("m_blind-syn_v4", 14, "dropped by firewall: default"),
    ],
)
def test_a_result_is_told_with_all_that_explains_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, step: int, told: str
) -> None:
    assert f"    =>          {told}" in page(name, str(step), capsys, monkeypatch)
