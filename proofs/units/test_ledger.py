"""The ledger says held only about claims whose every check ran and passed."""

import sys
from pathlib import Path

import pytest

from proofs.ledger import Claim, Ledger, Method, Result, Row, claim, markdown, read, write

pytest_plugins = ["pytester"]

CONFTEST = (Path(__file__).parent.parent / "conftest.py").read_text()

CHECKS = """
import pytest
from proofs.ledger import Method, Unknown, claim

def declare(identifier):
    return claim(identifier, f"statement of {identifier}", method=Method.TESTED, scope="here")

@declare("passes")
def test_passes(): assert True

@declare("fails")
def test_fails(): assert 1 == 2

@declare("skips")
def test_skips(): pytest.skip("no such machine")

@declare("unknown")
def test_unknown(): raise Unknown("z3 gave up")

@declare("expected to fail")
@pytest.mark.xfail(strict=True)
def test_expected_to_fail(): assert False

@pytest.fixture
def broken_before(): raise OSError("setup broke")

@declare("breaks before")
def test_breaks_before(broken_before): pass

@pytest.fixture
def broken_after():
    yield
    raise OSError("teardown broke")

@declare("breaks after")
def test_breaks_after(broken_after): pass

@declare("one of three")
@pytest.mark.parametrize("number", [1, 2, 3])
def test_one_of_three(number): assert number != 2

@declare("all of three")
@pytest.mark.parametrize("number", [1, 2, 3])
def test_all_of_three(number): assert number

@declare("no parameters")
@pytest.mark.parametrize("number", [])
def test_no_parameters(number): pass

def test_claims_nothing(): assert True
"""


def run(pytester: pytest.Pytester, source: str, *options: str) -> Ledger:
    """The ledger of a session of its own over one file of checks, laid out as this project is."""
    settings = "[tool.pytest]\nmarkers = ['claim(claim): a row']\ntestpaths = ['checks']\n"
    pytester.makepyprojecttoml(settings)
    pytester.makepyfile(**{"checks/conftest": CONFTEST, "checks/test_checks": source})
    pytester.runpytest_inprocess("--ledger=out/ledger.json", *options)
    return read(pytester.path / "out" / "ledger.json")


def results(ledger: Ledger) -> dict[str, Result]:
    """The result of each claim."""
    return {row.claim.identifier: row.result for row in ledger.rows}


def test_only_a_claim_whose_every_check_passed_is_held(pytester: pytest.Pytester) -> None:
    ledger = run(pytester, CHECKS)
    assert results(ledger) == {
        "passes": Result.HELD,
        "fails": Result.FAILED,
        "skips": Result.NOT_RUN,
        "unknown": Result.UNKNOWN,
        "expected to fail": Result.FAILED,
        "breaks before": Result.FAILED,
        "breaks after": Result.FAILED,
        "one of three": Result.FAILED,
        "all of three": Result.HELD,
        "no parameters": Result.NOT_RUN,
    }
    assert not ledger.holds()


def test_a_row_says_why_it_is_not_held(pytester: pytest.Pytester) -> None:
    reasons = {row.claim.identifier: row.reason for row in run(pytester, CHECKS).rows}
    assert reasons["passes"] == ""
    assert "assert 1 == 2" in reasons["fails"]
    assert reasons["skips"] == "no such machine"
    assert reasons["unknown"] == "z3 gave up"
    assert "teardown broke" in reasons["breaks after"]
    assert reasons["one of three"].startswith("1 of 3: ")


def test_a_deselected_claim_is_not_run(pytester: pytest.Pytester) -> None:
    found = results(run(pytester, CHECKS, "-k", "test_passes"))
    assert found.pop("passes") is Result.HELD
    assert set(found.values()) == {Result.NOT_RUN}


def test_a_claim_behind_the_first_failure_is_not_run(pytester: pytest.Pytester) -> None:
    found = results(run(pytester, CHECKS, "-x"))
    assert found["passes"] is Result.HELD
    assert found["fails"] is Result.FAILED
    assert found["all of three"] is Result.NOT_RUN


