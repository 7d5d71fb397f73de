"""A folder of results is complete or not there."""

import datetime
import json
from pathlib import Path

import pytest

from experiments.errors import InputError
from experiments.results import results_folder, write_json

NOW = datetime.datetime(2026, 3, 1, 12, 30, 15, tzinfo=datetime.UTC)


def test_a_finished_run_lies_under_its_date(tmp_path: Path) -> None:
    with results_folder(tmp_path / "results", NOW) as folder:
        write_json(folder.path / "run.json", {"answer": 42})
        assert not folder.final.exists()
    assert folder.final == tmp_path / "results" / "2026-03-01T12-30-15"
    assert json.loads((folder.final / "run.json").read_text()) == {"answer": 42}
    assert list((tmp_path / "results").iterdir()) == [folder.final]


def test_a_second_run_in_the_same_second_gets_a_number(tmp_path: Path) -> None:
    for _ in range(3):
        with results_folder(tmp_path, NOW):
            pass
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["2026-03-01T12-30-15", "2026-03-01T12-30-15-2", "2026-03-01T12-30-15-3"]


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path, interruption: type[BaseException]) -> None:
    def run() -> None:
        with results_folder(tmp_path, NOW) as folder:
            (folder.path / "half").write_text("half")
            raise interruption

    with pytest.raises(interruption):
        run()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named_before_the_work_begins(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(InputError, match=r"output folder: .*file/results cannot be written: Not a directory"),
        results_folder(tmp_path / "file" / "results", NOW),
    ):
        pytest.fail("the work has begun")


def test_a_write_that_fails_is_the_folders_fault(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"cannot be written: No such file or directory; name another with --output"),
        results_folder(tmp_path, NOW) as folder,
    ):
        write_json(folder.path / "missing" / "run.json", {})
    assert list(tmp_path.iterdir()) == []
