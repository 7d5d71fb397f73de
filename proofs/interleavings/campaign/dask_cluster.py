"""Jobs on a Dask cluster. The scheduler notices a worker that is gone and gives its jobs to another one.

Workers must be able to import `proofs`, from the same sources: start them in a checkout, each with one thread, for a
thread holds the interpreter for as long as its job takes: `dask worker ADDRESS --nthreads 1`.
"""
# mypy: disallow-untyped-calls=False

import queue
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from distributed import Client

from proofs.interleavings.campaign.job import Done, Job, Lost, code_identity, perform

CONNECT_SECONDS = 30.0
GRACE_SECONDS = 300.0
"""What may pass beyond a job's own limit without any job being finished: for shrinking, and for workers to be found."""


class ClusterError(RuntimeError):
    """The cluster cannot be used; the message says why."""


class DaskCluster:
    """The workers of a scheduler, by its address; `do` is how a job is done there, a function of a module."""

    def __init__(
        self,
        address: str,
        do: Callable[[Job], Done] = perform,
        connect_seconds: float = CONNECT_SECONDS,
        workers: int = 1,
    ) -> None:
        """`workers` is how many must be there before jobs are handed out; others may come later."""
        self._address = address
        self._wanted = workers
        self._do = do
        self._seconds = connect_seconds

    def results(self, jobs: Sequence[Job]) -> Iterator[Done | Lost]:
        """Do the jobs; what came of each, as soon as it is there.

        Raises ClusterError when there is no scheduler, or none of its workers is there.
        """
        with self._client() as client:
            finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
            # A key that the scheduler has seen gets the old result: each campaign has its own.
            ours = uuid.uuid4().hex
            futures = {client.submit(self._do, job, key=f"{job.key}/{ours}"): job for job in jobs}
            try:
                for future in futures:
                    future.add_done_callback(finished.put)
                patience = max(job.effort.seconds for job in jobs) + GRACE_SECONDS
                for _ in range(len(jobs)):
                    future = finished.get(timeout=patience)
                    yield _answer(future, futures.pop(future))
            except queue.Empty:
                for job in futures.values():
                    yield Lost(job.key, f"the cluster finished no job for {patience:.0f} s")
            finally:
                client.cancel(list(futures))

    def _client(self) -> Client:
        try:
            client = Client(self._address, timeout=self._seconds, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ClusterError(f"no Dask scheduler at {self._address}: {error}") from error
        try:
            client.wait_for_workers(self._wanted, timeout=self._seconds)
        except TimeoutError as error:
            client.close()
            raise ClusterError(
                f"the scheduler at {self._address} has not {self._wanted} workers: start `dask worker`"
            ) from error
        return client


def _answer(future: Any, job: Job) -> Done | Lost:
    try:
        done: Done = future.result()
    except Exception as error:
        return Lost(job.key, f"{type(error).__name__}: {error}")
    if done.code != code_identity():
        return Lost(job.key, "the worker has other sources: start it in a checkout of the same version")
    return done
