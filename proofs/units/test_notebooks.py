"""Every notebook runs from its first cell to its last on the code as it is."""

from pathlib import Path
from typing import Any

import jupytext
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parents[2]
SECONDS_A_CELL = 300


def notebooks(folder: Path) -> list[Path]:
    """The notebooks in a folder: Jupytext Markdown or percent scripts."""
    return sorted(path for path in folder.glob("*") if path.suffix in {".md", ".py"})


def execute(path: Path) -> list[Any]:
    """Run a notebook in a fresh kernel that starts in the repository's root; its code cells, with outputs.

    Raises:
        CellExecutionError: a cell raised; the message holds the cell and the traceback.
        CellTimeoutError: a cell ran longer than `SECONDS_A_CELL`.
    """
    notebook = jupytext.read(path)
    resources = {"metadata": {"path": str(ROOT)}}
    NotebookClient(notebook, kernel_name="python3", timeout=SECONDS_A_CELL, resources=resources).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks() -> None:
    assert notebooks(ROOT / "notebooks"), "notebooks/ holds no Jupytext Markdown or percent script"


@pytest.mark.slow
@pytest.mark.parametrize("path", notebooks(ROOT / "notebooks"), ids=lambda path: path.name)
def test_a_notebook_runs_to_its_end(path: Path) -> None:
    cells = execute(path)
    assert cells, "a notebook without code explains nothing that could be checked"
    assert all(cell.execution_count for cell in cells if cell.source.strip())


@pytest.mark.slow
def test_a_notebook_with_an_error_fails(tmp_path: Path) -> None:
    path = tmp_path / "broken.md"
    path.write_text("# Broken\n\n```python\nimport reference\n```\n\n```python\nassert 1 + 1 == 3\n```\n")
    with pytest.raises(CellExecutionError, match="AssertionError"):
        execute(path)


def test_other_files_are_no_notebooks(tmp_path: Path) -> None:
    for name in ("02_later.py", "01_first.md", "figure.png", ".hidden"):
        (tmp_path / name).touch()
    assert [path.name for path in notebooks(tmp_path)] == ["01_first.md", "02_later.py"]
