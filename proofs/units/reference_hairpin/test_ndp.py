"""The gateway advertises itself as router and neighbor, to solicitations that keep the rules of RFC 4861."""

from typing import Any

import pytest
from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptMTU,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
)

from proofs.units.reference_hairpin.requests import (
    GATEWAY_LINK_LOCAL,
    GATEWAY_MAC,
    GATEWAY_MAC_TEXT,
    GUEST_LINK_LOCAL,
    GUEST_MAC,
    GUEST_MAC_TEXT,
    dissected,
    from_guest,
    packet,
)
from proofs.units.reference_packet.frames import IPv6, Layers, recomputed
from reference.hairpin.errors import MalformedRequest, UnexpectedRequest
from reference.hairpin.ndp import NeighborAdvertisement, RouterAdvertisement

ROUTER = RouterAdvertisement(GUEST_MAC, GATEWAY_MAC, mtu=1500)
NEIGHBOR = NeighborAdvertisement(GUEST_MAC, GATEWAY_MAC)

SOLICITED_NODE = "ff02::1:ffff:7777"
SOURCE_OPTION = ICMPv6NDOptSrcLLAddr(lladdr=GUEST_MAC_TEXT)


def router_solicitation(hop_limit: int = 255, options: Layers = SOURCE_OPTION, **fields: Any) -> Layers:
    """A router solicitation of the guest."""
    network = IPv6(src=GUEST_LINK_LOCAL, dst="ff02::2", hlim=hop_limit)
    return from_guest("33:33:00:00:00:02") / network / ICMPv6ND_RS(**fields) / options


def neighbor_solicitation(
    source: str = GUEST_LINK_LOCAL,
    destination: str = SOLICITED_NODE,
    target: str = GATEWAY_LINK_LOCAL,
    hop_limit: int = 255,
    options: Layers = b"",
) -> Layers:
    """A neighbor solicitation of the guest."""
    network = IPv6(src=source, dst=destination, hlim=hop_limit)
    return from_guest("33:33:ff:ff:77:77") / network / ICMPv6ND_NS(tgt=target) / options


def test_a_router_solicitation_is_answered_with_the_way_to_the_gateway_and_to_dhcpv6() -> None:
    reply = dissected(ROUTER.reply(packet(router_solicitation())))
    assert (reply.src, reply.dst) == (GATEWAY_MAC_TEXT, GUEST_MAC_TEXT)
    assert (reply[IPv6].src, reply[IPv6].dst, reply[IPv6].hlim) == (GATEWAY_LINK_LOCAL, GUEST_LINK_LOCAL, 255)
    advertisement = reply[ICMPv6ND_RA]
    assert (advertisement.chlim, advertisement.routerlifetime) == (255, 9000)
    assert (advertisement.M, advertisement.O, advertisement.reachabletime, advertisement.retranstimer) == (1, 0, 0, 0)
    assert reply[ICMPv6NDOptSrcLLAddr].lladdr == GATEWAY_MAC_TEXT
    assert reply[ICMPv6NDOptMTU].mtu == 1500
    assert ICMPv6NDOptPrefixInfo not in reply
    assert bytes(reply) == recomputed(bytes(reply))


def test_a_router_solicitation_needs_no_options() -> None:
    assert ROUTER.reply(packet(router_solicitation(options=b""))) == ROUTER.reply(packet(router_solicitation()))


@pytest.mark.parametrize("hop_limit", [0, 64, 254])
def test_a_solicitation_that_a_router_may_have_forwarded_is_an_error(hop_limit: int) -> None:
    with pytest.raises(UnexpectedRequest) as error:
        ROUTER.reply(packet(router_solicitation(hop_limit)))
    assert str(error.value) == f'GenPacket(Unexpected("Received RS with invalid hop limit ({hop_limit})."))'
    with pytest.raises(UnexpectedRequest, match=rf"Received NS with invalid hop limit \({hop_limit}\)"):
        NEIGHBOR.reply(packet(neighbor_solicitation(hop_limit=hop_limit)))


