"""Circles of states that may be gone round for ever.

A run without end goes round in a strongly connected part of the states (Tarjan, SIAM J. Computing 1972). It is one that
a fair scheduler allows if each actor steps there, or cannot in one of its states (Lichtenstein and Pnueli, POPL 1985).
And a circle of one thread alone, without a pause that would say it goes round in vain, is a loop that forgets to pause.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from proofs.interleavings.access import Mode
from proofs.interleavings.recalled import Recalled
from proofs.interleavings.turn import Turn


class Edge(NamedTuple):
    """Turns that lead from one state to another.

    Attributes:
        turns: at least one.
        to: the state that they lead to.
        goes_round: whether a thread has paused on the way without being held.
        enabled: the actors that could step before each of the turns.
    """

    turns: tuple[Turn, ...]
    to: int
    goes_round: bool
    enabled: frozenset[int]

    @property
    def actors(self) -> set[int]:
        """Whose turns they are."""
        return {turn.actor for turn in self.turns}


@dataclass(frozen=True)
class Circle:
    """The turns from the initial state, number 0, to a circle, and those of the circle.

    `goes_round` says that somebody pauses there who is not held.
    """

    way: Sequence[Turn]
    turns: Sequence[Turn]
    goes_round: bool


def endless(edges: Sequence[Sequence[Edge]]) -> Iterator[Circle]:
    """A circle for each part that a fair run may stay in, and for loops of one thread that do not pause.

    `edges` are those of each state, by its number.
    """
    for part in parts(edges):
        if circle := _fair_circle(edges, part):
            yield circle
    for actor in sorted({actor for some in edges for edge in some for actor in edge.actors}):
        alone = [[edge for edge in some if edge.actors == {actor} and not edge.goes_round] for some in edges]
        for part in parts(alone):
            start = min(part)
            yield Circle(_way(edges, start), _round(_within(alone, part), start, {actor}), goes_round=False)


def reads_what_is_old(machine: Recalled, circle: Circle) -> bool:
    """Whether threads read a store there, each time, that has a newer one: no fair memory lets them do so for ever.

    `machine` is in the initial state. What is stored on the circle is a newer one each time.
    """
    for turn in circle.way:
        machine.step(turn)
    old, stored = set[int](), set[int]()
    for turn in circle.turns:
        access = machine.step(turn)
        if access.mode is Mode.VIEW_WRITE:
            stored.add(access.location)
        elif turn.option > 0 and access.operation != "go on":
            old.add(access.location)
    return not old <= stored


def _within(edges: Sequence[Sequence[Edge]], part: set[int]) -> dict[int, list[Edge]]:
    return {state: [edge for edge in edges[state] if edge.to in part] for state in part}


def _fair_circle(edges: Sequence[Sequence[Edge]], part: set[int]) -> Circle | None:
    """A circle through a whole part, if a fair run may stay there: every actor steps, or somewhere cannot."""
    inside = _within(edges, part)
    taken = [edge for some in inside.values() for edge in some]
    steps = set[int]().union(*(edge.actors for edge in taken))
    if frozenset.intersection(*(edge.enabled for edge in taken)) - steps:
        return None
    start = min(part)
    return Circle(_way(edges, start), _round(inside, start, steps), any(edge.goes_round for edge in taken))


def _round(inside: dict[int, list[Edge]], start: int, actors: set[int]) -> list[Turn]:
    """Turns from a state back to it, by each of the actors at least once."""
    taken: list[Edge] = []
    state = start
    while left := actors - {actor for edge in taken for actor in edge.actors}:
        taken += _shortest(inside, state, lambda edge, left=left: bool(edge.actors & left))  # type: ignore[misc]
        state = taken[-1].to
    if state != start:
        taken += _shortest(inside, state, lambda edge: edge.to == start)
    return [turn for edge in taken for turn in edge.turns]


def _way(edges: Sequence[Sequence[Edge]], end: int) -> list[Turn]:
    """Turns from the initial state to another."""
    if end == 0:
        return []
    return [turn for edge in _shortest(edges, 0, lambda edge: edge.to == end) for turn in edge.turns]


def _shortest(
    edges: Sequence[Sequence[Edge]] | dict[int, list[Edge]], start: int, is_last: Callable[[Edge], bool]
) -> list[Edge]:
    """The shortest way from a state over one edge of a kind; there is one."""
    came: dict[int, tuple[int, Edge] | None] = {start: None}
    border = deque([start])
    while True:
        state = border.popleft()
        for edge in edges[state]:
            if is_last(edge):
                found = [edge]
                while (before := came[state]) is not None:
                    state = before[0]
                    found.append(before[1])
                return found[::-1]
            if edge.to not in came:
                came[edge.to] = (state, edge)
                border.append(edge.to)


def parts(edges: Sequence[Sequence[Edge]]) -> Iterator[set[int]]:
    """The strongly connected parts that have a circle in them."""
    search = _Parts(edges)
    for state in range(len(edges)):
        yield from search.reached_from(state)


class _Parts:
    """Tarjan's algorithm, with a border in place of recursion."""

    def __init__(self, edges: Sequence[Sequence[Edge]]) -> None:
        self._edges = edges
        self._order: dict[int, int] = {}
        self._lowest: dict[int, int] = {}
        self._stack: list[int] = []
        self._on_stack: set[int] = set()
        self._border: list[tuple[int, Iterator[Edge]]] = []

    def reached_from(self, root: int) -> Iterator[set[int]]:
        """Those parts that no root before has reached."""
        if root not in self._order:
            self._enter(root)
        while self._border:
            state, following = self._border[-1]
            edge = next(following, None)
            if edge is None:
                self._border.pop()
                if self._border:
                    self._lower(self._border[-1][0], self._lowest[state])
                if self._lowest[state] == self._order[state] and self._has_circle(part := self._leave(state)):
                    yield part
            elif edge.to not in self._order:
                self._enter(edge.to)
            elif edge.to in self._on_stack:
                self._lower(state, self._order[edge.to])

    def _enter(self, state: int) -> None:
        self._order[state] = self._lowest[state] = len(self._order)
        self._stack.append(state)
        self._on_stack.add(state)
        self._border.append((state, iter(self._edges[state])))

    def _lower(self, state: int, order: int) -> None:
        self._lowest[state] = min(self._lowest[state], order)

    def _leave(self, state: int) -> set[int]:
        part: set[int] = set()
        while state not in part:
            part.add(self._stack.pop())
        self._on_stack -= part
        return part

    def _has_circle(self, part: set[int]) -> bool:
        return len(part) > 1 or any(edge.to in part for state in part for edge in self._edges[state])
