"""The source tree keeps the rules of the house, and each rule notices what breaks it."""

import functools
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from proofs.house import (
    MAXIMUM_LINES,
    Module,
    Violation,
    breaks_arrows,
    breaks_form,
    machine_traces,
    modules,
    undocumented_methods,
)

ROOT = Path(__file__).parents[2]

Rule = Callable[[Iterable[Module]], Iterable[Violation]]


@functools.cache
def project() -> list[Module]:
    """The modules of this project, each parsed once."""
    return modules(ROOT)


def report(violations: Iterable[Violation]) -> str:
    """One violation a line; empty when there is none."""
    return "\n".join(map(str, violations))


@pytest.fixture(name="tree")
def plain_tree(tmp_path: Path) -> Path:
    """A small source tree that keeps every rule."""
    for name in (
        "model/__init__.py",
        "reference/__init__.py",
        "reference/port.py",
        "reference/hairpin/arp.py",
        "fastpath/__init__.py",
        "experiments/scaling.py",
        "proofs/units/test_port.py",
    ):
        write(tmp_path, name, "")
    write(tmp_path, ".gitignore", ".venv/\nresults/\n", docstring="")
    return tmp_path


def write(tree: Path, name: str, text: str, docstring: str = '"""A module."""\n') -> None:
    """Put one file into the tree."""
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(docstring + text)


def test_the_tree_is_found() -> None:
    assert {module.name for module in project()} >= {"model", "proofs.house", "proofs.units.test_house"}


def test_imports_point_one_way() -> None:
    assert report(breaks_arrows(project())) == ""


def test_every_file_fits_a_sitting_and_says_what_it_is() -> None:
    assert report(breaks_form(project())) == ""


def test_every_method_says_what_it_does() -> None:
    assert report(undocumented_methods(project())) == ""


def test_nothing_names_the_machine_it_was_made_on() -> None:
    assert report(machine_traces(ROOT)) == ""


def test_a_tree_that_keeps_the_rules_has_no_violations(tree: Path) -> None:
    write(tree, "reference/layer.py", "import dataclasses\nfrom reference.port import Port\nfrom . import port\n")
    write(tree, "fastpath/port.py", "import numba\nfrom reference import Port\nfrom reference.hairpin import arp\n")
    write(tree, "fastpath/slow_path.py", "from reference.port import Port\n")
    write(tree, "proofs/equivalence.py", "import model, fastpath, reference.port\n")
    write(tree, "proofs/units/experiments/test_scaling.py", "from experiments.scaling import run\n")
    write(tree, "results/note.txt", f"{Path('/', 'work', 'somewhere')}")
    assert report([*breaks_arrows(modules(tree)), *breaks_form(modules(tree)), *machine_traces(tree)]) == ""


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("reference/layer.py", "import fastpath", "reference may not import fastpath"),
        ("reference/layer.py", "import fastpath.port as slow", "reference may not import fastpath"),
        ("reference/layer.py", "def run():\n    from model import language", "reference may not import model"),
        (
            "reference/layer.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from proofs.x import Y",
            "reference may not import proofs",
        ),
        ("reference/layer.py", "import importlib\nimportlib.import_module('fastpath')", "may not import fastpath"),
        ("reference/layer.py", "x = __import__('fastpath')", "may not import fastpath"),
        ("reference/hairpin/ndp.py", "from ... import fastpath", "may not import fastpath"),
        ("reference/layer.py", "import numba", "standard library alone: numba"),
        ("reference/layer.py", "from numpy import array", "standard library alone: numpy.array"),
        ("reference/layer.py", "from concurrent.futures import Future", "no threads: concurrent.futures.Future"),
        ("model/designs/fine.py", "from reference import Port", "model may not import reference"),
        ("fastpath/port.py", "from reference.port import Port", "fastpath may not import reference.port"),
        ("fastpath/port.py", "from reference import port", "fastpath may not import reference.port"),
        ("fastpath/port.py", "from model import language", "fastpath may not import model"),
        ("fastpath/slow_path.py", "import proofs", "fastpath may not import proofs"),
        ("experiments/live.py", "from model import language", "experiments may not import model"),
        ("proofs/equivalence.py", "import experiments.scaling", "proofs may not import experiments.scaling"),
        ("proofs/units/test_x.py", "import experiments.scaling", "proofs may not import experiments.scaling"),
    ],
)
def test_an_import_against_the_arrows_is_found(tree: Path, name: str, text: str, message: str) -> None:
    write(tree, name, text)
    (violation,) = breaks_arrows(modules(tree))
    assert violation.path == name
    assert message in violation.message


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("model/long.py", '"""Long."""\n' + "x = 1\n" * MAXIMUM_LINES, "401 lines"),
        ("proofs/utils.py", '"""Handy."""\n', "named for its concept"),
        ("reference/helpers/bits.py", '"""Handy."""\n', "named for its concept"),
        ("fastpath/port.py", "x = 1\n", "say in a docstring"),
        ("fastpath/empty.py", "", "say in a docstring"),
    ],
)
def test_a_file_out_of_form_is_found(tree: Path, name: str, text: str, message: str) -> None:
    write(tree, name, text, docstring="")
    (violation,) = breaks_form(modules(tree))
    assert violation.path == name
    assert message in violation.message


DOCUMENTED = """
class Plain:
    def run(self): ...

class Predicate(ABC):
    def matches(self):
        'Whether it matches.'

class Port(Predicate):
    def matches(self): ...
    def _private(self): ...

class Entry:
    @property
    def killed(self):
        "Whether it was."
    @killed.setter
    def killed(self, value): ...

class Column(rich.ProgressColumn):
    def render(self): ...
"""


def test_a_method_is_documented_where_it_is_introduced(tree: Path) -> None:
    write(tree, "reference/rule.py", DOCUMENTED)
    (violation,) = undocumented_methods(modules(tree))
    assert violation.message == "say in a docstring what Plain.run does"


def test_a_test_class_needs_no_docstrings(tree: Path) -> None:
    write(tree, "proofs/units/test_rule.py", DOCUMENTED)
    assert report(undocumented_methods(modules(tree))) == ""


def test_a_file_at_the_limit_is_allowed(tree: Path) -> None:
    write(tree, "model/long.py", "x = 1\n" * (MAXIMUM_LINES - 1))
    assert report(breaks_form(modules(tree))) == ""


@pytest.mark.parametrize("trace", ["~work/main", "see ~tmp/x", "=~home/me", "~~files.pythonhosted~.org", "pypi~.org"])
def test_a_machine_path_or_registry_name_is_found(tree: Path, trace: str) -> None:
    spelled = trace.replace("~.", ".").replace("~", "/")  # so that this file does not break the rule itself
    write(tree, "docs/notes.md", f"first line\n{spelled}\n", docstring="")
    (violation,) = machine_traces(tree)
    assert (violation.path, violation.line) == ("docs/notes.md", 2)


@pytest.mark.parametrize("text", ["network/home/x", "a/tmp/b", "$(OUT)/work/x", "2001:db8::/32"])
def test_a_relative_path_is_no_trace_of_a_machine(tree: Path, text: str) -> None:
    write(tree, "docs/notes.md", text, docstring="")
    assert report(machine_traces(tree)) == ""