@pytest.mark.parametrize(
    "options",
    [
        bytes([1, 0]) + bytes(6),
        bytes([1, 2]) + bytes(6),
        bytes([1, 1]) + bytes(5),
        bytes([3, 3]) + bytes(22),
        bytes([4, 5]) + bytes(38),
        bytes([200, 0]) + bytes(6),
    ],
    ids=["length 0", "cut off", "short", "prefix too short", "redirected header too short", "unknown of length 0"],
)
def test_options_that_do_not_add_up_make_the_request_malformed(options: bytes) -> None:
    for request, action in (
        (router_solicitation(options=options), ROUTER),
        (neighbor_solicitation(options=options), NEIGHBOR),
    ):
        with pytest.raises(MalformedRequest) as error:
            action.reply(packet(request))
        assert str(error.value) == "GenPacket(Malformed)"


def test_options_that_are_not_known_are_passed_over() -> None:
    options = bytes([200, 2]) + bytes(14) + bytes(SOURCE_OPTION)
    assert ROUTER.reply(packet(router_solicitation(options=options))) == ROUTER.reply(packet(router_solicitation()))


@pytest.mark.parametrize("fields", [{"code": 1}, {"cksum": 1}], ids=["code", "checksum"])
def test_a_code_or_a_wrong_checksum_makes_the_request_malformed(fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedRequest):
        ROUTER.reply(packet(router_solicitation(**fields)))


def test_a_neighbor_solicitation_must_hold_a_target() -> None:
    frame = bytes(from_guest() / IPv6(src=GUEST_LINK_LOCAL, dst=SOLICITED_NODE, hlim=255) / ICMPv6ND_NS())[:-1]
    shorter = bytearray(frame)
    shorter[18:20] = (23).to_bytes(2)
    with pytest.raises(MalformedRequest):
        NEIGHBOR.reply(packet(bytes(shorter)))


def test_a_neighbor_solicitation_is_answered_to_its_sender() -> None:
    reply = dissected(NEIGHBOR.reply(packet(neighbor_solicitation(options=SOURCE_OPTION))))
    assert (reply.src, reply.dst) == (GATEWAY_MAC_TEXT, GUEST_MAC_TEXT)
    assert (reply[IPv6].src, reply[IPv6].dst, reply[IPv6].hlim) == (GATEWAY_LINK_LOCAL, GUEST_LINK_LOCAL, 255)
    advertisement = reply[ICMPv6ND_NA]
    assert (advertisement.R, advertisement.S, advertisement.O) == (1, 1, 1)
    assert advertisement.tgt == GATEWAY_LINK_LOCAL
    assert reply[ICMPv6NDOptDstLLAddr].lladdr == GATEWAY_MAC_TEXT
    assert bytes(reply) == recomputed(bytes(reply))


def test_duplicate_address_detection_is_answered_to_all_nodes_and_unsolicited() -> None:
    reply = dissected(NEIGHBOR.reply(packet(neighbor_solicitation(source="::"))))
    assert (reply.dst, reply[IPv6].dst) == ("33:33:00:00:00:01", "ff02::1")
    assert (reply[ICMPv6ND_NA].R, reply[ICMPv6ND_NA].S, reply[ICMPv6ND_NA].O) == (1, 0, 1)
    assert bytes(reply) == recomputed(bytes(reply))


def test_a_solicitation_for_another_address_is_refused() -> None:
    assert NEIGHBOR.reply(packet(neighbor_solicitation(target=GUEST_LINK_LOCAL))) is None


@pytest.mark.parametrize(
    ("request_frame", "message"),
    [
        (neighbor_solicitation(target="ff02::2"), "Received NS with multicast target address."),
        (
            neighbor_solicitation(source="::", destination=GATEWAY_LINK_LOCAL),
            "Received NS from UNSPEC, but destination is not the solicited node multicast address.",
        ),
        (
            neighbor_solicitation(source="::", options=SOURCE_OPTION),
            "Received NS from UNSPEC, but message contains the Link-Layer Address option.",
        ),
    ],
)
def test_a_solicitation_against_the_rules_is_an_error_with_opte_s_text(request_frame: Layers, message: str) -> None:
    with pytest.raises(UnexpectedRequest) as error:
        NEIGHBOR.reply(packet(request_frame))
    assert str(error.value) == f'GenPacket(Unexpected("{message}"))'


def test_the_actions_are_written_as_opte_writes_them() -> None:
    assert str(ROUTER) == f"NDP RA IPv6={GATEWAY_LINK_LOCAL} MAC=A8:40:25:FF:77:77"
    assert str(NEIGHBOR) == f"NDP NA IPv6={GATEWAY_LINK_LOCAL} MAC=A8:40:25:FF:77:77"
