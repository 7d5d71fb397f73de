"""Compiling a flow: its key, what it shares with other flows, and what is its own."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.compile_flow import CompiledFlow, checksum_delta, compile_flow, key_words
from fastpath.layout import (
    ETHER_DESTINATION,
    ETHER_SOURCE,
    IP_DESTINATION,
    IP_SOURCE,
    PUSH_AT,
    PUSH_BYTES,
    TRANSFORM_CHECKSUMS,
    TRANSFORM_FLAGS,
    TRANSFORM_WORDS,
)
from proofs.equivalence.frames import ICMP, ICMPV6, TCP, UDP
from proofs.units.fastpath.packets import UNDERLAY_A, UNDERLAY_B, address, flows
from reference.direction import Direction
from reference.packet import checksum
from reference.packet.emit import Encapsulation
from reference.packet.flow import FlowId
from reference.transform import CompiledTransform, InnerModification

FOUR = FlowId(TCP, 4, bytes([10, 0, 0, 5]), bytes([10, 0, 0, 6]), 0x1234, 0x5678)
SIX = FlowId(UDP, 6, bytes(range(16)), bytes(range(16, 32)), 1, 2)


def compiled(flow: FlowId, push: Encapsulation | None = None, internal: bool = False, **inner: Any) -> CompiledFlow:
    """A flow with this modification."""
    modification = InnerModification(**inner)
    dirty = modification.touches_ip or modification.touches_transport
    result = compile_flow(flow, CompiledTransform(push, modification, dirty, internal), udp_zero_as_ones=False)
    assert result is not None
    return result


def encapsulation(source_port: int = 1, options: bytes = b"") -> Encapsulation:
    """An encapsulation that differs from others by its source port or its options."""
    return Encapsulation(bytes(6), UNDERLAY_A, UNDERLAY_B, 99, source_port, options)


def test_the_key_of_an_ipv4_flow_has_its_addresses_in_the_low_words() -> None:
    meta = 1 << 48 | 4 << 40 | TCP << 32 | 0x1234 << 16 | 0x5678
    assert key_words(Direction.OUT, FOUR) == (0, 0x0A000005, 0, 0x0A000006, meta)
    assert key_words(Direction.IN, FOUR)[-1] == meta - (1 << 48)


def test_the_key_of_an_ipv6_flow_has_all_128_bits_of_its_addresses() -> None:
    high, low = 0x0001020304050607, 0x08090A0B0C0D0E0F
    step = 0x1010101010101010
    assert key_words(Direction.IN, SIX) == (high, low, high + step, low + step, 6 << 40 | UDP << 32 | 1 << 16 | 2)


@given(one=flows(), other=flows(), directions=st.tuples(st.sampled_from(Direction), st.sampled_from(Direction)))
def test_different_flows_have_different_keys(one: FlowId, other: FlowId, directions: tuple[Any, Any]) -> None:
    keys = (key_words(directions[0], one), key_words(directions[1], other))
    assert (keys[0] == keys[1]) == ((directions[0], one) == (directions[1], other))


@given(flow=flows())
def test_the_halves_of_a_flow_have_different_keys(flow: FlowId) -> None:
    assert key_words(Direction.IN, flow) != key_words(Direction.OUT, flow)


@given(flow=flows(), data=st.data())
def test_the_checksum_delta_is_what_replacing_the_words_adds(flow: FlowId, data: st.DataObject) -> None:
    source, destination = data.draw(address(flow.family)), data.draw(address(flow.family))
    port = data.draw(st.integers(0, 0xFFFF))
    delta = checksum_delta(flow, InnerModification(ip_source=source, ip_destination=destination, source_port=port))
    expected = 0
    if flow.protocol != ICMP:
        expected += checksum.change_of(flow.source + flow.destination, source + destination)
    if flow.protocol in (TCP, UDP):
        expected += checksum.change(flow.source_port, port)
    assert 0 <= delta <= 0xFFFF
    assert delta % 0xFFFF == expected % 0xFFFF


@pytest.mark.parametrize("protocol", [ICMP, ICMPV6])
def test_only_an_echo_with_code_0_gets_a_new_identifier(protocol: int) -> None:
    request = 8 if protocol == ICMP else 128
    echo = (FOUR if protocol == ICMP else SIX)._replace(protocol=protocol, source_port=request, destination_port=77)
    new = compiled(echo, icmp_identifier=78)
    assert new.rewrite & 0xFFFF == 78
    assert new.rewrite >> 48 == checksum.fold(checksum.change(77, 78))
    for message in (request | 1 << 8, 3):
        other = compiled(echo._replace(source_port=message, destination_port=0), icmp_identifier=78)
        assert other.rewrite == 0


@pytest.mark.parametrize("flow", [FOUR, FOUR._replace(protocol=UDP)])
def test_ports_lie_in_the_flows_own_word(flow: FlowId) -> None:
    new = compiled(flow, source_port=0xAAAA, destination_port=0xBBBB)
    assert new.rewrite & 0xFFFF_FFFF == 0xAAAA_BBBB
    assert compiled(flow, source_port=0xAAAA).rewrite & 0xFFFF_FFFF == 0xAAAA_0000
    assert compiled(flow, destination_port=0xBBBB).rewrite & 0xFFFF_FFFF == 0x0000_BBBB


def test_addresses_lie_in_the_shared_words() -> None:
    words = compiled(
        SIX,
        ether_source=b"\1\2\3\4\5\6",
        ether_destination=b"\6\5\4\3\2\1",
        ip_source=SIX.destination,
        ip_destination=SIX.source,
    ).transform
    assert (words[ETHER_SOURCE], words[ETHER_DESTINATION]) == (0x010203040506, 0x060504030201)
    assert words[IP_SOURCE : IP_SOURCE + 2] == (0x1011121314151617, 0x18191A1B1C1D1E1F)
    assert words[IP_DESTINATION : IP_DESTINATION + 2] == (0x0001020304050607, 0x08090A0B0C0D0E0F)


def test_flows_that_differ_in_ports_and_entropy_share_a_transform() -> None:
    one = compiled(FOUR, encapsulation(0x1111), source_port=1)
    other = compiled(FOUR._replace(source_port=9, destination_port=80), encapsulation(0x2222), source_port=2)
    assert one.transform == other.transform
    assert (one.rewrite >> 32 & 0xFFFF, other.rewrite >> 32 & 0xFFFF) == (0x1111, 0x2222)


NOTHING = compiled(FOUR, encapsulation())


@pytest.mark.parametrize(
    "other",
    [
        compiled(FOUR),
        compiled(FOUR, encapsulation(options=bytes(4))),
        compiled(FOUR, Encapsulation(bytes(6), UNDERLAY_A, UNDERLAY_B, 98, 1)),
        compiled(FOUR, encapsulation(), internal=True),
        compiled(FOUR, encapsulation(), ether_source=bytes(6)),
        compiled(FOUR, encapsulation(), ether_destination=bytes(6)),
        compiled(FOUR, encapsulation(), ip_source=bytes(4)),
        compiled(FOUR, encapsulation(), ip_destination=bytes(4)),
        compiled(FOUR, encapsulation(), source_port=0),
        compiled(FOUR, encapsulation(), destination_port=0),
    ],
    ids=["pop", "options", "vni", "internal", "mac s", "mac d", "ip s", "ip d", "port s", "port d"],
)
def test_setting_a_field_to_zero_is_not_leaving_it_alone(other: CompiledFlow) -> None:
    assert (
        other.transform[TRANSFORM_FLAGS] != NOTHING.transform[TRANSFORM_FLAGS] or other.transform != NOTHING.transform
    )


@pytest.mark.parametrize("dirty", [False, True])
def test_checksums_follow_where_the_reference_says_that_they_must(dirty: bool) -> None:
    result = compile_flow(FOUR, CompiledTransform(None, InnerModification(), dirty, False), udp_zero_as_ones=False)
    assert result is not None
    assert bool(result.transform[TRANSFORM_FLAGS] & int(TRANSFORM_CHECKSUMS)) is dirty


def test_pushed_bytes_end_where_the_last_word_they_need_ends() -> None:
    push = encapsulation(0, options=b"\xee" * 4)
    words = compiled(FOUR, push).transform
    assert words[TRANSFORM_FLAGS] & 0xFF == 74
    pushed = np.array(words[PUSH_AT:], "<u8").tobytes()
    assert pushed[:80] == bytes(6) + push.header
    assert pushed[80:] == bytes(PUSH_BYTES - 80)


def test_an_encapsulation_longer_than_a_record_is_left_to_the_slow_path() -> None:
    fits = encapsulation(options=bytes((PUSH_BYTES - 70) // 4 * 4))
    too_long = encapsulation(options=bytes((PUSH_BYTES - 70) // 4 * 4 + 4))
    assert len(fits.header) <= PUSH_BYTES < len(too_long.header)
    assert (
        compile_flow(FOUR, CompiledTransform(fits, InnerModification(), False, False), udp_zero_as_ones=False)
        is not None
    )
    assert (
        compile_flow(FOUR, CompiledTransform(too_long, InnerModification(), False, False), udp_zero_as_ones=False)
        is None
    )


@given(flow=flows(), port=st.integers(0, 0xFFFF))
def test_everything_fits_its_words(flow: FlowId, port: int) -> None:
    size = 4 if flow.family == 4 else 16
    inner = {"ip_source": b"\xff" * size, "ip_destination": b"\xff" * size, "ether_source": b"\xff" * 6}
    result = compiled(flow, encapsulation(port), internal=True, source_port=port, destination_port=port, **inner)
    assert len(result.transform) == TRANSFORM_WORDS
    assert all(0 <= word < 1 << 64 for word in (*result.transform, result.rewrite, *key_words(Direction.OUT, flow)))
