"""Parsing finds the headers that scapy wrote, and refuses what is incomplete, split or not what was announced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.units.reference_packet import frames
from proofs.units.reference_packet.frames import ICMP, IP, TCP, UDP, Ether, IPv6, Layers
from reference.direction import Direction
from reference.packet.errors import HeaderError, HeaderName, ParseError, Why
from reference.packet.flow import NO_FLOW
from reference.packet.headers import Icmp, Tcp, Udp
from reference.packet.parse import parse

TCP_FRAME = bytes(frames.ipv4() / TCP(sport=49152, dport=80) / b"payload")
INNER_ETHERNET = 70
"""Offset of the inner frame when there are no Geneve options: 14 + 40 + 8 + 8."""

directions = st.sampled_from(Direction)


def refusal(direction: Direction, frame: bytes, segments: tuple[int, ...] = ()) -> tuple[HeaderName, Why]:
    """The header and the reason for which a frame is refused."""
    with pytest.raises(HeaderError) as error:
        parse(direction, frame, segments)
    return error.value.header, error.value.why


def inner_headers(layers: Layers) -> list[int]:
    """Offsets at which the IP header, the transport header and the body begin, according to scapy."""
    frame = Ether(bytes(layers))
    transport = next(frame[kind] for kind in (TCP, UDP, ICMP) if kind in frame)
    body = len(bytes(frame)) - len(bytes(transport.payload))
    return [14, body - len(bytes(transport)) + len(bytes(transport.payload)), body]


@given(frames.frames())
def test_the_flow_is_what_scapy_reads(frame: bytes) -> None:
    packet = parse(Direction.OUT, frame)
    layers = Ether(frame)
    network = layers[IP] if IP in layers else layers[IPv6]
    assert packet.flow.family == (4 if IP in layers else 6)
    assert packet.flow.to_json()["src"] == network.src
    assert packet.flow.to_json()["dst"] == network.dst
    if packet.flow.protocol in (6, 17):
        kind = TCP if TCP in layers else UDP
        assert isinstance(packet.transport, Tcp | Udp)
        if kind in layers:  # scapy does not look behind the header of a later fragment
            assert (packet.flow.source_port, packet.flow.destination_port) == (layers[kind].sport, layers[kind].dport)


@given(frames.frames())
def test_the_headers_and_the_body_are_the_whole_frame(frame: bytes) -> None:
    packet = parse(Direction.OUT, frame)
    assert packet.buffer == frame
    assert frame[: packet.body_offset] + bytes(packet.body) == frame
    assert packet.length == len(frame)


@given(frames.frames(), st.binary(min_size=1, max_size=20))
def test_padding_behind_the_packet_is_part_of_the_body_and_not_of_the_flow(frame: bytes, padding: bytes) -> None:
    padded, plain = parse(Direction.OUT, frame + padding), parse(Direction.OUT, frame)
    assert padded.flow == plain.flow
    assert padded.body == plain.body + padding


@given(frames.frames(), st.integers(0, 2**24 - 1), st.binary(max_size=4))
def test_encapsulation_changes_nothing_about_the_inner_packet(frame: bytes, vni: int, body: bytes) -> None:
    options = (frames.option(0), frames.option(5, bytes(4 * len(body)), option_class=0xFFFF))
    inbound = parse(Direction.IN, bytes(frames.encapsulated(frame, vni, options)))
    assert inbound.outer is not None
    assert inbound.outer.vni == vni
    assert [option.option_class for option in inbound.outer.options] == [0x0129, 0xFFFF]
    assert inbound.flow == parse(Direction.OUT, frame).flow
    assert inbound.buffer[inbound.encapsulation_length :] == frame


@given(directions, st.binary(max_size=200))
def test_any_bytes_are_a_packet_or_a_parse_error(direction: Direction, frame: bytes) -> None:
    try:
        packet = parse(direction, frame)
    except ParseError:
        return
    assert packet.buffer == frame


@given(frames.frames(), directions, st.data())
def test_a_good_frame_with_any_bytes_changed_is_a_packet_or_a_parse_error(
    frame: bytes, direction: Direction, data: st.DataObject
) -> None:
    good = frame if direction is Direction.OUT else bytes(frames.encapsulated(frame, options=(frames.option(0),)))
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        packet = parse(direction, changed)
    except ParseError:
        return
    assert packet.encapsulation_length <= packet.body_offset <= len(good)


def test_a_frame_from_the_guest_may_be_arp_which_has_no_flow() -> None:
    arp = bytes(frames.ethernet())[:12] + bytes.fromhex("0806") + bytes(28)
    packet = parse(Direction.OUT, arp)
    assert packet.flow == NO_FLOW
    assert packet.network is None
    assert packet.transport is None
    assert len(packet.body) == 28


def test_an_encapsulated_frame_may_not_be_arp() -> None:
    arp = bytes(frames.ethernet())[:12] + bytes.fromhex("0806") + bytes(28)
    assert refusal(Direction.IN, bytes(frames.encapsulated(arp))) == (HeaderName.INNER_IP, Why.UNWANTED)


def test_the_frame_handed_in_is_copied_not_kept() -> None:
    frame = bytearray(TCP_FRAME)
    packet = parse(Direction.OUT, frame)
    packet.ethernet.source = bytes(6)
    assert frame == TCP_FRAME


@pytest.mark.parametrize("layers", [TCP(), UDP(), ICMP()], ids=["tcp", "udp", "icmp"])
def test_a_frame_that_ends_inside_its_headers_is_too_small(layers: Layers) -> None:
    frame = bytes(frames.ipv4() / layers)
    for length in range(len(frame)):
        header = refusal(Direction.OUT, frame[:length])
        if length <= 14:
            assert header == (HeaderName.INNER_ETHERNET, Why.TOO_SMALL)
        elif length <= 34:
            assert header == (HeaderName.INNER_IP, Why.TOO_SMALL)
        else:
            assert header == (HeaderName.INNER_TRANSPORT, Why.TOO_SMALL)


def test_an_encapsulated_frame_that_ends_inside_its_headers_is_too_small() -> None:
    frame = bytes(frames.encapsulated(TCP_FRAME))
    ends = {14: "outer_eth", 54: "outer_v6", 62: "outer_udp", 70: "outer_encap", 84: "inner_eth", 104: "inner_l3"}
    for length in range(INNER_ETHERNET + 54):
        expected = next((name for end, name in ends.items() if length <= end), "inner_ulp")
        assert refusal(Direction.IN, frame[:length]) == (HeaderName(expected), Why.TOO_SMALL)


@pytest.mark.parametrize("layers", [frames.ipv4() / TCP(options=[("NOP", None)] * 4), frames.ipv6() / UDP() / b"ab"])
def test_buffers_may_end_between_headers_but_not_inside_one(layers: Layers) -> None:
    frame = bytes(layers)
    boundaries = inner_headers(layers)
    names = [HeaderName.INNER_ETHERNET, HeaderName.INNER_IP, HeaderName.INNER_TRANSPORT]
    for cut in range(1, len(frame)):
        if cut in boundaries or cut > boundaries[-1]:
            assert parse(Direction.OUT, frame, (cut,)).flow == parse(Direction.OUT, frame).flow
        else:
            straddled = names[sum(boundary < cut for boundary in boundaries)]
            assert refusal(Direction.OUT, frame, (cut,)) == (straddled, Why.STRADDLED)


def test_every_header_may_come_in_a_buffer_of_its_own() -> None:
    frame = bytes(frames.encapsulated(TCP_FRAME))
    assert parse(Direction.IN, frame, (14, 40, 8, 8, 14, 20, 20)).flow == parse(Direction.OUT, TCP_FRAME).flow


@pytest.mark.parametrize(("ethertype", "length"), [(0x8100, 60), (0x9100, 60), (0x05DC, 60), (0, 60)])
def test_a_guest_may_send_nothing_but_arp_and_ip(ethertype: int, length: int) -> None:
    frame = bytes(frames.ethernet())[:12] + ethertype.to_bytes(2) + bytes(length)
    assert refusal(Direction.OUT, frame) == (HeaderName.INNER_IP, Why.UNWANTED)


@pytest.mark.parametrize("protocol", [0, 2, 47, 50, 51, 59, 132, 255])
def test_transports_other_than_tcp_udp_and_icmp_are_unwanted(protocol: int) -> None:
    frame = bytes(frames.ipv4(proto=protocol) / bytes(40))
    assert refusal(Direction.OUT, frame) == (HeaderName.INNER_TRANSPORT, Why.UNWANTED)


def test_the_other_versions_icmp_is_parsed_as_icmp_all_the_same() -> None:
    packet = parse(Direction.OUT, bytes(frames.ipv4(proto=58) / bytes([128, 0, 0, 0, 0, 7, 0, 1])))
    assert isinstance(packet.transport, Icmp)
    assert packet.icmp is None
    assert packet.flow.icmp_identifier == 7


@pytest.mark.parametrize(
    ("protocol", "message", "identifier"),
    [(1, 8, 7), (1, 0, 7), (1, 3, 0), (1, 8 | 1 << 8, 0), (58, 128, 7), (58, 129, 7), (58, 135, 0)],
)
def test_only_echoes_of_code_0_have_an_identifier(protocol: int, message: int, identifier: int) -> None:
    transport = message.to_bytes(2, "little") + bytes([0, 0, 0, 7, 0, 1])
    flow = parse(Direction.OUT, bytes(frames.ipv4(proto=protocol) / transport)).flow
    assert (flow.source_port, flow.icmp_identifier) == (message, identifier)


def test_an_outer_ipv4_header_is_unwanted() -> None:
    frame = bytes(Ether() / IP() / UDP(dport=6081) / bytes(80))
    assert refusal(Direction.IN, frame) == (HeaderName.OUTER_IP, Why.UNWANTED)


@pytest.mark.parametrize("transport", [UDP(dport=6082), TCP(dport=6081)], ids=["another port", "tcp"])
def test_an_outer_transport_that_does_not_lead_to_geneve_is_rejected(transport: Layers) -> None:
    frame = bytes(Ether() / IPv6() / transport / bytes(80))
    assert refusal(Direction.IN, frame) == (HeaderName.OUTER_UDP, Why.REJECTED)


def test_an_outer_transport_other_than_tcp_and_udp_is_unwanted() -> None:
    frame = bytes(Ether() / IPv6(nh=58) / bytes(80))
    assert refusal(Direction.IN, frame) == (HeaderName.OUTER_UDP, Why.UNWANTED)


def test_geneve_options_must_fill_their_space_exactly() -> None:
    frame = bytearray(bytes(frames.encapsulated(TCP_FRAME, options=(frames.option(2, bytes(4)),))))
    frame[INNER_ETHERNET + 3] = 2
    assert refusal(Direction.IN, bytes(frame)) == (HeaderName.OUTER_GENEVE, Why.TOO_SMALL)
