"""The sample of faults: fixed, fair to every place, and made of code that runs."""

from pathlib import Path

import pytest

from proofs.mutation.mutants import modules, places_of, sample

SOURCE = '''"""Doc."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    x: int | None = 1


def above(x: int, limit: int = 3) -> bool:
    if x > limit:
        return True
    return False
'''


@pytest.fixture(name="project")
def small_project(tmp_path: Path) -> Path:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "module.py").write_text(SOURCE)
    return tmp_path


def changes(project: Path, size: int = 100) -> list[tuple[str, str]]:
    return [(mutant.before, mutant.after) for mutant in sample(project, "package", size)]


def test_every_place_has_one_change(project: Path) -> None:
    assert set(changes(project)) == {
        ("x: int | None = 1", "x: int | None = 2"),
        ("x: int | None = 1", "x: int | None = None"),
        ("def above(x: int, limit: int = 3) -> bool:", "def above(x: int, limit: int = 4) -> bool:"),
        ("if x > limit:", "if x >= limit:"),
        ("return True", "return False"),
        ("return False", "return True"),
    }


def test_a_smaller_sample_is_part_of_a_larger_one(project: Path) -> None:
    every = changes(project)
    for size in range(len(every)):
        drawn = changes(project, size)
        assert len(drawn) == size
        assert set(drawn) <= set(every)
        assert drawn == changes(project, size)


def test_code_that_is_put_in_front_leaves_what_was_drawn_behind_it(project: Path) -> None:
    before = sample(project, "package")
    path = project / "package" / "module.py"
    path.write_text(SOURCE.replace("@dataclass", "\n\n@dataclass"))
    moved = sample(project, "package")
    assert [(mutant.before, mutant.after) for mutant in moved] == [(mutant.before, mutant.after) for mutant in before]
    assert {after.line - first.line for first, after in zip(before, moved, strict=True)} == {2}


def test_a_mutant_is_the_file_with_nothing_else_changed(project: Path) -> None:
    for mutant in sample(project, "package"):
        assert mutant.source != SOURCE
        assert mutant.source.replace(mutant.after, mutant.before) == SOURCE or mutant.source.count(mutant.after) > 1
        lines = zip(mutant.source.splitlines(), SOURCE.splitlines(), strict=True)
        assert [number for number, (new, old) in enumerate(lines, 1) if new != old] == [mutant.line]


def test_what_would_not_compile_is_not_drawn(project: Path) -> None:
    path = project / "package" / "module.py"
    path.write_text("def first(x: list[int]) -> int:\n    return x[0]()\n")
    for mutant in sample(project, "package"):
        compile(mutant.source, "mutant", "exec")


def test_the_reference_has_far_more_places_than_the_sample_takes() -> None:
    root = Path(__file__).parents[3]
    assert len(modules(root, "reference")) > 50
    assert sum(1 for _ in places_of(root, "reference/layer.py")) > 100
