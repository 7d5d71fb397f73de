"""A story on real threads, and the history that comes of it."""

import itertools
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import fastpath
import reference
from fastpath.designs import POLICIES
from fastpath.frames import Path
from proofs.conformance.engines import HASH_SEED
from proofs.equivalence import vpc
from proofs.equivalence.world import FRAME_SIZE
from proofs.threads.history import HIT, MISS, Control, Following, History, MappingStep, Operation, Packet, attempt
from proofs.threads.replica import Replica
from proofs.threads.stories import Batch, Command, Deed, Story
from reference.vpc.mappings import Mappings

SWITCH_INTERVAL = 1e-5
"""Seconds after which the interpreter lets another thread run: short, so that slow operations are cut into pieces."""

PATIENCE = 60.0
"""Seconds after which threads that have not ended count as stuck."""


class Stuck(Exception):
    """A thread has not come to its end."""


class _Played(NamedTuple):
    deed: Batch
    batch: fastpath.FrameBatch
    began: int
    ended: int


class _Actor:
    """One thread's part, and the record of it.

    Batches are loaded before threads meet and looked at afterwards, so that they meet in compiled code.
    """

    def __init__(self, number: int, port: fastpath.Port, mappings: Mappings, ranks: Iterator[int]) -> None:
        self._number = number
        self._port = port
        self._mappings = mappings
        self._ranks = ranks
        self._record: list[_Played | Operation] = []

    def prepared(self, deed: Deed) -> Callable[[], None]:
        """A deed, ready to be done."""
        if isinstance(deed, Command):
            return partial(self._command, deed)
        batch = fastpath.FrameBatch(len(deed.sights), FRAME_SIZE)
        batch.load_all(deed.sights)
        return partial(self._process, deed, batch)

    def dump(self) -> None:
        """Look at everything."""
        self._command(Command("snapshot", lambda port, _: port.snapshot(), recalls=True))

    def operations(self) -> Iterator[Operation]:
        """What was done, packet by packet."""
        for played in self._record:
            if isinstance(played, Operation):
                yield played
                continue
            deed, batch, began, ended = played
            for index, ((direction, frame), talk) in enumerate(zip(deed.sights, deed.talks, strict=True)):
                packet = Packet(direction, frame, deed.now_ms, talk, batch.verdict(index))
                ticket = MISS if batch.path(index) is Path.MISS else batch.ticket(index)
                yield Operation(self._number, began, ended, ticket, packet)

    def _process(self, deed: Batch, batch: fastpath.FrameBatch) -> None:
        began = next(self._ranks)
        self._port.process_batch(batch, deed.now_ms)
        self._record.append(_Played(deed, batch, began, next(self._ranks)))

    def _command(self, deed: Command) -> None:
        began = next(self._ranks)
        answer = attempt(deed.call, self._port, self._mappings)
        ended = next(self._ranks)
        if deed.changes_mappings:
            steps = [MappingStep(deed.name, deed.call, announces) for announces in (False, True)]
            self._record += [Operation(self._number, began, ended, HIT, step) for step in steps]
        else:
            control = Control(deed.name, deed.call, answer, deed.expires_ms, deed.recalls)
            self._record.append(Operation(self._number, began, ended, self._port.ticket, control))


def beginning(story: Story, design: fastpath.Design = fastpath.Design.FINE) -> Replica:
    """The reference as the port of a story is at first, and how the flows expire that a design's misses begin."""
    mappings = vpc.mappings()
    port = reference.Port(vpc.config(), story.limits, mappings)
    vpc.set_up(port)
    return Replica(port, mappings, expires_one_by_one=not POLICIES[design].has_port_lock)


def perform(story: Story, design: fastpath.Design) -> History:
    """Let a story happen on real threads; raises what a thread raised, or `Stuck`."""
    mappings = vpc.mappings()
    port = fastpath.Port(vpc.config(), story.limits, mappings, design=design, threads=4, seed=HASH_SEED)
    vpc.set_up(port)
    first = port.ticket + 1
    ranks = itertools.count(1)
    actors = [_Actor(number, port, mappings, ranks) for number in range(len(story.rounds[0]))]
    for deed in story.beginning:
        actors[0].prepared(deed)()
    with _often_switching():
        _play(story, actors)
    history = [list(actor.operations()) for actor in actors]
    return [*history, _following(history, first, port)]


def _play(story: Story, actors: Sequence[_Actor]) -> None:
    together = threading.Barrier(len(actors))
    failures: list[BaseException] = []

    def run(number: int, actor: _Actor) -> None:
        try:
            for deeds in story.rounds:
                prepared = [actor.prepared(deed) for deed in deeds[number]]
                together.wait(PATIENCE)
                for do in prepared:
                    do()
                together.wait(PATIENCE)
                if number == 0:
                    actor.dump()
        except BaseException as failure:
            failures.append(failure)
            together.abort()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(actors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    if failures:
        raise failures[0]
    if any(thread.is_alive() for thread in threads):
        raise Stuck(f"a thread has not ended after {PATIENCE} seconds")


def _following(history: History, first: int, port: fastpath.Port) -> list[Operation]:
    """The slow operations that nobody asked for: before a batch the port hears of new mappings."""
    known = {operation.ticket for thread in history for operation in thread}
    last = max(port.ticket, *known)
    following = Following()
    missing = [ticket for ticket in range(first, last) if ticket not in known]
    return [Operation(len(history), *_between(history, ticket), ticket, following) for ticket in missing]


def _between(history: History, ticket: int) -> tuple[int, int]:
    """The ranks between which a slow operation took effect, by what is known of those before and after it."""
    slow = [operation for thread in history for operation in thread if operation.is_slow]
    began = max((operation.began for operation in slow if operation.ticket < ticket), default=0)
    return began, min(operation.ended for operation in slow if operation.ticket > ticket)


@contextmanager
def _often_switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
