"""Seats: one for each thread, given back when the thread ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fastpath.seats import NoSeat, Seats
from proofs.units.fastpath.ports import LONG_ENOUGH, elsewhere


@contextmanager
def seated(seats: Seats, threads: int) -> Iterator[list[int]]:
    """Threads that have taken their seats, and keep them until the block ends."""
    taken: list[int] = []
    ready, leave = threading.Barrier(threads + 1), threading.Event()

    def sit() -> None:
        taken.append(seats.mine())
        ready.wait(LONG_ENOUGH)
        leave.wait(LONG_ENOUGH)

    sitting = [threading.Thread(target=sit) for _ in range(threads)]
    for thread in sitting:
        thread.start()
    ready.wait(LONG_ENOUGH)
    yield taken
    leave.set()
    for thread in sitting:
        thread.join(LONG_ENOUGH)
        assert not thread.is_alive()


def test_a_thread_keeps_its_seat() -> None:
    seats = Seats(3)
    assert len({seats.mine() for _ in range(5)}) == 1


def test_every_thread_has_a_seat_of_its_own() -> None:
    seats = Seats(4)
    with seated(seats, 4) as taken:
        assert sorted(taken) == [0, 1, 2, 3]


def test_one_thread_too_many_is_told_what_to_do() -> None:
    seats = Seats(2)
    with seated(seats, 2):
        with pytest.raises(NoSeat, match="all 2 seats are taken: make the port with a larger `threads`"):
            seats.mine()
        assert isinstance(elsewhere(seats.mine), NoSeat)


def test_seats_come_back_when_threads_end() -> None:
    seats = Seats(2)
    for _ in range(3):
        with seated(seats, 2) as taken:
            assert sorted(taken) == [0, 1]


def test_a_thread_that_was_refused_gets_a_seat_once_there_is_one() -> None:
    seats = Seats(1)
    with seated(seats, 1), pytest.raises(NoSeat):
        seats.mine()
    assert seats.mine() == 0


def test_a_thread_has_a_seat_at_every_port() -> None:
    one, other = Seats(1), Seats(1)
    assert one.mine() == other.mine() == 0
    assert isinstance(elsewhere(one.mine), NoSeat)


def test_the_seats_of_a_port_that_is_gone_do_not_disturb() -> None:
    def sit_and_forget() -> object:
        return Seats(1).mine()

    assert elsewhere(sit_and_forget) == 0
    assert sit_and_forget() == 0
