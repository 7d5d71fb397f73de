"""The guest is found by its address, and its frames are told from the others."""

from ipaddress import ip_address

import pytest

from experiments.errors import InputError
from experiments.traffic import LeftOut, find_guest, observe
from proofs.units.experiments.frames import (
    ARP,
    GUEST,
    GUEST6,
    GUEST_MAC,
    INTERNET,
    IP,
    OTHER_MAC,
    PEER,
    PEER6,
    UDP,
    Ether,
    IPv6,
    received,
    recorded,
    sent,
)
from reference import Direction

QUESTION = sent(IP(src=GUEST, dst=PEER) / UDP(sport=1000, dport=53))
ANSWER = received(IP(src=PEER, dst=GUEST) / UDP(sport=53, dport=1000))


def test_the_guest_has_the_mac_that_sends_from_its_address() -> None:
    guest = find_guest(recorded(QUESTION, ANSWER), GUEST)
    assert guest.mac == bytes.fromhex(GUEST_MAC.replace(":", ""))
    assert guest.addresses == (ip_address(GUEST),)


def test_the_guests_other_family_is_what_its_mac_sends_from_most() -> None:
    rare = sent(IPv6(src="fd00::99", dst=PEER6) / UDP())
    usual = sent(IPv6(src=GUEST6, dst=PEER6) / UDP())
    link_local = sent(IPv6(src="fe80::1", dst=PEER6) / UDP())
    guest = find_guest(recorded(QUESTION, rare, usual, usual, link_local, link_local, link_local), GUEST)
    assert guest.ipv6 == ip_address(GUEST6)
    assert find_guest(recorded(QUESTION, usual), GUEST6).ipv4 == ip_address(GUEST)


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ("10.0.0.99", "no frame comes from 10.0.0.99"),
        ("tomato", "'tomato' is not an IP address"),
        (None, "none is given"),
    ],
)
def test_a_wrong_address_is_answered_with_those_there_are(wanted: str | None, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        find_guest(recorded(QUESTION, ANSWER), wanted)
    assert str(caught.value).endswith(f"addresses in the capture: {GUEST}, {PEER}")


def test_an_address_that_only_receives_is_no_guest() -> None:
    with pytest.raises(InputError, match=f"no frame comes from {INTERNET}"):
        find_guest(recorded(sent(IP(src=GUEST, dst=INTERNET) / UDP())), INTERNET)


def test_a_capture_without_ip_says_so() -> None:
    with pytest.raises(InputError, match="no frame of the capture comes from any IP address"):
        find_guest(recorded(sent(ARP(psrc=GUEST, pdst=PEER))), GUEST)


def test_the_mac_tells_the_direction() -> None:
    frames = recorded(QUESTION, ANSWER)
    traffic = observe(frames, find_guest(frames, GUEST))
    assert [sighting.direction for sighting in traffic.sightings] == [Direction.OUT, Direction.IN]
    assert {sighting.remote for sighting in traffic.sightings} == {ip_address(PEER)}


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (received(ARP(op="is-at", psrc=PEER, pdst=GUEST)), LeftOut.NOT_IP),
        (received(IPv6(src="fe80::1", dst=GUEST6) / UDP()), LeftOut.LINK_LOCAL),
        (received(IP(src=PEER, dst="10.0.0.77") / UDP()), LeftOut.OTHER_ADDRESS),
        (
            bytes(Ether(src=OTHER_MAC, dst="02:00:00:00:00:02") / IP(src=PEER, dst=INTERNET) / UDP()),
            LeftOut.OTHER_STATION,
        ),
        (bytes(Ether(src=OTHER_MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(psrc=PEER, pdst=GUEST)), LeftOut.OTHER_STATION),
        (received(IP(src=PEER, dst=GUEST) / UDP())[:20], LeftOut.NOT_IP),
    ],
)
def test_what_an_overlay_does_not_carry_to_the_guest_is_left_out_and_counted(frame: bytes, reason: LeftOut) -> None:
    frames = recorded(QUESTION, frame)
    traffic = observe(frames, find_guest(frames, GUEST))
    assert len(traffic.sightings) == 1
    assert traffic.left_out == {reason: 1}


def test_all_that_the_guest_sends_is_replayed_whatever_it_is() -> None:
    frames = recorded(QUESTION, sent(ARP(psrc=GUEST, pdst=PEER)), sent(IP(src=GUEST, dst=PEER) / UDP())[:20])
    assert len(observe(frames, find_guest(frames, GUEST)).sightings) == 3


def test_on_a_loopback_device_the_source_address_tells_the_direction() -> None:
    loopback = Ether(src="00:00:00:00:00:00", dst="00:00:00:00:00:00")
    frames = recorded(
        bytes(loopback / IP(src=GUEST, dst=PEER) / UDP()), bytes(loopback / IP(src=PEER, dst=GUEST) / UDP())
    )
    traffic = observe(frames, find_guest(frames, GUEST))
    assert [sighting.direction for sighting in traffic.sightings] == [Direction.OUT, Direction.IN]
