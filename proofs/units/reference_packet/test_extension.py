"""IPv6 extension headers: skipped up to the transport, and refused when cut off."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.units.reference_packet.frames import (
    UDP,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    PadN,
)
from reference.packet.extension import Incomplete, find_transport

EXTENSIONS = [IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(12))]), IPv6ExtHdrFragment(), IPv6ExtHdrDestOpt()]

chains = st.lists(st.sampled_from(EXTENSIONS), max_size=5)


def packet(chain: list[IPv6]) -> bytearray:
    """An IPv6 packet with these extension headers and a UDP header."""
    layers = IPv6()
    for header in chain:
        layers = layers / header.copy()
    return bytearray(bytes(layers / UDP()))


@given(chains)
def test_the_transport_is_found_behind_any_chain(chain: list[IPv6]) -> None:
    buffer = packet(chain)
    assert find_transport(buffer, 0, len(buffer)) == (len(buffer) - 8, 17)


@given(chains, st.data())
def test_a_header_cut_off_is_incomplete_and_one_not_begun_is_not_looked_for(
    chain: list[IPv6], data: st.DataObject
) -> None:
    buffer = packet(chain)
    boundaries = [40]
    for header in chain:
        boundaries.append(boundaries[-1] + len(bytes(header)))
    end = data.draw(st.integers(0, boundaries[-1]))
    if end in boundaries:
        assert find_transport(buffer, 0, end)[0] == end
    else:
        with pytest.raises(Incomplete):
            find_transport(buffer, 0, end)


@pytest.mark.parametrize("protocol", [50, 51, 59])
def test_encryption_authentication_and_no_next_header_end_the_chain(protocol: int) -> None:
    buffer = bytearray(bytes(IPv6(nh=protocol) / bytes(32)))
    assert find_transport(buffer, 0, len(buffer)) == (40, protocol)
