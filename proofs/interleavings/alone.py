"""What a thread touches if it goes on alone, until it has ended or waits for somebody.

No other thread steps meanwhile. So, where memory is one for all, what it reads is what it has stored last, or else what
memory has: one walk along its automaton says all that it touches, whenever its store buffer may drain.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from fastpath.memory import MASK
from proofs.interleavings.access import Mode, conflict
from proofs.interleavings.memory_model import Progress
from proofs.interleavings.recalled import Recalled, UnknownStepError
from proofs.interleavings.remembered import Kind, Place, found
from proofs.interleavings.request import HISTORY, Request

Footprint: TypeAlias = Mapping[int, frozenset[Mode]]
"""How each location is touched that is touched at all."""

_MODES: Mapping[str, Mode] = {"load": Mode.READ, "call": Mode.READ, "return": Mode.APPEND}
_LONGEST = 20_000
"""Who goes on for longer has a loop of its own."""


def expected_mode(request: Request) -> Mode:
    """How a location is going to be touched: whatever may write there is taken to do so."""
    return _MODES.get(request.operation, Mode.WRITE)


def conflicts(footprint: Footprint, touched: Iterable[tuple[int, Mode]]) -> bool:
    """Whether the order of some access of a footprint and one of these matters."""
    return any(
        conflict(here, mode) or conflict(mode, here)
        for location, mode in touched
        for here in footprint.get(location, ())
    )


def alone(machine: Recalled, thread: int, progress: Progress) -> Footprint | None:
    """All that a thread of a machine, and its store buffer, would touch alone; None if it does not end.

    `progress` is that thread's. Raises UnknownStepError.
    """
    return _Walk(machine, thread, progress).touched()


class _Walk:
    def __init__(self, machine: Recalled, thread: int, progress: Progress) -> None:
        self._machine = machine
        self._place = machine.places[thread]
        self._stays = progress.is_held
        self._has_read, self._goes_round = set(progress.has_read), progress.goes_round
        self._buffers = progress.has_buffer
        self._guard = machine.guard.copy()
        self._stored: dict[int, int] = {}
        self._touched: dict[int, set[Mode]] = {location: {Mode.READ} for location in progress.waits}
        for request in progress.buffered:
            if request.operation == "return":
                self._touch(request.location, expected_mode(request))
            else:
                self._store(request.location, request.value)

    def touched(self) -> Footprint | None:
        steps = 0
        while not self._stays and steps < _LONGEST:
            self._go_on()
            steps += 1
        if not self._stays:
            return None
        return {location: frozenset(modes) for location, modes in self._touched.items()}

    def _go_on(self) -> None:
        place = self._place = found(self._place)
        if place.kind is None:
            raise UnknownStepError
        if place.kind is Kind.END:
            self._stays = True
        elif place.kind is Kind.PAUSE:
            self._pause(place)
        elif place.kind is Kind.MARK:
            assert place.request is not None
            self._touch(HISTORY, expected_mode(place.request))
            self._follow(place, None)
        else:
            assert place.request is not None
            self._follow(place, self._guard.seen(place, place.request, self._access(place.request)))

    def _follow(self, place: Place, seen: object) -> None:
        following = place.following.get(seen)
        if following is None:
            raise UnknownStepError
        self._place = following

    def _pause(self, place: Place) -> None:
        if self._has_read and not self._goes_round:
            self._stays = True
            for location in self._has_read:  # a change of one of them, and it would go on
                self._touch(location, Mode.READ)
        else:
            self._has_read, self._goes_round = set(), False
            self._follow(place, None)

    def _access(self, request: Request) -> int:
        """Make an access; the value read."""
        location = request.location
        if location < 0:  # a fence
            return 0
        before = after = self._value(location)
        if request.operation == "store":
            after = request.value
        elif request.change is not None:
            changed = request.change(before)
            after = before if changed is None else changed & MASK
        if after != before:
            self._store(location, after)
        else:
            self._touch(location, Mode.READ)
        if after != before or (self._buffers and request.operation == "store"):
            self._goes_round = True
        else:
            self._has_read.add(location)
        return before

    def _value(self, location: int) -> int:
        stored = self._stored.get(location)
        return self._machine.value(location) if stored is None else stored

    def _store(self, location: int, value: int) -> None:
        self._stored[location] = value
        self._touch(location, Mode.WRITE)

    def _touch(self, location: int, mode: Mode) -> None:
        self._touched.setdefault(location, set()).add(mode)
