"""A trial tells a fault that the tests catch from one that they do not, and leaves no trace of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from proofs.mutation.mutants import Mutant
from proofs.mutation.trial import Trial, UnfitTests, Verdict, Workplace, stages, workplace

pytestmark = pytest.mark.slow

SOURCE = "def double(x: int) -> int:\n    unused = 1\n    return 2 * x\n"
TESTS = "from reference.arithmetic import double\n\n\ndef test_double() -> None:\n    assert double(3) == 6\n"
OTHER = "def test_the_reference_reproduces_what_opte_did() -> None:\n    pass\n"


@pytest.fixture(name="project")
def small_project(tmp_path: Path) -> Path:
    files = {
        "pyproject.toml": '[tool.pytest]\npythonpath = ["."]\n',
        "reference/arithmetic.py": SOURCE,
        "proofs/units/reference/test_arithmetic.py": TESTS,
        "proofs/conformance/test_recordings.py": OTHER,
        **{f"{name}/empty": "" for name in ("fastpath", "model", "experiments", "docs")},
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture(name="place")
def place_of_work(project: Path) -> Iterator[Workplace]:
    with workplace(project) as place:
        yield place


def changed(before: str, after: str) -> Mutant:
    return Mutant("reference/arithmetic.py", 1, "any", before, after, SOURCE.replace(before, after))


def test_a_fault_is_caught_or_survives_and_the_copy_is_whole_again(place: Workplace, project: Path) -> None:
    by = "proofs/units/reference/test_arithmetic.py"
    assert place.try_out(changed("2 * x", "3 * x")) == Trial(Verdict.CAUGHT, by)
    assert place.try_out(changed("2 * x", "4 * x")) == Trial(Verdict.CAUGHT, by)
    assert place.try_out(changed("unused = 1", "unused = 2")) == Trial(Verdict.SURVIVED)
    assert (place.root / "reference" / "arithmetic.py").read_text() == SOURCE
    assert (project / "reference" / "arithmetic.py").read_text() == SOURCE
    place.warm()


def test_a_fault_that_never_ends_is_told_apart(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proofs.mutation.trial.MOST_CPU_SECONDS_OF_OWN_TESTS", 3)
    assert place.try_out(changed("unused = 1", "while True: pass")) == Trial(Verdict.TIMED_OUT)


def test_tests_that_fail_by_themselves_are_no_judges(place: Workplace) -> None:
    (place.root / "proofs/units/reference/test_arithmetic.py").write_text(TESTS.replace("6", "7"))
    with pytest.raises(UnfitTests, match="units fails in a copy without faults: mend the tests first"):
        place.warm()


def test_a_modules_own_tests_go_first() -> None:
    root = Path(__file__).parents[3]
    own = "proofs/units/reference_vpc/test_nat.py"
    assert list(stages(root, "reference/vpc/nat.py")) == [own, "recordings", "units"]
    assert list(stages(root, "reference/vpc/__init__.py")) == ["recordings", "units"]
