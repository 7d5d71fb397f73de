"""Addresses and prefixes: texts, order, membership."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.address import (
    Cidr,
    format_ip,
    format_mac,
    is_multicast,
    link_local_of_mac,
    multicast_mac,
    parse_ip,
    parse_mac,
    parse_unsigned,
    solicited_node_multicast,
)
from reference.errors import TextError

addresses = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)


@given(addresses)
def test_address_text_reads_back(address: bytes) -> None:
    assert parse_ip(format_ip(address)) == address


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("172.30.0.5", "172.30.0.5"),
        ("fd00:0:f7:101::1", "fd00::f7:101:0:0:0:1"),
        ("fe80::aa40:25ff:feff:7777", "fe80::aa40:25ff:feff:7777"),
        ("::", "::"),
        ("::1", "::1"),
        ("1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7::"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
    ],
)
def test_ipv6_text_contracts_the_first_run_of_zeros(address: str, text: str) -> None:
    assert format_ip(ipaddress.ip_address(address).packed) == text


@pytest.mark.parametrize("text", ["", "banana", "10.0.0", "10.0.0.256", "fd00:::1"])
def test_a_bad_address_is_refused(text: str) -> None:
    with pytest.raises(TextError, match="Invalid IP address"):
        parse_ip(text)


@given(st.binary(min_size=6, max_size=6))
def test_mac_text_is_upper_case_and_reads_back(mac: bytes) -> None:
    text = format_mac(mac)
    assert text == text.upper()
    assert parse_mac(text) == mac


@pytest.mark.parametrize("text", ["", "a8:40:25:ff:77", "a8:40:25:ff:77:7g", "a8-40-25-ff-77-77", "a8:40:25:ff:77:777"])
def test_a_bad_mac_is_refused(text: str) -> None:
    with pytest.raises(TextError):
        parse_mac(text)


@given(addresses, st.data())
def test_prefixes_agree_with_the_standard_library(address: bytes, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(address) * 8))
    other = data.draw(st.binary(min_size=len(address), max_size=len(address)))
    network = ipaddress.ip_network((address, length), strict=False)
    prefix = Cidr.of(address, length)
    assert prefix.address == network.network_address.packed
    assert prefix.contains(address)
    assert prefix.contains(other) == (ipaddress.ip_address(other) in network)


def test_prefix_text_clears_host_bits() -> None:
    assert str(Cidr.parse("172.30.3.77/22")) == "172.30.0.0/22"


@pytest.mark.parametrize("text", ["10.0.0.0", "10.0.0.0/33", "fd00::/129", "10.0.0.0/", "x/8", "10.0.0.0/-1"])
def test_a_bad_prefix_is_refused(text: str) -> None:
    with pytest.raises(TextError, match="Invalid IP CIDR"):
        Cidr.parse(text)


def test_prefixes_sort_by_address_then_length() -> None:
    texts = ["10.1.0.0/16", "10.0.0.0/24", "10.0.0.0/8"]
    assert [str(prefix) for prefix in sorted(map(Cidr.parse, texts))] == ["10.0.0.0/8", "10.0.0.0/24", "10.1.0.0/16"]


@given(addresses)
def test_multicast_agrees_with_the_standard_library(address: bytes) -> None:
    assert is_multicast(address) == ipaddress.ip_address(address).is_multicast


@pytest.mark.parametrize(
    ("group", "mac"),
    [("224.1.2.3", "01:00:5E:01:02:03"), ("239.255.255.255", "01:00:5E:7F:FF:FF"), ("ff02::2", "33:33:00:00:00:02")],
)
def test_groups_map_to_ethernet_groups(group: str, mac: str) -> None:
    assert format_mac(multicast_mac(parse_ip(group))) == mac


def test_addresses_derived_from_a_mac() -> None:
    link_local = link_local_of_mac(parse_mac("A8:40:25:FF:77:77"))
    assert format_ip(link_local) == "fe80::aa40:25ff:feff:7777"
    assert format_ip(solicited_node_multicast(link_local)) == "ff02::1:ffff:7777"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot parse integer from empty string"),
        ("x", "invalid digit found in string"),
        ("-1", "invalid digit found in string"),
        ("65536", "number too large to fit in target type"),
    ],
)
def test_bad_numbers_are_refused_in_the_words_of_rust(text: str, message: str) -> None:
    with pytest.raises(TextError, match=message):
        parse_unsigned(text, 16)


@given(st.integers(0, 0xFFFF))
def test_numbers_that_fit_are_read(value: int) -> None:
    assert parse_unsigned(str(value), 16) == value
