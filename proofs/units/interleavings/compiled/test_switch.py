"""The switch: what reaches the scheduler of an access, and what is said where there is none."""

import platform

import numpy as np
import pytest
from numba.core.caching import NullCache

from fastpath import code_cache
from fastpath.interpreted import Interpreted
from fastpath.memory import Ordering, Words
from fastpath.uft import install
from proofs.interleavings.compiled import switch
from proofs.interleavings.compiled.build import Instrumented
from proofs.interleavings.compiled.compiler import SOURCES
from proofs.interleavings.compiled.engine import Engine
from proofs.interleavings.compiled.kernel_program import KernelProgram
from proofs.interleavings.compiled.known_flow import nothing_to_check
from proofs.interleavings.compiled.state import ACCESS_KIND, PENDING, SHARED_AT, TARGET
from proofs.interleavings.compiled.switch import Operation, UnavailableError, decode, kind_of, why_unavailable
from proofs.interleavings.compiled.turns import begin

needs_the_switch = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("ordering", Ordering)
def test_a_kind_of_access_holds_operation_and_orderings(operation: Operation, ordering: Ordering) -> None:
    assert decode(kind_of(operation, ordering, Ordering.ACQUIRE)) == (operation, ordering, Ordering.ACQUIRE)


def announcing(modules: Interpreted) -> KernelProgram:
    """Each thread makes one kind of access, to word 2."""
    atomics = modules.module("fastpath.atomics")
    load_acquire, store_release = atomics.load_acquire, atomics.store_release
    fetch_add, compare_and_swap = atomics.fetch_add, atomics.compare_and_swap

    def load(words: Words, mine: Words) -> None:
        mine[0] = load_acquire(words, 2)

    def store(words: Words, _mine: Words) -> None:
        store_release(words, 2, 1)

    def update(words: Words, _mine: Words) -> None:
        fetch_add(words, 2, 1)

    def swap(words: Words, _mine: Words) -> None:
        compare_and_swap(words, 2, 0, 1)

    def element(words: Words, mine: Words) -> None:
        mine[0] = words[2]

    return KernelProgram(np.zeros(4, np.uint64), [load, store, update, swap, element], nothing_to_check)


@needs_the_switch
def test_address_kind_and_orderings_of_each_access_reach_the_scheduler() -> None:
    room = Engine(announcing).prepare()
    search = room.searches[0]
    begin(search)
    switch.CONTROL[switch.TURNS] = 0
    announced = [decode(int(kind)) for kind in search["threads"][:5, ACCESS_KIND]]
    assert announced == [
        (Operation.LOAD, Ordering.ACQUIRE, Ordering.PLAIN),
        (Operation.STORE, Ordering.RELEASE, Ordering.PLAIN),
        (Operation.UPDATE, Ordering.ACQUIRE_RELEASE, Ordering.PLAIN),
        (Operation.COMPARE_AND_SWAP, Ordering.ACQUIRE_RELEASE, Ordering.ACQUIRE),
        (Operation.LOAD, Ordering.PLAIN, Ordering.PLAIN),
    ]
    assert set(search["threads"][:5, PENDING]) == {3}
    assert set(search["threads"][:5, TARGET]) == {search["state"][SHARED_AT] + 16}


def test_another_processor_is_told_that_there_is_no_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(UnavailableError, match="x86-64 Linux only, this is linux aarch64"):
        switch.routines.__wrapped__()


def test_the_search_has_a_code_cache_of_its_own() -> None:
    assert code_cache.folder(SOURCES) != code_cache.folder()
    assert begin._cache.cache_path == str(code_cache.folder(SOURCES))  # type: ignore[attr-defined]


@needs_the_switch
def test_instrumented_kernels_are_never_kept() -> None:
    instrumented = Instrumented().module("fastpath.uft").install
    assert instrumented.py_func.__code__ == install.py_func.__code__  # type: ignore[attr-defined]
    assert isinstance(instrumented._cache, NullCache)
    assert not isinstance(install._cache, NullCache)  # type: ignore[attr-defined]
