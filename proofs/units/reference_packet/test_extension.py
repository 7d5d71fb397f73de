"""IPv6 extension headers: skipped up to the transport, and refused when cut off."""

from itertools import accumulate

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


def boundaries(chain: list[IPv6]) -> list[int]:
    """Where the headers behind the IPv6 header begin, the transport last."""
    return list(accumulate((len(bytes(header)) for header in chain), initial=40))


@given(chains.filter(len))
def test_a_header_that_would_begin_at_the_end_is_not_looked_for(chain: list[IPv6]) -> None:
    buffer = packet(chain)
    for end in boundaries(chain):
        assert find_transport(buffer, 0, end)[0] == end
        assert find_transport(buffer[:end], 0, end)[0] == end


@given(chains.filter(len))
def test_a_header_that_is_cut_off_is_incomplete(chain: list[IPv6]) -> None:
    buffer = packet(chain)
    for end in set(range(boundaries(chain)[-1])) - set(boundaries(chain)):
        for available in (buffer, buffer[:end]):
            with pytest.raises(Incomplete):
                find_transport(available, 0, end)


@pytest.mark.parametrize("protocol", [50, 51, 59])
def test_encryption_authentication_and_no_next_header_end_the_chain(protocol: int) -> None:
    buffer = bytearray(bytes(IPv6(nh=protocol) / bytes(32)))
    assert find_transport(buffer, 0, len(buffer)) == (40, protocol)
