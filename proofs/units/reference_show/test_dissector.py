"""The dissector: what scapy says about a frame it says too, and no bytes whatever make it raise."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.dhcp import BOOTP, DHCP, DHCPTypes
from scapy.layers.dhcp6 import dhcp6types
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6Unknown, IPv6, icmp6types
from scapy.layers.l2 import ARP, Ether

from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.recording import read
from proofs.conformance.steps import Process
from proofs.differential.requests import Request
from proofs.equivalence import vpc
from proofs.units.reference_packet import frames
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


def fields(frame: bytes, name: str) -> dict[str, str]:
    return dict(part(frame, name).fields)


@given(frames.frames())
def test_every_field_shown_is_the_one_that_scapy_reads(frame: bytes) -> None:
    layers = Ether(frame)
    assert fields(frame, "Ethernet") == {"type": f"0x{layers.type:04x}"}
    if IP in layers:
        header = layers[IP]
        expected = {"ttl": str(header.ttl), "protocol": str(header.proto), "length": str(header.len),
                    "id": str(header.id), "fragment": f"0x{bytes(header)[6:8].hex()}",
                    "checksum": f"0x{header.chksum:04x}"}  # fmt: skip
        options = bytes(header)[20 : header.ihl * 4].hex()
        assert fields(frame, "IPv4") == expected | ({"options": options} if options else {})
    else:
        header = layers[IPv6]
        expected = {"hop limit": str(header.hlim), "next header": str(header.nh), "length": str(header.plen)}
        shown = fields(frame, "IPv6")
        extensions = bytes.fromhex(shown.pop("extension headers", ""))
        assert shown == expected
        assert frame[54:].startswith(extensions)
        assert bool(extensions) == (header.nh not in (6, 17, 58))
    if TCP in layers:
        header = layers[TCP]
        options = bytes(header)[20 : header.dataofs * 4].hex()
        expected = {"window": str(header.window), "checksum": f"0x{header.chksum:04x}"}
        assert fields(frame, "TCP") == expected | ({"options": options} if options else {})
    if UDP in layers:
        assert fields(frame, "UDP") == {"length": str(layers[UDP].len), "checksum": f"0x{layers[UDP].chksum:04x}"}


def test_versions_that_do_not_belong_to_the_header_are_shown() -> None:
    assert fields(bytes(Ether(type=0x0800) / IP(version=5)), "IPv4")["version"] == "5"
    assert fields(bytes(Ether(type=0x86DD) / IPv6(version=7, nh=59)), "IPv6")["version"] == "7"


def test_arp_is_shown_with_all_its_addresses() -> None:
    request = ARP(op=1, hwsrc="a8:40:25:00:00:01", psrc="10.0.0.1", hwdst="a8:40:25:00:00:02", pdst="10.0.0.2")
    frame = bytes(Ether() / request)
    macs = {"sender": "A8:40:25:00:00:01", "target": "A8:40:25:00:00:02"}
    assert part(frame, "ARP").brief == "who has 10.0.0.2? asks 10.0.0.1"
    assert fields(frame, "ARP") == {"hardware": "1", "protocol": "0x0800"} | macs
    request.op = 2
    assert part(bytes(Ether() / request), "ARP").brief == "reply: 10.0.0.1 is at A8:40:25:00:00:01"
    request.op = 9
    assert part(bytes(Ether() / request), "ARP").brief == "operation 9: 10.0.0.1 is at A8:40:25:00:00:01"


@pytest.mark.parametrize("number", [0, 3, 5, 8, 11, 77])
def test_icmp_types_have_the_names_that_scapy_gives_them(number: int) -> None:
    frame = Ether() / IP() / ICMP(type=number)
    scapys = frame[ICMP].sprintf("%ICMP.type%").replace("dest-unreach", "destination-unreachable").replace("-", " ")
    brief = part(bytes(frame), "ICMP").brief
    assert brief.removesuffix(" id 0 seq 0") == (scapys if number != 77 else "type 77")
    assert brief.endswith(" id 0 seq 0") == (number in (0, 8))


@pytest.mark.parametrize("number", [1, 2, 3, 128, 129, 133, 134, 135, 136])
def test_icmpv6_types_have_the_names_that_scapy_gives_them(number: int) -> None:
    frame = bytes(Ether() / IPv6() / ICMPv6Unknown(type=number, msgbody=b"\0\7\0\11"))
    echo = " id 7 seq 9" if number in (128, 129) else ""
    assert part(frame, "ICMPv6").brief == icmp6types[number].lower().replace("neighbor", "neighbour") + echo


@pytest.mark.parametrize("number", range(1, 9))
def test_dhcp_messages_have_the_names_that_scapy_gives_them(number: int) -> None:
    options = [("message-type", number), "end"]
    by_server = DHCPTypes[number] in ("offer", "ack", "nak")
    bootp = BOOTP(op=2 if by_server else 1, yiaddr="10.0.0.7", chaddr=b"\xa8\x40\x25\0\0\1")
    frame = bytes(Ether() / IP() / UDP(sport=68, dport=67) / bootp / DHCP(options=options))
    assert part(frame, "DHCP").brief == DHCPTypes[number]
    assert fields(frame, "DHCP") == {"yours": "10.0.0.7", "options": frame[-4:].hex()}


@pytest.mark.parametrize("number", [*range(1, 10), 11])
def test_dhcpv6_messages_have_the_names_that_scapy_gives_them(number: int) -> None:
    frame = bytes(Ether() / IPv6() / UDP(sport=546, dport=547) / bytes((number, 1, 2, 3, 0, 14, 0, 0)))
    assert part(frame, "DHCPv6") == Part(
        "DHCPv6", dhcp6types[number].lower().replace("-", " "), (("options", "000e0000"),), 62
    )


@pytest.mark.parametrize(
    ("options", "critical", "brief"),
    [
        ((), False, "vni 99"),
        ((frames.option(0),), False, "vni 99, external"),
        ((frames.option(0x80),), True, "vni 99, critical, 0129:80"),
        ((frames.option(1, b"\x40\0\0\0"), frames.option(2, b"\0\0\5\xb4")), False,
         "vni 99, multicast=40000000, mss=000005b4"),
        ((frames.option(1, b"\1\2\3\4", option_class=0x0200),), False, "vni 99, 0200:01=01020304"),
    ],
)  # fmt: skip
def test_geneve_options_have_names_where_they_are_known(
    options: tuple[object, ...], critical: bool, brief: str
) -> None:
    inner = bytes(Ether() / IP() / UDP())
    frame = bytes(frames.encapsulated(inner, options=options, critical=int(critical), proto=0x6558))
    assert part(frame, "Geneve").brief == brief
    assert fields(frame, "Geneve") == {"protocol": "0x6558", "version": "0"}


def test_geneve_options_that_do_not_fit_are_shown_as_bytes() -> None:
    frame = bytearray(bytes(frames.encapsulated(bytes(Ether()), options=(frames.option(1, bytes(4)),))))
    frame[62 + 8 + 3] = 9  # the length of the option, in words
    assert part(bytes(frame), "Geneve").brief == "vni 99, options that do not fit: 0129010900000000"


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
            *complete, last = parts
            assert [part.name for part in complete] == whole[: len(complete)]
            assert last.name in (whole[len(complete)], "payload")
            if last.brief.startswith("cut short"):
                assert str(last) == f"{last.name} cut short after {end - last.offset} bytes"
                assert frame[last.offset : end].hex().startswith(dict(last.fields)["bytes"].removesuffix("..."))


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
