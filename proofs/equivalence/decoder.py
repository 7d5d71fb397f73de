"""The fast generator: any string of bytes is a story, so that breadth costs little and every prefix is a story too."""

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from proofs.equivalence import frames, vpc
from proofs.equivalence.changes import CLEARING, LIFECYCLE, RULES, START
from proofs.equivalence.conversation import Conversation, Damage, Far, Line, Opening
from proofs.equivalence.frames import ACK, FIN, PSH, RST, SYN, Content
from proofs.equivalence.oddities import ODDITIES
from proofs.equivalence.stage import Stage
from proofs.equivalence.strategies import NUMBERS, WAITS
from proofs.equivalence.world import MakeWorld
from reference.direction import Direction

_Item = TypeVar("_Item")

_FLAGS = (ACK, ACK, PSH | ACK, SYN, SYN | ACK, FIN | ACK, FIN, RST, RST | ACK, 0)
_DIRECTIONS = tuple(Direction)
_PROTOCOLS = (frames.TCP, frames.TCP, frames.UDP, frames.ICMP)
_FARS = (Far.PEER, Far.INTERNET, Far.INTERNET, Far.GATEWAY)
_PORTS = (1000, 22, 53, 80)
_LONGEST_BATCH = 40


class Choices:
    """A string of bytes read as choices; when it is used up every choice is the first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def __bool__(self) -> bool:
        return self._position < len(self._data)

    def number(self, below: int) -> int:
        """A number from 0 to `below` - 1, from one byte."""
        if not self:
            return 0
        self._position += 1
        return self._data[self._position - 1] % below

    def of(self, items: Sequence[_Item]) -> _Item:
        """One of the items."""
        return items[self.number(len(items))]


class Decoder:
    """Plays the story that some bytes tell."""

    def __init__(self, data: bytes, make_world: MakeWorld) -> None:
        self._choices = Choices(data)
        self.stage = Stage(make_world(limits=self._choices.of(vpc.LIMITS)))
        self._conversations: list[Conversation] = []

    def play(self) -> None:
        """Play the whole story and compare everything in the end."""
        while self._choices:
            self._choices.of(_ACTIONS)(self)
        self.stage.compare()

    def _open(self) -> None:
        self._conversations.append(self.stage.open(self._opening()))

    def _establish(self) -> None:
        self._conversations.append(self.stage.establish(self._opening()))

    def _speak(self) -> None:
        self.stage.speak(self._conversation(), self._line())

    def _speak_together(self) -> None:
        count = 1 + self._choices.number(_LONGEST_BATCH)
        self.stage.speak_together([(self._conversation(), self._line()) for _ in range(count)])

    def _repeat(self) -> None:
        """The same few lines over and over: hits, mostly."""
        pattern = [(self._conversation(), self._line()) for _ in range(1 + self._choices.number(3))]
        self.stage.speak_together(pattern * (1 + self._choices.number(12)))

    def _crowd(self) -> None:
        """One conversation goes on later than the others, then more begin, until tables are full."""
        self._wait()
        self._speak()
        for _ in range(1 + self._choices.number(5)):
            self._establish()

    def _wait(self) -> None:
        self.stage.wait(self._choices.of(WAITS))

    def _expire(self) -> None:
        self._wait()
        self.stage.expire()

    def _reconfigure(self) -> None:
        self.stage.change(self._choices.of(RULES))

    def _clear(self) -> None:
        self.stage.change(self._choices.of(CLEARING))

    def _interrupt(self) -> None:
        """Another state for a while."""
        self.stage.change(self._choices.of(LIFECYCLE))
        self._speak()
        self.stage.change(START)

    def _opening(self) -> Opening:
        of = self._choices.of
        byte = self._choices.number(256)
        return Opening(
            family=(4, 6)[byte & 1],
            protocol=_PROTOCOLS[byte >> 1 & 3],
            far=_FARS[byte >> 3 & 3],
            number=byte >> 5 & 1,
            by=_DIRECTIONS[byte >> 6 & 1],
            near_port=of(_PORTS),
            far_port=of(_PORTS),
        )

    def _conversation(self) -> Conversation:
        if not self._conversations:
            self._establish()
        return self._choices.of(self._conversations)

    def _line(self) -> Line:
        """Three bytes for an ordinary line, more for an odd one."""
        of = self._choices.of
        byte = self._choices.number(256)
        content = Content(payload=bytes(byte >> 4), flags=of(_FLAGS), sequence=of(NUMBERS))
        line = Line(_DIRECTIONS[byte & 1], content)
        return self._oddly(line) if byte & 0xE == 0xE else line

    def _oddly(self, line: Line) -> Line:
        number = self._choices.number
        match number(8):
            case 0:
                return line._replace(damage=Damage(cut=number(120)))
            case 1:
                return line._replace(damage=Damage(position=number(150), value=number(256)))
            case 2:
                return line._replace(content=line.content._replace(flags=number(256)))
            case 3:
                line = self._choices.of(ODDITIES).seen_in(line)
        return self._choices.of(ODDITIES).seen_in(line)


_Action: TypeAlias = Callable[[Decoder], None]

_ACTIONS: tuple[_Action, ...] = (
    Decoder._speak_together,
    Decoder._speak_together,
    Decoder._repeat,
    Decoder._speak,
    Decoder._establish,
    Decoder._open,
    Decoder._crowd,
    Decoder._wait,
    Decoder._expire,
    Decoder._reconfigure,
    Decoder._clear,
    Decoder._interrupt,
)
