"""Whether threads get anywhere: livelock, and what threads that wait for ever wait for.

A thread that pauses after it has changed memory, such as one that took a lock and gave it back because it did not get
another, is not held: it goes round. If everything is then as it was at an earlier such pause, memory and what each
thread is doing, the steps between can be repeated for ever. Has everybody stepped in between who can go on now, then
they are a livelock: a fair scheduler does not end it (Musuvathi and Qadeer, Fair stateless model checking, PLDI 2008).
Otherwise somebody was kept out; the thread is held until one of those has stepped: going round alone brings nothing.

Threads that wait, and nobody left to wake them, are a deadlock when they wait for each other, and else a lost wake-up:
what was to wake them has come too early, or never will.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from types import FrameType

import numpy as np


class DeadlockError(AssertionError):
    """Threads wait, and none is left to wake them."""


class LostWakeUpError(DeadlockError):
    """A thread waits for a change by threads that have ended, or have gone by."""


class LivelockError(AssertionError):
    """Threads go round for ever, each in turn, and nothing comes of it."""


class Rounds:
    """The states of a run in which threads went round."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, int] = {}

    def kept_out(self, state: Hashable, step: int, last_steps: Mapping[int, int]) -> set[int] | None:
        """Who has not stepped since this state was there before, when a thread goes round at `step`.

        `last_steps` are the last steps of all others who can go on. None when the state is new.
        """
        earlier = self._seen.get(state)
        if earlier is None:
            self._seen[state] = step
            return None
        return {actor for actor, last in last_steps.items() if last <= earlier}


def position(frame: FrameType | None, without: str) -> Hashable:
    """Where a thread is, and the values of what it keeps in variables; frames of the module `without` do not count."""
    found: list[Hashable] = []
    while frame is not None:
        if frame.f_globals.get("__name__") != without:
            kept = tuple((name, _value(value)) for name, value in frame.f_locals.items())
            found.append((frame.f_code, frame.f_lasti, kept))
        frame = frame.f_back
    return tuple(found)


def _value(value: object) -> Hashable:
    """A value that is equal when nothing has changed; of larger things, which they are."""
    if value is None or isinstance(value, (int, float, str, bytes, np.generic)):
        return (type(value), value)
    if isinstance(value, tuple):
        return tuple(map(_value, value))
    return id(value)


def waiting_error(
    watched: Mapping[int, Sequence[int]], last_changed_by: Mapping[int, int], name: Callable[[int], str]
) -> DeadlockError:
    """What to raise when these threads wait, each for one of these locations, and nobody else is left."""
    waits_for = {
        thread: {last_changed_by[place] for place in places if last_changed_by.get(place, thread) != thread}
        for thread, places in watched.items()
    }
    parts = []
    for thread, places in watched.items():
        words = [f"{name(place)} ({_changer(last_changed_by.get(place))})" for place in places]
        parts.append(f"thread {thread} for {' or '.join(words)}")
    message = f"threads {list(watched)} wait for a change that nobody will make: {'; '.join(parts)}"
    kind = DeadlockError if all(_reaches_itself(thread, waits_for) for thread in watched) else LostWakeUpError
    return kind(message)


def _changer(thread: int | None) -> str:
    return "never changed" if thread is None else f"last changed by thread {thread}"


def _reaches_itself(thread: int, waits_for: Mapping[int, Iterable[int]]) -> bool:
    """Whether a thread waits for others that are in a circle of waiting, or is in one."""
    reached: set[int] = set()
    border = {thread}
    while border:
        following = {other for each in border for other in waits_for.get(each, ()) if other in waits_for}
        if following & reached or thread in following:
            return True
        reached |= border
        border = following - reached
    return False
