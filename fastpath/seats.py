"""Seats: which line of the arena a thread announces itself on and counts its hits in.

A thread takes a seat with its first batch and gives it back when it ends. Counters of a seat only rise, whoever sits
there.
"""

import threading


class NoSeat(RuntimeError):
    """More threads process packets at once than the port was made for. Give it a larger `threads`."""


class _Seat:
    """A seat for as long as its thread lives: thread-local storage holds the only reference."""

    def __init__(self, free: list[int], number: int) -> None:
        self.number = number
        self._free = free

    def __del__(self) -> None:
        self._free.append(self.number)


class Seats:
    """The seats of one port."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = list(range(count))
        self._taken = threading.local()

    def mine(self) -> int:
        """The calling thread's seat; raises `NoSeat` when all are taken."""
        seat: _Seat | None = getattr(self._taken, "seat", None)
        if seat is None:
            try:
                number = self._free.pop()
            except IndexError:
                raise NoSeat(f"all {self._count} seats are taken: make the port with a larger `threads`") from None
            seat = self._taken.seat = _Seat(self._free, number)
        return seat.number
