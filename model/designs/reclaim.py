"""Records that are used, retired and used again: S4, and the grace periods of operations.

The model of `fastpath/reclaim.py` and `fastpath/records.py`. A grace period is over when every thread that was
inside a batch at its beginning has left it.
"""

from collections.abc import Iterable
from typing import NamedTuple

from model.designs.immutable import put


class Pool(NamedTuple):
    """Which records are in use, and since when the others have been retired.

    Attributes:
        used: for each record, whether it is in use.
        limbo: for each record, the announcements when it was retired; empty before that.
    """

    used: tuple[bool, ...]
    limbo: tuple[tuple[int, ...], ...]

    def take(self, record: int) -> "Pool":
        """The pool with a record in use."""
        return Pool(put(self.used, record, True), put(self.limbo, record, ()))

    def retire(self, record: int, announce: tuple[int, ...]) -> "Pool":
        """The pool with a record in limbo.

        The real operation reads one announcement after the other. Reading them at once is the harder case: one
        that is read later can only be found odd where it was even, and is then waited for without need.
        """
        return Pool(put(self.used, record, False), put(self.limbo, record, announce))

    def free(self, candidates: Iterable[int], announce: tuple[int, ...], *, at_once: bool) -> int | None:
        """The first of the candidates that may be used; None when there is none. `at_once`: nobody is waited for."""
        for record in candidates:
            if not self.used[record] and (at_once or grace_is_over(self.limbo[record], announce)):
                return record
        return None


def grace_is_over(sample: tuple[int, ...], announce: tuple[int, ...]) -> bool:
    """Whether every thread that was inside a batch when `sample` was taken has left it since."""
    return all(seen % 2 == 0 or seen != now for seen, now in zip(sample, announce, strict=False))
