"""Short stories for threads: which packets and control operations each of them brings, all decided beforehand.

A story begins on one thread, which opens some conversations. Then come rounds: in each, every thread has a few actions,
and all begin together. Between two rounds time passes. So a story needs no answer of the port under test: the
conversations learn their translated addresses from a reference port that lives through the same beginning.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeAlias

from proofs.equivalence import changes, frames, vpc
from proofs.equivalence.conversation import Conversation, Far, Line, Opening
from proofs.equivalence.frames import ACK, FIN, PSH, RST, SYN, Content
from proofs.equivalence.stage import Stage
from proofs.equivalence.strategies import WAITS
from proofs.equivalence.world import Sight, World
from proofs.threads.history import Call
from reference.direction import Direction
from reference.vpc.config import TableLimits

BEGINNING_MS = 1_000_000
ROUNDS = 4
ACTIONS = 3
"""The most actions of a thread in a round."""
LENGTHS = (1, 4, 16, 48)
LENGTHS_WHEN_SHARED = (1, 3, 8)
"""Packets of a batch: fewer where two threads speak in one connection, whose order then has to be searched for."""

_TIGHT = replace(vpc.ROOMY, uft=6, tcp=3)
_NARROW = TableLimits(uft=5, tcp=4, gateway=5, firewall=5, nat=5)
LIMITS = (vpc.ROOMY, vpc.ROOMY, _TIGHT, _NARROW)

_CALM = (ACK, ACK, ACK, PSH | ACK)
_STRONG = (FIN | ACK, SYN, SYN | ACK, RST, 0)
_SHARE_OF_STRONG = 0.02
_LAGS_MS = (0, 0, 0, 1, 3)
"""By how much a thread's clock is behind."""


@dataclass(frozen=True)
class Batch:
    """Packets to process together; `talks` numbers the conversation of each."""

    now_ms: int
    sights: tuple[Sight, ...]
    talks: tuple[int, ...]


@dataclass(frozen=True)
class Command:
    """A control operation. One that changes mappings belongs to no port; the rest is as in `history.Control`."""

    name: str
    call: Call
    changes_mappings: bool = False
    expires_ms: int | None = None
    recalls: bool = False


Deed: TypeAlias = Batch | Command


@dataclass(frozen=True)
class Story:
    """What threads do.

    Attributes:
        seed: of which the story was made.
        limits: of the port's tables.
        beginning: done on one thread.
        rounds: for each round the deeds of each thread.
    """

    seed: int
    limits: TableLimits
    beginning: tuple[Deed, ...]
    rounds: tuple[tuple[tuple[Deed, ...], ...], ...]


class Teller:
    """Makes one story of a seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._random = Random(seed)
        self._now_ms = BEGINNING_MS
        self._limits = self._random.choice(LIMITS)
        self._recorder = _Recorder(self._limits)
        self._shared = self._random.random() < 0.6
        self._threads = self._random.choice((2, 3))

    def story(self) -> Story:
        """The story."""
        stage = Stage(self._recorder)
        talks = [stage.establish(self._opening(number)) for number in range(self._random.choice((2, 4)))]
        rounds = tuple(self._round(talks) for _ in range(ROUNDS))
        return Story(self._seed, self._limits, self._recorder.batches(), rounds)

    def _opening(self, number: int) -> Opening:
        """Ports tell conversations apart."""
        of = self._random.choice
        protocol = of((frames.TCP, frames.TCP, frames.UDP, frames.ICMP))
        by = of((Direction.OUT, Direction.OUT, Direction.IN))
        ports = (1_000 + number, 80) if by is Direction.OUT else (of((22, 53)), 2_000 + number)
        ports = (1_000 + number, 0) if protocol == frames.ICMP else ports
        return Opening(of((4, 6)), protocol, of((Far.PEER, Far.INTERNET)), of((0, 1)), by, *ports)

    def _round(self, talks: Sequence[Conversation]) -> tuple[tuple[Deed, ...], ...]:
        self._now_ms += self._random.choice(WAITS)
        deeds = []
        for thread in range(self._threads):
            mine = [number for number in range(len(talks)) if self._shared or number % self._threads == thread]
            count = self._random.randrange(1, ACTIONS + 1)
            deeds.append(tuple(self._deed(talks, mine) for _ in range(count)))
        return tuple(deeds)

    def _deed(self, talks: Sequence[Conversation], mine: Sequence[int]) -> Deed:
        if not mine or self._random.random() < 0.3:
            return self._command()
        length = self._random.choice(LENGTHS_WHEN_SHARED if self._shared else LENGTHS)
        numbers = [self._random.choice(mine) for _ in range(length)]
        sights = tuple(talks[number].sight(self._line()) for number in numbers)
        return Batch(self._now_ms - self._random.choice(_LAGS_MS), sights, tuple(numbers))

    def _line(self) -> Line:
        of = self._random.choice
        flags = of(_STRONG if self._random.random() < _SHARE_OF_STRONG else _CALM)
        numbers = self._random.randrange(1 << 32), self._random.randrange(1 << 32)
        return Line(
            of(tuple(Direction)), Content(bytes(of((0, 1, 40))), flags, *numbers), answers=self._random.random() < 0.5
        )

    def _command(self) -> Command:
        of = self._random.choice
        now_ms = self._now_ms
        match self._random.randrange(4):
            case 0:
                return Command(f"expire at {now_ms}", lambda port, _: port.expire(now_ms), expires_ms=now_ms)
            case 1:
                named = of(changes.MAPPINGS)
                return Command(named.name, named.change, changes_mappings=True)
            case 2:
                named = of((*changes.CLEARING, changes.START, changes.START, changes.PAUSE, changes.RESET))
            case _:
                named = of((*changes.FIREWALL, *changes.ROUTES, *changes.ADDRESSES))
        return Command(named.name, named.change)


class _Recorder(World):
    """A world without ports on trial that keeps what it is shown."""

    def __init__(self, limits: TableLimits) -> None:
        super().__init__(limits=limits, fast_ports={}, now_ms=BEGINNING_MS)
        self._sights: list[Sight] = []

    def process(self, direction: Direction, frame: bytes, segments: Sequence[int] = ()) -> Any:
        """As `World.process`."""
        self._sights.append((direction, frame))
        return super().process(direction, frame, segments)

    def batches(self) -> tuple[Batch, ...]:
        """All that was shown, packet by packet; three of each conversation."""
        return tuple(Batch(BEGINNING_MS, (sight,), (index // 3,)) for index, sight in enumerate(self._sights))
