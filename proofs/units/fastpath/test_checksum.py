"""The checksum kernels agree with the RFCs' examples, with an independent sum, and with themselves uncompiled."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.utils import checksum as scapy_checksum

from fastpath import checksum
from fastpath.interpreted import interpreted
from proofs.smt.concrete import on_numbers

UNCOMPILED = interpreted("fastpath.checksum")

delta_of_words = on_numbers(checksum.delta_of_words)
update = on_numbers(checksum.update)
update_udp = on_numbers(checksum.update_udp)

RFC_1071_BYTES = bytes([0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7])

words = st.integers(0, 0xFFFF)
values = st.integers(0, 2**64 - 1)


def internet_sum(octets: bytes, offset: int = 0) -> int:
    """Folded sum of the bytes from `offset`, by the compiled kernels."""
    frame = np.frombuffer(octets, np.uint8)
    total = on_numbers(checksum.internet_sum)(frame, offset, len(octets) - offset)
    return int(on_numbers(checksum.fold)(total))


def test_the_example_of_rfc_1071_section_3_adds_up() -> None:
    assert internet_sum(RFC_1071_BYTES) == 0xDDF2


def test_the_example_of_rfc_1624_section_4_updates_to_zero_not_to_minus_zero() -> None:
    delta = delta_of_words(0x5555, 0x3285)
    assert update(0xDD2F, delta) == 0x0000


def test_a_word_replaced_by_itself_turns_minus_zero_into_zero_and_leaves_other_checksums() -> None:
    delta = delta_of_words(0x1234, 0x1234)
    assert update(0xFFFF, delta) == 0x0000
    assert update(0xFFFE, delta) == 0xFFFE


def test_a_udp_checksum_that_was_never_computed_stays_so() -> None:
    assert update_udp(0, 0x1234, False) == update_udp(0, 0x1234, True) == 0


def test_a_udp_checksum_that_comes_out_as_zero_is_sent_in_its_other_form_where_that_is_asked() -> None:
    delta = delta_of_words(0x5555, 0x3285)
    assert update_udp(0xDD2F, delta, False) == 0
    assert update_udp(0xDD2F, delta, True) == 0xFFFF


def test_an_update_without_any_change_is_one_by_minus_zero() -> None:
    assert update(0xFFFF, 0) == update(0xFFFF, 0xFFFF) == 0x0000


@given(octets=st.binary(max_size=120), offset=st.integers(0, 3))
def test_the_sum_of_any_bytes_is_what_scapy_computes(octets: bytes, offset: int) -> None:
    offset = min(offset, len(octets))
    assert internet_sum(octets, offset) ^ 0xFFFF == scapy_checksum(octets[offset:])


@given(packet=st.binary(min_size=40, max_size=60), address=st.integers(0, 2**32 - 1), port=words)
def test_deltas_of_an_address_and_a_port_add_up_to_the_checksum_of_the_new_packet(
    packet: bytes, address: int, port: int
) -> None:
    old = scapy_checksum(packet)
    new = packet[:12] + address.to_bytes(4, "big") + packet[16:20] + port.to_bytes(2, "big") + packet[22:]
    delta = delta_of_words(int.from_bytes(packet[12:16], "big"), address)
    delta += delta_of_words(int.from_bytes(packet[20:22], "big"), port)
    expected = scapy_checksum(new) if any(new) else 0x0000
    assert update(old, delta) == expected


@pytest.mark.parametrize("name", ["fold", "finish", "sum_of_words"])
@given(value=values)
def test_a_kernel_of_one_value_is_the_same_compiled_and_uncompiled(name: str, value: int) -> None:
    assert on_numbers(getattr(checksum, name))(value) == on_numbers(getattr(UNCOMPILED, name))(value)


@given(old=values, new=values, field=words, ones=st.booleans())
def test_deltas_and_updates_are_the_same_compiled_and_uncompiled(old: int, new: int, field: int, ones: bool) -> None:
    delta = delta_of_words(old, new)
    assert delta == on_numbers(UNCOMPILED.delta_of_words)(old, new)
    assert update(field, delta) == on_numbers(UNCOMPILED.update)(field, delta)
    assert update_udp(field, delta, ones) == on_numbers(UNCOMPILED.update_udp)(field, delta, ones)
