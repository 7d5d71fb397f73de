"""The dissector: what scapy says about a frame it says too, and no bytes whatever make it raise."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.recording import read
from proofs.conformance.steps import Process
from proofs.differential.requests import Request
from proofs.equivalence import vpc
from reference.show.dissector import Part, dissect


def recorded(name: str) -> list[bytes]:
    """The frames of a recording, those sent and those answered."""
    steps = [step for step in read(RECORDINGS / "public" / f"{name}.jsonl.gz").steps if isinstance(step, Process)]
    answers = [bytes.fromhex(step.result["pkt"]) for step in steps if "pkt" in step.result]
    return [*(step.packet for step in steps), *answers]


FRAMES = [*recorded("5_gateway_v4")[::4], *recorded("5_gateway_v6")[::8], *recorded("6_v2b_v4")[::16]]


def names(frame: bytes) -> list[str]:
    return [part.name for part in dissect(frame)]


def part(frame: bytes, name: str) -> Part:
    [found] = [part for part in dissect(frame) if part.name == name]
    return found


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (Ether() / IP() / TCP(sport=1, dport=2, flags="SA", seq=7, ack=8), "TCP 1 > 2 SYN,ACK seq 7 ack 8"),
        (Ether() / IP() / TCP(flags=0), "TCP 20 > 80 no flags seq 0 ack 0"),
        (Ether() / IP() / UDP(sport=5, dport=6), "UDP 5 > 6"),
        (Ether() / IP() / ICMP(type=8, id=3, seq=4), "ICMP echo request id 3 seq 4"),
        (Ether() / IP() / ICMP(type=3, code=4), "ICMP destination unreachable code 4"),
        (Ether() / IP(src="10.0.0.1", dst="10.0.0.2", proto=47), "IPv4 10.0.0.1 > 10.0.0.2"),
        (Ether() / IPv6(src="fd00::1", dst="fd00::2", nh=59), "IPv6 fd00::1 > fd00::2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_most_telling_fields_of_a_header_are_shown(frame: Ether, expected: str) -> None:
    assert expected in map(str, dissect(bytes(frame)))


def test_addresses_and_lengths_are_those_that_scapy_finds() -> None:
    for frame in recorded("6_v2b_v4"):
        outer, shown = Ether(frame), part
        if not outer.haslayer(IP) or len([name for name in names(frame) if name == "IPv4"]) != 1:
            continue
        ipv4 = outer[IP]
        assert shown(frame, "IPv4").brief == f"{ipv4.src} > {ipv4.dst}"
        fields = dict(shown(frame, "IPv4").fields)
        assert (fields["ttl"], fields["length"]) == (str(ipv4.ttl), str(ipv4.len))
        assert fields["checksum"] == f"0x{ipv4.chksum:04x}"


def test_an_encapsulated_frame_is_shown_to_the_innermost_header() -> None:
    [frame, *_] = [frame for frame in recorded("6_v2b_v4") if "Geneve" in names(frame)]
    assert names(frame)[:6] == ["Ethernet", "IPv6", "UDP", "Geneve", "Ethernet", "IPv4"]
    assert part(frame, "Geneve").brief.startswith("vni ")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request.ARP_GATEWAY, "ARP who has 172.30.0.1? asks 172.30.0.5"),
        (Request.ARP_REPLY, "ARP reply: 172.30.0.5 is at A8:40:25:FA:FA:37"),
        (Request.DHCP_DISCOVER, "DHCP discover"),
        (Request.CONFIRM, "DHCPv6 confirm"),
        (Request.ROUTER, "ICMPv6 router solicitation"),
        (Request.NEIGHBOUR, "ICMPv6 neighbour solicitation"),
    ],
)
def test_requests_to_the_gateway_have_names(request_: Request, expected: str) -> None:
    assert expected in map(str, dissect(request_.frame(vpc.PLACE)))


def test_a_frame_cut_anywhere_is_shown_as_far_as_it_goes() -> None:
    for frame in {len(frame): frame for frame in FRAMES if len(frame) < 500}.values():
        whole = names(frame)
        for end in range(len(frame)):
            parts = dissect(frame[:end])
            assert all(0 <= part.offset <= end for part in parts)
            assert [part.name for part in parts][:-1] == whole[: len(parts) - 1]


@settings(max_examples=200)
@given(st.sampled_from(FRAMES), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6))
def test_no_damage_makes_it_raise(frame: bytes, damage: list[tuple[int, int]]) -> None:
    damaged = bytearray(frame)
    for position, value in damage:
        damaged[position % len(damaged)] = value
    assert dissect(bytes(damaged))[0].name == "Ethernet"


@given(st.binary(max_size=120))
def test_any_bytes_are_shown(frame: bytes) -> None:
    assert dissect(frame)[0].name == "Ethernet"
