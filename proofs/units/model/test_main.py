"""The command line: it names, searches, prints, and its exit code says whether all is as it must be."""

import pytest

from model.__main__ import main


def test_list_names_configurations_faults_and_exhibits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    text = capsys.readouterr().out
    for name in ("fine/rule-change", "mutex/expiry", "no-recheck", "torn-config"):
        assert f"  {name} " in text


def test_check_prints_the_numbers_and_what_held(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "fine/two-directions"]) == 0
    text = capsys.readouterr().out
    assert "fine/two-directions" in text
    assert "I2 paired" in text


def test_a_design_stands_for_all_of_its_configurations(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "mutex", "--limit", "1"]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("mutex/")]
    assert len(lines) > 5


def test_a_check_that_reaches_its_limit_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "fine/two-directions", "--limit", "10"]) == 1
    assert "bounded: more than 10 states" in capsys.readouterr().out


def test_fault_prints_the_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fault", "two-commits"]) == 0
    text = capsys.readouterr().out
    assert "A shortest trace" in text
    assert "fill the slot" in text


def test_a_fault_that_is_not_reached_within_the_limit_is_a_failure() -> None:
    assert main(["fault", "two-commits", "--limit", "10"]) == 1


@pytest.mark.parametrize("command", ["check", "fault"])
def test_an_unknown_name_is_an_error_in_one_line(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "nonesuch"]) == 2
    assert capsys.readouterr().err == "error: nothing is called 'nonesuch': see `python -m model list`\n"
