"""What a thread may touch if it goes on alone under release and acquire, where it has a choice of what it reads.

One walk along its automaton takes all choices at once: it visits each local state that the thread may come to. Readable
is what was so at the start, and what the thread may store itself. That to read one store may rule out another is not
considered, so the walk may go where no run can.

Where a walk like this meets an answer that no run has shown, it leaves it out: as a rule there is no such run, for who
has read a flag does not read the data from before it. If there is one, a search that puts threads off by what others
may touch alone comes to it sooner or later: the thread can still see that after whatever the other one does first. Then
the walks that have left it out said too little, and the search is to be repeated (`LeftOut`).
"""

from collections.abc import Hashable, Sequence

from fastpath.memory import MASK, Ordering
from proofs.interleavings.access import Mode
from proofs.interleavings.alone import Footprint
from proofs.interleavings.recalled import Recalled
from proofs.interleavings.remembered import Kind, Place, found, seen_by
from proofs.interleavings.request import FULL_FENCES, Request


class LeftOut:
    """Answers that walks have met and no run had shown."""

    def __init__(self) -> None:
        self._answers: set[tuple[Place, Hashable]] = set()

    def add(self, place: Place, seen: Hashable) -> None:
        """In a place a thread might see this."""
        self._answers.add((place, seen))

    def has_turned_up(self) -> bool:
        """Whether a run has shown one of them since."""
        answers = (found(place).following.get(seen) for place, seen in self._answers)
        return any(following is not None and found(following).kind is not None for following in answers)


def may_touch(machine: Recalled, thread: int, left_out: LeftOut) -> Footprint:
    """All that a thread of a machine may touch alone, as far as runs have shown it."""
    return _Walk(machine, thread, left_out).touched()


class _Walk:
    def __init__(self, machine: Recalled, thread: int, left_out: LeftOut) -> None:
        self._machine, self._thread = machine, thread
        self._left_out = left_out
        self._visited: set[Place] = set()
        self._to_do: list[Place] = []
        self._accessing: dict[int, list[Place]] = {}
        """By location: the places in which it is accessed, which depend on what can be read there."""
        self._readable: dict[int, set[int]] = {}
        self._modifiable: dict[int, set[int]] = {}
        self._behind: dict[int, set[Hashable]] = {}
        """By lock: what may be behind it."""
        watched = machine.watched(thread)
        self._touched: dict[int, set[Mode]] = {location: {Mode.VIEW_READ} for location in watched}
        place = found(machine.places[thread])
        if place.kind is not Kind.PAUSE or machine.has_options(thread):
            self._arrive(place)

    def touched(self) -> Footprint:
        while self._to_do:
            self._go_on_from(self._to_do.pop())
        return {location: frozenset(modes) for location, modes in self._touched.items()}

    def _arrive(self, place: Place) -> None:
        if place not in self._visited:
            self._visited.add(place)
            self._to_do.append(place)

    def _follow(self, place: Place, seen: Hashable) -> bool:
        """Go on by an answer; False where no run has shown it."""
        following = place.following.get(seen)
        if following is None or (after := found(following)).kind is None:
            self._left_out.add(place, seen)
            return False
        self._arrive(after)
        return True

    def _go_on_from(self, place: Place) -> None:
        if place.kind is Kind.ACCESS:
            assert place.request is not None
            self._access(place, place.request)
        elif place.kind is not Kind.END:
            self._follow(place, None)

    def _access(self, place: Place, request: Request) -> None:
        location = request.location
        if location == FULL_FENCES:
            if request.ordering is Ordering.FULL:
                self._touch(location, Mode.WRITE)
            self._follow(place, None)
            return
        self._meet(place, location)
        if request.operation == "store":
            if location in self._behind:
                self._leave(location, place.behind)
            self._touch(location, Mode.VIEW_WRITE)
            self._grow(location, request.value)
            self._follow(place, None)
        else:
            self._read(place, request)
            self._modify(place, request)

    def _meet(self, place: Place, location: int) -> None:
        """Note that a location is accessed here."""
        places = self._accessing.setdefault(location, [])
        if not places:
            self._readable[location], self._modifiable[location] = self._machine.readable(self._thread, location)
            if self._machine.guard.has(location):
                self._behind[location] = {self._machine.guard.behind(location)}
        if place not in places:
            places.append(place)

    def _read(self, place: Place, request: Request) -> None:
        """Make an access that leaves the word as it is, of each value that can be read."""
        self._touch(request.location, Mode.VIEW_READ)
        for value in tuple(self._readable[request.location]):
            if request.change is None or request.change(value) is None:
                self._follow(place, seen_by(request, value))

    def _modify(self, place: Place, request: Request) -> None:
        """Make an access that changes the word, of each value behind which nothing has done so."""
        location = request.location
        for value in tuple(self._modifiable[location]):
            changed = None if request.change is None else request.change(value)
            if changed is not None:
                for seen in self._seen(request, value):
                    self._touch(location, Mode.VIEW_WRITE)
                    if self._follow(place, seen):
                        self._grow(location, changed & MASK)

    def _seen(self, request: Request, value: int) -> Sequence[Hashable]:
        """What a thread may see that has changed a value, as `Guard.seen` has it."""
        seen = seen_by(request, value)
        behind = self._behind.get(request.location)
        return [seen] if behind is None or seen is not True else [(seen, each) for each in behind]

    def _leave(self, lock: int, behind: Hashable) -> None:
        """Leave something behind a lock."""
        if behind not in self._behind[lock]:
            self._behind[lock].add(behind)
            self._to_do += self._accessing[lock]

    def _grow(self, location: int, value: int) -> None:
        """A value may be stored: what depends on that is to be looked at again."""
        if value not in self._modifiable[location]:
            self._readable[location].add(value)
            self._modifiable[location].add(value)
            self._to_do += self._accessing[location]

    def _touch(self, location: int, mode: Mode) -> None:
        self._touched.setdefault(location, set()).add(mode)
