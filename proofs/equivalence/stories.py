"""Stories that once ended in a departure, shrunk and kept: each must end in equality for ever."""

from collections.abc import Callable
from typing import TypeAlias

from proofs.equivalence.conversation import Line, Opening
from proofs.equivalence.stage import Stage
from reference.direction import Direction

Story: TypeAlias = Callable[[Stage], None]


def option_longer_than_its_header(stage: Stage) -> None:
    """A Geneve option claims more body than the header has room for: such a frame does not parse."""
    conversation = stage.establish(Opening(by=Direction.IN, near_port=22))
    stage.speak(conversation, Line(Direction.IN, options=bytes.fromhex("0000000000000001")))


STORIES: tuple[Story, ...] = (option_longer_than_its_header,)
