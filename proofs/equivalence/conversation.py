"""Conversations: two ends that exchange packets through the port, each answering what the other was made to look like.

What the far end sees is not what the guest sent: addresses and ports may be translated on the way. So each end learns
from what the port emits how it has to answer.
"""

import enum
from typing import NamedTuple

from proofs.equivalence import frames, vpc
from proofs.equivalence.frames import Content, Tunnel
from proofs.equivalence.place import Place
from proofs.equivalence.world import Sight
from reference.direction import Direction
from reference.packet.flow import FlowId
from reference.packet.parse import parse
from reference.verdict import Modified, Verdict


class Far(enum.Enum):
    """Who is at the other end."""

    PEER = "peer"
    INTERNET = "internet"
    GATEWAY = "gateway"


class Opening(NamedTuple):
    """How a conversation begins.

    Attributes:
        family: 4 or 6.
        protocol: TCP, UDP, or ICMP for an echo in either family.
        far: the other end.
        number: which of the others of that kind, 0 or 1.
        by: `OUT` when the guest begins.
        near_port: the guest's port, or the identifier of an echo.
        far_port: the other end's port.
        address: the address by which the internet knows the guest, until the guest shows another one.
    """

    family: int = 4
    protocol: int = frames.TCP
    far: Far = Far.PEER
    number: int = 0
    by: Direction = Direction.OUT
    near_port: int = 1000
    far_port: int = 80
    address: str = "ephemeral"


class Damage(NamedTuple):
    """What happens to a frame before it reaches the port.

    Attributes:
        cut: how many bytes are missing at the end.
        position: which byte is changed, counted modulo the length; None for none.
        value: what the byte becomes.
    """

    cut: int = 0
    position: int | None = None
    value: int = 0

    def done_to(self, frame: bytes) -> bytes:
        """The frame, damaged."""
        cut = bytearray(frame[: max(0, len(frame) - self.cut)])
        if self.position is not None and cut:
            cut[self.position % len(cut)] = self.value
        return bytes(cut)


NO_DAMAGE = Damage()


class Line(NamedTuple):
    """One packet of a conversation.

    Attributes:
        direction: `OUT` when the guest speaks.
        content: what the packet carries.
        answers: whether it acknowledges the other end's last segment, whatever `content` says.
        options: Geneve options of an inbound frame, in addition to what belongs there.
        critical: whether the Geneve header says that options must be understood.
        damage: what happens to the frame on its way.
        is_error: the packet is an ICMP error about the last packet of the other end instead.
    """

    direction: Direction
    content: Content = Content()
    answers: bool = True
    options: bytes = b""
    critical: bool = False
    damage: Damage = NO_DAMAGE
    is_error: bool = False


class Conversation:
    """Both ends, and what they know of each other.

    Attributes:
        outbound: id of the guest's packets as it sends them.
        inbound: id of the other end's packets as it sends them.
        tunnel: the encapsulation of the other end's frames.
    """

    def __init__(self, opening: Opening, place: Place = vpc.PLACE) -> None:
        self._place = place
        self.outbound, self.inbound = _flows(opening, place)
        self.tunnel = _tunnel(place, opening.far is Far.INTERNET)
        self._sequence = {Direction.IN: 0, Direction.OUT: 0}

    def sight(self, line: Line) -> Sight:
        """The frame of a line, ready for the port."""
        direction = line.direction
        content = line.content
        flow = self.outbound if direction is Direction.OUT else self.inbound
        if line.answers:
            content = content._replace(acknowledgement=self._sequence[direction.opposite] + 1)
        self._sequence[direction] = content.sequence
        if line.is_error:
            flow, payload = frames.error_about(flow.mirror(), flow.source, flow.destination)
            content = content._replace(payload=payload)
        if direction is Direction.OUT:
            frame = frames.plain(flow, content, self._place.gateway_mac, self._place.guest_mac)
        else:
            inner = frames.plain(flow, content, self._place.guest_mac, self._place.gateway_mac)
            tunnel = self.tunnel._replace(options=self.tunnel.options + line.options, critical=line.critical)
            frame = tunnel.wrap(inner)
        return direction, line.damage.done_to(frame)

    def learn(self, line: Line, verdict: Verdict) -> None:
        """See what the port made of a line, and answer to that from now on."""
        if not isinstance(verdict, Modified) or line.damage != NO_DAMAGE or line.is_error:
            return
        seen = parse(line.direction.opposite, verdict.packet)
        if line.direction is Direction.IN:
            self.outbound = seen.flow.mirror()
        elif seen.outer is not None:
            self.inbound = seen.flow.mirror()
            underlay = seen.outer.network
            external = seen.outer.vni == self._place.boundary_vni
            self.tunnel = _tunnel(self._place, external)._replace(source=underlay.destination)


def _tunnel(place: Place, external: bool) -> Tunnel:
    if external:
        boundary = place.boundary_underlay[0]
        return Tunnel(boundary, place.guest_underlay, place.boundary_vni, frames.EXTERNAL_OPTION)
    return Tunnel(place.peer_underlay, place.guest_underlay, place.vni)


def _flows(opening: Opening, place: Place) -> tuple[FlowId, FlowId]:
    """Ids of both directions, as both ends think of them at first."""
    family, protocol = opening.family, opening.protocol
    guest = place.guest[family]
    match opening.far:
        case Far.PEER:
            far, near = place.peers[family][opening.number], guest
        case Far.INTERNET:
            known_as = {"ephemeral": place.ephemeral, "floating": place.floating, "shared": place.shared}
            far, near = place.internet[family][opening.number], known_as[opening.address][family]
        case Far.GATEWAY:
            far, near = place.gateway[family], guest
    words = (opening.near_port, opening.far_port)
    if protocol in frames.ECHO:
        protocol = frames.ICMP if family == 4 else frames.ICMPV6
        request, reply = frames.ECHO[protocol]
        words = (request if opening.by is Direction.OUT else reply, opening.near_port)
    outbound = FlowId(protocol, family, guest, far, *words)
    return outbound, outbound._replace(source=near).mirror()
