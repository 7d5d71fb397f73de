"""Chunks of what threads share: never more than half a fair share, and never nothing."""

from typing import Any

import numpy as np
import pytest

from fastpath import chunks
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import small_arena

UNCOMPILED = arenas.plain("fastpath.chunks")
THREADS, LARGEST = arenas.GEOMETRY.threads, 50


@pytest.mark.parametrize("kernels", [chunks, UNCOMPILED], ids=["compiled", "uncompiled"])
def test_a_chunk_is_half_a_fair_share_at_least_1_and_never_above_the_largest(kernels: Any) -> None:
    words = small_arena()
    taken = [int(kernels.chunk_of(words, np.uint64(left), LARGEST)) for left in range(400)]
    assert taken == [min(max(left // (2 * THREADS), 1), LARGEST) for left in range(400)]
