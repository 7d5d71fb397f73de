"""A program that both engines run: its threads and its check are kernels.

The threads' functions are built once from interpreted modules and once from instrumented ones, by the same text. Each
takes the shared words and its own private words; the private words begin with its results.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from fastpath import memory
from fastpath.interpreted import Interpreted
from fastpath.memory import Words
from proofs.interleavings.observed import observed
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.scheduler import Scheduler

Rows: TypeAlias = npt.NDArray[np.uint64]
"""Two dimensions: the private words of all threads, a row each."""


class CheckFailedError(AssertionError):
    """The check at the end of a run found something wrong."""


@dataclass(frozen=True)
class KernelProgram:
    """A concurrent program on shared words.

    Attributes:
        words: what the shared words are at the start of each run.
        threads: one function a thread, of the shared words and its private ones. Nothing else may change.
        check: of the shared words at the end and the private words of all threads; False when something is wrong.
            Compiled as well: it is called after each run, and changes nothing.
        results: how many of a thread's private words are its results, and so belong to the outcome. An operation that
            is marked by `marks.called` gives one.
        private: the private words at the start, beyond the results, for each thread; equally many.
        kept: which of the shared words belong to the outcome too.
        constant: shared words that never change while threads run: reading them needs no turn.
        marked: whether threads mark their operations; then which had returned before which were called belongs to the
            outcome.
        explain: raises AssertionError for an outcome that is wrong. Not compiled: it is called once for each outcome
            that is new, with everything of a run that it may depend on.
        may_wait_forever: whether a run that ends with waiting threads is an outcome, not a failure.
        label: names a shared word, for reports.
    """

    words: Words
    threads: Sequence[Callable[[Words, Words], None]]
    check: Callable[[Words, Rows], bool]
    results: int = 1
    private: Sequence[Sequence[int]] = ()
    kept: Sequence[int] = ()
    constant: range = range(0)
    marked: bool = False
    explain: "Callable[[Outcome], object] | None" = None
    may_wait_forever: bool = False
    label: Callable[[str, int], str] = field(default="{}[{}]".format)

    @property
    def private_rows(self) -> Rows:
        """The private words of all threads at the start."""
        beyond = len(self.private[0]) if self.private else 0
        rows = np.zeros((len(self.threads), self.results + beyond), np.uint64)
        for row, words in zip(rows, self.private, strict=False):
            row[self.results :] = words
        return rows


Build: TypeAlias = Callable[[Interpreted], KernelProgram]
"""Makes a program from a set of modules, whichever way they are compiled."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended; equal for runs that are equivalent.

    Attributes:
        results: of each thread.
        kept: the shared words that belong to the outcome.
        calls: for each marked operation of each thread, how many operations each thread had returned from at its call.
        waiting: threads that waited for ever; then there is nothing else.
    """

    results: tuple[tuple[int, ...], ...] = ()
    kept: tuple[int, ...] = ()
    calls: tuple[tuple[tuple[int, ...], ...], ...] = ()
    waiting: tuple[int, ...] = ()


def as_program(build: Build, modules: Interpreted | None = None) -> Program:
    """The program as the plain Python engine runs it."""
    program = build(modules or Interpreted())

    def start() -> Instance:
        words, rows = observed(program.words.copy()), program.private_rows

        def finish(_results: Sequence[object]) -> Hashable:
            if not program.check(np.asarray(words), rows):
                raise CheckFailedError("the check at the end of the run fails")
            results = tuple(tuple(map(int, row[: program.results])) for row in rows)
            calls = _calls(len(rows)) if program.marked else ()
            outcome = Outcome(results, tuple(int(words[place]) for place in program.kept), calls)
            if program.explain is not None:
                program.explain(outcome)
            return outcome

        threads = [partial(body, words, row) for body, row in zip(program.threads, rows, strict=True)]
        constant: Mapping[str, range] = {"words": program.constant}
        waits = program.may_wait_forever
        return Instance({"words": words}, threads, finish, constant, waits, program.label)

    return start


def python_outcome(outcome: Any) -> Outcome:
    """An outcome of the plain Python engine; it says ("waiting", threads ...) for runs that wait for ever."""
    return outcome if isinstance(outcome, Outcome) else Outcome(waiting=tuple(outcome[1:]))


def _calls(threads: int) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """For each call of the run that has just ended how many operations each thread had returned from before it."""
    scheduler = memory.current
    assert isinstance(scheduler, Scheduler)
    returns: list[list[Any]] = [[] for _ in range(threads)]
    for thread, operation, moment in scheduler.marks:
        if operation == "return":
            returns[thread].append(moment)
    found: list[list[tuple[int, ...]]] = [[] for _ in range(threads)]
    for thread, operation, moment in scheduler.marks:
        if operation == "call":
            found[thread].append(tuple(sum(other < moment for other in others) for others in returns))
    return tuple(map(tuple, found))
