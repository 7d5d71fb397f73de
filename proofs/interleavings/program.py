"""What is explored: a concurrent program that can be started again and again."""

from collections.abc import Callable, Hashable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from fastpath.memory import Words


@dataclass(frozen=True)
class Instance:
    """One fresh start of a program: its shared memory, its threads, and what to check at the end.

    Attributes:
        shared: the arrays that threads share, by name. Each access to them is a scheduling point.
        threads: one function a thread. They share nothing but the arrays, and what `guards` is about.
        finish: called with the threads' results when all have returned. Raises AssertionError when
            something is wrong; returns the outcome, a value by which executions are told apart.
        constant: words of those arrays that never change while threads run: reading them needs no turn, and writing
            them is an error.
        guards: the name of an array of locks, if threads share more than arrays: objects that a thread touches only
            while it holds one of those. At the end nothing counts but them, and what operations have returned.
        guarded: what those objects are made of, so that equal values behave alike (`made_of.py`); if it is not given
            they are told apart by all that has been done to them.
        named: arrays that threads share as well, by identity, each with what decides its content; it may grow. They
            never change, or what is done to them is done to words of `shared`.
        may_wait_forever: whether a run that ends with waiting threads is an outcome, not a failure.
        label: names word `index` of array `name`, for reports.
    """

    shared: Mapping[str, Words]
    threads: Sequence[Callable[[], object]]
    finish: Callable[[Sequence[object]], Hashable] = tuple
    constant: Mapping[str, range] = field(default_factory=dict)
    may_wait_forever: bool = False
    label: Callable[[str, int], str] = "{}[{}]".format
    guards: str = ""
    guarded: Callable[[], Hashable] | None = None
    named: MutableMapping[int, Hashable] = field(default_factory=dict)


Program: TypeAlias = Callable[[], Instance]
"""Makes an instance. Must make the same one each time: executions are repeated from the start."""
