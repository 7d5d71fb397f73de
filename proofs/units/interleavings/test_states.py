"""The search of states: it reaches every outcome that plain search does; a key that leaves something out loses some."""

import functools
import inspect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

import pytest

from fastpath.atomics import compare_and_swap, fetch_add, load_acquire, pause, store_release
from fastpath.memory import Words
from proofs.interleavings import local_state, recalled, scenario, scheduler, states, view_state
from proofs.interleavings.catalogue import scenario_named
from proofs.interleavings.endless import Edge, parts
from proofs.interleavings.explore import explore
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.port_objects import UnguardedError
from proofs.interleavings.program import Program
from proofs.interleavings.progress import LivelockError
from proofs.interleavings.remembered import Automata, Guard, NotDeterminedError, Recording, found, seen_by
from proofs.interleavings.report import Search
from proofs.interleavings.schedule import replay
from proofs.interleavings.scheduler import EndlessRunError
from proofs.interleavings.sequential_consistency import SequentialConsistency
from proofs.interleavings.showing import Runs
from proofs.interleavings.store_buffers import StoreBuffers
from proofs.interleavings.turn import Turn
from proofs.ledger import Method, claim
from proofs.units.interleavings import forgetting, generated_kernels, shared_list, textbook
from proofs.units.interleavings.generated import generated_program
from proofs.units.interleavings.generated_private import generated_private_program

FEW = 40
MANY = 600
MOST = 40
"""Executions of the plain search."""
MEMORIES = list(MemoryName)


@pytest.fixture(autouse=True)
def generated_kernels_keep_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    known = (*local_state.KEEP_NOTHING_ELSE, generated_kernels.__name__, forgetting.__name__, shared_list.__name__)
    monkeypatch.setattr(local_state, "KEEP_NOTHING_ELSE", known)


def result(program: Program, memory: MemoryName, **options: Any) -> object:
    """All outcomes; or how some run fails; or None where a search was given up."""
    report = explore(program, memory=memory, **options)
    if report.failure is not None:
        return type(report.failure)
    return frozenset(report.outcomes) if report.complete else None


MAKERS: tuple[Callable[[int, MemoryName], Program], ...] = (
    lambda seed, memory: generated_kernels.generated_kernels(seed, livelocks=memory is not MemoryName.RA),
    lambda seed, memory: generated_program(seed, weak=memory is not MemoryName.SC),
    lambda seed, _memory: generated_private_program(seed),
    lambda seed, _memory: shared_list.generated_behind_lock(seed, 2),
)


@functools.cache
def compared(memory: MemoryName, count: int) -> list[tuple[Program, object]]:
    """Generated programs, of each kind as many, whose plain search ends, and what it found."""
    ended: list[tuple[Program, object]] = []
    for maker in MAKERS:
        left, seed = count // len(MAKERS), 0
        while left:
            program = maker(seed, memory)
            if (plain := result(program, memory, search=Search.PLAIN, most_executions=MOST)) is not None:
                ended.append((program, plain))
                left -= 1
            seed += 1
    return ended


def caught(memory: MemoryName) -> bool:
    """Whether the search of states does not find what plain search does in some generated program."""

    def differs(program: Program, plain: object) -> bool:
        try:
            return result(program, memory, search=Search.STATES) != plain
        except NotDeterminedError:
            return True

    return any(differs(*each) for each in compared(memory, FEW))


@claim(
    "C7",
    "the search of states reaches every outcome that plain search does, and fails as it does, also of programs whose "
    "threads forget what they have read",
    method=Method.TESTED,
    scope=f"{FEW} generated programs under each memory model (plain search: at most {MOST} executions), of 2 or 3 "
    f"threads with up to 4 operations each, loops, locks and plain accesses; {MANY} by `make prove`",
)
@pytest.mark.parametrize("memory", MEMORIES)
def test_states_have_the_outcomes_of_plain_search(memory: MemoryName) -> None:
    assert not caught(memory)


@pytest.mark.prove
@pytest.mark.parametrize("memory", MEMORIES)
def test_states_of_many_more_programs_have_the_outcomes_of_plain_search(memory: MemoryName) -> None:
    for program, plain in compared(memory, MANY):
        assert result(program, memory, search=Search.STATES) == plain


