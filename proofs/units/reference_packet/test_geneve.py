"""Geneve options: encoding, splitting, and what is known of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.packet.geneve import OXIDE_OPTION_CLASS, Option, OxideOption, encode_option, split_options

bodies = st.integers(0, 31).flatmap(lambda words: st.binary(min_size=4 * words, max_size=4 * words))


@given(st.lists(st.tuples(st.sampled_from(OxideOption), bodies), max_size=8))
def test_options_split_into_what_was_encoded(options: list[tuple[OxideOption, bytes]]) -> None:
    encoded = b"".join(encode_option(option_type, body) for option_type, body in options)
    assert split_options(encoded) == tuple(Option(OXIDE_OPTION_CLASS, *option) for option in options)


@given(st.binary(max_size=80))
def test_any_bytes_that_split_are_the_options_one_after_the_other(options: bytes) -> None:
    try:
        found = split_options(options)
    except ValueError:
        return
    put_together = b"".join(
        one.option_class.to_bytes(2) + bytes((one.option_type, len(one.body) // 4)) + one.body for one in found
    )
    assert put_together == without_reserved_bits(options)


def without_reserved_bits(options: bytes) -> bytes:
    """The options with the three bits cleared that stand in front of each length."""
    cleared, position = bytearray(options), 3
    while position < len(cleared):
        cleared[position] &= 0x1F
        position += 4 + 4 * cleared[position]
    return bytes(cleared)


@given(bodies, st.data())
def test_options_that_end_inside_one_are_refused(body: bytes, data: st.DataObject) -> None:
    encoded = encode_option(OxideOption.MSS, body)
    kept = data.draw(st.integers(1, len(encoded) - 1))
    with pytest.raises(ValueError, match=r"bytes, \d+ are left"):
        split_options(encoded[:kept])


@pytest.mark.parametrize("length", [1, 2, 3, 5, 128])
def test_a_body_is_whole_words_and_at_most_31_of_them(length: int) -> None:
    with pytest.raises(ValueError, match="multiple of 4, at most 124"):
        encode_option(OxideOption.MSS, bytes(length))


@given(bodies, st.integers(0, 7))
def test_the_reserved_bits_in_front_of_the_length_are_ignored(body: bytes, reserved: int) -> None:
    encoded = bytearray(encode_option(OxideOption.MSS, body))
    encoded[3] |= reserved << 5
    assert split_options(bytes(encoded)) == (Option(OXIDE_OPTION_CLASS, OxideOption.MSS, body),)


def test_the_external_option_is_the_class_and_zeros() -> None:
    assert encode_option(OxideOption.EXTERNAL) == bytes.fromhex("01290000")


def test_only_the_three_types_of_the_oxide_class_are_known() -> None:
    assert [t for t in range(256) if Option(OXIDE_OPTION_CLASS, t, bytes(4)).is_known] == [0, 1, 2]
    assert not Option(OXIDE_OPTION_CLASS + 1, 0, b"").is_known


def test_multicast_and_mss_need_a_body_and_external_needs_none() -> None:
    assert not Option(OXIDE_OPTION_CLASS, OxideOption.EXTERNAL, b"").is_truncated
    assert Option(OXIDE_OPTION_CLASS, OxideOption.MULTICAST, b"").is_truncated
    assert Option(OXIDE_OPTION_CLASS, OxideOption.MSS, b"").is_truncated
    assert not Option(OXIDE_OPTION_CLASS + 1, OxideOption.MSS, b"").is_truncated


def test_the_top_bit_of_the_type_makes_an_option_critical() -> None:
    assert Option(0, 0x80, b"").is_critical
    assert not Option(0, 0x7F, b"").is_critical
