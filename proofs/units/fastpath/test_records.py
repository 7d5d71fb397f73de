"""Numbers of records are handed out once at a time; equal transforms share one record until nobody names it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastpath.layout import TRANSFORM_WORDS, TRANSFORMS_AT
from fastpath.memory import Words
from fastpath.records import Records, Transforms
from proofs.units.fastpath.arenas import small_arena


def content(number: int) -> tuple[int, ...]:
    """The words of a transform, one of many."""
    return (*[number << 56 | 0xFFFF] * TRANSFORM_WORDS,)


def written(words: Words, number: int) -> tuple[int, ...]:
    """The words of a transform record."""
    at = int(words[TRANSFORMS_AT]) + number * TRANSFORM_WORDS
    return tuple(int(word) for word in words[at : at + TRANSFORM_WORDS])


def test_numbers_begin_at_1_and_end_before_the_count() -> None:
    records = Records(4)
    assert [records.take() for _ in range(5)] == [1, 2, 3, None, None]


def test_the_number_given_back_last_is_taken_first() -> None:
    records = Records(8)
    taken = [records.take() for _ in range(3)]
    assert taken == [1, 2, 3]
    records.give_back(1)
    records.give_back(3)
    assert [records.take() for _ in range(3)] == [3, 1, 4]


@given(script=st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=60))
def test_nobody_gets_a_number_that_somebody_has(script: list[int | None]) -> None:
    records, held = Records(6), list[int]()
    for step in script:
        if step is None:
            number = records.take()
            assert (number is None) == (len(held) == 5)
            if number is not None:
                assert number not in held
                assert 1 <= number < 6
                held.append(number)
        elif held:
            records.give_back(held.pop(step % len(held)))


def test_equal_transforms_share_a_record_and_different_ones_do_not() -> None:
    words = small_arena()
    transforms = Transforms(words, 4)
    assert [transforms.take(content(kind)) for kind in (1, 2, 1, 1)] == [1, 2, 1, 1]
    assert written(words, 1) == content(1)
    assert written(words, 2) == content(2)


def test_a_record_is_free_when_the_last_entry_has_given_it_back() -> None:
    words = small_arena()
    transforms = Transforms(words, 2)
    assert transforms.take(content(1)) == transforms.take(content(1)) == 1
    transforms.give_back(1)
    assert transforms.take(content(2)) is None
    assert written(words, 1) == content(1)
    transforms.give_back(1)
    assert transforms.take(content(2)) == 1
    assert written(words, 1) == content(2)


def test_a_transform_that_was_forgotten_is_written_anew() -> None:
    words = small_arena()
    transforms = Transforms(words, 4)
    first = transforms.take(content(1))
    assert first is not None
    transforms.give_back(first)
    words[:] = np.where(words == content(1)[0], 0, words)
    again = transforms.take(content(1))
    assert again is not None
    assert written(words, again) == content(1)


def test_without_room_a_known_transform_can_still_be_shared() -> None:
    transforms = Transforms(small_arena(), 2)
    assert transforms.take(content(1)) == 1
    assert transforms.take(content(2)) is None
    assert transforms.take(content(1)) == 1
