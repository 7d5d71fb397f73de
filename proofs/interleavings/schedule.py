"""A schedule: the order in which threads go on, as one short string.

Threads are the letters a, b, c and so on, each followed by how many steps it takes when more than one:
"a4ba12" lets a take 4 steps, b 1, a 12. Where a schedule ends, the thread that ran last goes on as far
as it can, then the first that can.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from proofs.interleavings.access import Access
from proofs.interleavings.program import Program
from proofs.interleavings.scheduler import NotEnabledError, Scheduler


class ScheduleError(ValueError):
    """A string is not a schedule."""


def to_text(threads: Iterable[int]) -> str:
    """The string of a schedule."""
    runs = ((thread, len(list(group))) for thread, group in groupby(threads))
    return "".join(f"{_letter(thread)}{count if count > 1 else ''}" for thread, count in runs)


def from_text(text: str) -> tuple[int, ...]:
    """The schedule of a string. Raises ScheduleError."""
    if not re.fullmatch(r"(?:[a-z][0-9]*)*", text):
        raise ScheduleError(f"{text!r} is no schedule: write letters with counts, such as a4ba12")
    parts = re.findall(r"([a-z])([0-9]*)", text)
    return tuple(ord(letter) - ord("a") for letter, count in parts for _ in range(int(count or "1")))


def _letter(thread: int) -> str:
    return chr(ord("a") + thread)


@dataclass(frozen=True)
class Run:
    """What happened under one schedule.

    Attributes:
        schedule: the steps really taken.
        trace: what each did, with the name of the word it touched.
        outcome: what the program's check returned, or None when it failed.
        failure: what went wrong, or None.
    """

    schedule: tuple[int, ...]
    trace: tuple[tuple[int, Access, str], ...]
    outcome: Hashable
    failure: Exception | None

    def lines(self) -> Iterator[str]:
        """The trace for a reader, one line a step."""
        for step, (thread, access, name) in enumerate(self.trace, 1):
            yield f"{step:4} {_letter(thread)} {name}: {access}"
        if self.failure is not None:
            yield f"{type(self.failure).__name__}: {self.failure}"


def replay(program: Program, schedule: Iterable[int], strict: bool = True) -> Run:
    """Run a program under a schedule.

    A step of a thread that cannot go on raises NotEnabledError, or is left out unless `strict`.
    """
    taken: list[int] = []
    trace: list[tuple[int, Access, str]] = []
    outcome: Hashable = None
    failure: Exception | None = None
    scheduler = Scheduler(program())

    def step(thread: int) -> None:
        taken.append(thread)
        access = scheduler.step(thread)
        trace.append((thread, access, scheduler.name(access.location)))

    try:
        with scheduler:
            for thread in schedule:
                if strict or thread in scheduler.enabled():
                    step(thread)
            while enabled := scheduler.enabled():
                step(taken[-1] if taken and taken[-1] in enabled else enabled[0])
            outcome = scheduler.finish()
    except NotEnabledError:
        raise
    except Exception as error:
        failure = error
    return Run(tuple(taken), tuple(trace), outcome, failure)


def shrink(program: Program, schedule: Iterable[int]) -> tuple[int, ...]:
    """A shorter schedule with fewer switches under which the program fails in the same way.

    Blocks of steps by one thread are dropped, or exchanged with a neighbour, as long as that helps.
    """
    best = replay(program, schedule, strict=False)
    if best.failure is None:
        raise ScheduleError("the program does not fail under this schedule: nothing to shrink")

    def fails_alike(candidate: tuple[int, ...]) -> Run | None:
        run = replay(program, candidate, strict=False)
        return run if type(run.failure) is type(best.failure) else None

    while smaller := _first_smaller(best.schedule, fails_alike):
        best = smaller
    return _without_default_end(best.schedule, fails_alike)


def _cost(schedule: tuple[int, ...]) -> tuple[int, int]:
    return sum(1 for _ in groupby(schedule)), len(schedule)


def _first_smaller(schedule: tuple[int, ...], fails_alike: Callable[[tuple[int, ...]], Run | None]) -> Run | None:
    blocks = [tuple(group) for _, group in groupby(schedule)]
    candidates = [blocks[:i] + blocks[i + 1 :] for i in range(len(blocks))]
    candidates += [[*blocks[:i], blocks[i + 1], blocks[i], *blocks[i + 2 :]] for i in range(len(blocks) - 1)]
    candidates += [[*blocks[:i], blocks[i][:-1], *blocks[i + 1 :]] for i in range(len(blocks))]
    for candidate in candidates:
        run = fails_alike(tuple(thread for block in candidate for thread in block))
        if run is not None and _cost(run.schedule) < _cost(schedule):
            return run
    return None


def _without_default_end(
    schedule: tuple[int, ...], fails_alike: Callable[[tuple[int, ...]], Run | None]
) -> tuple[int, ...]:
    """Leave out the steps at the end that would be taken anyway."""
    for length in range(len(schedule)):
        run = fails_alike(schedule[:length])
        if run is not None and run.schedule == schedule:
            return schedule[:length]
    return schedule
