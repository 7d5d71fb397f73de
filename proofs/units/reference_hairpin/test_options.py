"""Names for the guest, in DNS wire form."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dns import dns_encode, dns_get_str

from reference.hairpin.options import DhcpOptions, encode_domain_name


@pytest.mark.parametrize("name", ["test.oxide.computer", "test.oxide.computer.", "test.oxide.computer.."])
def test_a_name_is_its_labels_and_the_root_with_or_without_dots_at_the_end(name: str) -> None:
    assert encode_domain_name(name) == b"\x04test\x05oxide\x08computer\x00"


labels = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=63)


def decoded(encoded: bytes) -> list[str]:
    """The names that scapy reads, one after the other."""
    found = []
    while encoded:
        name, encoded, *_ = dns_get_str(encoded)  # type: ignore[no-untyped-call]
        found.append(name.decode().removesuffix("."))
    return found


names = st.lists(labels, min_size=1, max_size=3).map(".".join)


@given(names)
def test_a_name_is_encoded_as_by_scapy_which_decodes_it_again(name: str) -> None:
    encoded = encode_domain_name(name)
    assert encoded == dns_encode(name.encode())  # type: ignore[no-untyped-call]
    assert decoded(encoded) == [name]


@given(st.lists(names, max_size=5))
def test_scapy_reads_the_search_list_name_by_name(domains: list[str]) -> None:
    assert decoded(DhcpOptions(domain_search_list=tuple(domains)).encoded_search_list) == domains


@pytest.mark.parametrize("name", ["", ".", "a..b", ".a", "x" * 64, ".".join(["x" * 63] * 4)])
def test_empty_or_overlong_labels_and_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="domain name"):
        encode_domain_name(name)


def test_the_longest_label_is_possible() -> None:
    assert encode_domain_name("x" * 63) == b"\x3f" + b"x" * 63 + b"\0"


def test_the_fully_qualified_name_joins_host_and_domain() -> None:
    assert DhcpOptions(hostname="box", host_domain="a.b").encoded_fully_qualified_name == b"\x03box\x01a\x01b\x00"
    assert DhcpOptions(hostname="box").encoded_fully_qualified_name == b"\x03box\x00"
    assert DhcpOptions(host_domain="a.b").encoded_fully_qualified_name == b""


def test_the_search_list_is_one_name_after_the_other() -> None:
    assert DhcpOptions(domain_search_list=("a", "b")).encoded_search_list == b"\x01a\x00\x01b\x00"
