"""A frame that was no hit, under a policy: through the gate, behind the port lock if there is one, to its verdict."""

from typing import Any

import numpy as np

from fastpath.commit import AGAIN
from fastpath.compiler import cold_kernel, kernel
from fastpath.decision import OUTCOME_ACTION, OUTCOME_HASH, OUTCOME_REWRITE
from fastpath.gate import begin_miss, end_miss
from fastpath.layout import FRAME_L4_HASH, FRAME_TICKET, FRAME_VERDICT, MISSED, VERDICT_WAIT, Index
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.miss import CLOSED_HERE, DENIED_HERE, FORWARDED, WAIT, perform_miss
from fastpath.policy import Policy
from fastpath.port_lock import acquire_alone, release_alone
from fastpath.transform import apply


def missing_under(policy: Policy, hit: Any) -> Any:
    """The kernel that decides a parsed frame which `hit` did not; False leaves it to the caller, bytes untouched.

    The frame's verdict then says whether the caller is to wait (`VERDICT_WAIT`) or to ask the reference.
    """
    has_port_lock = policy.has_port_lock
    may_close = not has_port_lock
    old_ways = policy.old_ways

    @kernel
    def attempt(
        words: Words,
        rules: Words,
        counts: Words,
        frames: Frame,
        descriptors: Words,
        at: Index,
        work: Words,
        record: Index,
        now: np.uint64,
        line: Index,
        thread: Index,
    ) -> np.uint64:
        if not begin_miss(words, line):
            return WAIT
        # Inside the miss: a slow operation takes the port lock when misses are over.
        if has_port_lock:
            acquire_alone(words)
        outcome = perform_miss(
            words, rules, counts, frames, descriptors, at, work, record, now, line, thread, may_close
        )
        if has_port_lock:
            release_alone(words)
        end_miss(words, line)
        return outcome

    @cold_kernel
    def miss(
        words: Words,
        rules: Words,
        counts: Words,
        frames: Frame,
        descriptors: Words,
        at: Index,
        work: Words,
        record: Index,
        now: np.uint64,
        line: Index,
        thread: Index,
        owner: np.uint64,
    ) -> bool:
        outcome = attempt(words, rules, counts, frames, descriptors, at, work, record, now, line, thread)
        if outcome == AGAIN:
            # Another thread has begun, or renewed, the flow. A segment that is no hit even so is the reference's.
            if hit(words, frames, descriptors, at, work, record, now, line, owner):
                return True
            outcome = attempt(words, rules, counts, frames, descriptors, at, work, record, now, line, thread)
        passes = outcome == FORWARDED or outcome == CLOSED_HERE
        if passes:
            action, rewrite = work[OUTCOME_ACTION], work[OUTCOME_REWRITE]
            apply(words, frames, descriptors, at, work, record, action, rewrite, old_ways)
            descriptors[at + FRAME_L4_HASH] = work[OUTCOME_HASH]
        elif outcome == WAIT:
            descriptors[at + FRAME_VERDICT] = VERDICT_WAIT
        if outcome == FORWARDED or outcome == DENIED_HERE:
            descriptors[at + FRAME_TICKET] = MISSED
        return passes or outcome == DENIED_HERE

    return miss