def _nothing(*_arguments: object, **_options: object) -> tuple[()]:
    return ()


@dataclass(frozen=True)
class Fault:
    """A part of a state that is left out: what stands for a function then, and the program that needs it."""

    program: Program
    memory: MemoryName
    place: Any
    attribute: str
    instead: Callable[..., object] = _nothing


def _without_idle(key: Any, stores: Any) -> object:
    oldest, *newer = stores
    newer = [(store.value, store.modifies, key._view(store.rests_on)) for store in newer]
    return oldest.value, key._view(oldest.rests_on), tuple(newer)


_needed_after_calls = local_state._needed_after_calls


@functools.cache
def _also_of_generators(code: CodeType) -> Mapping[int, tuple[int, frozenset[str]]]:
    if code.co_flags & inspect.CO_GENERATOR:
        return dict.fromkeys(range(0, len(code.co_code), 2), (0, frozenset(code.co_varnames)))
    return _needed_after_calls(code)


SC, TSO, RA = MemoryName
KEY = view_state._Key
LOCAL = local_state.LocalStates
FAULTS: dict[str, Fault] = {
    "what threads have read": Fault(forgetting.VARIABLE, SC, local_state, "_frame_state"),
    "variables": Fault(forgetting.VARIABLE, SC, local_state, "_before", lambda _instruction, _after: frozenset()),
    "evaluation stacks": Fault(
        forgetting.STACK,
        SC,
        local_state,
        "_depths",
        lambda instructions, _next: dict.fromkeys(range(len(instructions)), 1),
    ),
    "variables of functions within": Fault(
        forgetting.CLOSURE, SC, local_state, "_shared_with_functions", lambda _code: frozenset()
    ),
    "who goes on with a generator": Fault(
        forgetting.GENERATOR, SC, local_state, "_needed_after_calls", _also_of_generators
    ),
    "arrays of a thread's own": Fault(forgetting.ARRAY, SC, local_state, "_content"),
    "memory": Fault(forgetting.MEMORY, SC, recalled.Recalled, "_note_content"),
    "what a thread has returned": Fault(forgetting.VARIABLE, SC, LOCAL, "_final"),
    "what a thread holds": Fault(forgetting.LEFT, SC, local_state, "_content"),
    "arrays that a thread has returned": Fault(forgetting.RETURNED_ARRAY, SC, local_state, "_content"),
    "which operations there were": Fault(
        forgetting.NAMED, SC, LOCAL, "left", lambda local, _body, _result: tuple(result for _, result in local.results)
    ),
    "what operations have returned": Fault(forgetting.RETURNED, SC, Recording, "_left"),
    "what objects behind a lock are made of": Fault(
        shared_list.COMPARED, SC, shared_list, "made_of", lambda *_: b"all one"
    ),
    "what is behind a lock": Fault(shared_list.LAST_IN, SC, Guard, "key"),
    "what is found behind a lock": Fault(
        shared_list.FOUND, SC, Guard, "seen", lambda _guard, _place, request, value: seen_by(request, value)
    ),
    "what a pause waits for": Fault(forgetting.WAITING, SC, SequentialConsistency, "_watches"),
    "what a pause waits for, beside store buffers": Fault(forgetting.WAITING, TSO, SequentialConsistency, "key"),
    "which operation came first": Fault(forgetting.ORDER, SC, recalled, "_order"),
    "store buffers": Fault(forgetting.BUFFER, TSO, StoreBuffers, "_buffered"),
    "views": Fault(forgetting.VIEW, RA, KEY, "_thread"),
    "what stores carry": Fault(
        forgetting.CARRIED, RA, KEY, "_order", lambda _key, stores: tuple(store.value for store in stores)
    ),
    "which stores are idle": Fault(forgetting.IDLE, RA, KEY, "_order", _without_idle),
    "changes before what all have seen": Fault(forgetting.IDLE_AGAIN, RA, KEY, "_is_outdated", lambda *_: False),
    "modification orders": Fault(forgetting.MEMORY, RA, KEY, "_order"),
    "clocks of races": Fault(forgetting.RACE, RA, KEY, "_racing", lambda _key: []),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_key_that_leaves_something_out_loses_outcomes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = FAULTS[name]
    plain = result(fault.program, fault.memory, search=Search.PLAIN)
    monkeypatch.setattr(states, "_KEPT_OF", 1)

    def finds_all() -> bool:
        """With a turn for each access, and without."""
        search = functools.partial(result, fault.program, fault.memory, search=Search.STATES)
        return all(search(every_access=each) == plain for each in (True, False))

    assert finds_all()
    monkeypatch.setattr(fault.place, fault.attribute, fault.instead)
    local_state._needed_after_calls.cache_clear()
    try:
        assert not finds_all()
    except NotDeterminedError:
        pass
    finally:
        local_state._needed_after_calls.cache_clear()


def test_a_state_is_reached_by_many_runs_and_searched_once() -> None:
    # Two threads of n stores to words of their own have (n + 1) * (n + 1) states, and (2n)! / (n! * n!) runs.
    def writer(words: Words, first: int) -> None:
        for word in range(3):
            store_release(words, first + word, 1)

    program = textbook.program(6, [lambda words: writer(words, 0), lambda words: writer(words, 3)])
    report = explore(program, Search.STATES, every_access=True)
    assert report.states == 16
    assert report.steps == 24
    assert explore(program, Search.PLAIN).executions == 20


def test_a_local_state_is_the_same_in_whatever_run_a_thread_comes_to_it() -> None:
    """Also where it has come there by states that were known, so that nobody has looked at its frames."""
    program = forgetting.forgetting(forgetting.read_in_vain, forgetting.write_twice)
    runs = Runs(program, SC, lambda *_: False, Automata(2))
    reader, writer = Turn(0), Turn(1)
    places = []
    for turns in ([reader, reader], [reader, writer, reader]):
        shown = runs.shown(turns, goes_on=False)
        assert shown is not None
        places.append(found(shown.places[0]))
    assert places[0] is places[1]


def test_a_variable_may_have_no_value_yet() -> None:
    program = forgetting.forgetting(forgetting.write_twice, forgetting.in_closure_made_before)
    assert result(program, SC, search=Search.STATES) == result(program, SC, search=Search.PLAIN)


def test_what_is_behind_a_lock_is_the_same_whoever_has_left_it() -> None:
    as_it_came, as_it_is = (
        explore(shared_list.behind_lock(*shared_list.PUT_AND_TAKE, compared=compared), Search.STATES)
        for compared in (False, True)
    )
    assert as_it_is.outcomes.keys() == as_it_came.outcomes.keys()
    assert as_it_is.executions == 1
    assert as_it_is.states < as_it_came.states


def test_what_is_behind_a_lock_must_not_depend_on_anything_else() -> None:
    """Here on how often it has been looked at, which no thread knows."""
    program = shared_list.behind_lock(*shared_list.PUT_AND_TAKE)
    asked = itertools.count()
    with pytest.raises(NotDeterminedError, match="leaves something else"):
        explore(lambda: replace(program(), guarded=lambda: next(asked)), Search.STATES)


_TIMES = itertools.count()


def counts_times(words: Words) -> int:
    """Returns what no thread has read."""
    load_acquire(words, 0)
    return next(_TIMES)


def test_what_a_thread_leaves_must_not_depend_on_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_state, "KEEP_NOTHING_ELSE", (*local_state.KEEP_NOTHING_ELSE, __name__))
    with pytest.raises(NotDeterminedError, match="ends and leaves"):
        explore(forgetting.forgetting(counts_times, forgetting.write_twice), Search.STATES)


