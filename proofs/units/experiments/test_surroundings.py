"""The VPC around a guest follows from what was recorded."""

from ipaddress import ip_address

from experiments.surroundings import Surroundings
from proofs.units.experiments.frames import (
    GUEST,
    GUEST6,
    ICMP,
    INTERNET,
    INTERNET6,
    IP,
    PEER,
    PEER6,
    TCP,
    UDP,
    ICMPv6EchoRequest,
    IPv6,
    received,
    recorded,
    sent,
    stage,
)

QUESTION = sent(IP(src=GUEST, dst=PEER) / UDP(sport=1000, dport=53))


def around(*frames: bytes) -> Surroundings:
    return stage(recorded(QUESTION, *frames))[1]


def rules_for_services(surroundings: Surroundings) -> list[str]:
    return [rule for rule in surroundings.firewall_rules if "priority=1000 " in rule]


def test_the_subnet_is_the_one_around_the_guest() -> None:
    families = around(sent(IPv6(src=GUEST6, dst=PEER6) / UDP())).families
    assert [str(family.subnet) for family in families] == ["10.0.0.0/24", "fd00::/64"]


def test_the_gateway_is_the_first_address_that_nobody_talks_from() -> None:
    assert around().families[0].gateway == ip_address("10.0.0.1")
    assert around(sent(IP(src=GUEST, dst="10.0.0.1") / ICMP())).families[0].gateway == ip_address("10.0.0.1")
    assert around(sent(IP(src=GUEST, dst="10.0.0.1") / TCP())).families[0].gateway == ip_address("10.0.0.2")


def test_who_is_in_the_subnet_gets_a_mapping_and_who_is_not_is_on_the_internet() -> None:
    surroundings = around(
        sent(IP(src=GUEST, dst=INTERNET) / UDP()),
        received(IP(src="10.0.0.8", dst=GUEST) / UDP()),
        sent(IPv6(src=GUEST6, dst=PEER6) / UDP()),
    )
    assert set(surroundings.peers) == {ip_address(text).packed for text in (PEER, "10.0.0.8", PEER6)}
    places = list(surroundings.peers.values())
    assert len({place.ether for place in places}) == len({place.ip for place in places}) == 3
    mappings = surroundings.mappings()
    assert mappings.v2p.get(ip_address(PEER).packed, surroundings.config().vni) is not None
    assert mappings.v2b.get(ip_address(INTERNET).packed)


def test_a_guest_that_opens_all_flows_itself_shares_an_address() -> None:
    answer = received(IP(src=INTERNET, dst=GUEST) / TCP(sport=80, dport=4000, flags="SA"))
    surroundings = around(sent(IP(src=GUEST, dst=INTERNET) / TCP(sport=4000, dport=80, flags="S")), answer)
    config = surroundings.config().ipv4
    assert config is not None
    assert config.external_ips.snat is not None
    assert config.external_ips.ephemeral_ip is None
    assert rules_for_services(surroundings) == []


def test_a_guest_whose_services_the_internet_uses_has_an_address_and_a_rule_for_each() -> None:
    surroundings = around(
        received(IP(src=INTERNET, dst=GUEST) / TCP(sport=4000, dport=8080, flags="S")),
        received(IP(src=INTERNET, dst=GUEST) / UDP(sport=4000, dport=53)),
        received(IPv6(src=INTERNET6, dst=GUEST6) / ICMPv6EchoRequest()),
        sent(IPv6(src=GUEST6, dst=PEER6) / UDP()),
    )
    for config in (surroundings.config().ipv4, surroundings.config().ipv6):
        assert config is not None
        assert config.external_ips.ephemeral_ip is not None
    assert rules_for_services(surroundings) == [
        "dir=in action=allow priority=1000 protocol=TCP port=8080",
        "dir=in action=allow priority=1000 protocol=UDP port=53",
        "dir=in action=allow priority=1000 protocol=ICMP6",
    ]


def test_the_rest_of_a_connection_whose_beginning_was_not_recorded_opens_nothing() -> None:
    middle = received(IP(src=INTERNET, dst=GUEST) / TCP(sport=80, dport=4000, flags="A"))
    assert rules_for_services(around(middle)) == []


def test_what_a_peer_in_the_vpc_opens_needs_no_rule_of_its_own() -> None:
    assert rules_for_services(around(received(IP(src=PEER, dst=GUEST) / TCP(dport=8080, flags="S")))) == []


def test_tables_have_room_for_every_flow_twice() -> None:
    many = [sent(IP(src=GUEST, dst=PEER) / UDP(sport=port)) for port in range(1, 6001)]
    assert around(*many).limits.uft >= 2 * 6001
