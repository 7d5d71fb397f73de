"""The stage: a world, the conversations in it, and what can be done there. Both generators of stories play on it."""

from collections.abc import Sequence

from proofs.equivalence import frames
from proofs.equivalence.changes import Named
from proofs.equivalence.conversation import Conversation, Line, Opening
from proofs.equivalence.frames import Content
from proofs.equivalence.world import World
from reference.direction import Direction

COMPARED_EVERY = 8
"""Steps between two comparisons of everything; the end is always compared."""


class Stage:
    """A world with conversations in it.

    Attributes:
        world: the ports.
        steps: how many operations there were.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.steps = 0

    def open(self, opening: Opening) -> Conversation:
        """Begin a conversation: for TCP with a SYN."""
        conversation = Conversation(opening)
        self.speak(conversation, Line(opening.by, Content(flags=frames.SYN), answers=False))
        return conversation

    def establish(self, opening: Opening) -> Conversation:
        """Begin a conversation and bring it to where both ends may talk."""
        conversation = self.open(opening)
        self.speak(conversation, Line(opening.by.opposite, Content(flags=frames.SYN | frames.ACK)))
        self.speak(conversation, Line(opening.by, Content(flags=frames.ACK, sequence=1)))
        return conversation

    def speak(self, conversation: Conversation, line: Line) -> None:
        """One packet."""
        verdict = self.world.process(*conversation.sight(line))
        conversation.learn(line, verdict)
        self._done()

    def speak_in_pieces(self, conversation: Conversation, line: Line, cuts: Sequence[int]) -> None:
        """One packet, delivered in several buffers of which `cuts` gives the first ones' lengths."""
        direction, frame = conversation.sight(line)
        cuts = cuts if sum(cuts) < len(frame) else ()
        conversation.learn(line, self.world.process(direction, frame, cuts))
        self._done()

    def speak_together(self, lines: Sequence[tuple[Conversation, Line]]) -> None:
        """Several packets, of any conversations and directions, in one batch."""
        sights = [conversation.sight(line) for conversation, line in lines]
        verdicts = self.world.process_batch(sights)
        for (conversation, line), verdict in zip(lines, verdicts, strict=True):
            conversation.learn(line, verdict)
        self._done()

    def send(self, direction: Direction, frame: bytes) -> None:
        """A frame of no conversation."""
        self.world.process(direction, frame)
        self._done()

    def wait(self, milliseconds: int) -> None:
        """Let time pass."""
        self.world.now_ms += milliseconds

    def expire(self) -> None:
        """One expiry pass."""
        self.world.expire()
        self._done()

    def change(self, named: Named) -> None:
        """One control operation."""
        self.world.change(named.name, named.change)
        self._done()

    def compare(self) -> None:
        """Compare everything."""
        self.world.compare()

    def _done(self) -> None:
        self.steps += 1
        if self.steps % COMPARED_EVERY == 0:
            self.world.compare()
