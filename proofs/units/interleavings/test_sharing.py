"""Private words: that accesses to them have no turn loses no outcome, and schedules mean the same without it."""

import functools
from collections.abc import Callable
from typing import Any

import pytest

from fastpath.atomics import compare_and_swap, load_acquire, pause, store_release
from fastpath.memory import Words
from proofs.interleavings import sharing as sharing_module
from proofs.interleavings.access import Access
from proofs.interleavings.explore import explore
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.progress import LivelockError
from proofs.interleavings.report import Search
from proofs.interleavings.request import Request
from proofs.interleavings.schedule import replay
from proofs.interleavings.scheduler import Scheduler
from proofs.interleavings.sharing import Sharing
from proofs.interleavings.store_buffers import StoreBuffers
from proofs.ledger import Method, claim
from proofs.units.interleavings import textbook
from proofs.units.interleavings.generated_private import LARGER_SIZES, SIZES, generated_private_program
from proofs.units.interleavings.litmus import litmus

PROGRAMS = 200
MOST = 60
"""Executions of the plain search."""
MANY_PROGRAMS = 3_000
MANY = 400


def outcome_of(program: Program, memory: MemoryName, most: int, **options: Any) -> object:
    """All outcomes; or that some run fails; or None where a search was given up."""
    report = explore(program, memory=memory, most_executions=most, **options)
    if report.failure is not None:
        return "fails"
    return frozenset(report.outcomes) if report.complete else None


@functools.cache
def compared(memory: MemoryName) -> list[tuple[Program, object]]:
    """Generated programs whose plain search ends, and what it found."""
    found: list[tuple[Program, object]] = []
    seed = 0
    while len(found) < PROGRAMS:
        program = generated_private_program(seed)
        if (plain := outcome_of(program, memory, MOST, search=Search.PLAIN)) is not None:
            found.append((program, plain))
        seed += 1
    return found


@claim(
    "C7",
    "that accesses to private words have no turn loses no outcome: the search without them reaches every one that "
    "plain search does, and its schedules replay to them",
    method=Method.TESTED,
    scope=f"{PROGRAMS} generated programs under each memory model (plain search: at most {MOST} executions), of 2 or 3 "
    "threads with private, read-only and shared words, waits, locks, fences, plain accesses, calls and returns",
)
@pytest.mark.parametrize("memory", MemoryName)
def test_private_words_without_turns_lose_no_outcome(memory: MemoryName) -> None:
    fails = 0
    for program, plain in compared(memory):
        report = explore(program, memory=memory)
        assert (report.failure is not None) == (plain == "fails")
        if plain == "fails":
            assert explore(program, Search.STATES, memory=memory).failure is not None
            fails += 1
            continue
        assert report.complete
        assert report.outcomes.keys() == plain
        states = explore(program, Search.STATES, memory=memory)
        assert states.complete
        assert states.outcomes.keys() == plain
        outcome, schedule = list(report.outcomes.items())[-1]
        assert replay(program, schedule, memory=memory).outcome == outcome
    assert 0 < fails < PROGRAMS / 4


def test_a_store_to_a_private_word_that_comes_after_a_wait_is_seen_by_its_own_thread() -> None:
    def waits(words: Words) -> int:
        if load_acquire(words, 0) == 0:
            pause()
        store_release(words, 1, 1)
        return int(load_acquire(words, 1))

    report = explore(textbook.program(2, [waits, lambda words: store_release(words, 0, 1)]), memory=MemoryName.TSO)
    assert report.complete
    assert list(report.outcomes) == [(1, None)]


def test_going_round_over_private_words_for_ever_is_a_livelock() -> None:
    def rounds(words: Words) -> None:
        while not compare_and_swap(words, 0, 1, 2):
            store_release(words, 1, 1)
            store_release(words, 1, 0)
            pause()

    for memory in MemoryName:
        assert isinstance(explore(textbook.program(2, [rounds]), memory=memory).failure, LivelockError)


@pytest.mark.prove
@pytest.mark.parametrize("memory", MemoryName)
@pytest.mark.parametrize("sizes", [SIZES, LARGER_SIZES], ids=["small", "larger"])
def test_many_more_programs_lose_nothing(memory: MemoryName, sizes: tuple[tuple[int, int], ...]) -> None:
    """Larger ones are too many runs for plain search; they are held against the search with a turn for each access."""
    assert compare_many(range(PROGRAMS, MANY_PROGRAMS), memory, sizes) > MANY_PROGRAMS / 2


def compare_many(seeds: range, memory: MemoryName, sizes: tuple[tuple[int, int], ...]) -> int:
    """Compare searches on generated programs; how many of them could be."""
    seen = 0
    for seed in seeds:
        program = generated_private_program(seed, sizes)
        every = outcome_of(program, memory, MANY, every_access=True)
        if every is None:
            continue
        seen += 1
        # A failure may be found later: who leaves turns out takes them in another order.
        assert outcome_of(program, memory, 10 * MANY) == every, f"seed {seed} under {memory.value}"
        if sizes is SIZES and (plain := outcome_of(program, memory, MANY, search=Search.PLAIN)) is not None:
            assert plain == every, f"seed {seed} under {memory.value}"
    return seen


class _WhoWaitsUncounted(Scheduler):
    """Asks who touches a word only where the access can be made at once."""

    def __init__(self, instance: Instance, model: MemoryName, is_private: Callable[[int, Request], bool]) -> None:
        super().__init__(
            instance,
            model,
            lambda thread, request: self._model.is_immediate(thread, request) and is_private(thread, request),
        )


def _buffered_after_a_wait(self: StoreBuffers, thread: int, request: Request, step: int) -> tuple[Access, object]:
    """A private store that comes after a wait goes into the buffer, and private loads go past it."""
    if request.operation == "store" and self._waits[thread]:
        return self.perform(thread, request, 0, step)
    return StoreBuffers.__base__.perform(self, thread, request, 0, step)  # type: ignore[union-attr, no-any-return]


def _writers_uncounted(self: Sharing, thread: int, request: Request) -> bool:
    """A word is taken for shared when two read and change it by updates; stores are not counted."""
    return request.location != 0 and (request.operation == "store" or _IS_PRIVATE(self, thread, request))


_IS_PRIVATE = Sharing.is_private
FAULTS: dict[str, tuple[object, str, object]] = {
    "who waits is not counted": (sharing_module, "Scheduler", _WhoWaitsUncounted),
    "private stores after a wait are buffered": (StoreBuffers, "perform_private", _buffered_after_a_wait),
    "stores are not counted": (Sharing, "is_private", _writers_uncounted),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_search_that_mistakes_what_is_private_is_found_out(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    never_at_once = litmus("x y=2", "x=2 y+=1").program
    programs = [*compared(MemoryName.TSO), (never_at_once, outcome_of(never_at_once, MemoryName.TSO, MOST))]
    options: dict[str, Any] = {}
    target, name, replacement = FAULTS[fault]
    if isinstance(replacement, type):
        scheduler = _without_every_access(replacement)
        options["started"] = scheduler
        monkeypatch.setattr(target, name, scheduler)
    else:
        monkeypatch.setattr(target, name, replacement)
    assert any(outcome_of(program, MemoryName.TSO, 10 * MOST, **options) != plain for program, plain in programs)


def _without_every_access(kind: type[Scheduler]) -> Callable[..., Scheduler]:
    """Makes schedulers of that kind where a search leaves out private accesses."""

    def make(instance: Instance, memory: MemoryName, *is_private: Callable[[int, Request], bool]) -> Scheduler:
        return kind(instance, memory, *is_private) if is_private else Scheduler(instance, memory)

    return make
