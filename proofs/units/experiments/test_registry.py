"""Every experiment says what it asks, measures, is kept, resumed and drawn."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from experiments import charts, memory, page, records, registry, running
from experiments.errors import CannotRun, InputError
from experiments.experiment import SEED, Advance, Chart, Effort, Experiment, Measured, Rows
from experiments.registry import NAMES, experiment
from proofs.units.experiments.patience import undisturbed

QUIET = Console(quiet=True)
SVG = b"<svg"
IN_A_PROCESS_OF_ITS_OWN = {"compile_time"}
"""Compiles everything anew; test_compile_time.py runs it."""


def rows_of(part: str, values: tuple[float, ...] = (1.0, 2.0, 4.0)) -> list[Measured]:
    return [Measured("speed", "a second", {"design": part, "threads": str(threads)}, values) for threads in (1, 2)]


def made_up(measure: Callable[[str, Effort, Advance], list[Measured]] | None = None) -> Experiment:
    return Experiment(
        "made_up",
        "What is <this>?",
        {"design": "two", "threads": "1 and 2"},
        "By magic.",
        ("a", "b"),
        measure or (lambda part, _effort, _advance: rows_of(part)),
        (Chart("speed", x="threads", series="design"),),
        lambda rows: f"A does {rows.median('speed', design='a', threads='1'):.0f} & B too",
        quick=("b",),
    )


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_says_what_it_asks_and_has_the_name_of_its_file(name: str) -> None:
    chosen = experiment(name)
    assert chosen.name == name
    assert chosen.question.endswith("?")
    assert chosen.method.endswith(".")
    assert chosen.variables
    assert chosen.charts
    for effort in Effort:
        assert set(chosen.parts_for(effort)) <= set(chosen.parts)
    for chart in chosen.charts:
        assert {chart.x, chart.series, chart.panel} - {None} <= set(chosen.variables) | {"switch"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name not in IN_A_PROCESS_OF_ITS_OWN])
def test_a_smoke_of_each_is_measured_and_drawn(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "measure", memory.measure_here)
    chosen = experiment(name)
    try:
        record = undisturbed(lambda: running.run(chosen, Effort.SMOKE, tmp_path, QUIET))
    except CannotRun as missing:
        pytest.skip(str(missing))
    assert set(record.parts) == set(chosen.parts_for(Effort.SMOKE))
    for row in record.rows.all:
        assert row.samples
        assert set(row.setting) <= set(chosen.variables)
    for chart in chosen.charts:
        drawn_by = (chart.x, chart.series, chart.panel)
        places = [tuple(row.setting.get(name or "") for name in drawn_by) for row in chart.rows(record.rows)]
        assert len(set(places)) == len(places) > 0, "two marks stand in one place"
    drawn = charts.draw(chosen, record, tmp_path)
    assert len(drawn) == len(chosen.charts)
    assert all(SVG in path.read_bytes() for path in drawn)
    assert len(chosen.finding(record.rows)) > 20


def test_a_name_that_no_experiment_has_is_told_so() -> None:
    with pytest.raises(InputError, match="no experiment is called lader: choose from ladder"):
        experiment("lader")


# --- running ---


def test_what_is_measured_is_read_back_with_machine_seed_and_versions(tmp_path: Path) -> None:
    record = running.run(made_up(), Effort.FULL, tmp_path, QUIET)
    assert records.load(tmp_path, "made_up") == record
    part = record.parts["a"]
    assert (part.seed, part.effort, part.measured) == (SEED, "full", rows_of("a"))
    assert part.machine.packages["numba"]
    assert part.sources == running.sources()


def test_an_interrupted_run_keeps_what_was_done_and_goes_on_there(tmp_path: Path) -> None:
    asked: list[str] = []

    def measure(part: str, _effort: Effort, _advance: Advance) -> list[Measured]:
        asked.append(part)
        if asked == ["a", "b"]:
            raise KeyboardInterrupt
        return rows_of(part)

    with pytest.raises(KeyboardInterrupt):
        running.run(made_up(measure), Effort.FULL, tmp_path, QUIET)
    record = running.run(made_up(measure), Effort.FULL, tmp_path, QUIET)
    assert asked == ["a", "b", "b"]
    assert list(record.parts) == ["a", "b"]
    assert not list(tmp_path.rglob(".unfinished*"))


@pytest.mark.parametrize(
    ("before", "now", "kept"),
    [(Effort.FULL, Effort.QUICK, True), (Effort.QUICK, Effort.QUICK, True), (Effort.QUICK, Effort.FULL, False)],
)
def test_a_part_is_kept_unless_more_effort_is_wanted(before: Effort, now: Effort, kept: bool, tmp_path: Path) -> None:
    running.run(made_up(), before, tmp_path, QUIET)
    record = running.run(made_up(lambda part, *_: rows_of(part, (7.0, 7.0))), now, tmp_path, QUIET)
    assert (record.parts["b"].measured == rows_of("b")) == kept


def test_a_part_of_other_sources_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "sources", lambda: "older")
    running.run(made_up(), Effort.FULL, tmp_path, QUIET)
    monkeypatch.undo()
    record = running.run(made_up(lambda part, *_: rows_of(part, (7.0, 7.0))), Effort.FULL, tmp_path, QUIET)
    assert record.parts["a"].measured == rows_of("a", (7.0, 7.0))


def test_parts_that_an_experiment_no_longer_has_are_forgotten(tmp_path: Path) -> None:
    running.run(made_up(), Effort.FULL, tmp_path, QUIET)
    record = running.run(replace(made_up(), parts=("b",)), Effort.FULL, tmp_path, QUIET)
    assert list(record.parts) == ["b"]


def test_a_file_that_is_no_record_is_named(tmp_path: Path) -> None:
    path = records.path_of(tmp_path, "made_up")
    path.parent.mkdir()
    path.write_text("{}")
    with pytest.raises(InputError, match=r"made_up\.json: not data of an experiment"):
        running.run(made_up(), Effort.FULL, tmp_path, QUIET)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(InputError, match="cannot be"):
        running.run(made_up(), Effort.FULL, tmp_path, QUIET)


# --- page ---


def test_the_page_stands_alone_with_findings_figures_and_every_row(tmp_path: Path) -> None:
    running.run(made_up(), Effort.FULL, tmp_path, QUIET)
    text = page.write(tmp_path, [made_up(), replace(made_up(), name="not_measured")]).read_text(encoding="utf-8")
    assert "A does 2 &amp; B too" in text
    assert "What is &lt;this&gt;?" in text
    assert text.count("data:image/svg+xml;base64,") == 1
    assert text.count("<tbody>") == 1
    assert text.count("<tr>") == 1 + 4
    assert "python -m experiments run not_measured" in text
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", text)


def test_nothing_stands_out_of_any_panel() -> None:
    rows = [
        Measured("speed", "", {"threads": "1", "design": panel}, (value, value, value))
        for panel, value in (("a", 1.0), ("b", 8.0), ("c", 3.0))
    ]
    figure = charts.plot(Chart("speed", x="threads", panel="design"), rows, ())
    panels = [axes for axes in figure.axes if axes.axison]
    assert len(panels) == 3
    for axes, row in zip(panels, rows, strict=True):
        low, high = axes.get_ylim()
        assert low == 0
        assert row.samples[0] < high


def test_the_legend_names_a_series_that_some_panels_do_not_have() -> None:
    rows = [
        Measured("speed", "", {"way": "out", "design": design, "threads": threads}, (1.0, 2.0, 3.0))
        for design, threads in (("a", "1"), ("b", "1"), ("a", "2"))
    ]
    figure = charts.plot(Chart("speed", x="way", series="design", panel="threads"), rows, ())
    legends = [legend for axes in figure.axes if (legend := axes.get_legend()) is not None]
    assert [[text.get_text() for text in legend.get_texts()] for legend in legends] == [["a", "b"]]


def test_figures_are_drawn_from_the_data_alone_and_are_the_same_each_time(tmp_path: Path) -> None:
    running.run(made_up(), Effort.FULL, tmp_path, QUIET)

    def unexpected(*_: object) -> list[Measured]:
        raise AssertionError("drawing measures nothing")

    record = records.load(tmp_path, "made_up")
    assert record is not None
    first, second = (charts.draw(made_up(unexpected), record, tmp_path / name)[0] for name in ("one", "two"))
    assert _without_identities(first) == _without_identities(second)


def _without_identities(path: Path) -> str:
    """A figure without the random names that matplotlib gives to clips and marks."""
    return re.sub(r"[pm][0-9a-f]{10}", "", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("value", "text"), [(123_456.7, "123,457"), (12.34, "12.3"), (1.234, "1.23"), (0.01234, "0.0123"), (0.0, "0.00")]
)
def test_numbers_are_shown_with_as_many_digits_as_matter(value: float, text: str) -> None:
    assert page.shown(value) == text


def test_rows_are_found_by_quantity_and_setting() -> None:
    rows = Rows([*rows_of("a"), Measured("other", "", {"sent by": "hand"}, (3.0,))])
    assert rows.median("speed", design="a", threads="2") == 2.0
    assert rows.median("other", sent_by="hand") == 3.0
    assert rows.median("speed", design="b") is None


def test_every_experiment_file_is_registered() -> None:
    folder = Path(registry.__file__).parent
    declaring = {path.stem for path in folder.glob("*.py") if "\nEXPERIMENT: Final" in path.read_text()}
    assert declaring == set(NAMES)
