"""The gateway leases the guest its IPv6 address; scapy makes the messages and reads the leases."""

import pytest
from scapy.layers.dhcp6 import (
    DUID_LL,
    DHCP6_Advertise,
    DHCP6_Confirm,
    DHCP6_InfoRequest,
    DHCP6_Reply,
    DHCP6_Request,
    DHCP6_Solicit,
    DHCP6OptClientFQDN,
    DHCP6OptClientId,
    DHCP6OptDNSDomains,
    DHCP6OptDNSServers,
    DHCP6OptElapsedTime,
    DHCP6OptIA_NA,
    DHCP6OptIAAddress,
    DHCP6OptOptReq,
    DHCP6OptRapidCommit,
    DHCP6OptServerId,
    DHCP6OptStatusCode,
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
from proofs.units.reference_packet.frames import UDP, IPv6, Layers, recomputed
from reference.hairpin.dhcpv6 import Dhcpv6Server
from reference.hairpin.options import DhcpOptions

ADDRESS, ADDRESS_TEXT = bytes.fromhex("fd000000000000000000000000000005"), "fd00::5"
DNS, DNS_TEXT = bytes.fromhex("20014860486000000000000000008888"), "2001:4860:4860::8888"
NAMES = DhcpOptions("testbox", "oxide.computer", ("oxide.computer", "example.com"), dns6_servers=(DNS,))
SERVER = Dhcpv6Server(GUEST_MAC, GATEWAY_MAC, ADDRESS, NAMES)

CLIENT_ID = DHCP6OptClientId(duid=DUID_LL(lladdr=GUEST_MAC_TEXT))
SERVER_ID = DHCP6OptServerId(duid=DUID_LL(lladdr=GATEWAY_MAC_TEXT))
OTHER_SERVER_ID = DHCP6OptServerId(duid=DUID_LL(lladdr=GUEST_MAC_TEXT))
ELAPSED = DHCP6OptElapsedTime(elapsedtime=1)
ASSOCIATION = DHCP6OptIA_NA(iaid=0x25FAFA37)


def answer(*layers: Layers, server: Dhcpv6Server = SERVER) -> bytes | None:
    """The reply to a message with these options."""
    frame = from_guest("33:33:00:01:00:02") / IPv6(src=GUEST_LINK_LOCAL, dst="ff02::1:2") / UDP(sport=546, dport=547)
    for layer in layers:
        frame = frame / layer.copy()
    return server.reply(packet(frame))


def asking(*codes: int) -> Layers:
    """An option request."""
    return DHCP6OptOptReq(reqopts=list(codes))


def test_a_solicit_is_answered_by_an_advertisement_of_the_lease() -> None:
    reply = dissected(answer(DHCP6_Solicit(trid=0xABCDEF), CLIENT_ID, ELAPSED, ASSOCIATION))
    assert (reply.src, reply.dst) == (GATEWAY_MAC_TEXT, GUEST_MAC_TEXT)
    assert (reply[IPv6].src, reply[IPv6].dst) == (GATEWAY_LINK_LOCAL, GUEST_LINK_LOCAL)
    assert (reply[UDP].sport, reply[UDP].dport) == (547, 546)
    assert reply[DHCP6_Advertise].trid == 0xABCDEF
    assert bytes(reply[DHCP6OptServerId].duid) == bytes(SERVER_ID.duid)
    assert bytes(reply[DHCP6OptClientId].duid) == bytes(CLIENT_ID.duid)
    association = reply[DHCP6OptIA_NA]
    assert (association.iaid, association.T1, association.T2) == (0x25FAFA37, 2**32 - 1, 2**32 - 1)
    lease = association.ianaopts[0]
    assert (lease.addr, lease.preflft, lease.validlft) == (ADDRESS_TEXT, 2**32 - 1, 2**32 - 1)
    assert bytes(reply) == recomputed(bytes(reply))


def test_what_the_client_does_not_ask_for_it_does_not_get() -> None:
    reply = dissected(answer(DHCP6_Solicit(), CLIENT_ID, ELAPSED))
    for absent in (DHCP6OptIA_NA, DHCP6OptDNSServers, DHCP6OptDNSDomains, DHCP6OptClientFQDN, DHCP6OptRapidCommit):
        assert absent not in reply


def test_name_servers_search_list_and_name_are_given_on_request() -> None:
    reply = dissected(answer(DHCP6_Solicit(), CLIENT_ID, ELAPSED, asking(23, 24, 39)))
    assert reply[DHCP6OptDNSServers].dnsservers == [DNS_TEXT]
    assert reply[DHCP6OptDNSDomains].dnsdomains == ["oxide.computer.", "example.com."]
    # Override and server flags, then host name and domain as one name.
    assert bytes(reply[DHCP6OptClientFQDN])[4:] == b"\x03\x07testbox\x05oxide\x08computer\x00"


def test_options_that_have_no_content_are_not_given_except_name_servers() -> None:
    bare = Dhcpv6Server(GUEST_MAC, GATEWAY_MAC, ADDRESS, DhcpOptions())
    reply = dissected(answer(DHCP6_Solicit(), CLIENT_ID, ELAPSED, asking(23, 24, 39), server=bare))
    assert DHCP6OptDNSDomains not in reply
    assert DHCP6OptClientFQDN not in reply
    assert reply[DHCP6OptDNSServers].dnsservers == []


@pytest.mark.parametrize("wish", [DHCP6OptRapidCommit(), asking(14)], ids=["option", "request"])
def test_a_rapid_commit_turns_the_advertisement_into_the_lease(wish: Layers) -> None:
    reply = dissected(answer(DHCP6_Solicit(), CLIENT_ID, ELAPSED, ASSOCIATION, wish))
    assert DHCP6_Reply in reply
    assert DHCP6OptRapidCommit in reply


def test_a_request_to_this_server_is_answered_by_the_lease() -> None:
    reply = dissected(answer(DHCP6_Request(trid=5), CLIENT_ID, SERVER_ID, ELAPSED, ASSOCIATION))
    assert reply[DHCP6_Reply].trid == 5
    assert reply[DHCP6OptIA_NA].ianaopts[0].addr == ADDRESS_TEXT


@pytest.mark.parametrize(
    "layers",
    [
        (DHCP6_Solicit(), ELAPSED),
        (DHCP6_Solicit(), CLIENT_ID),
        (DHCP6_Solicit(), CLIENT_ID, ELAPSED, SERVER_ID),
        (DHCP6_Request(), CLIENT_ID, ELAPSED),
        (DHCP6_Request(), CLIENT_ID, ELAPSED, OTHER_SERVER_ID),
        (DHCP6_InfoRequest(), CLIENT_ID, ELAPSED),
        (DHCP6_Confirm(), CLIENT_ID, ELAPSED),
        (DHCP6_Confirm(), CLIENT_ID, ELAPSED, ASSOCIATION),
    ],
    ids=[
        "no client",
        "no elapsed time",
        "solicit to one server",
        "request to no server",
        "request to another server",
        "information request",
        "confirm of nothing",
        "confirm of no address",
    ],
)
def test_messages_that_are_incomplete_or_for_others_get_no_answer(layers: tuple[Layers, ...]) -> None:
    assert answer(*layers) is None


def test_a_message_that_does_not_parse_gets_no_answer() -> None:
    assert answer(DHCP6_Solicit(), CLIENT_ID, ELAPSED, ASSOCIATION) is not None
    assert answer(DHCP6_Solicit(), CLIENT_ID, ELAPSED, ASSOCIATION, UDP()) is None


def confirm(association: Layers) -> bytes | None:
    """The reply to a Confirm message of this association."""
    return answer(DHCP6_Confirm(), CLIENT_ID, ELAPSED, association)


@pytest.mark.parametrize(("address", "status"), [(ADDRESS_TEXT, 0), ("fd00::6", 4)])
def test_addresses_nested_one_level_deeper_are_confirmed_or_not_on_link(address: str, status: int) -> None:
    inner = DHCP6OptIA_NA(ianaopts=[DHCP6OptIAAddress(addr=address)])
    reply = dissected(confirm(DHCP6OptIA_NA(ianaopts=[inner])))
    assert reply[DHCP6OptStatusCode].statuscode == status
    assert bytes(reply[DHCP6OptServerId].duid) == bytes(SERVER_ID.duid)


def test_one_address_of_several_that_is_not_on_link_is_enough_to_say_so() -> None:
    addresses = [DHCP6OptIAAddress(addr=ADDRESS_TEXT), DHCP6OptIAAddress(addr="fd00::6")]
    reply = dissected(confirm(DHCP6OptIA_NA(ianaopts=[DHCP6OptIA_NA(ianaopts=addresses)])))
    assert reply[DHCP6OptStatusCode].statuscode == 4


def test_a_confirm_to_one_server_gets_no_answer() -> None:
    inner = DHCP6OptIA_NA(ianaopts=[DHCP6OptIAAddress(addr=ADDRESS_TEXT)])
    association = DHCP6OptIA_NA(ianaopts=[inner])
    assert answer(DHCP6_Confirm(), CLIENT_ID, ELAPSED, association) is not None
    assert answer(DHCP6_Confirm(), CLIENT_ID, ELAPSED, association, SERVER_ID) is None


def test_a_regular_confirm_gets_no_answer_as_upstream() -> None:
    assert confirm(DHCP6OptIA_NA(ianaopts=[DHCP6OptIAAddress(addr=ADDRESS_TEXT)])) is None


def test_the_action_is_written_as_opte_writes_it() -> None:
    assert str(SERVER) == "DHCPv6 IA Addrs: [fd00::5]"
