"""The tables of orderings are complete: whatever the source of `fine` asks for has been taken away once."""

from proofs.interleavings.miss_orderings import NEEDED_BY_MISSES, NOT_NEEDED_BESIDE_MISSES
from proofs.interleavings.ordering_sites import (
    NOT_OF_FINE,
    ORDERED,
    Site,
    sites,
    sites_of_fine,
    source_of,
    taken_away,
)
from proofs.interleavings.orderings import NEEDED, NOT_NEEDED
from proofs.interleavings.scenario import Fault
from proofs.ledger import Method, claim

FAULTS = (
    *(removal.fault for table in (NEEDED, NEEDED_BY_MISSES, NOT_NEEDED_BESIDE_MISSES) for removal in table.values()),
    *NOT_NEEDED.values(),
)


@claim(
    "C8",
    "every ordering in the source of fine is one whose removal was tried: a scenario misses it, or the reason why none "
    "can is tried as well",
    method=Method.TESTED,
    scope=f"all calls of {', '.join(sorted(ORDERED))} in fastpath, but for {', '.join(map('.'.join, NOT_OF_FINE))}",
)
def test_every_ordering_of_fine_has_been_taken_away_once() -> None:
    tried = set[Site]().union(*map(taken_away, FAULTS))
    assert sites_of_fine() - tried == set()


def test_functions_that_fine_never_calls_are_there() -> None:
    for module, function in NOT_OF_FINE:
        assert any(site.function == function for site in sites(module, source_of(module)))


def test_a_call_is_found_wherever_it_stands() -> None:
    source = (
        "def f(words):\n"
        "    while load_acquire(words, 0) and fence_full():\n"
        "        if compare_and_swap(words, 0, load_acquire(words, 1), 2):\n"
        "            load_relaxed(words, 3)\n"
    )
    found = [(site.operation, site.number) for site in sites("m", source)]
    assert found == [("load_acquire", 1), ("fence_full", 1), ("compare_and_swap", 1), ("load_acquire", 2)]


def test_a_change_that_leaves_the_ordering_takes_nothing_away() -> None:
    old = "    fence_full()\n    count = _NOTHING\n"
    assert not taken_away(Fault("", [("fastpath.reclaim", old, "    fence_full()\n    count = np.uint64(0)\n")]))
    assert taken_away(Fault("", [("fastpath.reclaim", old, "    count = _NOTHING\n")]))
