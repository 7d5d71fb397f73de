"""Textbook histories: which have a sequential explanation and which have none."""

import random
from collections.abc import Hashable, Iterable
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.atomics import fetch_add, load_relaxed, store_relaxed
from fastpath.memory import Words
from proofs.interleavings.explore import explore
from proofs.interleavings.linearizability import History, Operation, Specification, linearization
from proofs.interleavings.program import Instance, Program
from proofs.ledger import Method, claim
from proofs.units.interleavings import textbook


class Register(Specification[int]):
    """One value that can be written and read."""

    initial = 0

    def after(self, state: int, operation: Operation) -> Iterable[int]:
        if operation.name == "write":
            return (int(str(operation.arguments[0])),)
        return (state,) if operation.result == state else ()


class Queue(Specification[tuple[object, ...]]):
    """First in, first out; taking from an empty queue gives None."""

    initial = ()

    def after(self, state: tuple[object, ...], operation: Operation) -> Iterable[tuple[object, ...]]:
        if operation.name == "put":
            return ((*state, operation.arguments[0]),)
        if not state:
            return ((),) if operation.result is None else ()
        return (state[1:],) if operation.result == state[0] else ()


def write(value: int, called: int, returned: int) -> Operation:
    return Operation(0, "write", (value,), None, called, returned)


def read(result: int, called: int, returned: int) -> Operation:
    return Operation(1, "read", (), result, called, returned)


def put(value: str, called: int, returned: int) -> Operation:
    return Operation(0, "put", (value,), None, called, returned)


def take(result: str | None, called: int, returned: int) -> Operation:
    return Operation(1, "take", (), result, called, returned)


def test_an_empty_history_is_linearizable() -> None:
    assert linearization([], Register()) == []


def test_a_read_beside_a_write_may_see_either_value() -> None:
    for seen in (0, 1):
        assert linearization([write(1, 1, 4), read(seen, 2, 3)], Register()) is not None


def test_a_read_after_a_write_must_see_it() -> None:
    assert linearization([write(1, 1, 2), read(1, 3, 4)], Register()) is not None
    assert linearization([write(1, 1, 2), read(0, 3, 4)], Register()) is None


def test_two_reads_beside_a_write_must_not_go_back_in_time() -> None:
    # Herlihy and Wing: new value first, then the old one again, is not atomic.
    assert linearization([write(1, 1, 10), read(0, 2, 3), read(1, 4, 5)], Register()) is not None
    assert linearization([write(1, 1, 10), read(1, 2, 3), read(0, 4, 5)], Register()) is None


def test_queue_histories_of_herlihy_and_wing() -> None:
    # Figure 1 of the paper: H1 and H3 are linearizable, H2 is not.
    assert linearization([put("x", 1, 2), put("y", 3, 6), take("x", 4, 5), take("y", 7, 8)], Queue()) is not None
    assert linearization([put("x", 1, 2), put("y", 3, 4), take("y", 5, 6)], Queue()) is None
    assert linearization([put("x", 1, 4), put("y", 2, 5), take("y", 6, 7), take("x", 8, 9)], Queue()) is not None


def test_the_order_that_is_returned_explains_the_history() -> None:
    history = [put("x", 1, 8), put("y", 2, 3), take("y", 4, 5), take("x", 9, 10)]
    order = linearization(history, Queue())
    assert order is not None
    # y is taken first, so it was put first, though its put was called later.
    values = [operation.arguments[0] if operation.arguments else operation.result for operation in order]
    assert [value for value, operation in zip(values, order, strict=True) if operation.name == "put"] == ["y", "x"]


def brute_force(history: list[Operation], specification: Specification[Any]) -> bool:
    """Whether some order explains a history: all are tried."""
    for order in permutations(history):
        in_time = all(
            not later.returned < earlier.called for place, earlier in enumerate(order) for later in order[place + 1 :]
        )
        if in_time and _explains(order, specification):
            return True
    return not history


