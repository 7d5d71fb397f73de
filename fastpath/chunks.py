"""How much of what all threads share one of them takes at once.

Large chunks while there is plenty, so that threads seldom meet; small ones as it gets scarce, so that little lies with
threads that do not need it (guided self-scheduling, Polychronopoulos and Kuck 1987). What does lie with them is
collected by a slow operation.
"""

import numpy as np

from fastpath.compiler import kernel
from fastpath.layout import ONE, THREAD_COUNT, Index
from fastpath.memory import Words


@kernel
def chunk_of(words: Words, left: np.uint64, largest: Index) -> np.uint64:
    """How much one thread takes where so much is left: half a fair share, at least 1 and at most `largest`."""
    return min(max(left // (words[THREAD_COUNT] + words[THREAD_COUNT]), ONE), np.uint64(largest))
