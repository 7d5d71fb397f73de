"""What a parsed packet knows about itself."""

import pytest

from proofs.units.reference_packet import frames
from proofs.units.reference_packet.frames import ICMP, TCP, UDP, Layers
from reference.direction import Direction
from reference.packet.packet import Outer
from reference.packet.parse import parse

FRAME = bytes(frames.ipv4() / UDP(sport=1, dport=2))


def outer(options: tuple[Layers, ...]) -> Outer:
    """The encapsulation of an inbound packet with these Geneve options."""
    encapsulation = parse(Direction.IN, bytes(frames.encapsulated(FRAME, options=options))).outer
    assert encapsulation is not None
    return encapsulation


@pytest.mark.parametrize(("transport", "name"), [(TCP(), "tcp"), (UDP(), "udp"), (ICMP(), "icmp")])
def test_exactly_one_transport_is_there(transport: Layers, name: str) -> None:
    packet = parse(Direction.OUT, bytes(frames.ipv4() / transport))
    present = [each for each in ("tcp", "udp", "icmp", "icmpv6") if getattr(packet, each) is not None]
    assert present == [name]


def test_the_external_option_marks_a_packet_as_external_wherever_it_stands() -> None:
    assert not outer(()).is_external
    assert outer((frames.option(0),)).is_external
    assert outer((frames.option(2, bytes(4)), frames.option(9), frames.option(0))).is_external
    assert not outer((frames.option(0, option_class=0x0130),)).is_external


def test_the_search_for_the_external_option_ends_at_an_oxide_option_without_its_body() -> None:
    assert not outer((frames.option(1), frames.option(0))).is_external
    assert outer((frames.option(0), frames.option(1))).is_external


def test_the_length_counts_the_encapsulation_and_the_inner_frame_begins_behind_it() -> None:
    packet = parse(Direction.IN, bytes(frames.encapsulated(FRAME, options=(frames.option(0),))))
    assert packet.encapsulation_length == 74
    assert packet.length == 74 + len(FRAME)
