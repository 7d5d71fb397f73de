"""Jobs that cost the process that does them its life: for the checks that nothing is lost with it."""

import os
import signal
from pathlib import Path

from proofs.interleavings.campaign.job import Done, Job, perform


def fatal_at_first(marker: Path, job: Job) -> Done:
    """Do a job, but kill the process that begins the very first one; `marker` is a file that is not there before."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return perform(job)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a process outlived being killed")


def fatal(_job: Job) -> Done:
    """Kill the process whatever the job is."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a process outlived being killed")
