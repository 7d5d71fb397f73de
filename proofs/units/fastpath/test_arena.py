"""The arena: zero but for its geometry and its secret, on whole pages, and alive as long as somebody has it."""

import gc
import mmap

import numpy as np
import pytest

from fastpath import arena
from fastpath.arena import HUGE_PAGE, new_arena
from fastpath.geometry import Geometry
from fastpath.layout import HEADER_WORDS, SECRET

SMALL = Geometry(entries=4, spare=4, threads=2)


def test_an_arena_says_its_geometry_and_is_zero_behind_the_header() -> None:
    words = new_arena(SMALL)
    assert len(words) == SMALL.words
    assert {index: int(words[index]) for index in SMALL.offsets()} == SMALL.offsets()
    assert not words[HEADER_WORDS:].any()
    known = {*SMALL.offsets(), *range(SECRET, SECRET + 4)}
    assert not any(words[index] for index in range(HEADER_WORDS) if index not in known)


def test_an_arena_begins_on_a_page_so_that_records_lie_on_whole_cache_lines() -> None:
    for _ in range(3):
        assert new_arena(SMALL).ctypes.data % HUGE_PAGE == 0


@pytest.mark.parametrize("offset", [64, 4096, HUGE_PAGE - 4096])
def test_an_arena_begins_on_a_page_wherever_the_system_puts_the_mapping(
    offset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    map_memory = mmap.mmap

    def mapping(descriptor: int, size: int, **options: int) -> memoryview:
        return memoryview(map_memory(descriptor, size + HUGE_PAGE, **options))[offset : offset + size]

    monkeypatch.setattr(vars(arena)["mmap"], "mmap", mapping)
    words = new_arena(SMALL)
    assert words.ctypes.data % HUGE_PAGE == 0
    assert len(words) == SMALL.words


def test_the_secret_is_new_each_time_and_never_zero() -> None:
    secrets = [tuple(new_arena(SMALL)[SECRET : SECRET + 4].tolist()) for _ in range(8)]
    assert len(set(secrets)) == len(secrets)
    assert all(word for secret in secrets for word in secret)
    assert len({word for secret in secrets for word in secret}) == 4 * len(secrets)


def test_a_seed_makes_the_secret_reproducible() -> None:
    one, same, other = (new_arena(SMALL, seed) for seed in (5, 5, 6))
    assert np.array_equal(one, same)
    assert not np.array_equal(one[SECRET : SECRET + 4], other[SECRET : SECRET + 4])


def test_two_arenas_share_no_memory() -> None:
    one, other = new_arena(SMALL, 1), new_arena(SMALL, 1)
    one[HEADER_WORDS:] = 7
    assert not other[HEADER_WORDS:].any()


def test_the_memory_lives_as_long_as_a_part_of_the_arena_is_in_use() -> None:
    part = new_arena(SMALL)[HEADER_WORDS:]
    part[:] = 7
    gc.collect()
    new_arena(SMALL)[HEADER_WORDS:] = 9
    assert (part == 7).all()


class Mapping(mmap.mmap):
    """Memory that notes what was asked of it."""

    advice: list[int]

    def madvise(self, option: int, *where: int) -> None:
        Mapping.advice.append(option)


@pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="this system has no huge pages to ask for")
@pytest.mark.parametrize(("entries", "asks"), [(1_000, False), (1 << 18, True)])
def test_only_a_large_arena_asks_for_huge_pages(entries: int, asks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    Mapping.advice = []
    monkeypatch.setattr(vars(arena)["mmap"], "mmap", Mapping)
    geometry = Geometry(entries)
    assert (8 * geometry.words >= arena.HUGE_PAGES_FROM) is asks
    new_arena(geometry)
    assert Mapping.advice == [mmap.MADV_HUGEPAGE] * asks
