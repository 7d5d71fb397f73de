"""The gateway answers ARP requests for its own address and refuses all else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.l2 import ARP

from proofs.units.reference_hairpin.requests import (
    GATEWAY_IP,
    GATEWAY_IP_TEXT,
    GATEWAY_MAC,
    GATEWAY_MAC_TEXT,
    GUEST_IP_TEXT,
    GUEST_MAC_TEXT,
    dissected,
    from_guest,
    packet,
)
from proofs.units.reference_packet.frames import Layers
from reference.address import format_ip, format_mac
from reference.hairpin.arp import ArpReply
from reference.hairpin.errors import HandlePacketError

GATEWAY = ArpReply(GATEWAY_MAC, GATEWAY_IP)


def arp(**fields: Any) -> Layers:
    """An ARP request for the gateway, with other fields where given."""
    request = {"hwsrc": GUEST_MAC_TEXT, "psrc": GUEST_IP_TEXT, "pdst": GATEWAY_IP_TEXT, **fields}
    return from_guest("ff:ff:ff:ff:ff:ff") / ARP(**request)


def test_a_request_for_the_gateway_is_answered_with_its_mac_address() -> None:
    reply = dissected(GATEWAY.reply(packet(arp())))
    assert (reply.src, reply.dst) == (GATEWAY_MAC_TEXT, GUEST_MAC_TEXT)
    assert reply[ARP].op == 2
    assert (reply[ARP].hwsrc, reply[ARP].psrc) == (GATEWAY_MAC_TEXT, GATEWAY_IP_TEXT)
    assert (reply[ARP].hwdst, reply[ARP].pdst) == (GUEST_MAC_TEXT, GUEST_IP_TEXT)
    assert len(bytes(reply)) == 42


def test_the_answer_goes_to_the_sender_that_the_request_names() -> None:
    reply = dissected(GATEWAY.reply(packet(arp(hwsrc="02:00:00:00:00:09", psrc="0.0.0.0"))))
    assert (reply.dst, reply[ARP].hwdst, reply[ARP].pdst) == ("02:00:00:00:00:09", "02:00:00:00:00:09", "0.0.0.0")


@given(st.binary(min_size=6, max_size=6), st.binary(min_size=4, max_size=4))
def test_the_answer_turns_any_request_round(mac: bytes, address: bytes) -> None:
    request = arp(hwsrc=format_mac(mac), psrc=format_ip(address))
    reply = dissected(GATEWAY.reply(packet(request)))[ARP]
    turned = ARP(op=2, hwsrc=GATEWAY_MAC_TEXT, psrc=GATEWAY_IP_TEXT, hwdst=request[ARP].hwsrc, pdst=request[ARP].psrc)
    assert bytes(reply) == bytes(turned)


def test_padding_behind_the_request_does_not_matter() -> None:
    assert GATEWAY.reply(packet(arp() / bytes(18))) == GATEWAY.reply(packet(arp()))


@pytest.mark.parametrize("fields", [{"pdst": "172.30.0.9"}, {"op": 2}, {"pdst": GUEST_IP_TEXT}])
def test_requests_for_others_and_replies_are_refused(fields: dict[str, Any]) -> None:
    assert GATEWAY.reply(packet(arp(**fields))) is None


@pytest.mark.parametrize("fields", [{"hwtype": 6}, {"ptype": 0x86DD}, {"op": 3}, {"op": 0}])
def test_arp_for_anything_but_ipv4_over_ethernet_is_an_error(fields: dict[str, Any]) -> None:
    with pytest.raises(HandlePacketError, match="bad values"):
        GATEWAY.reply(packet(arp(**fields)))


@pytest.mark.parametrize("offset", [4, 5])
def test_addresses_of_other_lengths_are_an_error(offset: int) -> None:
    frame = bytearray(bytes(arp()))
    frame[14 + offset] = 8
    with pytest.raises(HandlePacketError, match="bad values"):
        GATEWAY.reply(packet(bytes(frame)))


@pytest.mark.parametrize("length", [1, 8, 27])
def test_a_frame_cut_off_is_an_error_with_opte_s_text(length: int) -> None:
    with pytest.raises(HandlePacketError) as error:
        GATEWAY.reply(packet(bytes(arp())[: 14 + length]))
    assert str(error.value) == 'HandlePkt("outbound ARP (parse)")'
