"""The readable generator: a Hypothesis state machine that tells stories on a stage."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from proofs.equivalence import vpc
from proofs.equivalence.changes import CLEARING, LIFECYCLE, RULES, Named
from proofs.equivalence.conversation import Conversation, Line, Opening
from proofs.equivalence.stage import Stage
from proofs.equivalence.strategies import directions, lines, odd_lines, openings, waits
from proofs.equivalence.world import BOTH_DESIGNS, MakePort, World
from reference.direction import Direction
from reference.semantics import Semantics
from reference.vpc.config import TableLimits


class EquivalenceMachine(RuleBasedStateMachine):
    """Tells one story; its subclasses choose the semantics and the ports."""

    semantics: Semantics
    fast_ports: Mapping[str, MakePort] = BOTH_DESIGNS

    conversations: Bundle[Conversation] = Bundle("conversations")

    def __init__(self) -> None:
        super().__init__()
        self.stage: Stage

    @initialize(limits=st.sampled_from((vpc.LARGE, vpc.SMALL, vpc.TINY)))
    def begin(self, limits: TableLimits) -> None:
        """A fresh world."""
        self.stage = Stage(World(self.semantics, limits, self.fast_ports))

    @rule(target=conversations, opening=openings)
    def open(self, opening: Opening) -> Conversation:
        """Somebody begins to talk."""
        return self.stage.open(opening)

    @rule(target=conversations, opening=openings)
    def establish(self, opening: Opening) -> Conversation:
        """Both ends have agreed to talk."""
        return self.stage.establish(opening)

    @rule(conversation=conversations, line=lines)
    def speak(self, conversation: Conversation, line: Line) -> None:
        """One packet of a conversation."""
        self.stage.speak(conversation, line)

    @rule(conversation=conversations, line=odd_lines)
    def speak_oddly(self, conversation: Conversation, line: Line) -> None:
        """One unusual or damaged packet of a conversation."""
        self.stage.speak(conversation, line)

    @rule(script=st.lists(st.tuples(conversations, st.one_of(lines, lines, odd_lines)), min_size=1, max_size=12))
    def speak_together(self, script: list[tuple[Conversation, Line]]) -> None:
        """A batch of packets, of any conversations and directions."""
        self.stage.speak_together(script)

    @rule(conversation=conversations, line=lines, segments=st.lists(st.integers(1, 80), min_size=1, max_size=3))
    def speak_in_pieces(self, conversation: Conversation, line: Line, segments: list[int]) -> None:
        """A packet in several buffers."""
        _, frame = conversation.sight(line)
        if sum(segments) < len(frame):
            self.stage.speak(conversation, line, segments)

    @rule(direction=directions, frame=st.binary(max_size=200))
    def babble(self, direction: Direction, frame: bytes) -> None:
        """Bytes that mean nothing."""
        self.stage.send(direction, frame)

    @rule(milliseconds=waits)
    def wait(self, milliseconds: int) -> None:
        """Time passes."""
        self.stage.wait(milliseconds)

    @rule(milliseconds=waits)
    def expire(self, milliseconds: int) -> None:
        """Time passes, and what is past its time is removed."""
        self.stage.wait(milliseconds)
        self.stage.expire()

    @rule(named=st.sampled_from(RULES))
    def reconfigure(self, named: Named) -> None:
        """Rules, routes, addresses or mappings change."""
        self.stage.change(named)

    @rule(named=st.sampled_from(CLEARING))
    def clear(self, named: Named) -> None:
        """A table is emptied."""
        self.stage.change(named)

    @rule(
        named=st.sampled_from(LIFECYCLE),
        conversation=conversations,
        script=st.lists(lines, max_size=3),
        resumes=st.sampled_from((True, True, True, False)),
    )
    def interrupt(self, named: Named, conversation: Conversation, script: list[Line], resumes: bool) -> None:
        """The port is paused, started or reset, and mostly started again soon."""
        self.stage.change(named)
        for line in script:
            self.stage.speak(conversation, line)
        if resumes:
            self.stage.change(LIFECYCLE[0])

    def teardown(self) -> None:
        """In the end everything is equal."""
        if hasattr(self, "stage"):
            self.stage.compare()


def machine(semantics: Semantics, fast_ports: Mapping[str, MakePort] = BOTH_DESIGNS) -> type[Any]:
    """The machine for some semantics and ports."""
    return type("Machine", (EquivalenceMachine,), {"semantics": semantics, "fast_ports": fast_ports})
