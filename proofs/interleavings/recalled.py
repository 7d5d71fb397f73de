"""A run without threads: their part is taken from what runs have taught (`remembered.py`).

Everything else, who may go on and what an access does, is the same scheduler and the same memory model. A state of such
a run can be saved and gone back to, and has a key: two with one key have the same future.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from fastpath.memory import Words
from proofs.interleavings.access import Access
from proofs.interleavings.memory_model import Known, MemoryName, Progress
from proofs.interleavings.program import Instance
from proofs.interleavings.remembered import Automata, Guard, Kind, Place, found
from proofs.interleavings.request import Request
from proofs.interleavings.scheduler import Scheduler, Thread
from proofs.interleavings.turn import Turn


class UnknownStepError(LookupError):
    """No run has shown what a thread does next."""


class _Written(NamedTuple):
    """A word that has been written, and what it was at the start."""

    words: Words
    position: int
    before: int

    @property
    def value(self) -> int:
        """What it is now."""
        return int(self.words[self.position])


class Saved(NamedTuple):
    """A state to go back to."""

    content: dict[int, int]
    guard: Guard
    places: list[Place]
    pending: list[Request | None]
    private: list[bool]
    steps: int
    without_turn: int
    marks: list[tuple[int, str, Any]]
    moments: list[dict[str, Any]]
    memory: Any


class Recalled(Scheduler):
    """A run of an instance whose threads are not run."""

    def __init__(
        self,
        instance: Instance,
        model: MemoryName,
        is_private: Callable[[int, Request], bool],
        knows_as_private: Callable[[int], bool],
        automata: Automata,
    ) -> None:
        super().__init__(instance, model, is_private)
        self._knows_as_private = knows_as_private
        self._automata = automata
        self.places = list(automata.initial)
        self.has_gone_round = False
        """Whether the thread that stepped last has paused without being held; not known where a state was restored."""
        self._private = [False for _ in self.threads]
        self._written: dict[int, _Written] = {}
        self._content: dict[int, int] = {}
        """The words that are not as they were at the start."""
        self.guard = Guard(self.guards)
        """What is behind the locks."""
        self._words: dict[int, tuple[Words, int]] = {}
        """Where the words of a location are; found once."""

    def start(self) -> None:
        """Bring each thread to its first turn. Raises UnknownStepError."""
        for thread in self.threads:
            self._resume(thread)

    def _resume(self, thread: Thread) -> None:
        """Let a thread make the access that it has pending, and go on to its next turn."""
        number = thread.number
        request = thread.pending
        self.has_gone_round = False
        if request is not None:
            self._advance(thread, request, self._private[number], without_turn=False)
        while True:
            place = self.places[number] = found(self.places[number])
            if place.kind is None:
                raise UnknownStepError
            if place.kind is Kind.END:
                thread.pending = None
                return
            request = self._asked(place, number)
            if request is None:  # a pause that holds nobody
                self.has_gone_round |= not self._model.watched(number)
                self.places[number] = self._automata.after(place, None)
                continue
            self._private[number], without_turn = self._announced(number, request)
            if not without_turn:
                thread.pending = request
                return
            self._advance(thread, request, self._private[number], without_turn=True)

    def _asked(self, place: Place, number: int) -> Request | None:
        """What is asked for in a place, in terms of this run."""
        if place.kind is Kind.PAUSE:
            return self._model.pause(number)
        assert place.request is not None
        if place.kind is Kind.MARK:
            return place.request._replace(moment=self._model.new_moment())
        if place.request.words is None:
            return place.request
        return place.request._replace(words=self._word(place.request.location)[0])

    def _word(self, location: int) -> tuple[Words, int]:
        """The array, and the index there, of a location."""
        word = self._words.get(location)
        if word is None:
            array = self._arrays.at(location)
            assert array is not None
            word = self._words[location] = array.words, location - array.first
        return word

    def value(self, location: int) -> int:
        """What memory has in a location."""
        words, position = self._word(location)
        return int(words[position])

    def unfinished(self) -> Sequence[int]:
        """The threads that have not ended, or whose store buffers hold something."""
        buffered = self._model.drainable()
        return [thread.number for thread in self.threads if thread.pending is not None or thread.number in buffered]

    def progress(self, thread: int) -> Progress | None:
        """How far a thread is; see `MemoryModel.progress`."""
        return self._model.progress(thread)

    def watched(self, thread: int) -> Sequence[int]:
        """The locations of which a change lets a thread go on that waits."""
        return self._model.watched(thread)

    def has_options(self, thread: int) -> bool:
        """Whether a thread can make the access that it has pending."""
        pending = self.threads[thread].pending
        return pending is not None and len(self._model.options(thread, pending)) > 0

    def readable(self, thread: int, location: int) -> tuple[set[int], set[int]]:
        """The values that a thread may read at a location, and those that it may modify."""
        found = self._model.readable(thread, location)
        return found or ({self.value(location)}, {self.value(location)})

    def _advance(self, thread: Thread, request: Request, private: bool, without_turn: bool) -> None:
        place = self.places[thread.number]
        writes = request.words is not None and request.operation != "load"
        if request.words is not None and writes and request.location not in self._written:
            before = int(request.words[request.position])
            self._written[request.location] = _Written(request.words, request.position, before)
        value = self._made(thread, request, private, without_turn)
        if writes:
            self._note_content(request.location)
        if place.kind is Kind.MARK:
            self.marks.append((thread.number, request.operation, request.moment))
        seen = self.guard.seen(place, request, value) if place.kind is Kind.ACCESS else None
        self.places[thread.number] = self._automata.after(place, seen)

    def _drained(self, turn: Turn) -> Access:
        self.has_gone_round = False
        access = super()._drained(turn)
        if access.location in self._written:
            self._note_content(access.location)
        return access

    def _note_content(self, location: int) -> None:
        written = self._written[location]
        value = written.value
        if value != written.before:
            self._content[location] = value
        else:
            self._content.pop(location, None)

    # --- states ---

    def saved(self) -> Saved:
        """The state of now."""
        return Saved(
            self._content.copy(),
            self.guard.copy(),
            self.places.copy(),
            [thread.pending for thread in self.threads],
            self._private.copy(),
            self.steps,
            self._without_turn,
            self.marks.copy(),
            [vars(moment).copy() for *_, moment in self.marks],
            self._model.saved(),
        )

    def restore(self, saved: Saved) -> None:
        """Go back to a state."""
        for location in {location for location, _ in self._content.items() ^ saved.content.items()}:
            words, position, before = self._written[location]
            words[position] = saved.content.get(location, before)
        self._content = saved.content.copy()
        self.guard = saved.guard.copy()
        self.places = saved.places.copy()
        for thread, request in zip(self.threads, saved.pending, strict=True):
            thread.pending = request
        self._private, self.marks = saved.private.copy(), saved.marks.copy()
        self.steps, self._without_turn = saved.steps, saved.without_turn
        for (*_, moment), values in zip(saved.marks, saved.moments, strict=True):
            vars(moment).update(values)
        self._model.restore(saved.memory)

    def key(self) -> Hashable:
        """What decides what may still happen, and what will have been the case at the end."""
        live = [thread.number for thread in self.threads if thread.pending is not None]
        calls, returns = self._operations("call"), self._operations("return")
        over = [(thread, moment) for thread, moment in returns if self._model.is_over(moment)]
        return (
            tuple(found(place).number for place in self.places),
            tuple(sorted(self._content.items())),
            self.guard.key(),
            tuple(self._model.is_over(moment) for _, moment in returns),
            _order(over, calls),
            self._model.key(live, Known(self._knows_as_private, over)),
        )

    def _operations(self, what: str) -> list[tuple[int, Any]]:
        """The calls, or returns, so far; each thread's in its order."""
        found = [(thread, moment) for thread, operation, moment in self.marks if operation == what]
        return sorted(found, key=lambda operation: operation[0])


def _order(returns: Sequence[tuple[int, Any]], calls: Sequence[tuple[int, Any]]) -> Hashable:
    """Which operations had returned before which were called."""
    return tuple(moment < call for _, call in calls for _, moment in returns)
