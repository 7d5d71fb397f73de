"""What happened on several threads: every operation, its answer, and what is known of its place in the order.

Three things are known. A thread's operations follow one another. Slow operations, packets and control alike, took
effect in the order of their tickets. And an operation that had ended before another began took effect before it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

from reference.direction import Direction
from reference.errors import ControlError
from reference.packet.flow import FlowId
from reference.packet.headers import Tcp
from reference.packet.parse import parse
from reference.verdict import Verdict
from reference.vpc.mappings import Mappings

HIT: Final = 0
"""In place of the ticket of a hit, and of a step of a change of mappings, which takes none."""
MISS: Final = -1
"""In place of the ticket of a packet that compiled layers decided about."""

Call: TypeAlias = Callable[[Any, Mappings], object]
"""A control operation on a port or its mappings."""


@dataclass(frozen=True, eq=False)
class Packet:
    """A packet, and what the port decided.

    Attributes:
        talk: number of the conversation that it belongs to; no two share a flow.
    """

    direction: Direction
    frame: bytes
    now_ms: int
    talk: int
    verdict: Verdict

    @cached_property
    def key(self) -> FlowId:
        """Id of its flow."""
        return parse(self.direction, self.frame).flow

    @cached_property
    def segment(self) -> tuple[Tcp | None, int, int]:
        """Its TCP header, the length of the frame, and that of its data."""
        parsed = parse(self.direction, self.frame)
        return parsed.tcp, parsed.length, parsed.payload_length

    def __str__(self) -> str:
        tcp = self.segment[0]
        flags = "" if tcp is None else f" flags {tcp.flags:#04x} seq {tcp.sequence} ack {tcp.acknowledgement}"
        return (
            f"{self.direction.value} packet of talk {self.talk} at {self.now_ms}{flags}: {type(self.verdict).__name__}"
        )


@dataclass(frozen=True, eq=False)
class Control:
    """A control operation, and its answer or refusal.

    Attributes:
        expires_ms: the time of an expiry; None for anything else.
        recalls: whether it makes every flow the reference's, so that none of them expires in a moment of its own.
    """

    name: str
    call: Call
    answer: object
    expires_ms: int | None = None
    recalls: bool = False

    def __str__(self) -> str:
        return self.name


class Following:
    """The port has heard of new mappings before it took a batch; perhaps another thread was faster."""

    def __str__(self) -> str:
        return "follow the mappings"


@dataclass(frozen=True, eq=False)
class MappingStep:
    """Half of a change of mappings, which takes no lock of any port: the new value can be read, or is announced."""

    name: str
    call: Call
    announces: bool

    def __str__(self) -> str:
        return f"{self.name}: {'announced' if self.announces else 'readable'}"


Action: TypeAlias = Packet | Control | Following | MappingStep


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of one thread.

    Attributes:
        thread: whose it was.
        began, ended: ranks among all beginnings and ends.
        ticket: rank among slow operations, or `HIT` or `MISS`.
        action: what was done.
    """

    thread: int
    began: int
    ended: int
    ticket: int
    action: Action

    @property
    def is_slow(self) -> bool:
        """Whether it was a slow operation, so that its place among these is known."""
        return self.ticket not in (HIT, MISS)

    def __str__(self) -> str:
        ways = {MISS: "miss", HIT: "hit" if isinstance(self.action, Packet) else "no ticket"}
        how = ways.get(self.ticket, f"ticket {self.ticket}")
        return f"thread {self.thread}, {how}: {self.action}"


History: TypeAlias = Sequence[Sequence[Operation]]
"""The operations of every thread, in its order."""


def attempt(call: Call, port: Any, mappings: Mappings) -> object:
    """The answer to a control operation; a refusal is one."""
    try:
        return call(port, mappings)
    except ControlError as error:
        return f"{type(error).__name__}: {error}"
