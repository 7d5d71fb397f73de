"""A capture made into steps: what the port forwards is what was recorded, and what lies between is as it should be."""

import functools
from ipaddress import ip_address

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from experiments.scenario import START_MS, Scenario, Step, lasting
from experiments.surroundings import EXTERNAL_ADDRESS, SNAT_FIRST_PORT, SNAT_LAST_PORT
from experiments.traffic import Sighting
from proofs.units.experiments.frames import GUEST, INTERNET, PEER, bundled, received, recorded, scenario_of, sent, stage
from reference import Direction, Drop, Hairpin, Modified
from reference.packet.parse import parse

MACS = 12
"""Bytes of a frame that are MAC addresses: the port writes its own."""


@functools.cache
def everything() -> tuple[list[Sighting], Scenario]:
    """The bundled capture."""
    return stage(bundled())[0], scenario_of(bundled())


def test_the_bundled_capture_holds_every_kind_of_packet_both_ways() -> None:
    kinds = {step.kind for step in everything()[1].steps if isinstance(step.verdict, Modified)}
    protocols = ("TCP/IPv4", "TCP/IPv6", "UDP/IPv4", "UDP/IPv6", "ICMP/IPv4", "ICMPV6/IPv6")
    assert kinds == {f"{protocol} {way}" for protocol in protocols for way in ("in", "out")}


def test_everything_between_hosts_is_forwarded() -> None:
    """What remains is for the gateway (answered by the port) or for the link (multicast, neighbour discovery)."""
    for sighting, step in zip(*_pairs(), strict=True):
        remote = sighting.remote if sighting.packet is not None else ip_address("::")
        local = remote.is_multicast or remote.is_link_local or remote.is_unspecified or str(remote) == "10.0.0.1"
        assert isinstance(step.verdict, Hairpin | Drop if local else Modified), sighting


def test_the_guest_receives_exactly_what_was_recorded() -> None:
    """Encapsulated, translated by the boundary, translated back and decapsulated: the bytes of the capture again."""
    inbound = [(sighting, step) for sighting, step in zip(*_pairs(), strict=True) if step.direction is Direction.IN]
    assert len(inbound) > 1000
    for sighting, step in inbound:
        assert isinstance(step.verdict, Modified)
        assert step.verdict.packet[MACS:] == sighting.frame.data[MACS:]


def test_a_peer_receives_exactly_what_was_recorded() -> None:
    _, surroundings = stage(bundled())
    to_peers = [
        (sighting, step)
        for sighting, step in zip(*_pairs(), strict=True)
        if step.direction is Direction.OUT
        and sighting.packet
        and sighting.packet.flow.destination in surroundings.peers
    ]
    assert len(to_peers) > 300
    for sighting, step in to_peers:
        assert isinstance(step.verdict, Modified)
        inner = parse(Direction.IN, step.verdict.packet).ethernet.offset
        assert step.verdict.packet[inner + MACS :] == sighting.frame.data[MACS:]


def test_the_internet_sees_the_external_address_and_a_port_of_the_range() -> None:
    ports = set()
    for step in everything()[1].steps:
        if step.direction is Direction.OUT and isinstance(step.verdict, Modified):
            flow = parse(Direction.IN, step.verdict.packet).flow
            if flow.destination == ip_address(INTERNET).packed:
                assert flow.source == EXTERNAL_ADDRESS[4]
                ports.add(flow.destination_port if flow.protocol == 1 else flow.source_port)
    assert len(ports) > 10
    assert all(SNAT_FIRST_PORT <= port <= SNAT_LAST_PORT for port in ports)


def test_translated_frames_carry_right_checksums() -> None:
    """Scapy computes a checksum anew where the field is deleted; both must be the same."""
    translated = [step for step in everything()[1].steps if step.takes_turn and isinstance(step.verdict, Modified)]
    assert len(translated) > 20
    for step in translated:
        assert isinstance(step.verdict, Modified)
        encapsulated = step.verdict.packet if step.direction is Direction.OUT else step.frame
        plain = encapsulated[parse(Direction.IN, encapsulated).ethernet.offset :]
        assert bytes(with_checksums_anew(plain)) == plain


def with_checksums_anew(frame: bytes) -> Ether:
    packet = Ether(frame)
    for layer, field in ((IP, "chksum"), (TCP, "chksum"), (UDP, "chksum"), ("ICMP", "chksum")):
        if layer in packet:
            delattr(packet[layer], field)
    if IPv6 in packet and hasattr(packet[IPv6].payload, "cksum"):
        del packet[IPv6].payload.cksum
    return packet


def test_packets_of_a_flow_and_its_answers_are_one_conversation() -> None:
    steps = everything()[1].steps
    sightings = everything()[0]
    homes: dict[object, set[int]] = {}
    for sighting, step in zip(sightings, steps, strict=True):
        if sighting.packet is not None:
            flow = sighting.packet.flow
            homes.setdefault(frozenset((flow, flow.mirror())), set()).add(step.conversation)
    assert all(len(conversations) == 1 for conversations in homes.values())


def test_only_packets_that_open_a_translated_flow_take_turns() -> None:
    openers = [step for step in everything()[1].steps if step.takes_turn]
    assert len(openers) == len({step.conversation for step in openers})


def test_the_clock_follows_the_recording_but_never_goes_back() -> None:
    frames = recorded(*[sent(IP(src=GUEST, dst=PEER) / UDP())] * 3)
    late, early, between = frames[2], frames[0], frames[1]
    steps = scenario_of([early, late, between]).steps
    assert [step.now_ms for step in steps] == [START_MS, START_MS + 2, START_MS + 2]


def test_an_answer_from_the_internet_that_was_never_asked_for_is_dropped() -> None:
    frames = recorded(
        sent(IP(src=GUEST, dst=PEER) / UDP()), received(IP(src=INTERNET, dst=GUEST) / TCP(sport=80, flags="SA"))
    )
    assert isinstance(scenario_of(frames).steps[1].verdict, Drop)


def test_without_its_ends_every_connection_lasts() -> None:
    sightings, _ = everything()
    remaining = lasting(sightings)
    assert 0 < len(remaining) < len(sightings)
    flags = [sighting.packet.tcp.flags for sighting in remaining if sighting.packet and sighting.packet.tcp]
    assert not any(flag & 0b101 for flag in flags)


def test_after_all_lifetimes_nothing_is_left() -> None:
    scenario = everything()[1]
    assert scenario.final["flows"]["uft"]["in"] > 0
    assert scenario.expired["flows"]["uft"] == {"in": 0, "out": 0}
    assert scenario.expired["flows"]["tcp"] == 0


@pytest.mark.parametrize("name", ["in_modified", "out_modified", "out_hairpin", "in_uft_hit", "out_uft_hit"])
def test_the_final_state_counts_what_happened(name: str) -> None:
    scenario = everything()[1]
    if name.endswith("hit"):
        assert scenario.final["stats"][name] > 500
    else:
        way, _, kind = name.partition("_")
        wanted = {"modified": Modified, "hairpin": Hairpin}[kind]
        counted = sum(isinstance(step.verdict, wanted) and step.direction.value == way for step in scenario.steps)
        assert scenario.final["stats"][name] == counted


def _pairs() -> tuple[list[Sighting], tuple[Step, ...]]:
    sightings, scenario = everything()
    return sightings, scenario.steps
