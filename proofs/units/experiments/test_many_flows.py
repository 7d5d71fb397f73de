"""Many flows made from one segment of a capture."""

from experiments.many_flows import FIRST_PORT, many_flows
from experiments.scenario import build
from experiments.surroundings import surround
from experiments.traffic import find_guest, observe
from proofs.units.experiments.frames import GUEST, IP, PEER, TCP, UDP, received, recorded, sent
from reference.verdict import Modified

SEGMENT = sent(IP(src=GUEST, dst=PEER) / TCP(sport=1000, dport=80, flags="PA", seq=7, ack=9) / b"data")
SYN = sent(IP(src=GUEST, dst=PEER) / TCP(sport=1000, dport=80, flags="S"))
ANSWER = received(IP(src=PEER, dst=GUEST) / TCP(sport=80, dport=1000, flags="A"))
DATAGRAM = sent(IP(src=GUEST, dst=PEER) / UDP(sport=1000, dport=53))


def test_each_flow_has_a_port_of_its_own_and_all_else_of_the_segment() -> None:
    frames = recorded(SYN, SEGMENT, ANSWER)
    guest = find_guest(frames, GUEST)
    sightings = observe(frames, guest).sightings
    wide = many_flows(sightings, 50)
    flows = [sighting.packet.flow for sighting in wide if sighting.packet is not None]
    assert sorted(flow.source_port for flow in flows) == list(range(FIRST_PORT, FIRST_PORT + 50))
    assert {flow._replace(source_port=1000) for flow in flows} == {sightings[1].packet.flow}  # type: ignore[union-attr]
    steps = build(wide, surround(guest, sightings)).steps
    assert all(isinstance(step.verdict, Modified) for step in steps)
    assert len({step.conversation for step in steps}) == 50


def test_without_a_segment_in_mid_connection_there_is_nothing_to_make_flows_from() -> None:
    frames = recorded(SYN, ANSWER, DATAGRAM)
    assert many_flows(observe(frames, find_guest(frames, GUEST)).sightings, 50) == []


def test_checksums_stay_right() -> None:
    frames = recorded(SEGMENT)
    (one,) = many_flows(observe(frames, find_guest(frames, GUEST)).sightings, 1)
    dissected = IP(one.frame.data[14:])
    stated = dissected[TCP].chksum
    del dissected[TCP].chksum
    assert IP(bytes(dissected))[TCP].chksum == stated
