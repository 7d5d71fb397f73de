"""The two semantics."""

from dataclasses import fields

from reference.semantics import Semantics


def test_upstream_has_none_of_the_corrections_and_correct_has_all() -> None:
    names = [field.name for field in fields(Semantics)]
    assert names
    assert [getattr(Semantics.UPSTREAM, name) for name in names] == [False] * len(names)
    assert [getattr(Semantics.CORRECT, name) for name in names] == [True] * len(names)


def test_correct_is_what_one_gets_without_asking() -> None:
    assert Semantics() == Semantics.CORRECT
