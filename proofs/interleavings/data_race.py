"""Data races: two accesses of different threads to one word, one of them plain, one of them a store, unordered.

Ordered means by happens-before, kept as vector clocks: a tick of each thread (Mattern, 1989; the record of the last
accesses a word is that of FastTrack: Flanagan and Freund, PLDI 2009). Whether two accesses race does not depend on
which of them a run makes first, so plain accesses need no turn of their own.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from fastpath.memory import Ordering
from proofs.interleavings.request import Request

Clock = tuple[int, ...]
"""For each thread the last of its ticks that happens before."""


class DataRaceError(AssertionError):
    """A plain access conflicts with another thread's, and nothing orders the two."""


def joined(one: Clock, other: Clock) -> Clock:
    """All that happens before either."""
    return one if one == other else tuple(map(max, one, other))


@dataclass(frozen=True)
class _Accesses:
    """The last tick of each thread at which it read or stored a word, by plain and by atomic accesses."""

    plain_loads: dict[int, int] = field(default_factory=dict)
    plain_stores: dict[int, int] = field(default_factory=dict)
    loads: dict[int, int] = field(default_factory=dict)
    stores: dict[int, int] = field(default_factory=dict)

    @functools.cached_property
    def listed(self) -> Sequence[tuple[int, int, int]]:
        """Kind, thread and tick of each."""
        kinds = enumerate((self.plain_loads, self.plain_stores, self.loads, self.stores))
        return [(kind, thread, tick) for kind, ticks in kinds for thread, tick in ticks.items()]


_NONE = _Accesses()


class Races:
    """What each word was last accessed by."""

    def __init__(self, name: Callable[[int], str]) -> None:
        self._name = name
        self._words: dict[int, _Accesses] = {}

    def copy(self) -> "Races":
        """An equal one that changes independently."""
        other = Races(self._name)
        other._words = self._words.copy()
        return other

    def accesses(self) -> Iterator[tuple[int, int, int, int]]:
        """What is remembered: location, kind of access, thread, and its tick."""
        for location, accesses in self._words.items():
            for kind, thread, tick in accesses.listed:
                yield location, kind, thread, tick

    def check(self, thread: int, request: Request, clock: Clock) -> None:
        """Record an access of a thread at its tick `clock[thread]`. Raises DataRaceError."""
        before = self._words.get(request.location, _NONE)
        plain, stores = request.ordering is Ordering.PLAIN, request.operation != "load"
        self._compare("plain store", before.plain_stores, thread, request, clock)
        if plain:
            self._compare("store", before.stores, thread, request, clock)
        if stores:
            self._compare("plain load", before.plain_loads, thread, request, clock)
        if plain and stores:
            self._compare("load", before.loads, thread, request, clock)
        kind = ("plain_stores" if plain else "stores") if stores else ("plain_loads" if plain else "loads")
        last = {**getattr(before, kind), thread: clock[thread]}
        self._words[request.location] = replace(before, **{kind: last})

    def _compare(self, what: str, ticks: dict[int, int], thread: int, request: Request, clock: Clock) -> None:
        for other, tick in ticks.items():
            if clock[other] < tick:
                here = f"a {request.ordering.value} {request.operation} by thread {thread}"
                raise DataRaceError(f"{self._name(request.location)}: {here} races with a {what} by thread {other}")