def _explains(order: tuple[Operation, ...], specification: Specification[Any]) -> bool:
    state = specification.initial
    for operation in order:
        following = tuple(specification.after(state, operation))
        if not following:
            return False
        state = following[0]
    return True


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    """Up to 5 reads and writes with distinct moments."""
    count = draw(st.integers(0, 5))
    moments = draw(st.permutations(range(2 * count)))
    history = []
    for place in range(count):
        called, returned = sorted(moments[2 * place : 2 * place + 2])
        value = draw(st.integers(0, 2))
        make = draw(st.sampled_from([write, read]))
        history.append(make(value, called, returned))
    return history


SMALL_HISTORIES = 4_000


def generated_history(chance: random.Random, kind: str) -> list[Operation]:
    """Up to 4 operations on a register or a queue, with moments that overlap at will."""
    count = chance.randint(1, 4)
    moments = list(range(2 * count))
    chance.shuffle(moments)
    history = []
    for place in range(count):
        called, returned = sorted(moments[2 * place : 2 * place + 2])
        if kind == "register":
            history.append(chance.choice([write, read])(chance.randrange(3), called, returned))
        elif chance.random() < 0.5:
            history.append(put(chance.choice("xy"), called, returned))
        else:
            history.append(take(chance.choice(["x", "y", None]), called, returned))
    return history


@claim(
    "C7",
    "the linearizability checker agrees with trying every order",
    method=Method.TESTED,
    scope=f"{2 * SMALL_HISTORIES} generated histories of up to 4 operations on registers and queues",
)
@pytest.mark.parametrize("kind", ["register", "queue"])
def test_agrees_with_trying_every_order_of_thousands_of_small_histories(kind: str) -> None:
    specification: Specification[Any] = Register() if kind == "register" else Queue()
    chance, explained = random.Random(kind), 0
    for _ in range(SMALL_HISTORIES):
        history = generated_history(chance, kind)
        expected = brute_force(history, specification)
        assert (linearization(history, specification) is not None) == expected, [str(each) for each in history]
        explained += expected
    assert SMALL_HISTORIES / 10 < explained < SMALL_HISTORIES * 9 / 10, "both verdicts must be common"


def test_a_checker_that_ignores_time_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Operation, "precedes", lambda _self, _other: False)
    chance = random.Random("time")
    histories = [generated_history(chance, "register") for _ in range(100)]
    found = [linearization(history, Register()) is not None for history in histories]
    assert found != [brute_force(history, Register()) for history in histories]


@given(history=histories())
def test_agrees_with_trying_every_order(history: list[Operation]) -> None:
    assert (linearization(history, Register()) is not None) == brute_force(history, Register())


class Counter(Specification[int]):
    """Adding one gives the value before."""

    initial = 0

    def after(self, state: int, operation: Operation) -> Iterable[int]:
        return (state + 1,) if operation.result == state else ()


def recorded_increments(atomic: bool) -> Program:
    """Two threads add one each, and the history must be that of a counter."""

    def start() -> Instance:
        instance = textbook.increments(2, atomic)()
        words, history = instance.shared["words"], History()

        def add(thread: int) -> object:
            return history.perform(thread, "add", (), lambda: _add(words, atomic))

        def finish(_results: object) -> Hashable:
            history.check(Counter())
            return tuple(operation.result for operation in history.operations)

        return Instance(instance.shared, [lambda: add(0), lambda: add(1)], finish)

    return start


def _add(words: Words, atomic: bool) -> int:
    if atomic:
        return int(fetch_add(words, 0, 1))
    old = int(load_relaxed(words, 0))
    store_relaxed(words, 0, old + 1)
    return old


@pytest.mark.parametrize("atomic", [True, False])
def test_histories_recorded_under_the_scheduler_are_judged(atomic: bool) -> None:
    report = explore(recorded_increments(atomic))
    assert (report.failure is None) == atomic
    if atomic:
        assert set(report.outcomes) >= {(0, 1)}
    else:
        assert "no sequential order explains" in str(report.failure)
