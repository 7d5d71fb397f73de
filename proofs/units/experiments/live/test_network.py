"""Frames travel between guests through two ports; sockets that keep messages apart stand in for TAP devices."""

import contextlib
import socket
import struct
import time
from collections.abc import Iterator, Mapping

import pytest

from experiments.live.cable import Count
from experiments.live.network import Network, NotChanged
from experiments.live.tap import HEADER, LONGEST, LONGEST_OFFLOADED, Device
from experiments.live.vpc import GATEWAY, Address, addresses
from experiments.population import GATEWAY_MAC
from experiments.small_vpc import firewall_rules
from fastpath import Design
from reference.direction import Direction
from reference.hairpin import frame as frames
from reference.packet.parse import parse
from reference.packet.protocol import EtherType, IpProtocol

SECONDS = 60.0
MANY = 100


@contextlib.contextmanager
def guests(count: int, design: Design | None, header: int = 0) -> Iterator[tuple[list[socket.socket], Network]]:
    """The guests' ends of their devices, and the network between them."""
    with contextlib.ExitStack() as stack:
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(count)]
        devices = []
        for guest, machine in pairs:
            stack.enter_context(guest)
            stack.enter_context(machine)
            guest.settimeout(SECONDS)
            machine.setblocking(False)
            devices.append(Device(machine.fileno(), header, LONGEST_OFFLOADED if header else LONGEST))
        network = stack.enter_context(Network(addresses(count), devices, design))
        yield [guest for guest, _ in pairs], network
        network.check()


def datagram(sender: Address, receiver: Address, payload: bytes, port: int = 1_000) -> bytes:
    udp = frames.udp(port, 2_000, payload)
    packet = frames.ipv4(sender.ip, receiver.ip, IpProtocol.UDP, udp)
    return frames.ethernet(GATEWAY_MAC, sender.mac, EtherType.IPV4, packet)


def payload_of(frame: bytes) -> bytes:
    return bytes(parse(Direction.OUT, frame).body)


def counted(network: Network, expected: Mapping[Count, int]) -> bool:
    """Whether the first guest's thread comes to count so many: a frame arrives before it is counted."""
    counters, deadline = network.workers[0].counters, time.monotonic() + SECONDS
    while any(counters[count] != number for count, number in expected.items()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("design", Design)
def test_a_frame_arrives_as_the_gateway_would_send_it(design: Design) -> None:
    a, b = addresses(2)
    with guests(2, design) as ((left, right), _):
        for number in range(3):
            left.send(datagram(a, b, b"there %d" % number))
            arrived = right.recv(LONGEST)
            assert arrived[:12] == b.mac + GATEWAY_MAC
            assert payload_of(arrived) == b"there %d" % number
        right.send(datagram(b, a, b"back", port=2_000))
        assert payload_of(left.recv(LONGEST)) == b"back"


def test_many_frames_arrive_in_order_each_once_whoever_they_go_to() -> None:
    places = addresses(3)
    with guests(3, Design.FINE) as (ends, network):
        for number in range(MANY):
            ends[0].send(datagram(places[0], places[1 + number % 2], struct.pack(">I", number)))
        for other in (1, 2):
            got = [struct.unpack(">I", payload_of(ends[other].recv(LONGEST)))[0] for _ in range(MANY // 2)]
            assert got == list(range(other - 1, MANY, 2))
        assert counted(network, {Count.READ: MANY, Count.WRITTEN: MANY, Count.LOST: 0})


def test_the_port_answers_for_the_gateway() -> None:
    a, _ = addresses(2)
    question = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + a.mac + a.ip + bytes(6) + GATEWAY
    with guests(2, Design.FINE) as ((left, _), _network):
        left.send(b"\xff" * 6 + a.mac + b"\x08\x06" + question)
        answer = left.recv(LONGEST)
    assert answer[6:12] == answer[22:28] == GATEWAY_MAC


def test_a_frame_to_nobody_is_dropped_and_the_next_one_arrives() -> None:
    a, b, nobody = addresses(3)
    with guests(2, Design.FINE) as ((left, right), network):
        left.send(datagram(a, nobody, b"lost"))
        left.send(datagram(a, b, b"found"))
        assert payload_of(right.recv(LONGEST)) == b"found"
        assert counted(network, {Count.DROPPED: 1})


def test_a_large_frame_keeps_its_offload_header() -> None:
    a, b = addresses(2)
    large, header = bytes(range(256)) * 230, bytes(range(1, HEADER + 1))
    with guests(2, Design.FINE, header=HEADER) as ((left, right), _):
        for _ in range(3):
            left.send(header + datagram(a, b, large))
            arrived = right.recv(1 << 17)
            assert arrived[:HEADER] == header
            assert payload_of(arrived[HEADER:]) == large


def test_designs_change_and_rules_change_while_frames_are_under_way() -> None:
    a, b = addresses(2)
    with guests(2, Design.FINE) as ((left, right), network):
        for number, design in enumerate((Design.MUTEX, Design.FINE, None, Design.RWLOCK, Design.PR585)):
            left.send(datagram(a, b, b"before"))
            network.change(design)
            for port in network.path.ports:
                port.set_firewall_rules(firewall_rules())
            left.send(datagram(a, b, struct.pack(">I", number)))
            assert payload_of(right.recv(LONGEST)) == b"before"
            assert payload_of(right.recv(LONGEST)) == struct.pack(">I", number)
        assert all(worker.path.design is Design.PR585 for worker in network.workers)


def test_with_nothing_in_between_frames_pass_as_they_are() -> None:
    with guests(2, None) as ((left, right), network):
        left.send(b"anything that is long enough")
        assert right.recv(LONGEST) == b"anything that is long enough"
        assert counted(network, {Count.BYTES: len(b"anything that is long enough")})


def test_a_thread_that_fails_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.suppress(NotChanged), guests(2, Design.FINE) as ((left, _), network):
        monkeypatch.setattr(network.path.ports[0], "process", lambda *_: 1 / 0)
        a, _b = addresses(2)
        left.send(b"\xff" * 6 + a.mac + bytes(50))
        deadline = time.monotonic() + SECONDS
        while network.workers[0].failure is None and time.monotonic() < deadline:
            time.sleep(0.01)
        with pytest.raises(NotChanged, match="thread of guest 0 has ended"):
            network.check()
