"""Delta debugging: what is left fails, and no piece of it can be spared."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from proofs.interleavings.delta_debugging import minimal


@given(length=st.integers(0, 40), data=st.data())
def test_exactly_the_pieces_that_the_failure_needs_are_left(length: int, data: st.DataObject) -> None:
    needed = set(data.draw(st.lists(st.sampled_from(range(length)), max_size=4))) if length else set()
    assert list(minimal(range(length), lambda pieces: needed <= set(pieces))) == sorted(needed)


def test_far_fewer_than_all_subsets_are_tried() -> None:
    tried = 0

    def fails(pieces: Sequence[int]) -> bool:
        nonlocal tried
        tried += 1
        return {100, 700} <= set(pieces)

    assert list(minimal(range(1_000), fails)) == [100, 700]
    assert tried < 100


def test_of_several_failures_one_is_kept() -> None:
    left = minimal(range(10), lambda pieces: len(pieces) >= 3)
    assert len(left) == 3