def test_schedules_of_states_replay_to_their_outcomes() -> None:
    for memory in MEMORIES:
        report = explore(forgetting.VARIABLE, Search.STATES, memory=memory)
        for outcome, schedule in report.outcomes.items():
            assert replay(forgetting.VARIABLE, schedule, memory=memory).outcome == outcome


def test_a_search_of_states_that_reaches_its_limit_says_so() -> None:
    report = explore(textbook.increments(3, atomic=False), Search.STATES, most_seconds=0.0)
    assert not report.complete
    assert report.failure is None


def test_a_loop_without_pause_is_endless_and_one_in_vain_a_livelock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "MOST_STEPS", 500)

    def spin(words: Words) -> None:
        while load_acquire(words, 0) == 0:
            pass

    def go_round(words: Words) -> None:
        while not compare_and_swap(words, 0, 1, 2):
            store_release(words, 1, 1)
            store_release(words, 1, 0)
            pause()

    endless = explore(textbook.program(1, [spin]), Search.STATES)
    assert isinstance(endless.failure, EndlessRunError)
    for every_access in (False, True):
        report = explore(textbook.program(2, [go_round]), Search.STATES, every_access=every_access)
        assert isinstance(report.failure, LivelockError)


@pytest.mark.parametrize("search", Search)
def test_a_thread_that_goes_round_before_others_have_begun_is_no_livelock(search: Search) -> None:
    def go_round(words: Words) -> None:
        while not load_acquire(words, 0):
            store_release(words, 1, 1)
            store_release(words, 1, 0)
            pause()

    def tell(words: Words) -> None:
        store_release(words, 0, 1)

    told = explore(textbook.program(2, [go_round, tell]), search)
    assert told.complete
    assert told.failure is None
    never = explore(textbook.program(2, [go_round, lambda _words: None]), search)
    assert isinstance(never.failure, LivelockError)


