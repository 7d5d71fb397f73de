"""The readable generator: a Hypothesis state machine that tells stories on a stage."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from proofs.equivalence import vpc
from proofs.equivalence.changes import CLEARING, LIFECYCLE, PAUSE, RULES, START, Named
from proofs.equivalence.conversation import Conversation, Line, Opening
from proofs.equivalence.stage import Stage
from proofs.equivalence.strategies import directions, lines, odd_lines, openings, waits
from proofs.equivalence.world import EVERY_DESIGN, MakePort, World
from reference.direction import Direction
from reference.semantics import Semantics
from reference.vpc.config import TableLimits


class EquivalenceMachine(RuleBasedStateMachine):
    """Tells one story; its subclasses choose the semantics and the ports."""

    semantics: Semantics
    fast_ports: Mapping[str, MakePort] = EVERY_DESIGN

    conversations: Bundle[Conversation] = Bundle("conversations")

    def __init__(self) -> None:
        super().__init__()
        self.stage: Stage

    @initialize(limits=st.sampled_from(vpc.LIMITS))
    def begin(self, limits: TableLimits) -> None:
        """A fresh world."""
        self.stage = Stage(World(self.semantics, limits, self.fast_ports))

    @rule(target=conversations, opening=openings)
    def open(self, opening: Opening) -> Conversation:
        """Somebody begins to talk."""
        return self.stage.open(opening)

    @rule(target=conversations, opening=openings, script=st.lists(lines, max_size=6))
    def talk(self, opening: Opening, script: list[Line]) -> Conversation:
        """Both ends have agreed to talk, and do."""
        conversation = self.stage.establish(opening)
        if script:
            self.stage.speak_together([(conversation, line) for line in script])
        return conversation

    @rule(conversation=conversations, line=st.one_of(lines, odd_lines))
    def speak(self, conversation: Conversation, line: Line) -> None:
        """One packet."""
        self.stage.speak(conversation, line)

    @rule(conversation=conversations, script=st.lists(odd_lines, min_size=1, max_size=4))
    def speak_oddly(self, conversation: Conversation, script: list[Line]) -> None:
        """Unusual and damaged packets among good ones, of one conversation, in one batch."""
        good = (Line(Direction.OUT), Line(Direction.IN))
        odd = [line for strange in script for line in (strange, *good)]
        self.stage.speak_together([(conversation, line) for line in (*good, *odd)])

    @rule(script=st.lists(st.tuples(conversations, st.one_of(lines, lines, odd_lines)), min_size=2, max_size=20))
    def speak_together(self, script: list[tuple[Conversation, Line]]) -> None:
        """A batch of packets, of any conversations and directions."""
        self.stage.speak_together(script)

    @rule(conversation=conversations, milliseconds=waits, script=st.lists(lines, max_size=3), after=waits)
    def grow_old(self, conversation: Conversation, milliseconds: int, script: list[Line], after: int) -> None:
        """Time passes, a conversation perhaps goes on, more time passes, and what is past its time is removed."""
        self.stage.wait(milliseconds)
        for line in script:
            self.stage.speak(conversation, line)
        self.stage.wait(after)
        self.stage.expire()

    @rule(
        conversation=conversations,
        milliseconds=waits,
        script=st.lists(lines, max_size=3),
        newcomers=st.lists(openings, min_size=1, max_size=6),
    )
    def crowd(
        self, conversation: Conversation, milliseconds: int, script: list[Line], newcomers: list[Opening]
    ) -> None:
        """Time passes, one conversation perhaps goes on, and others crowd in until tables are full."""
        self.stage.wait(milliseconds)
        for line in script:
            self.stage.speak(conversation, line)
        for opening in newcomers:
            self.stage.open(opening)

    @rule(milliseconds=waits)
    def wait(self, milliseconds: int) -> None:
        """Time passes."""
        self.stage.wait(milliseconds)

    @rule(named=st.sampled_from((*RULES, *CLEARING)))
    def change(self, named: Named) -> None:
        """Rules, routes, addresses or mappings change, or a table is emptied."""
        self.stage.change(named)

    @rule(
        named=st.sampled_from((*LIFECYCLE, PAUSE)),
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
            self.stage.change(START)

    @rule(conversation=conversations, line=lines, cuts=st.lists(st.integers(1, 80), min_size=1, max_size=3))
    def speak_in_pieces(self, conversation: Conversation, line: Line, cuts: list[int]) -> None:
        """A packet in several buffers."""
        self.stage.speak_in_pieces(conversation, line, cuts)

    @rule(direction=directions, frame=st.binary(max_size=200))
    def babble(self, direction: Direction, frame: bytes) -> None:
        """Bytes that mean nothing."""
        self.stage.send(direction, frame)

    def teardown(self) -> None:
        """In the end everything is equal."""
        if hasattr(self, "stage"):
            self.stage.compare()


def machine(semantics: Semantics, fast_ports: Mapping[str, MakePort] = EVERY_DESIGN) -> type[Any]:
    """The machine for some semantics and ports."""
    return type("Machine", (EquivalenceMachine,), {"semantics": semantics, "fast_ports": fast_ports})
