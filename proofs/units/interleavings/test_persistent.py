"""Which actors are enough: what a persistent set that is too small loses, and what a good one saves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from fastpath import memory
from fastpath.atomics import compare_and_swap, fence_full, fetch_add, load_acquire, pause, store_relaxed, store_release
from fastpath.memory import Words
from proofs.interleavings import alone, local_state, persistent, view_alone, view_persistent
from proofs.interleavings.access import Access, Mode
from proofs.interleavings.explore import explore
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.program import Program
from proofs.interleavings.recalled import Recalled
from proofs.interleavings.remembered import NotDeterminedError
from proofs.interleavings.report import Search
from proofs.interleavings.scheduler import Scheduler
from proofs.ledger import Method, claim
from proofs.units.interleavings import forgetting, generated_kernels, shared_list, textbook
from proofs.units.interleavings.generated import generated_program
from proofs.units.interleavings.generated_private import NO_LIVELOCKS, generated_private_program

SC, TSO, RA = MemoryName
LOCK, X, Y, Z = range(4)


@pytest.fixture(autouse=True)
def generated_kernels_keep_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    known = (*local_state.KEEP_NOTHING_ELSE, generated_kernels.__name__, forgetting.__name__, shared_list.__name__)
    monkeypatch.setattr(local_state, "KEEP_NOTHING_ELSE", known)


def outcomes(program: Program, memory: MemoryName, **options: Any) -> object:
    """All of them, or how some run fails."""
    report = explore(program, memory=memory, **options)
    assert report.failure is not None or report.complete
    return frozenset(report.outcomes) if report.failure is None else type(report.failure)


def stores(*words: int) -> Callable[[Words], None]:
    """A thread that stores one into some words."""

    def body(arena: Words) -> None:
        for word in words:
            store_release(arena, word, 1)

    return body


def loads(*words: int) -> Callable[[Words], object]:
    """A thread that loads some words, and returns them."""
    return lambda arena: tuple(int(load_acquire(arena, word)) for word in words)


def waits(arena: Words) -> int:
    """A thread that waits until one word is set, and has read another one meanwhile."""
    found = 0
    while not load_acquire(arena, X):
        found = int(load_acquire(arena, Y))
        pause()
    return found


def behind_lock(arena: Words) -> int:
    """A thread that adds to a word behind a lock, and then says so."""
    while not compare_and_swap(arena, LOCK, 0, 1):
        pause()
    found = int(load_acquire(arena, X))
    store_release(arena, X, found + 1)
    store_release(arena, LOCK, 0)
    return found


def adds_if_told(arena: Words) -> int:
    """A thread that adds to a word if another is set."""
    return int(fetch_add(arena, Y, 1)) if load_acquire(arena, X) else 9


def goes_round(arena: Words) -> None:
    """A thread that goes round until it is told to end."""
    while not load_acquire(arena, X):
        fetch_add(arena, Y, 1)
        fetch_add(arena, Y, -1)


def goes_round_for_ever(arena: Words) -> None:
    """A thread that never ends, and says each time that it goes round."""
    store_release(arena, X, 1)
    while True:
        fetch_add(arena, Y, 1)
        fetch_add(arena, Y, -1)
        pause()


def pauses_once(arena: Words) -> object:
    """A thread that pauses if it has found two words unset, and then reads a third one."""
    found = loads(X, Y)(arena)
    if found == (0, 0):
        pause()
    return found, loads(Z)(arena)


def goes_on_after_a_pause(arena: Words) -> None:
    """A thread that pauses when it has changed something: nothing holds it."""
    store_release(arena, Y, 1)
    pause()
    store_release(arena, X, 1)


def forwards(arena: Words) -> int:
    """A thread that loads what it has in its own store buffer."""
    store_release(arena, X, 1)
    return int(load_acquire(arena, Y)) * 10 + int(load_acquire(arena, X))


def swaps(arena: Words) -> bool:
    """A thread that swaps a word that has been set."""
    return compare_and_swap(arena, X, 1, 2)


def program(*threads: Callable[[Words], object]) -> Program:
    """They share four words."""
    return textbook.program(4, list(threads))


def adds(*words: int) -> Callable[[Words], object]:
    """A thread that adds one to some words, and returns what they were."""
    return lambda arena: tuple(int(fetch_add(arena, word, 1)) for word in words)


def counts_rounds(arena: Words) -> int:
    """A thread that waits until it is told to end: how often it has paused."""
    rounds = 0
    while not load_acquire(arena, X):
        rounds += 1
        pause()
    return rounds


def sends(arena: Words) -> object:
    """A thread that sends a message, with nothing that orders it, and then reads an answer."""
    store_relaxed(arena, Y, 1)
    store_relaxed(arena, X, 1)
    return loads(Z)(arena)


def adds_if_told_in_vain(arena: Words) -> bool:
    """A thread that answers if it has been told of a message which is not there."""
    in_vain = loads(X, Y)(arena) == (1, 0)
    if in_vain:
        fetch_add(arena, Z, 1)
    return in_vain


def fenced(first: int, second: int) -> Callable[[Words], object]:
    """A thread that stores to a word, and loads another behind a full fence."""

    def body(arena: Words) -> object:
        store_relaxed(arena, first, 1)
        fence_full()
        return loads(second)(arena)

    return body


def calls_again(arena: Words) -> tuple[Any, int]:
    """A thread that waits between two operations: whether the first was over before the second, and how many rounds."""
    scheduler = memory.current
    assert isinstance(scheduler, Scheduler)
    scheduler.mark("call", "first")
    store_release(arena, X, 1)
    over, rounds = scheduler.mark("return", "first"), 0
    while not load_acquire(arena, Y):
        rounds += 1
        pause()
    called = scheduler.mark("call", "second")
    scheduler.mark("return", "second")
    return (over, called), rounds


def in_order(_words: Words, results: Sequence[Any]) -> object:
    """Whether the first operation was over before the second, and how many rounds there were."""
    (over, called), rounds = results[0]
    return over < called, rounds


PROGRAMS = {
    "store beside loads": program(stores(X, Y, Z), loads(Z, Y, X)),
    "stores both ways": program(stores(X, Y), stores(Y, X), loads(Y)),
    "store buffering": program(lambda w: (stores(X)(w), loads(Y)(w)), lambda w: (stores(Y)(w), loads(X)(w))),
    "a wait beside stores": program(waits, stores(Y, X)),
    "a pause beside loads": program(loads(X, Y), goes_on_after_a_pause),
    "stores beside a pause": program(pauses_once, stores(X, Z, Y)),
    "behind a lock": program(behind_lock, behind_lock),
    "an addition beside another": program(adds_if_told, lambda w: (stores(X)(w), adds_if_told(w))),
    "what is in the own buffer": program(forwards, swaps),
    "a call after a return": textbook.program(4, [calls_again, stores(Y)], in_order),
    "full fences": program(fenced(X, Y), fenced(Y, X)),
    "loads beside additions": program(loads(Y), adds(Y)),
    "a load beside what it lets another add": program(
        lambda w: (loads(Z)(w), stores(X)(w), loads(Y)(w)), lambda w: (adds_if_told(w), adds(Z)(w))
    ),
    "loads beside what stores for itself": program(
        lambda w: (loads(Y, X)(w), adds(Z)(w)), lambda w: (adds(Z)(w), stores(X)(w), adds_if_told(w))
    ),
    "a load beside what waits to add": program(
        lambda w: (stores(X)(w), loads(Y)(w), adds(X)(w)), lambda w: (counts_rounds(w), adds(Y)(w))
    ),
    "a message before its content": program(sends, adds_if_told_in_vain),
    "objects behind a lock": shared_list.generated_behind_lock(10, 3),
    "a round beside what ends it": program(goes_round, lambda w: (loads(Z)(w), stores(X)(w))),
    "a round without end": program(goes_round_for_ever, loads(Y, X, X)),
}
"""Of two threads, or of three of which one ends: only then is anything left out."""


@pytest.mark.parametrize("memory", MemoryName)
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_enough_has_all_outcomes(name: str, memory: MemoryName) -> None:
    every = outcomes(PROGRAMS[name], memory, search=Search.STATES, every_access=True)
    assert outcomes(PROGRAMS[name], memory, search=Search.STATES) == every


MAKERS: tuple[Callable[[int], Program], ...] = (
    # Its threads never come back to a local state: of livelocks it would be chance which are found.
    lambda seed: generated_private_program(seed, ((2, 4), (2, 5), (2, 6), (3, 3)), NO_LIVELOCKS),
    lambda seed: generated_kernels.generated_kernels(seed, livelocks=True),
    lambda seed: shared_list.generated_behind_lock(seed, 3),
    lambda seed: generated_program(seed, weak=True),
)
FEW = 20
MANY = 1_000
MOST_SECONDS = 5.0


def compare(seeds: range, memory: MemoryName) -> int:
    """Hold what is enough against all states of generated programs; how many of them ended."""
    compared = 0
    for maker in MAKERS:
        for seed in seeds:
            made = maker(seed)
            every = explore(made, Search.STATES, most_seconds=MOST_SECONDS, memory=memory, every_access=True)
            if every.failure is None and not every.complete:
                continue
            compared += 1
            enough = explore(made, Search.STATES, memory=memory)
            assert type(enough.failure) is type(every.failure), f"{maker}, seed {seed} under {memory.value}"
            assert every.failure or enough.outcomes.keys() == every.outcomes.keys(), f"{maker}, seed {seed}"
    return compared


@claim(
    "C7",
    "the search of states loses no outcome by the turns that it does not take where others are enough",
    method=Method.TESTED,
    scope=f"{FEW} generated programs of each of {len(MAKERS)} kinds under sc, tso and ra, of two or three threads with "
    f"up to 6 operations each, against the search that takes all of them; {MANY} by `make prove`",
)
@pytest.mark.parametrize("memory", MemoryName)
def test_what_is_enough_has_all_outcomes_of_generated_programs(memory: MemoryName) -> None:
    assert compare(range(FEW), memory) > 2 * FEW


@pytest.mark.prove
@pytest.mark.parametrize("memory", MemoryName)
def test_what_is_enough_has_all_outcomes_of_many_generated_programs(memory: MemoryName) -> None:
    assert compare(range(FEW, MANY), memory) > 2 * MANY


@dataclass(frozen=True)
class Fault:
    """Something that is not looked at, what stands for it then, and a program that needs it."""

    place: Any
    attribute: str
    instead: object
    program: str
    memories: tuple[MemoryName, ...] = (SC, TSO)


def _without(mode: Mode, touch: Callable[..., None] = alone._Walk._touch) -> Callable[..., None]:
    return lambda walk, location, touched: None if touched is mode else touch(walk, location, touched)


def _first_only(sets: persistent.InOneMemory, machine: Any, thread: int, mine: Any) -> Any:
    """A thread may be put before its own buffer, whatever is in that."""
    for some, touched in _CANDIDATES(sets, machine, thread, mine):
        yield some, touched[: len(some)]


def _keep(sets: persistent.PersistentSets, actor: int, _access: Access) -> None:
    """What others have touched changes nothing."""
    sets.footprints.pop(actor, None)


def _forget_what_was_read(walk: alone._Walk, place: Any) -> None:
    """Nobody goes on after a pause because of what it has read before it was alone."""
    walk._has_read &= walk._touched.keys()
    _PAUSE(walk, place)


def _as_a_store(*operations: str) -> Callable[..., Any]:
    """Some accesses come first whatever others do."""

    def touched(machine: Any, thread: int) -> Any:
        pending = machine.threads[thread].pending
        return () if pending.operation in operations else _TOUCHED(machine, thread)

    return touched


def _reads_the_last(machine: Any, thread: int, location: int) -> tuple[set[int], set[int]]:
    """Nothing but the last store can be read."""
    readable, _ = _READABLE(machine, thread, location)
    known = machine._model._locations.get(location)
    last = {machine.value(location) if known is None else known.order[-1].value}
    return readable & last, last


_TOUCHED = view_persistent._touched
_READABLE = Recalled.readable
_PAUSE = alone._Walk._pause
_VIEW_TOUCH = view_alone._Walk._touch
_CANDIDATES = persistent.InOneMemory._candidates
FAULTS = {
    "what conflicts": Fault(persistent, "conflicts", lambda _footprint, _touched: False, "behind a lock"),
    "what others read": Fault(alone._Walk, "_touch", _without(Mode.READ), "store beside loads"),
    "what others write": Fault(alone._Walk, "_touch", _without(Mode.WRITE), "store beside loads"),
    "what is in the own buffer": Fault(persistent.InOneMemory, "_candidates", _first_only, "what is in the own buffer"),
    "what has changed": Fault(persistent.InOneMemory, "note", _keep, "an addition beside another"),
    "what others have read before": Fault(alone._Walk, "_pause", _forget_what_was_read, "stores beside a pause"),
    "what others do after a pause": Fault(
        alone._Walk, "_pause", lambda walk, _place: setattr(walk, "_stays", True), "a pause beside loads"
    ),
    "views: what conflicts": Fault(view_persistent, "conflicts", lambda *_: False, "behind a lock", (RA,)),
    "views: what others read": Fault(
        view_alone._Walk,
        "_touch",
        _without(Mode.VIEW_READ, _VIEW_TOUCH),
        "a load beside what it lets another add",
        (RA,),
    ),
    "views: what others write": Fault(
        view_alone._Walk, "_touch", _without(Mode.VIEW_WRITE, _VIEW_TOUCH), "loads beside additions", (RA,)
    ),
    "views: full fences": Fault(view_persistent, "_touched", _as_a_store("fence"), "full fences", (RA,)),
    "views: what modifies": Fault(
        view_persistent, "_touched", _as_a_store("update", "compare-and-swap"), "behind a lock", (RA,)
    ),
    "views: what has changed": Fault(
        view_persistent.WithViews, "note", _keep, "a load beside what it lets another add", (RA,)
    ),
    "views: what it stores itself": Fault(
        view_alone._Walk, "_grow", lambda *_: None, "loads beside what stores for itself", (RA,)
    ),
    "views: what others leave behind a lock": Fault(
        view_alone._Walk, "_leave", lambda *_: None, "objects behind a lock", (RA,)
    ),
    "views: what others do after a pause": Fault(
        Recalled, "has_options", lambda *_: False, "a load beside what waits to add", (RA,)
    ),
    "views: what turns up later": Fault(
        view_alone.LeftOut, "has_turned_up", lambda _: False, "a message before its content", (RA,)
    ),
    "views: what is older": Fault(Recalled, "readable", _reads_the_last, "a message before its content", (RA,)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_who_leaves_something_out_loses_outcomes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = FAULTS[name]
    monkeypatch.setattr(fault.place, fault.attribute, fault.instead)

    def is_lost(program: Program, memory: MemoryName) -> bool:
        every = outcomes(program, memory, search=Search.STATES, every_access=True)
        try:
            return outcomes(program, memory, search=Search.STATES) != every
        except (NotDeterminedError, AssertionError):
            return True

    assert any(is_lost(PROGRAMS[fault.program], memory) for memory in fault.memories)


def test_threads_that_have_nothing_to_do_with_each_other_are_run_one_after_the_other() -> None:
    behind = explore(program(behind_lock, behind_lock), Search.STATES)
    every = explore(program(behind_lock, behind_lock), Search.STATES, every_access=True)
    assert behind.states < every.states / 2
