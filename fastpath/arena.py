"""The arena: one mapping of shared memory that holds everything hits touch.

Anonymous memory, zero from the start, on huge pages where the kernel grants them: a look-up among a million flows
then misses the cache but not the address translation as well.
"""

import mmap
import secrets

import numpy as np

from fastpath.layout import SECRET, Geometry
from fastpath.memory import Words

_HUGE_PAGE = 2 << 20


def new_arena(geometry: Geometry, seed: int | None = None) -> Words:
    """A zeroed arena with its geometry and hash secret written.

    `seed` makes the secret reproducible, for tests and recorded schedules; leave it out otherwise.
    """
    words = _huge_pages(geometry.words)
    for index, value in geometry.offsets().items():
        words[index] = value
    source = np.random.default_rng(seed) if seed is not None else np.random.default_rng(secrets.randbits(128))
    words[SECRET : SECRET + 4] = source.integers(1, 1 << 64, size=4, dtype=np.uint64)
    return words


def _huge_pages(count: int) -> Words:
    size = -(-8 * count // _HUGE_PAGE) * _HUGE_PAGE
    mapping = mmap.mmap(-1, size + _HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        mapping.madvise(mmap.MADV_HUGEPAGE)
    raw = np.frombuffer(mapping, np.uint64)
    # Records are a whole number of lines; huge pages want their own alignment.
    skip = -raw.ctypes.data % _HUGE_PAGE // 8
    return raw[skip : skip + count]
