"""The gateway: whom it answers, what it lets through, and what it forges."""

from typing import Any

import pytest

from proofs.units.reference.scene import (
    NEIGHBOUR_IP,
    Scene,
    arp_request,
    from_neighbour,
    packed,
    udp,
)
from proofs.units.reference_packet.frames import (
    GATEWAY_MAC,
    GUEST_IP,
    GUEST_MAC,
    ICMP,
    UDP,
    Ether,
    ICMPv6EchoRequest,
    encapsulated,
    ipv4,
    ipv6,
)
from reference import DenyReason, Drop, Hairpin, LayerDrop, Modified
from reference.address import Cidr
from reference.direction import Direction

NOT_FOR_THE_GUEST = Drop(LayerDrop("gateway", DenyReason.DEFAULT))
ALLOW_ALL = ("dir=in action=allow priority=1",)


def to_guest(destination_mac: str = GUEST_MAC, destination: str = GUEST_IP) -> Any:
    """A datagram that arrives from the neighbour."""
    frame = Ether(src="02:00:00:00:00:09", dst=destination_mac) / ipv4(src=NEIGHBOUR_IP, dst=destination).payload
    return encapsulated(bytes(frame / UDP(dport=9)), vni=1287581)


@pytest.mark.parametrize(
    "request_frame",
    [
        arp_request("172.30.0.1"),
        ipv4(dst="172.30.0.1") / ICMP(type=8, id=3) / b"ping",
        ipv6(src="fd00::5", dst="fe80::aa40:25ff:feff:7777") / ICMPv6EchoRequest(id=3),
        ipv6(src="fe80::aa40:25ff:fefa:fa37", dst="fe80::aa40:25ff:feff:7777") / ICMPv6EchoRequest(id=3),
    ],
    ids=["arp", "echo", "echo6", "echo6-link-local"],
)
def test_the_gateway_answers_the_guest(request_frame: Any) -> None:
    verdict = Scene().send(request_frame)
    assert isinstance(verdict, Hairpin)
    answer = Ether(verdict.packet)
    assert (answer.src, answer.dst) == (GATEWAY_MAC, GUEST_MAC)


def test_an_echo_from_another_mac_is_not_answered() -> None:
    request = ipv4(dst="172.30.0.1") / ICMP(type=8, id=3)
    request.src = "02:00:00:00:00:01"
    assert Scene().send(request) == NOT_FOR_THE_GUEST


@pytest.mark.parametrize(
    ("mac", "address", "passes"),
    [
        (GUEST_MAC, GUEST_IP, True),
        ("02:00:00:00:00:01", GUEST_IP, False),
        (GUEST_MAC, "172.30.0.77", False),
    ],
)
def test_only_the_guests_own_addresses_may_send(mac: str, address: str, passes: bool) -> None:
    frame = ipv4(src=address) / UDP(sport=5000, dport=53)
    frame.src = mac
    verdict = Scene().send(frame)
    assert isinstance(verdict, Modified) if passes else verdict == NOT_FOR_THE_GUEST


@pytest.mark.parametrize(
    ("mac", "address", "passes"),
    [
        (GUEST_MAC, GUEST_IP, True),
        ("02:00:00:00:00:01", GUEST_IP, False),
        (GUEST_MAC, "172.30.0.77", False),
        ("01:00:5e:01:02:03", "224.1.2.3", True),
        (GUEST_MAC, "224.1.2.3", False),
    ],
)
def test_only_what_is_meant_for_the_guest_reaches_it(mac: str, address: str, passes: bool) -> None:
    verdict = Scene(rules=ALLOW_ALL).receive(to_guest(mac, address))
    assert isinstance(verdict, Modified) if passes else verdict == NOT_FOR_THE_GUEST


def test_everything_that_reaches_the_guest_comes_from_the_gateway() -> None:
    verdict = Scene(rules=ALLOW_ALL).receive(to_guest())
    assert isinstance(verdict, Modified)
    assert Ether(verdict.packet).src == GATEWAY_MAC


def test_a_transit_prefix_opens_one_direction_only() -> None:
    scene = Scene(rules=ALLOW_ALL)
    prefix = Cidr.parse("10.9.0.0/16")
    outward = ipv4(src="10.9.0.1", dst=NEIGHBOUR_IP) / UDP(sport=5000)
    scene.port.allow_cidr(prefix, Direction.OUT)
    assert isinstance(scene.send(outward), Modified)
    assert scene.receive(to_guest(destination="10.9.0.2")) == NOT_FOR_THE_GUEST
    scene.port.allow_cidr(prefix, Direction.IN)
    assert isinstance(scene.receive(to_guest(destination="10.9.0.2")), Modified)
    scene.port.remove_cidr(prefix, Direction.OUT)
    assert scene.send(outward) == NOT_FOR_THE_GUEST


def test_an_attached_subnet_opens_both_directions() -> None:
    scene = Scene(rules=ALLOW_ALL)
    scene.port.attach_subnet(Cidr.parse("10.9.0.0/16"), is_external=False)
    assert isinstance(scene.send(ipv4(src="10.9.0.1", dst=NEIGHBOUR_IP) / UDP()), Modified)
    assert isinstance(scene.receive(to_guest(destination="10.9.0.2")), Modified)


def test_rules_are_numbered_in_upstreams_order() -> None:
    gateway = Scene().port.snapshot()["layers"][0]
    assert [rule["id"] for rule in gateway["rules_out"]] == [10, 5, 3, 2, 1, 0, 6, 7, 8, 9, 11, 4]
    assert [rule["id"] for rule in gateway["rules_in"]] == [2, 3, 0, 4, 1]


def test_a_dhcp_request_is_told_apart_by_its_body() -> None:
    rules = Scene().port.snapshot()["layers"][0]["rules_out"]
    assert [rule["data_predicates"] for rule in rules if rule["id"] in (1, 2)] == [
        ["dhcp.msg_type=Request"],
        ["dhcp.msg_type=Discover"],
    ]


def test_the_vni_of_the_destination_is_noted_for_the_firewall() -> None:
    scene = Scene(rules=("dir=out action=deny priority=1 hosts=vni=1287581",))
    assert scene.send(udp(remote=NEIGHBOUR_IP)) == Drop(LayerDrop("firewall", DenyReason.RULE))
    scene.mappings.v2p.clear(packed(NEIGHBOUR_IP), 1287581)
    assert scene.send(udp(remote=NEIGHBOUR_IP)) == Drop(LayerDrop("overlay", DenyReason.ACTION))


def test_replies_of_the_neighbour_need_no_rule() -> None:
    scene = Scene(rules=())
    scene.send(udp(5000, remote=NEIGHBOUR_IP))
    assert isinstance(scene.receive(from_neighbour(UDP(sport=53, dport=5000))), Modified)
