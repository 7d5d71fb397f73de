"""The two semantics."""

from dataclasses import fields

import pytest

from reference.semantics import Semantics


def test_upstream_has_none_of_the_corrections_and_correct_has_all() -> None:
    names = [field.name for field in fields(Semantics)]
    assert names
    assert [getattr(Semantics.UPSTREAM, name) for name in names] == [False] * len(names)
    assert [getattr(Semantics.CORRECT, name) for name in names] == [True] * len(names)


def test_correct_is_what_one_gets_without_asking() -> None:
    assert Semantics() == Semantics.CORRECT


def test_corrections_can_be_asked_for_and_declined_by_name() -> None:
    assert Semantics.only() == Semantics.UPSTREAM
    assert Semantics.only(*Semantics.names()) == Semantics.CORRECT
    assert Semantics.only("pair_at_install") == Semantics.UPSTREAM.without().only("pair_at_install")
    assert Semantics.CORRECT.without("pair_at_install").pair_at_install is False
    assert Semantics.CORRECT.without(*Semantics.names()) == Semantics.UPSTREAM
    with pytest.raises(TypeError, match="teleport"):
        Semantics.only("teleport")