def adds_and_takes_away_until_told(words: Words) -> None:
    """A thread that changes a word of its own each time that it goes round."""
    while True:
        fetch_add(words, 0, 1)
        if load_acquire(words, 1):
            return
        fetch_add(words, 0, -1)
        pause()


def test_what_has_been_stored_is_seen_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_state, "KEEP_NOTHING_ELSE", (*local_state.KEEP_NOTHING_ELSE, __name__))
    tells = textbook.program(2, [adds_and_takes_away_until_told, lambda words: store_release(words, 1, 1)])
    tells_not = textbook.program(2, [adds_and_takes_away_until_told, lambda words: int(load_acquire(words, 1))])
    for memory in MemoryName:
        report = explore(tells, Search.STATES, memory=memory)
        assert report.failure is None
        assert report.complete
        assert isinstance(explore(tells_not, Search.STATES, memory=memory).failure, LivelockError)


@pytest.mark.parametrize("memory", [SC, TSO])
def test_a_thread_that_is_held_on_the_way_to_the_end_hides_no_outcome(memory: MemoryName) -> None:
    # These come back to no local state, so that only a run shows that they go round in vain.
    told = textbook.program(2, [adds_and_takes_away_until_told, lambda words: store_release(words, 1, 1)])
    for program in (told, generated_private_program(5115)):
        report, reduced = explore(program, Search.STATES, memory=memory), explore(program, memory=memory)
        assert report.complete
        assert report.outcomes.keys() == reduced.outcomes.keys()


def test_circles_are_found() -> None:
    def edges(*following: int) -> list[Edge]:
        return [Edge((Turn(0),), state, False, frozenset({0})) for state in following]

    graph = [edges(1, 2), edges(3), edges(2), edges(4), edges(1, 5), edges()]
    assert sorted(map(sorted, parts(graph))) == [[1, 3, 4], [2]]


PORTS = (
    "misses: beside rule change",
    "port: hit beside rule change",
    "port: hit beside pause and dump",
    "port: two hits of one half",
    "port: segment beside expiry",
    "port: hit beside a move of its neighbour",
    "port: source NAT outbound beside the first reply",
)


@pytest.mark.parametrize("name", PORTS)
def test_states_of_a_whole_port_have_the_outcomes_of_a_reduced_search(name: str) -> None:
    program = scenario_named(name).program()
    found = result(program, SC, search=Search.STATES)
    assert isinstance(found, frozenset)
    assert found == result(program, SC, search=Search.REDUCED)


def test_the_search_of_states_finds_a_fault_of_a_whole_port() -> None:
    paused = scenario_named("port: hit beside pause")
    for fault in paused.faults:
        assert explore(paused.program(fault), Search.STATES).failure is not None


def test_a_thread_that_touches_without_its_lock_what_is_behind_it_is_found_out() -> None:
    paused = scenario_named("port: hit beside pause")
    change = "with self._lock, self._carried_out(whole):\n            yield self.port"
    fault = scenario.Fault("no slow lock", [("fastpath.slow_path", change, "if True:\n            yield self.port")])
    for search in (Search.STATES, Search.REDUCED):
        assert isinstance(explore(paused.changed(fault), search).failure, UnguardedError)
