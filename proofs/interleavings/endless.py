"""Circles of states that may be gone round for ever.

A run without end goes round in a strongly connected part of the states (Tarjan, SIAM J. Computing 1972). It is one that
a fair scheduler allows if each actor steps there, or cannot in one of its states (Lichtenstein and Pnueli, POPL 1985).
And a circle of one thread alone, without a pause that would say it goes round in vain, is a loop that forgets to pause.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from proofs.interleavings.turn import Turn


class Edge(NamedTuple):
    """A turn, the state that it leads to, and whether the thread has paused on the way without being held."""

    turn: Turn
    to: int
    goes_round: bool


@dataclass(frozen=True)
class Circle:
    """The turns from the initial state, number 0, to a circle, and those of the circle."""

    way: Sequence[Turn]
    turns: Sequence[Turn]


def endless(edges: Sequence[Sequence[Edge]]) -> Iterator[Circle]:
    """A circle for each part that a fair run may stay in, and for loops of one thread that do not pause."""
    for part in _parts(edges, lambda _edge: True):
        if circle := _fair_circle(edges, part):
            yield circle
    for actor in sorted({edge.turn.actor for some in edges for edge in some}):
        for part in _parts(edges, lambda edge, actor=actor: edge.turn.actor == actor and not edge.goes_round):
            start = min(part)
            inside = {state: [e for e in edges[state] if e.turn.actor == actor and e.to in part] for state in part}
            yield Circle(_way(edges, 0, start), _round(inside, start))


def _fair_circle(edges: Sequence[Sequence[Edge]], part: set[int]) -> Circle | None:
    """A circle through a whole part, if a fair run may stay there: every actor steps, or somewhere cannot."""
    inside = {state: [edge for edge in edges[state] if edge.to in part] for state in part}
    steps = {edge.turn.actor for some in inside.values() for edge in some}
    starved = {edge.turn.actor for state in part for edge in edges[state]} - steps
    if any(all(any(edge.turn.actor == actor for edge in edges[state]) for state in part) for actor in starved):
        return None
    start = min(part)
    return Circle(_way(edges, 0, start), _round(inside, start, steps))


def _round(inside: dict[int, list[Edge]], start: int, actors: set[int] | None = None) -> list[Turn]:
    """Turns from a state back to it, by each of the actors at least once."""
    left = set(actors or ())
    turns: list[Turn] = []
    state = start
    while left or not turns or state != start:
        wanted = _shortest(inside, state, lambda edge: edge.turn.actor in left if left else edge.to == start)
        left -= {edge.turn.actor for edge in wanted}
        turns += [edge.turn for edge in wanted]
        state = wanted[-1].to
    return turns


def _way(edges: Sequence[Sequence[Edge]], start: int, end: int) -> list[Turn]:
    if start == end:
        return []
    return [edge.turn for edge in _shortest(edges, start, lambda edge: edge.to == end)]


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


def _parts(edges: Sequence[Sequence[Edge]], counts: Callable[[Edge], bool]) -> Iterator[set[int]]:
    """The strongly connected parts with a circle in them, by the edges that count (Tarjan, without recursion)."""
    order: dict[int, int] = {}
    lowest: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    for root in range(len(edges)):
        if root in order:
            continue
        border: list[tuple[int, Iterator[Edge]]] = []

        def enter(state: int, border: list[tuple[int, Iterator[Edge]]] = border) -> None:
            order[state] = lowest[state] = len(order)
            stack.append(state)
            on_stack.add(state)
            border.append((state, iter([edge for edge in edges[state] if counts(edge)])))

        enter(root)
        while border:
            state, following = border[-1]
            for edge in following:
                if edge.to not in order:
                    enter(edge.to)
                    break
                if edge.to in on_stack:
                    lowest[state] = min(lowest[state], order[edge.to])
            else:
                border.pop()
                if border:
                    lowest[border[-1][0]] = min(lowest[border[-1][0]], lowest[state])
                if lowest[state] == order[state]:
                    part = set(_popped(stack, state))
                    on_stack -= part
                    if len(part) > 1 or any(edge.to == state and counts(edge) for edge in edges[state]):
                        yield part


def _popped(stack: list[int], last: int) -> Iterator[int]:
    while (state := stack.pop()) != last:
        yield state
    yield last
