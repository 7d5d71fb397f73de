"""The Internet checksum: the RFCs' examples, agreement with scapy, and incremental against full."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scapy.utils import checksum as scapy_checksum

from reference.packet import checksum

words = st.integers(0, 0xFFFF)
even_bytes = st.lists(words, min_size=1, max_size=32).map(lambda values: b"".join(v.to_bytes(2) for v in values))


def full(data: bytes) -> int:
    """The checksum of the data, from scratch."""
    return checksum.checksum_of(checksum.sum_of(data))


def test_the_example_of_rfc_1071_section_3_adds_up() -> None:
    data = bytes.fromhex("0001 f203 f4f5 f6f7")
    assert checksum.sum_of(data) == 0x2DDF0
    assert checksum.fold(0x2DDF0) == 0xDDF2
    assert full(data) == 0x220D


def test_the_example_of_rfc_1624_section_4_updates_to_0_and_not_to_ffff() -> None:
    assert checksum.update(0xDD2F, checksum.change(0x5555, 0x3285)) == 0x0000


@given(st.binary(max_size=200))
def test_the_full_checksum_is_scapys(data: bytes) -> None:
    assert full(data) == scapy_checksum(data)


@given(even_bytes, st.data())
def test_the_incremental_checksum_is_the_full_one(data: bytes, draw: st.DataObject) -> None:
    start = 2 * draw.draw(st.integers(0, len(data) // 2))
    end = 2 * draw.draw(st.integers(start // 2, len(data) // 2))
    new = draw.draw(st.binary(min_size=end - start, max_size=end - start))
    changed = data[:start] + new + data[end:]
    assume(any(changed))
    assert checksum.update(full(data), checksum.change_of(data[start:end], new)) == full(changed)


@given(even_bytes, even_bytes, words)
def test_a_wrong_checksum_stays_wrong_by_the_same_amount(data: bytes, other: bytes, wrong: int) -> None:
    new = (other * len(data))[: len(data)]
    assume(any(new))
    error = checksum.change(full(data), wrong)
    updated = checksum.update(wrong, checksum.change_of(data, new))
    assert checksum.fold(full(new) + error) % 0xFFFF == updated % 0xFFFF


@given(words, st.lists(st.tuples(words, words), max_size=8))
def test_changes_may_be_added_and_applied_at_once(start: int, changes: list[tuple[int, int]]) -> None:
    one_by_one = checksum.update(start, 0)
    for old, new in changes:
        one_by_one = checksum.update(one_by_one, checksum.change(old, new))
    assert checksum.update(start, sum(checksum.change(old, new) for old, new in changes)) == one_by_one


@given(words)
def test_no_update_ever_gives_ffff_the_other_form_of_zero(start: int) -> None:
    assert checksum.update(start, 0) == start % 0xFFFF


@pytest.mark.parametrize(("old", "new"), [(b"\0\0", b"\0\0\0\0"), (b"\0", b"\0")])
def test_bytes_are_replaced_by_as_many_and_in_whole_words(old: bytes, new: bytes) -> None:
    with pytest.raises(ValueError, match="same even number"):
        checksum.change_of(old, new)
