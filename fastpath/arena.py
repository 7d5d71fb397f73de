"""The arena: one mapping of shared memory that holds everything hits touch.

Anonymous memory, zero from the start. A large arena asks for huge pages: a look-up among a million flows then misses
the cache but not the address translation as well. A small one does without, and takes up only the pages that it has
touched.
"""

import mmap
import secrets

import numpy as np

from fastpath.geometry import Geometry
from fastpath.layout import SECRET
from fastpath.memory import Words

HUGE_PAGE = 2 << 20
"""Bytes; also the alignment of every arena, so that records lie on whole cache lines."""

HUGE_PAGES_FROM = 32 << 20
"""Bytes of an arena from which on huge pages are asked for."""


def new_arena(geometry: Geometry, seed: int | None = None) -> Words:
    """A zeroed arena with its geometry and hash secret written.

    `seed` makes the secret reproducible, for tests and recorded schedules; leave it out otherwise.
    """
    words = _mapping(geometry.words)
    for index, value in geometry.offsets().items():
        words[index] = value
    source = np.random.default_rng(seed) if seed is not None else np.random.default_rng(secrets.randbits(128))
    words[SECRET : SECRET + 4] = source.integers(1, 1 << 64, size=4, dtype=np.uint64)
    return words


def _mapping(count: int) -> Words:
    size = -(-8 * count // HUGE_PAGE) * HUGE_PAGE
    mapping = mmap.mmap(-1, size + HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size >= HUGE_PAGES_FROM and hasattr(mmap, "MADV_HUGEPAGE"):
        mapping.madvise(mmap.MADV_HUGEPAGE)
    raw = np.frombuffer(mapping, np.uint64)
    skip = -raw.ctypes.data % HUGE_PAGE // 8
    return raw[skip : skip + count]
