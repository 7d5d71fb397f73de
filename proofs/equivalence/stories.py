"""Stories that once ended in a departure, shrunk and kept: each must end in equality for ever."""

from collections.abc import Callable
from typing import TypeAlias

from proofs.equivalence import frames
from proofs.equivalence.conversation import Line, Opening
from proofs.equivalence.frames import Content
from proofs.equivalence.stage import Stage
from reference.direction import Direction

Story: TypeAlias = Callable[[Stage], None]


def option_longer_than_its_header(stage: Stage) -> None:
    """A Geneve option claims more body than the header has room for: such a frame does not parse."""
    conversation = stage.establish(Opening(by=Direction.IN, near_port=22))
    stage.speak(conversation, Line(Direction.IN, options=bytes.fromhex("0000000000000001")))


def clock_goes_back_after_a_long_frame(stage: Stage) -> None:
    """A frame longer than any slot sets the time of its flow's last hit; the next packet comes with an earlier time."""
    conversation = stage.establish(Opening(protocol=frames.UDP))
    stage.wait(10_000)
    stage.speak(conversation, Line(Direction.OUT, Content(payload=bytes(9_300))))
    stage.wait(-5_000)
    stage.speak(conversation, Line(Direction.OUT))


STORIES: tuple[Story, ...] = (option_longer_than_its_header,)

UPSTREAM_STORIES: tuple[Story, ...] = (clock_goes_back_after_a_long_frame,)
"""Only upstream's clock goes back."""
