"""A recorded frame seen from the guest: which way it goes, and whether an overlay network would carry it."""

import enum
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from experiments.capture import Frame
from experiments.errors import InputError
from reference import Direction
from reference.packet.errors import ParseError
from reference.packet.packet import Packet
from reference.packet.parse import parse

Address = IPv4Address | IPv6Address

_GROUP_BIT = 1
_MAC_LENGTH = 6


@dataclass(frozen=True)
class Guest:
    """Whose port the capture is replayed through: its MAC and its address in each family it has."""

    mac: bytes
    ipv4: IPv4Address | None
    ipv6: IPv6Address | None

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The addresses it has."""
        return tuple(address for address in (self.ipv4, self.ipv6) if address is not None)


class LeftOut(enum.Enum):
    """Why a recorded frame is not replayed."""

    OTHER_STATION = "neither from the guest nor addressed to it"
    NOT_IP = "to the guest, but not TCP, UDP or ICMP over IP: an overlay does not carry it"
    LINK_LOCAL = "to the guest from a link-local address: the gateway's own answers and neighbours' questions"
    OTHER_ADDRESS = "to the guest's interface, but to an address that is not the guest's"
    GATEWAY = "to the guest from the gateway: the port gives these answers itself"


@dataclass(frozen=True)
class Sighting:
    """One frame of the guest's: `packet` is None when it is not one that the port can parse."""

    frame: Frame
    direction: Direction
    packet: Packet | None

    @property
    def source(self) -> Address:
        """Source address of the packet, which must have been parsed and be IP."""
        assert self.packet is not None
        return ip_address(self.packet.flow.source)

    @property
    def destination(self) -> Address:
        """Destination address of the packet, which must have been parsed and be IP."""
        assert self.packet is not None
        return ip_address(self.packet.flow.destination)

    @property
    def remote(self) -> Address:
        """The address at the other end."""
        return self.destination if self.direction is Direction.OUT else self.source


@dataclass
class Traffic:
    """The guest's frames in recorded order, and the count of those that are not its own."""

    sightings: list[Sighting] = field(default_factory=list)
    left_out: Counter[LeftOut] = field(default_factory=Counter)


def find_guest(frames: Sequence[Frame], wanted: str | None) -> Guest:
    """The station that sends from the address `wanted`.

    Its MAC is the one that most frames from that address carry. Its address in the other family is the one
    that most frames from that MAC carry, link-local and group addresses apart.

    Raises:
        InputError: `wanted` is None or no address, or no frame comes from it.
    """
    senders = Counter((frame.data[_MAC_LENGTH : 2 * _MAC_LENGTH], sender) for frame, sender in _senders(frames))
    if wanted is None:
        raise InputError(f"guest address: none is given, use --guest (make: GUEST=); {_known(senders)}")
    try:
        address = ip_address(wanted)
    except ValueError:
        raise InputError(f"guest address: '{wanted}' is not an IP address; {_known(senders)}") from None
    macs = Counter({mac: count for (mac, sender), count in senders.items() if sender == address})
    if not macs:
        raise InputError(f"guest address: no frame comes from {address}; {_known(senders)}")
    mac = macs.most_common(1)[0][0]
    others = Counter(
        {sender: count for (of, sender), count in senders.items() if of == mac and sender.version != address.version}
    )
    other = others.most_common(1)[0][0] if others else None
    ipv4, ipv6 = (address, other) if isinstance(address, IPv4Address) else (other, address)
    assert not isinstance(ipv4, IPv6Address)
    assert not isinstance(ipv6, IPv4Address)
    return Guest(mac, ipv4, ipv6)


def observe(frames: Iterable[Frame], guest: Guest) -> Traffic:
    """The guest's frames: those that it sends, and those to it that come from a routable address."""
    traffic = Traffic()
    for frame in frames:
        to, by = frame.data[:_MAC_LENGTH], frame.data[_MAC_LENGTH : 2 * _MAC_LENGTH]
        if guest.mac not in (to, by):
            traffic.left_out[LeftOut.OTHER_STATION] += 1
            continue
        sighting = Sighting(frame, Direction.OUT if by == guest.mac else Direction.IN, _parsed(frame))
        if to == by:
            sighting = replace(sighting, direction=_direction_by_address(sighting, guest))
        reason = _reason_to_leave_out(sighting, guest)
        if reason is None:
            traffic.sightings.append(sighting)
        else:
            traffic.left_out[reason] += 1
    return traffic


def _direction_by_address(sighting: Sighting, guest: Guest) -> Direction:
    """Where both ends have one MAC, as on a loopback device, the source address tells."""
    if sighting.packet is None or sighting.packet.network is None or sighting.source in guest.addresses:
        return Direction.OUT
    return Direction.IN


def _reason_to_leave_out(sighting: Sighting, guest: Guest) -> LeftOut | None:
    if sighting.direction is Direction.OUT:
        return None
    if sighting.packet is None or sighting.packet.network is None:
        return LeftOut.NOT_IP
    if sighting.source.is_link_local or sighting.source.is_unspecified:
        return LeftOut.LINK_LOCAL
    if sighting.destination not in guest.addresses:
        return LeftOut.OTHER_ADDRESS
    return None


def _parsed(frame: Frame) -> Packet | None:
    """The frame as a plain Ethernet frame, whichever way it goes; None when the port would refuse it."""
    try:
        return parse(Direction.OUT, frame.data)
    except ParseError:
        return None


def _senders(frames: Iterable[Frame]) -> Iterable[tuple[Frame, Address]]:
    for frame in frames:
        packet = _parsed(frame)
        if packet is None or packet.network is None:
            continue
        sender = ip_address(packet.flow.source)
        if not (sender.is_link_local or sender.is_unspecified or sender.is_multicast):
            yield frame, sender


def _known(senders: Counter[tuple[bytes, Address]]) -> str:
    addresses = sorted({sender for _, sender in senders}, key=lambda address: (address.version, address))
    if not addresses:
        return "no frame of the capture comes from any IP address: record while the guest sends"
    return f"addresses in the capture: {', '.join(map(str, addresses))}"
