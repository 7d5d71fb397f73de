"""A log in which one thing is otherwise is refused: what is replayed is judged, and not only counted."""

import functools
import re
from collections.abc import Callable, Iterable

import pytest

from fastpath import layout
from fastpath.memory import Ordering
from proofs.interleavings.scenarios.table import OUT
from proofs.ledger import Method, claim
from proofs.refinement.behaviour import NotABehaviour
from proofs.refinement.event import Event
from proofs.refinement.recorded import Recorded, first_execution

_HIT, _INSTALL = "hit beside reuse", "look-up beside install"
_READER, _WRITER = 0, 1

Changed = Callable[[Recorded], Iterable[Event]]
"""Makes the events of a log that is no behaviour from those of one that is."""

_recorded = functools.cache(first_execution)


def _read_after_leaving(log: Recorded) -> Iterable[Event]:
    at = log.places.index("entry", OUT, layout.ACTION)
    now = next(event.after for event in reversed(log.events) if event.place == at)
    return [*log.events, Event(_READER, "load", at, Ordering.RELAXED, now, now)]


def _life_read_after_leaving(log: Recorded) -> Iterable[Event]:
    at = log.places.index("entry", OUT, layout.LIFE)
    return [*log.events, Event(_READER, "load", at, Ordering.ACQUIRE)]


def _read_by_whoever_found_nothing(log: Recorded) -> Iterable[Event]:
    at = log.places.index("entry", OUT, layout.ACTION)
    now = int(log.words[at])
    before = next(n for n, event in enumerate(log.events) if event.thread == _WRITER)
    read = Event(_READER, "load", at, Ordering.RELAXED, now, now)
    return [*log.events[:before], read, *log.events[before:]]


def _partner_cleared_by_an_idle_thread(log: Recorded) -> Iterable[Event]:
    at = log.places.index("entry", OUT, layout.PARTNER)
    return [*log.events, Event(_WRITER, "store", at, Ordering.RELAXED, after=0)]


def _version_never_read(log: Recorded) -> Iterable[Event]:
    first = next(event for event in log.events if _is_version(log, event) and event.ordering is Ordering.ACQUIRE)
    return [event for event in log.events if event is not first]


def _nothing_read(log: Recorded) -> Iterable[Event]:
    return [event for event in log.events if event.thread != _READER or event.operation in ("call", "return")]


def _is_version(log: Recorded, event: Event) -> bool:
    return event.place >= 0 and log.places.of(event.place)[::2] == ("bucket", layout.VERSION)


def _another_slot_value(log: Recorded) -> Iterable[Event]:
    return _first_load_is(log, "bucket", 1, 3)


def _another_word_value(log: Recorded) -> Iterable[Event]:
    return _first_load_is(log, "entry", layout.ACTION, 3)


def _another_announcement(log: Recorded) -> Iterable[Event]:
    return _first_load_is(log, "thread", layout.ANNOUNCE, 8)


def _first_load_is(log: Recorded, kind: str, word: int, value: int) -> Iterable[Event]:
    """The first load of a word of such a record has another value."""
    for number, event in enumerate(log.events):
        if event.operation == "load" and log.places.of(event.place)[::2] == (kind, word):
            return [*log.events[:number], event._replace(before=value, after=value), *log.events[number + 1 :]]
    raise LookupError("no such load")


def _fence_of_another_thread(log: Recorded) -> Iterable[Event]:
    return [_by_the_reader(event, event.ordering is Ordering.FULL) for event in log.events]


def _announcements_read_by_another_thread(log: Recorded) -> Iterable[Event]:
    asks = [
        event.place >= 0 and log.places.of(event.place).kind == "thread" and event.ordering is Ordering.ACQUIRE
        for event in log.events
    ]
    return [_by_the_reader(event, changed) for event, changed in zip(log.events, asks, strict=True)]


def _by_the_reader(event: Event, changed: bool) -> Event:
    return event._replace(thread=_READER) if changed else event


_REFUSED: dict[str, tuple[str, Changed, str]] = {
    "a word of a reused entry is read after leaving": (
        _HIT,
        _read_after_leaving,
        "word 6 of the entry is read by a thread that",
    ),
    "its life word is read after leaving": (
        _HIT,
        _life_read_after_leaving,
        "word 8 of the entry is read by a thread that",
    ),
    "an entry is read that no bucket names": (_INSTALL, _read_by_whoever_found_nothing, "read a word: thread 0"),
    "an idle thread clears a partner": (_INSTALL, _partner_cleared_by_an_idle_thread, "clears the partner of entry 1"),
    "the version is never read": (_INSTALL, _version_never_read, "is read without its version"),
    "a look-up reads nothing": (_INSTALL, _nothing_read, "has found no version unchanged"),
    "a slot says something else": (_HIT, _another_slot_value, "is 3 after a load, in the model 1"),
    "a word says something else": (_HIT, _another_word_value, "is 3 after a load, in the model 65536"),
    "an announcement says something else": (_HIT, _another_announcement, "differs from the model's"),
    "another thread's fence": (_HIT, _fence_of_another_thread, "it is being asked"),
    "another thread's look at the announcements": (_HIT, _announcements_read_by_another_thread, "it is waited for"),
}


@claim(
    "C11",
    "a log of the kernels in which one access is left out, added, another thread's or of another value is refused",
    method=Method.TESTED,
    scope=f"{len(_REFUSED)} changes of the first executions of {_HIT} and {_INSTALL}: {'; '.join(_REFUSED)}",
)
@pytest.mark.parametrize("title", _REFUSED)
def test_a_log_that_is_no_behaviour_is_refused(title: str) -> None:
    name, changed, refusal = _REFUSED[title]
    log = _recorded(name)
    log.replay(log.events)
    with pytest.raises(NotABehaviour, match=re.escape(refusal)):
        log.replay(changed(log))


def test_a_partner_that_is_another_in_memory_than_in_the_log_is_noticed_when_the_commit_is_over() -> None:
    log = _recorded(_INSTALL)
    at = log.places.index("entry", OUT, layout.PARTNER)
    named = max(number for number, event in enumerate(log.events) if event.place == at and event.stores)
    unseen = Event(_WRITER, "store", at, Ordering.RELAXED, after=0)
    events = [*log.events[: named + 1], unseen, *log.events[named + 1 :]]
    with pytest.raises(NotABehaviour, match="entry 1 names -1, in the model 2"):
        log.replay(events, untold=[unseen])
