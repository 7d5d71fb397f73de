"""What threads of a port share besides its arena, and do not leave behind the slow lock: words that stand for it.

A batch takes the latest rule set along, and looks whether there are new mappings, without any lock; its first one takes
a seat; misses count in arrays that come with the rule sets. Here all of that goes by way of words, so that each access
is a scheduling point, ordered as the assignments are by which it is done on x86. What else a slow path has threads may
touch only while they hold the slow lock: whoever touches it without is found out.
"""

import operator
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from fastpath import memory
from fastpath.atomics import fetch_add, load_acquire, load_relaxed, store_relaxed, store_release
from fastpath.interpreted import Interpreted
from fastpath.memory import Words
from proofs.interleavings.made_of import Opaque, made_of
from proofs.interleavings.scheduler import Scheduler

_LATEST, _MAPPINGS, _SEATS, _COUNTS = range(4)
_MOST_COUNTERS = 4_000
"""Of all rule sets of a run, and all threads."""


GUARDED: Final = ("mirror", "tickets", "_control", "_counted")
"""Attributes of a slow path that are for the owner of the slow lock."""
AT_A_GLANCE: Final = {"port": ("semantics", "network"), "misses": ("rules", "next_due")}
"""Others, with what may be asked of them without the lock: it does not change, or goes by way of words."""
OF_A_NETWORK: Final = ("mappings",)


class UnguardedError(AssertionError):
    """A thread touches without the slow lock what only its owner may touch."""


class _Guarded:
    """An attribute of a slow path that is to be touched under the slow lock only, by threads of a scheduler."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, slow_path: Any, _owner: object) -> Any:
        if self._is_free(slow_path):
            return vars(slow_path)[self._name]
        return self._without_lock(slow_path)

    def __set__(self, slow_path: Any, value: object) -> None:
        if not self._is_free(slow_path):
            raise UnguardedError(f"{self._name} is set without the slow lock")
        vars(slow_path)[self._name] = value

    @staticmethod
    def _is_free(slow_path: Any) -> bool:
        scheduler = memory.current
        return not (isinstance(scheduler, Scheduler) and scheduler.is_running) or slow_path._lock.is_mine

    def _without_lock(self, _slow_path: Any) -> Any:
        raise UnguardedError(f"{self._name} is read without the slow lock")


class _Glimpsed(_Guarded):
    """An attribute of which a few things may be asked without the lock."""

    def __init__(self, name: str, allowed: Sequence[str]) -> None:
        super().__init__(name)
        self._allowed = allowed

    def _without_lock(self, slow_path: Any) -> Any:
        return _Glance(vars(slow_path)[self._name], self._allowed)


class _Glance:
    """What may be looked at without the lock of an object, and of the network of a port."""

    def __init__(self, seen: Any, allowed: Sequence[str]) -> None:
        self._seen = seen
        self._allowed = allowed

    def __getattr__(self, name: str) -> Any:
        if name not in self._allowed:
            raise UnguardedError(f"{name} of {type(self._seen).__name__} is read without the slow lock")
        value = getattr(self._seen, name)
        return _Glance(value, OF_A_NETWORK) if name == "network" else value


class PortObjects:
    """The words, and the arrays behind them, of the run that has begun last.

    Attributes:
        words: to be shared.
        named: what decides the content of arrays that no thread changes but by way of `words`; see `Instance.named`.
    """

    def __init__(self, modules: Interpreted) -> None:
        """Let the copies of these modules go by words."""
        self._numbers: dict[Hashable, int] = {}
        self.renew()
        rules: Any = modules.module("fastpath.current_rules")
        self._nothing: tuple[Words, Words] = rules.NOTHING_COMPILED
        rules.CurrentRules.latest = property(lambda _: self._latest(), lambda _, value: self._publish(value))
        slow_path: Any = modules.module("fastpath.slow_path").SlowPath
        for name in GUARDED:
            setattr(slow_path, name, _Guarded(name))
        for name, allowed in AT_A_GLANCE.items():
            setattr(slow_path, name, _Glimpsed(name, allowed))
        slow_path._mappings_published = property(
            lambda _: int(load_acquire(self.words, _MAPPINGS)),
            lambda _, version: store_release(self.words, _MAPPINGS, version),
        )
        counts: Any = modules.module("fastpath.rule_counts")
        for access in (load_relaxed, load_acquire, store_relaxed, store_release):
            setattr(counts, access.__name__, self._counting(access))
        # Rule sets never change: to read them is no step.
        match: Any = modules.module("fastpath.match")
        match.load_plain = operator.getitem

    def renew(self) -> None:
        """Forget all: a new run begins."""
        self.words = np.zeros(_COUNTS + _MOST_COUNTERS, np.uint64)
        self.named: dict[int, Hashable] = {}
        self._arrays: dict[int, tuple[Words, Words]] = {}
        self._first: dict[int, int] = {}
        self._end = _COUNTS

    def guarded(self, port: Any, shared: Mapping[str, Words]) -> bytes:
        """What is behind the slow lock of a port, as a value; `shared` are the arrays that threads share."""
        names = {id(words): name for name, words in shared.items()}
        return made_of((port._slow_path, self._end, sorted(self.named.values(), key=repr)), {**names, **self.named})

    # --- rule sets ---

    def _latest(self) -> tuple[Words, Words]:
        return self._arrays[int(load_acquire(self.words, _LATEST))]

    def _publish(self, latest: tuple[Words, Words]) -> None:
        rules, counts = latest
        if id(counts) not in self._first:
            self._first[id(counts)] = self._end
            self._end += len(counts)
            assert self._end <= len(self.words), f"rule sets of this run have {self._end} counters"
        name = (rules.tobytes(), self._first[id(counts)])
        number = self._numbers.setdefault(name, len(self._numbers))
        self._arrays[number] = latest
        self.named[id(rules)], self.named[id(counts)] = ("rules", number), ("counts", number)
        store_release(self.words, _LATEST, number)

    def _counting(self, access: Any) -> Any:
        """An access to counters, as one to the words that stand for them."""
        return lambda counts, index, *value: access(self.words, self._first[id(counts)] + int(index), *value)

    # --- seats ---

    def seats(self, free: list[int]) -> "Seats":
        """The free seats of a port, handed out in the same order."""
        return Seats(self.words, free)


class Seats(Opaque):
    """Free seats, as the list that it stands for, the last one first; `words` say how many have been taken."""

    def __init__(self, words: Words, free: list[int]) -> None:
        self._words = words
        self._free = free

    def pop(self) -> int:
        """Take a seat; raises `IndexError`."""
        taken = int(fetch_add(self._words, _SEATS, np.uint64(1)))
        if taken >= len(self._free):
            raise IndexError(taken)
        return self._free[-1 - taken]

    def append(self, number: int) -> None:
        """A thread ends: with the run, so that nobody wants its seat any more."""
