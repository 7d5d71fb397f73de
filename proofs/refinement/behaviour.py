"""A behaviour of a protocol as it grows, step by step: a step that the protocol does not allow is refused."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from model.protocols.finite import Compiled, Element, Finite, State, described
from model.protocols.terms import Sort, Word


class NotABehaviour(AssertionError):
    """What the fast path has done is no behaviour of the protocol."""


class Behaviour:
    """A state of a protocol over so many elements, and the steps taken so far.

    Attributes:
        steps: how often each step was taken.
    """

    def __init__(self, code: Compiled, sizes: Mapping[Sort, int], initial: Mapping[Word, Any]) -> None:
        self._finite = Finite(code.protocol, sizes, initial, compiled=code)
        self.state: State = self._finite.initial
        self.protocol = code.protocol.name
        self.steps: Counter[str] = Counter()
        if not self._finite.begins():
            raise NotABehaviour(f"{code.protocol.name}: the words at the beginning are no beginning")

    def take(self, step: str, *elements: Element) -> None:
        """Take a step.

        Raises:
            NotABehaviour: a guard forbids it, or a sentence of the protocol does not hold afterwards.
        """
        taken = self._finite.protocol.steps[step]
        if guard := self._finite.refused(step, self.state, *elements):
            title = described(taken, elements)
            raise NotABehaviour(f"{self._finite.protocol.name}: {title} [{taken.source}] is refused: not so: {guard}")
        self.state = self._finite.after(step, self.state, *elements)
        self.steps[step] += 1

    def check(self) -> None:
        """Whether all sentences hold. Raises NotABehaviour."""
        if broken := self._finite.broken(self.state):
            raise NotABehaviour(f"{self._finite.protocol.name}: {broken.name} does not hold: {broken.text}")
