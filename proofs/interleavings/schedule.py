"""A schedule: the turns of a run, as one short string.

Threads are the letters a, b, c and so on, each followed by how many steps it takes when more than one:
"a4ba12" lets a take 4 steps, b 1, a 12. A capital letter is a thread's store buffer: "A2" drains two of its entries.
A step with another option than the first is written by itself, with the option's number behind a point: in "a4b.1" the
last step of b reads, say, not the latest store but the one before. Where a schedule ends, the actor that went on last
goes on as far as it can, then the first that can, with their first options.
"""

import re
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from proofs.interleavings.access import Access
from proofs.interleavings.delta_debugging import minimal
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.program import Program
from proofs.interleavings.scheduler import NotEnabledError, Scheduler
from proofs.interleavings.turn import Turn, buffer_of, thread_of

Schedule: TypeAlias = tuple[Turn, ...]


class ScheduleError(ValueError):
    """A string is not a schedule."""


def to_text(turns: Iterable[Turn]) -> str:
    """The string of a schedule."""
    return "".join(_run_text(turn, len(list(group))) for turn, group in groupby(turns))


def _run_text(turn: Turn, count: int) -> str:
    if turn.option:
        return f"{_letter(turn.actor)}.{turn.option}" * count
    return f"{_letter(turn.actor)}{count if count > 1 else ''}"


def from_text(text: str) -> Schedule:
    """The schedule of a string. Raises ScheduleError."""
    if not re.fullmatch(r"(?:[a-zA-Z](?:[0-9]*|\.[0-9]+))*", text):
        raise ScheduleError(f"{text!r} is no schedule: write letters with counts or options, such as a4b.1A2")
    parts = re.findall(r"([a-zA-Z])(?:\.([0-9]+)|([0-9]*))", text)
    return tuple(
        Turn(_actor(letter), int(option or "0")) for letter, option, count in parts for _ in range(int(count or "1"))
    )


def _letter(actor: int) -> str:
    return chr(ord("a" if actor >= 0 else "A") + thread_of(actor))


def _actor(letter: str) -> int:
    thread = ord(letter.lower()) - ord("a")
    return thread if letter.islower() else buffer_of(thread)


@dataclass(frozen=True)
class Run:
    """What happened under one schedule.

    Attributes:
        schedule: the steps really taken.
        trace: what each did, with the name of the word it touched.
        outcome: what the program's check returned, or None when it failed.
        failure: what went wrong, or None.
    """

    schedule: Schedule
    trace: tuple[tuple[int, Access, str], ...]
    outcome: Hashable
    failure: Exception | None

    def lines(self) -> Iterator[str]:
        """The trace for a reader, one line a step."""
        for step, (actor, access, name) in enumerate(self.trace, 1):
            yield f"{step:4} {_letter(actor)} {name}: {access}"
        if self.failure is not None:
            yield f"{type(self.failure).__name__}: {self.failure}"


def replay(program: Program, schedule: Iterable[Turn], strict: bool = True, memory: MemoryName = MemoryName.SC) -> Run:
    """Run a program under a schedule.

    A turn that cannot be taken raises NotEnabledError; unless `strict`, it is left out, or taken with the last option.
    """
    taken: list[Turn] = []
    trace: list[tuple[int, Access, str]] = []
    outcome: Hashable = None
    failure: Exception | None = None
    scheduler = Scheduler(program(), memory)

    def step(turn: Turn) -> None:
        taken.append(turn)
        access = scheduler.step(turn)
        trace.append((turn.actor, access, scheduler.name(access.location)))

    try:
        with scheduler:
            for turn in schedule:
                if strict:
                    step(turn)
                elif options := scheduler.choices().get(turn.actor):
                    step(Turn(turn.actor, min(turn.option, len(options) - 1)))
            while enabled := scheduler.enabled():
                step(Turn(taken[-1].actor if taken and taken[-1].actor in enabled else enabled[0]))
            outcome = scheduler.finish()
    except NotEnabledError:
        raise
    except Exception as error:
        failure = error
    return Run(tuple(taken), tuple(trace), outcome, failure)


def shrink(
    program: Program,
    schedule: Iterable[Turn],
    memory: MemoryName = MemoryName.SC,
    most_seconds: float = 120.0,
) -> Schedule:
    """A shorter schedule with fewer switches under which the program fails in the same way.

    Blocks of steps by one actor are left out, many together first (`delta_debugging`); then they are dropped, or
    exchanged with a neighbour, and options are replaced by lower ones, as long as that helps and there is time.
    """
    end = time.monotonic() + most_seconds
    best = replay(program, schedule, strict=False, memory=memory)
    if best.failure is None:
        raise ScheduleError("the program does not fail under this schedule: nothing to shrink")

    def fails_alike(candidate: Schedule) -> Run | None:
        if time.monotonic() > end:
            return None
        run = replay(program, candidate, strict=False, memory=memory)
        return run if type(run.failure) is type(best.failure) else None

    blocks = minimal(_blocks(best.schedule), lambda parts: fails_alike(_joined(parts)) is not None)
    if (fewer := fails_alike(_joined(blocks))) is not None and _cost(fewer.schedule) < _cost(best.schedule):
        best = fewer
    while smaller := _first_smaller(best.schedule, fails_alike):
        best = smaller
    return _without_default_end(best.schedule, fails_alike)


def _cost(schedule: Schedule) -> tuple[int, int, int]:
    options = sum(turn.option for turn in schedule)
    return options, sum(1 for _ in groupby(turn.actor for turn in schedule)), len(schedule)


def _first_smaller(schedule: Schedule, fails_alike: Callable[[Schedule], Run | None]) -> Run | None:
    blocks = _blocks(schedule)
    candidates = [_joined(blocks[:i] + blocks[i + 1 :]) for i in range(len(blocks))]
    candidates += [_joined([*blocks[:i], blocks[i + 1], blocks[i], *blocks[i + 2 :]]) for i in range(len(blocks) - 1)]
    candidates += [_joined([*blocks[:i], blocks[i][:-1], *blocks[i + 1 :]]) for i in range(len(blocks))]
    candidates += [
        (*schedule[:i], Turn(turn.actor, turn.option - 1), *schedule[i + 1 :])
        for i, turn in enumerate(schedule)
        if turn.option
    ]
    for candidate in candidates:
        run = fails_alike(candidate)
        if run is not None and _cost(run.schedule) < _cost(schedule):
            return run
    return None


def _blocks(schedule: Schedule) -> list[Schedule]:
    """The schedule as pieces in which one actor goes on."""
    return [tuple(group) for _, group in groupby(schedule, lambda turn: turn.actor)]


def _joined(blocks: Iterable[Schedule]) -> Schedule:
    return tuple(turn for block in blocks for turn in block)


def _without_default_end(schedule: Schedule, fails_alike: Callable[[Schedule], Run | None]) -> Schedule:
    """Leave out the steps at the end that would be taken anyway."""
    for length in range(len(schedule)):
        run = fails_alike(schedule[:length])
        if run is not None and run.schedule == schedule:
            return schedule[:length]
    return schedule
