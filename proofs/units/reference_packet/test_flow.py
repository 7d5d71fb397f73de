"""Flow ids: what the other direction sees, in which order they sort, how they are written and hashed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.packet.flow import NO_FLOW, FlowId, FlowJson, is_echo, l4_hash
from reference.packet.protocol import IpProtocol

GUEST, REMOTE = bytes((172, 30, 0, 5)), bytes((93, 184, 216, 34))

words = st.integers(0, 0xFFFF)


@st.composite
def flows(draw: st.DrawFn) -> FlowId:
    """Any flow id, of protocols with and without ports."""
    family = draw(st.sampled_from((4, 6)))
    address = st.binary(min_size=4, max_size=4) if family == 4 else st.binary(min_size=16, max_size=16)
    protocol = draw(st.sampled_from((1, 6, 17, 58, 255, 47)))
    return FlowId(protocol, family, draw(address), draw(address), draw(words), draw(words))


@given(flows())
def test_mirroring_twice_gives_the_flow_back(flow: FlowId) -> None:
    assert flow.mirror().mirror() == flow


@pytest.mark.parametrize("protocol", [IpProtocol.TCP, IpProtocol.UDP])
def test_the_mirror_of_a_flow_with_ports_exchanges_addresses_and_ports(protocol: IpProtocol) -> None:
    flow = FlowId(protocol, 4, GUEST, REMOTE, 49152, 80)
    assert flow.mirror() == FlowId(protocol, 4, REMOTE, GUEST, 80, 49152)


@pytest.mark.parametrize(
    ("protocol", "request_type", "reply_type"), [(IpProtocol.ICMP, 8, 0), (IpProtocol.ICMPV6, 128, 129)]
)
def test_an_echo_request_is_answered_by_an_echo_reply_of_the_same_identifier(
    protocol: IpProtocol, request_type: int, reply_type: int
) -> None:
    request = FlowId(protocol, 4, GUEST, REMOTE, request_type, 77)
    assert request.mirror() == FlowId(protocol, 4, REMOTE, GUEST, reply_type, 77)


@pytest.mark.parametrize("message", [3, 8 | 5 << 8, 0 | 1 << 8])
def test_other_icmp_messages_and_echoes_with_a_code_keep_type_and_code(message: int) -> None:
    assert FlowId(IpProtocol.ICMP, 4, GUEST, REMOTE, message, 0).mirror().source_port == message


def test_the_echo_of_one_icmp_version_is_none_in_the_other() -> None:
    assert is_echo(IpProtocol.ICMP, 8)
    assert is_echo(IpProtocol.ICMPV6, 128)
    assert not is_echo(IpProtocol.ICMPV6, 8)
    assert not is_echo(IpProtocol.ICMP, 128)
    assert not is_echo(IpProtocol.UDP, 8)


def test_flows_sort_by_protocol_then_family_then_addresses_then_ports() -> None:
    ordered = [
        FlowId(6, 4, b"\x0a\0\0\x01", b"\xff\0\0\0", 1, 0xFFFF),
        FlowId(6, 4, b"\x0a\0\0\x01", b"\xff\0\0\0", 256, 0),
        FlowId(6, 4, b"\x0a\0\0\x02", b"\0\0\0\0", 0, 0),
        FlowId(6, 6, bytes(16), bytes(16), 0, 0),
        FlowId(17, 4, bytes(4), bytes(4), 0, 0),
    ]
    shuffled = [ordered[i] for i in (3, 1, 4, 0, 2)]
    assert sorted(shuffled) == ordered


@given(flows())
def test_a_flow_read_from_its_json_form_is_the_flow(flow: FlowId) -> None:
    if flow.protocol not in (1, 6, 17, 58):
        flow = flow._replace(source_port=0, destination_port=0)
    assert FlowId.from_json(flow.to_json()) == flow


def test_the_json_form_names_ports_or_type_code_and_identifier_or_neither() -> None:
    tcp = FlowId(IpProtocol.TCP, 4, GUEST, REMOTE, 49152, 80)
    assert tcp.to_json() == {"proto": 6, "src": "172.30.0.5", "dst": "93.184.216.34", "sport": 49152, "dport": 80}
    echo = FlowId(IpProtocol.ICMPV6, 6, bytes(15) + b"\1", bytes(15) + b"\2", 128 | 3 << 8, 0)
    assert echo.to_json() == {"proto": 58, "src": "::1", "dst": "::2", "type": 128, "code": 3, "id": 0}
    assert NO_FLOW.to_json() == {"proto": 255, "src": "0.0.0.0", "dst": "0.0.0.0"}


def test_an_incomplete_json_form_is_refused() -> None:
    with pytest.raises(KeyError, match="dport"):
        FlowId.from_json({"proto": 6, "src": "10.0.0.1", "dst": "10.0.0.2", "sport": 1})


@pytest.mark.parametrize(
    ("source", "destination", "source_port", "recorded"),
    [
        ("172.30.0.5", "93.184.216.34", 33000, 2165726682),
        ("10.77.77.13", "93.184.216.34", 4096, 3103878001),
        ("fd00::5", "2606:2800:220:1:248:1893:25c8:1946", 33000, 3208978246),
        ("2001:db8::1", "2606:2800:220:1:248:1893:25c8:1946", 8192, 4192232489),
    ],
)
def test_the_hash_is_the_one_that_opte_computed(source: str, destination: str, source_port: int, recorded: int) -> None:
    flow: FlowJson = {"proto": 17, "src": source, "dst": destination, "sport": source_port, "dport": 53}
    assert l4_hash(FlowId.from_json(flow)) == recorded


@given(flows(), flows())
def test_flows_that_differ_only_in_direction_or_port_hash_apart(flow: FlowId, other: FlowId) -> None:
    # CRC-32 detects every burst of at most 32 bits, and the two port words are one.
    changed = flow._replace(source_port=other.source_port, destination_port=other.destination_port)
    assert (l4_hash(changed) == l4_hash(flow)) == (changed == flow)