def test_a_file_that_cannot_be_imported_leaves_the_ledger_incomplete(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(**{"checks/test_broken": "import no_such_module"})
    ledger = run(pytester, CHECKS.partition("@pytest.fixture")[0], "-k", "test_passes")
    assert ledger.uncollected == ["checks/test_broken.py"]
    assert "test_broken.py" in markdown(ledger)
    assert not ledger.holds()


def test_checks_spread_over_processes_make_the_same_rows(pytester: pytest.Pytester) -> None:
    alone, spread = run(pytester, CHECKS), run(pytester, CHECKS, "-n", "2")
    assert results(spread) == results(alone)
    assert {row.check: row.reason for row in spread.rows} == {row.check: row.reason for row in alone.rows}


def test_what_a_process_that_died_was_to_check_is_not_held(pytester: pytest.Pytester) -> None:
    source = """
    import os
    from proofs.ledger import Method, claim

    @claim("dies", "ends its process", method=Method.TESTED, scope="here")
    def test_dies(): os._exit(1)
    """
    ledger = run(pytester, source, "-n", "1", "--max-worker-restart", "0")
    assert not ledger.holds()


def test_an_unknown_fails_the_run(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("from proofs.ledger import Unknown\ndef test_it(): raise Unknown('?')")
    pytester.runpytest_inprocess().assert_outcomes(failed=1)


def test_the_seconds_of_a_row_are_those_of_its_checks(pytester: pytest.Pytester) -> None:
    source = """
    import time
    from proofs.ledger import Method, claim

    @claim("slow", "sleeps", method=Method.TESTED, scope="here")
    def test_sleeps(): time.sleep(0.05)
    """
    (row,) = run(pytester, source).rows
    assert 0.05 <= row.seconds < 5


@pytest.mark.parametrize(("selected", "status"), [("passes", 0), ("unknown", 1), ("skips", 1)])
def test_the_command_succeeds_only_when_every_claim_holds(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, selected: str, status: int
) -> None:
    head, *checks = CHECKS.split("@declare")
    (chosen,) = [check for check in checks if check.startswith(f'("{selected}")')]
    pytester.makepyprojecttoml("[tool.pytest]\nmarkers = ['claim(claim): a row']\ntestpaths = ['checks']\n")
    pytester.makepyfile(**{"checks/conftest": CONFTEST, "checks/test_checks": f"{head}@declare{chosen}"})
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    finished = pytester.run(sys.executable, "-m", "proofs.ledger")
    assert finished.ret == status
    assert f"statement of {selected}" in (pytester.path / "results" / "ledger.md").read_text()


def test_a_check_may_support_several_claims(pytester: pytest.Pytester) -> None:
    source = """
    from proofs.ledger import Method, claim

    @claim("C10", "the later", method=Method.TESTED, scope="here")
    @claim("C2", "the weaker", method=Method.TESTED, scope="here")
    @claim("C2", "the stronger", method=Method.PROVED, scope="here")
    def test_it(): pass
    """
    rows = run(pytester, source).rows
    assert [row.claim.statement for row in rows] == ["the stronger", "the weaker", "the later"]


def test_a_ledger_survives_being_written_and_read(tmp_path: Path) -> None:
    declared = Claim(identifier="C1", statement="a | b", method=Method.PROVED, scope="all", assumptions="")
    row = Row(claim=declared, check="test_x", seconds=1.5, result=Result.UNKNOWN, reason="gave up")
    ledger = Ledger(python="3", platform="any", rows=[row], uncollected=[])
    write(ledger, tmp_path / "new" / "ledger.json")
    assert read(tmp_path / "new" / "ledger.json") == ledger
    assert "| C1 | a \\| b | proved | all | none | 1.50 | unknown: gave up |" in markdown(ledger)


def test_no_claims_at_all_do_not_hold() -> None:
    assert not Ledger(python="3", platform="any", rows=[], uncollected=[]).holds()


@pytest.mark.parametrize("field", ["identifier", "statement", "scope"])
def test_a_claim_that_leaves_a_field_blank_is_refused(field: str) -> None:
    text = {"identifier": "C1", "statement": "holds", "scope": "all", field: " "}
    with pytest.raises(ValueError, match=f"give its {field}"):
        claim(text["identifier"], text["statement"], method=Method.TESTED, scope=text["scope"])
