"""A run without threads: their part is taken from what runs have taught (`remembered.py`).

Everything else, who may go on and what an access does, is the same scheduler and the same memory model. A state of such
a run can be saved and gone back to, and has a key: two with one key have the same future.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from fastpath.memory import Words
from proofs.interleavings.memory_model import Known, MemoryName
from proofs.interleavings.program import Instance
from proofs.interleavings.remembered import Automata, Kind, Place, found, seen_by
from proofs.interleavings.request import Request
from proofs.interleavings.scheduler import Scheduler, Thread


class UnknownStepError(LookupError):
    """No run has shown what a thread does next."""


class Saved(NamedTuple):
    """A state to go back to."""

    words: list[Any]
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
        """Whether the thread that stepped last has paused without being held."""
        self._private = [False for _ in self.threads]
        self._words = {
            array.first + index: array.words for array in self._arrays.values() for index in range(len(array.words))
        }

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
        return place.request._replace(words=self._words.get(place.request.location))

    def _advance(self, thread: Thread, request: Request, private: bool, without_turn: bool) -> None:
        place = self.places[thread.number]
        value = self._made(thread, request, private, without_turn)
        if place.kind is Kind.MARK:
            self.marks.append((thread.number, request.operation, request.moment))
        self.places[thread.number] = self._automata.after(
            place, seen_by(request, value) if place.kind is Kind.ACCESS else None
        )

    # --- states ---

    def saved(self) -> Saved:
        """The state of now."""
        return Saved(
            [array.words.copy() for array in self._arrays.values()],
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
        for array, words in zip(self._arrays.values(), saved.words, strict=True):
            array.words[:] = words
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
            _content([array.words for array in self._arrays.values()]),
            tuple(self._model.is_over(moment) for _, moment in returns),
            _order(over, calls),
            self._model.key(live, Known(self._knows_as_private, over)),
        )

    def _operations(self, what: str) -> list[tuple[int, Any]]:
        """The calls, or returns, so far; each thread's in its order."""
        found = [(thread, moment) for thread, operation, moment in self.marks if operation == what]
        return sorted(found, key=lambda operation: operation[0])


def _content(arrays: Sequence[Words]) -> Hashable:
    return tuple(words.tobytes() for words in arrays)


def _order(returns: Sequence[tuple[int, Any]], calls: Sequence[tuple[int, Any]]) -> Hashable:
    """Which operations had returned before which were called."""
    return tuple(moment < call for _, call in calls for _, moment in returns)
