"""The control word: epoch and port state, read by every hit.

It changes under the slow lock only. Who changes it waits out a grace period before telling anybody that the change has
happened: from then on no hit can still be under way that read the word before.
"""

import numpy as np

from fastpath.atomics import store_release
from fastpath.compiler import entry_point
from fastpath.layout import (
    CONTROL,
    CONTROL_EPOCH_SHIFT,
    STATE_PAUSED,
    STATE_READY,
    STATE_RUNNING,
    STATE_SEALED,
    THREAD_COUNT,
)
from fastpath.memory import Words
from fastpath.reclaim import wait_for_grace
from reference.port_data import PortState

_CODES = {PortState.READY: STATE_READY, PortState.RUNNING: STATE_RUNNING, PortState.PAUSED: STATE_PAUSED}


@entry_point
def publish(words: Words, control: np.uint64) -> None:
    """Set the control word. Release: a hit that reads it sees every entry installed before."""
    store_release(words, CONTROL, control)


class Control:
    """The control word of one port. Used under the slow lock.

    `waits_for_hits` says whether a change waits for the hits under way. Where every hit takes a lock under which slow
    operations run, it must not: a hit that waits for the lock is under way too. That leaves hits that are past the
    lock.
    """

    def __init__(self, words: Words, *, waits_for_hits: bool) -> None:
        self._words = words
        self._announced = np.zeros(int(words[THREAD_COUNT]), np.uint64)
        self._waits_for_hits = waits_for_hits
        self._published = int(words[CONTROL])

    def follow(self, state: PortState, epoch: int) -> None:
        """Let hits go by this state and epoch; returns when no hit goes by another any more."""
        self._set(epoch << int(CONTROL_EPOCH_SHIFT) | int(_CODES[state]))

    def seal(self) -> None:
        """Hold off all hits, until the next `follow`."""
        self._set(self._published | int(STATE_SEALED))

    def _set(self, control: int) -> None:
        if control == self._published:
            return
        publish(self._words, np.uint64(control))
        self._published = control
        if self._waits_for_hits:
            wait_for_grace(self._words, self._announced)
