"""Jobs on processes of this machine. A process that is killed is replaced, and the job it had is done again."""

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from proofs.interleavings.campaign.job import Done, Job, Lost, perform

MOST_ATTEMPTS = 3
"""Processes that a job may cost before it is given up."""
GRACE_SECONDS = 300.0
"""What a job may take beyond its own limit: for starting, the last run, and shrinking what failed."""


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    job: Job | None = None
    attempt: int = 0
    until: float = 0.0


class LocalProcesses:
    """So many processes, each with one job at a time; `do` is how a job is done there, a function of a module."""

    def __init__(self, count: int, do: Callable[[Job], Done] = perform) -> None:
        self._count = count
        self._do = do
        self._workers: list[_Worker] = []
        self.replaced = 0
        """Processes that ended before they were told to."""

    def results(self, jobs: Sequence[Job]) -> Iterator[Done | Lost]:
        """Do the jobs; what came of each, as soon as it is there."""
        waiting = deque((job, 1) for job in jobs)
        self._workers = [_started(self._do) for _ in range(min(self._count, len(jobs)))]
        try:
            while waiting or any(worker.job for worker in self._workers):
                for worker in self._workers:
                    if worker.job is None and waiting:
                        _hand_over(worker, *waiting.popleft())
                for worker in self._finished():
                    job, attempt = worker.job, worker.attempt
                    assert job is not None
                    answer = _answer(worker)
                    worker.job = None
                    if answer is not None:
                        yield answer
                        continue
                    self._replace(worker)
                    if attempt < MOST_ATTEMPTS:
                        waiting.appendleft((job, attempt + 1))
                    else:
                        yield Lost(job.key, f"{attempt} processes ended, or took too long, before the job was done")
        finally:
            for worker in self._workers:
                _end(worker)

    def _finished(self) -> list[_Worker]:
        """Workers that have answered, have ended, or take too long."""
        busy = [worker for worker in self._workers if worker.job is not None]
        patience = max(min(worker.until for worker in busy) - time.monotonic(), 0.0)
        ready = wait([worker.connection for worker in busy], patience)
        now = time.monotonic()
        return [worker for worker in busy if worker.connection in ready or worker.until <= now]

    def _replace(self, worker: _Worker) -> None:
        _end(worker)
        self.replaced += 1
        self._workers[self._workers.index(worker)] = _started(self._do)


def _started(do: Callable[[Job], Done]) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, do), daemon=True)
    process.start()
    theirs.close()  # with the process's end gone, reading ours says that it has ended
    return _Worker(process, ours)


def _serve(connection: Connection, do: Callable[[Job], Done]) -> None:
    """What a process does: jobs, one after the other, until the other side hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for whoever hands out jobs
    while True:
        try:
            job: Job = connection.recv()
        except EOFError:
            return
        try:
            answer: Done | Lost = do(job)
        except Exception as error:
            answer = Lost(job.key, f"{type(error).__name__}: {error}")
        connection.send(answer)


def _hand_over(worker: _Worker, job: Job, attempt: int) -> None:
    worker.job, worker.attempt = job, attempt
    worker.until = time.monotonic() + job.effort.seconds + GRACE_SECONDS
    with suppress(OSError):  # it has ended, as reading will show
        worker.connection.send(job)


def _answer(worker: _Worker) -> Done | Lost | None:
    """What a worker has sent; None when it has ended or takes too long."""
    try:
        return worker.connection.recv() if worker.connection.poll() else None
    except (EOFError, OSError):
        return None


def _end(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.join()
    worker.process.close()
    worker.connection.close()
