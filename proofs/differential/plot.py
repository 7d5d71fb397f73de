"""Plots: stories before they are told, as data. What a plot leaves open, the engine's own answers settle."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from proofs.conformance.steps import Plain
from proofs.differential.requests import Request
from proofs.differential.scene import Scene
from proofs.differential.telling import Narrator
from proofs.equivalence import frames, vpc
from proofs.equivalence.conversation import Line, Opening
from proofs.equivalence.frames import Content, Tunnel
from reference.direction import Direction
from reference.packet.flow import FlowId


class Event(Protocol):
    """Something that happens in a story."""

    def tell(self, narrator: Narrator) -> None:
        """Let it happen."""


class Plot(NamedTuple):
    """A story that can be told to any engine."""

    scene: Scene
    events: Sequence[Event]

    def tell(self, narrator: Narrator) -> None:
        """Start the port, let everything happen, and look at all tables in the end."""
        narrator.do("start")
        for event in self.events:
            event.tell(narrator)
        narrator.do("dump")


class Talk(NamedTuple):
    """A conversation begins, with an opening exchange or with one packet, and goes on for a few lines."""

    opening: Opening
    establishes: bool = False
    script: Sequence[Line] = ()

    def tell(self, narrator: Narrator) -> None:
        """The opening: for TCP a SYN, answered and confirmed."""
        by = self.opening.by
        first = Line(by, Content(flags=frames.SYN), answers=False)
        exchange = (
            Line(by.opposite, Content(flags=frames.SYN | frames.ACK)),
            Line(by, Content(flags=frames.ACK, sequence=1)),
        )
        conversation = narrator.open(self.opening)
        for line in (first, *(exchange if self.establishes else ()), *self.script):
            narrator.speak(conversation, line)


class Speak(NamedTuple):
    """Lines of a conversation begun before, counted modulo how many there are; nothing if there is none."""

    which: int
    script: Sequence[Line]
    cuts: Sequence[int] = ()

    def tell(self, narrator: Narrator) -> None:
        """One packet a line, each in as many buffers as `cuts` says."""
        if narrator.conversations:
            conversation = narrator.conversations[self.which % len(narrator.conversations)]
            for line in self.script:
                narrator.speak(conversation, line, self.cuts)


class Interrupt(NamedTuple):
    """The port's state changes, a conversation goes on regardless, and mostly the port is started again."""

    operation: str
    which: int = 0
    script: Sequence[Line] = ()
    resumes: bool = True

    def tell(self, narrator: Narrator) -> None:
        """The change, the lines, the start."""
        narrator.do(self.operation)
        Speak(self.which, self.script).tell(narrator)
        if self.resumes:
            narrator.do("start")


class Wait(NamedTuple):
    """Time passes, and perhaps what is past its time is removed."""

    milliseconds: int
    expires: bool = False

    def tell(self, narrator: Narrator) -> None:
        """Later steps are later."""
        narrator.now_ms += self.milliseconds
        if self.expires:
            narrator.do("expire")


class Change(NamedTuple):
    """A control operation, with names for addresses."""

    operation: str
    arguments: Plain

    def tell(self, narrator: Narrator) -> None:
        """One step."""
        narrator.do(self.operation, **narrator.scene.fill(self.arguments))


class Ask(NamedTuple):
    """The guest asks its gateway for something."""

    request: Request

    def tell(self, narrator: Narrator) -> None:
        """One packet."""
        narrator.send(Direction.OUT, self.request.frame(narrator.scene.place))


class Inquire(NamedTuple):
    """The state of a conversation's connection is asked for."""

    which: int

    def tell(self, narrator: Narrator) -> None:
        """One step, if there is a conversation."""
        if narrator.conversations:
            flow: Any = narrator.conversations[self.which % len(narrator.conversations)].outbound
            narrator.do("tcp_state", flow=flow.to_json())


class Stray(NamedTuple):
    """A packet of nobody's conversation: any named addresses, any protocol, inbound under any VNI.

    Attributes:
        source, destination: names of addresses without the family.
        ports: of TCP and UDP; for ICMP type + 256 * code, and identifier.
        vni: name of the VNI of an inbound packet.
        options: Geneve options of an inbound packet.
        misled: whether the Ethernet addresses are wrong.
    """

    direction: Direction
    family: int
    protocol: int
    source: str
    destination: str
    ports: tuple[int, int] = (1000, 80)
    vni: str = "vni"
    options: bytes = b""
    misled: bool = False

    def tell(self, narrator: Narrator) -> None:
        """One packet."""
        scene, place = narrator.scene, narrator.scene.place
        source = scene.addresses[f"{self.source}{self.family}"]
        destination = scene.addresses[f"{self.destination}{self.family}"]
        flow = FlowId(self.protocol, self.family, source, destination, *self.ports)
        ends = (place.gateway_mac, vpc.PEER_MAC if self.misled else place.guest_mac)
        if self.direction is Direction.IN:
            ends = (ends[1], ends[0])
        frame = frames.plain(flow, Content(payload=b"stray"), *ends)
        if self.direction is Direction.IN:
            tunnel = Tunnel(place.peer_underlay, place.guest_underlay, scene.numbers[self.vni], self.options)
            frame = tunnel.wrap(frame)
        narrator.send(self.direction, frame)


class Babble(NamedTuple):
    """Bytes that mean nothing."""

    direction: Direction
    frame: bytes

    def tell(self, narrator: Narrator) -> None:
        """One packet."""
        narrator.send(self.direction, self.frame)
