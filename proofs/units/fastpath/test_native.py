"""Native flows: every field of a word comes back as it went in, and leaves its neighbours alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastpath import native
from fastpath.layout import PARTNER_NATIVE

FIELDS = st.tuples(
    st.integers(0, 1 << 24),
    st.integers(0, 1),
    st.integers(0, 2),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xF_FFFF),
)


def fields(word: int | np.uint64) -> tuple[int, int, int, int, int]:
    """What an origin word says."""
    origin = np.uint64(word)
    return (
        int(native.origin_vni(origin)),
        int(native.begun_inbound(origin)),
        int(native.origin_nat(origin)),
        int(native.origin_route(origin)),
        int(native.origin_pools(origin)),
    )


@given(FIELDS)
def test_every_field_of_an_origin_comes_back(values: tuple[int, ...]) -> None:
    assert fields(native.pack_origin(*map(np.uint64, values))) == values


@given(FIELDS, st.integers(0, 0xFFFF))
def test_another_route_changes_nothing_else(values: tuple[int, ...], route: int) -> None:
    origin = np.uint64(native.pack_origin(*map(np.uint64, values)))
    assert fields(native.with_route(origin, np.uint64(route))) == (*values[:3], route, values[4])


@given(st.integers(0, 0xFFFF_FFFE), st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1))
def test_a_passage_counts_and_takes_over_the_epoch(hits: int, epoch: int, later: int) -> None:
    passed = np.uint64(native.pack_passed(np.uint64(hits), np.uint64(epoch)))
    assert (int(native.passed_hits(passed)), int(native.passed_epoch(passed))) == (hits, epoch & 0xFFFF_FFFF)
    again = np.uint64(native.passed_again(passed, np.uint64(later)))
    assert (int(native.passed_hits(again)), int(native.passed_epoch(again))) == (hits + 1, later & 0xFFFF_FFFF)


def test_a_partner_word_tells_the_entry_and_who_owns_the_flow() -> None:
    assert native.is_native(np.uint64(7) | PARTNER_NATIVE)
    assert native.partner_of(np.uint64(7) | PARTNER_NATIVE) == 7
    assert not native.is_native(np.uint64(7))
    assert not native.is_native(np.uint64(0))
