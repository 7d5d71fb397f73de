"""Choosing an engine by name."""

import pytest

import fastpath
import reference
from proofs.conformance.engines import Design, EngineName, EngineUnavailable, SemanticsName, engine_factory
from proofs.conformance.port_engine import PortEngine
from reference.semantics import Semantics


def test_each_engine_is_made_anew() -> None:
    make_engine = engine_factory(EngineName.REFERENCE, None, SemanticsName.UPSTREAM)
    first, second = make_engine(), make_engine()
    assert isinstance(first, PortEngine)
    assert first is not second


def test_the_names_of_semantics_are_the_references() -> None:
    assert SemanticsName.UPSTREAM.semantics is Semantics.UPSTREAM
    assert SemanticsName.CORRECT.semantics is Semantics.CORRECT


def test_a_design_without_the_fast_path_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match="--design mutex belongs to --engine fastpath"):
        engine_factory(EngineName.REFERENCE, Design.MUTEX, SemanticsName.UPSTREAM)


def test_a_package_without_a_port_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(reference, "Port")
    with pytest.raises(EngineUnavailable, match="the package reference has no Port"):
        engine_factory(EngineName.REFERENCE, None, SemanticsName.UPSTREAM)


def test_the_designs_are_those_of_the_fast_path() -> None:
    assert [design.value for design in Design] == [design.value for design in fastpath.Design]
