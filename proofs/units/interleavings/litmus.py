"""Litmus tests as text, which the explorer runs and an axiomatic model judges.

A thread is a list of accesses: "x=1" stores, "x" loads, "x+=1" adds, "fence" fences. A suffix is the ordering: none is
relaxed, ".acq", ".rel", ".acqrel", and ".full" for a fence.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from fastpath import memory
from fastpath.memory import Ordering, Words
from proofs.interleavings.program import Instance, Program

ORDERINGS = {
    "": Ordering.RELAXED,
    "acq": Ordering.ACQUIRE,
    "rel": Ordering.RELEASE,
    "acqrel": Ordering.ACQUIRE_RELEASE,
    "full": Ordering.FULL,
}
VARIABLES = "xyz"


@dataclass(frozen=True)
class Event:
    """One access: "store", "load", "add" or "fence"; its variable and value, where it has them; its ordering."""

    kind: str
    variable: int
    value: int
    ordering: Ordering


Outcome = tuple[tuple[int, ...], tuple[int, ...]]
"""The values read, thread by thread in program order, and the values left in the variables."""


@dataclass(frozen=True)
class Litmus:
    """A litmus test: threads over the variables x, y, z, all 0 at first."""

    threads: tuple[tuple[Event, ...], ...]

    @property
    def program(self) -> Program:
        """As the explorer takes it; its outcomes are `Outcome`s."""
        return self._start

    def _start(self) -> Instance:
        words = np.zeros(len(VARIABLES), np.uint64)

        def finish(results: Sequence[object]) -> Hashable:
            seen = tuple(value for result in results for value in result)  # type: ignore[attr-defined]
            return seen, tuple(words.tolist())

        return Instance({"words": words}, [partial(_run, words, thread) for thread in self.threads], finish)


def litmus(*threads: str) -> Litmus:
    """A litmus test from its text: accesses of a thread are separated by spaces."""
    return Litmus(tuple(tuple(map(_event, thread.split())) for thread in threads))


def _event(text: str) -> Event:
    found = re.fullmatch(r"(fence|[xyz])(?:(\+?=)(\d+))?(?:\.(\w+))?", text)
    assert found is not None, text
    place, operator, value, ordering = found.groups()
    kind = "fence" if place == "fence" else {None: "load", "=": "store", "+=": "add"}[operator]
    return Event(kind, max(VARIABLES.find(place), 0), int(value or 0), ORDERINGS[ordering or ""])


def _run(words: Words, thread: Sequence[Event]) -> tuple[int, ...]:
    seen: list[int] = []
    for event in thread:
        if event.kind == "fence":
            memory.current.fence(event.ordering)
        elif event.kind == "store":
            memory.current.store(words, event.variable, event.value, event.ordering)
        elif event.kind == "load":
            seen.append(int(memory.current.load(words, event.variable, event.ordering)))
        else:
            seen.append(_add(words, event))
    return tuple(seen)


def _add(words: Words, event: Event) -> int:
    return int(memory.current.update(words, event.variable, lambda old: old + event.value, event.ordering))


STORE_BUFFERING_FENCED = litmus("x=1 fence.full y", "y=1 fence.full x")
STORE_BUFFERING = litmus("x=1 y", "y=1 x")
STORE_BUFFERING_RELEASED = litmus("x=1.rel y.acq", "y=1.rel x.acq")
MESSAGE = litmus("x=1 y=1", "y x")
MESSAGE_RELEASED = litmus("x=1 y=1.rel", "y.acq x")
MESSAGE_FENCED = litmus("x=1 fence.rel y=1", "y fence.acq x")
MESSAGE_THROUGH_UPDATE = litmus("x=1 y=1.rel", "y+=1", "y.acq x")
LOAD_BUFFERING = litmus("x y=1", "y x=1")
INDEPENDENT_READS = litmus("x=1", "y=1", "x y", "y x")
INDEPENDENT_READS_ACQUIRED = litmus("x=1.rel", "y=1.rel", "x.acq y.acq", "y.acq x.acq")
INDEPENDENT_READS_FENCED = litmus("x=1", "y=1", "x fence.full y", "y fence.full x")
COHERENT_READS = litmus("x=1", "x=2", "x x")
TWO_PLUS_TWO_WRITES = litmus("x=1 y=2", "y=1 x=2")
TWO_PLUS_TWO_WRITES_RELEASED = litmus("x=1.rel y=2.rel", "y=1.rel x=2.rel")
TWO_PLUS_TWO_WRITES_FENCED = litmus("x=1 fence.full y=2", "y=1 fence.full x=2")
