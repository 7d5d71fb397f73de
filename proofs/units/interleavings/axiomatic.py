"""Which outcomes of a litmus test a memory model allows, by its axioms: an oracle apart from the explorer.

Every candidate execution is tried: each load reads any store of its variable (reads-from), the stores of each variable
are in any order (modification order). A model forbids candidates by the absence of cycles. SC: of program order and
communication. TSO: the axiomatic model of Owens, Sarkar and Sewell (2009) in the form of Alglave, Maranget and
Tautschnig (2014): program order without store-to-load pairs unless a fence or a locked operation stands between. RA:
RC11 of Lahav et al. (2017) without sequentially consistent accesses, with the release sequences of C++20.
"""

from collections.abc import Iterator
from itertools import permutations, product

from fastpath.memory import Ordering
from proofs.interleavings.memory_model import MemoryName
from proofs.units.interleavings.litmus import VARIABLES, Event, Litmus, Outcome

Relation = set[tuple[int, int]]
_ACQUIRES = (Ordering.ACQUIRE, Ordering.ACQUIRE_RELEASE, Ordering.FULL)
_RELEASES = (Ordering.RELEASE, Ordering.ACQUIRE_RELEASE, Ordering.FULL)


class Candidate:
    """One candidate execution. Events 0 to 2 are the initial stores of x, y, z; the others follow thread by thread."""

    def __init__(self, test: Litmus, reads: dict[int, int], order: list[tuple[int, ...]]) -> None:
        self.events = [*initial_stores(), *(event for thread in test.threads for event in thread)]
        self.everything = range(len(self.events))
        self.program_order = _program_order(test)
        self.reads_from = {(store, load) for load, store in reads.items()}
        self.modification = {
            (one, other) for stores in order for place, one in enumerate(stores) for other in stores[place + 1 :]
        }
        self.from_read = {
            (load, other)
            for load, store in reads.items()
            for earlier, other in self.modification
            if earlier == store and other != load
        }
        self.communication = self.reads_from | self.modification | self.from_read
        self.reads, self.order = reads, order

    def outcome(self) -> Outcome | None:
        """The values, or None when an addition would depend on itself."""
        values: dict[int, int] = {}
        for _ in self.everything:
            for number in self.everything:
                event = self.events[number]
                if event.kind == "store":
                    values[number] = event.value
                elif number in self.reads and self.reads[number] in values:
                    values[number] = values[self.reads[number]] + (event.value if event.kind == "add" else 0)
        if any(load not in values for load in self.reads):
            return None
        seen = tuple(values[self.reads[load]] for load in sorted(self.reads))
        return seen, tuple(values[stores[-1]] for stores in self.order)

    def is_atomic(self) -> bool:
        """Whether each addition comes right behind the store that it reads."""
        return not any(
            self.events[load].kind == "add"
            and (store, other) in self.modification
            and (other, load) in self.modification
            for load, store in self.reads.items()
            for other in self.everything
        )

    def satisfies(self, model: MemoryName) -> bool:
        """Whether a memory model allows it."""
        if not self.is_atomic():
            return False
        if model is MemoryName.SC:
            return is_acyclic(self.program_order | self.communication)
        return self._satisfies_tso() if model is MemoryName.TSO else self._satisfies_rc11()

    def _same_place(self) -> Relation:
        return {
            (one, other)
            for one, other in self.program_order
            if "fence" not in (self.events[one].kind, self.events[other].kind)
            and self.events[one].variable == self.events[other].variable
        }

    def _satisfies_tso(self) -> bool:
        thread_of = {one: frozenset({one, *self._program_neighbours(one)}) for one in self.everything}
        kept = {
            (one, other)
            for one, other in self.program_order
            if not (self.events[one].kind == "store" and self.events[other].kind == "load")
            or any(
                self._is_locked(between)
                and (one, between) in self.program_order
                and (between, other) in self.program_order
                for between in self.everything
            )
        }
        external = {(store, load) for store, load in self.reads_from if load not in thread_of[store]}
        return is_acyclic(self._same_place() | self.communication) and is_acyclic(
            kept | external | self.modification | self.from_read
        )

    def _program_neighbours(self, one: int) -> Iterator[int]:
        yield from (
            other for pair in self.program_order if one in pair and min(pair) >= len(VARIABLES) for other in pair
        )

    def _is_locked(self, number: int) -> bool:
        event = self.events[number]
        return event.kind == "add" or (event.kind == "fence" and event.ordering is Ordering.FULL)

    def _satisfies_rc11(self) -> bool:
        happens_before = closed(self.program_order | self._synchronizes_with())
        extended = closed(self.communication)
        fences = [
            number
            for number in self.everything
            if self.events[number].kind == "fence" and self.events[number].ordering is Ordering.FULL
        ]
        through = composed(composed(happens_before, extended), happens_before)
        between_fences = {(a, b) for a in fences for b in fences if (a, b) in happens_before | through}
        return (
            is_acyclic(self.program_order | self.reads_from)
            and is_acyclic(self.communication)
            and all(one != other for one, other in happens_before | composed(happens_before, extended))
            and is_acyclic(between_fences)
        )

    def _synchronizes_with(self) -> Relation:
        """From a release, through a release sequence and the load that reads it, to an acquire."""
        updates = {(a, b) for a, b in self.reads_from if self.events[b].kind == "add"}
        sequence = closed(updates) | {(number, number) for number in self.everything}
        found: Relation = set()
        for head, store in sequence:
            for source, load in self.reads_from:
                if source == store:
                    found |= set(product(self._releases(head), self._acquires(load)))
        return found

    def _releases(self, store: int) -> list[int]:
        itself = [store] if self.events[store].ordering in _RELEASES else []
        return [*itself, *(a for a, b in self.program_order if b == store and self._is_fence(a, _RELEASES))]

    def _acquires(self, load: int) -> list[int]:
        itself = [load] if self.events[load].ordering in _ACQUIRES else []
        return [*itself, *(b for a, b in self.program_order if a == load and self._is_fence(b, _ACQUIRES))]

    def _is_fence(self, number: int, orderings: tuple[Ordering, ...]) -> bool:
        event = self.events[number]
        return event.kind == "fence" and event.ordering in orderings


def allowed(test: Litmus, model: MemoryName) -> set[Outcome]:
    """The outcomes of all candidate executions that a memory model allows."""
    events = [*initial_stores(), *(event for thread in test.threads for event in thread)]
    stores: list[list[int]] = [[] for _ in VARIABLES]
    for number, event in enumerate(events):
        if event.kind in ("store", "add"):
            stores[event.variable].append(number)
    loads = [number for number, event in enumerate(events) if event.kind in ("load", "add")]
    sources = [[store for store in stores[events[load].variable] if store != load] for load in loads]
    orders = [[(first, *rest) for rest in permutations(others)] for first, *others in stores]
    found: set[Outcome] = set()
    for order in product(*orders):
        for chosen in product(*sources):
            candidate = Candidate(test, dict(zip(loads, chosen, strict=True)), list(order))
            outcome = candidate.outcome()
            if outcome is not None and outcome not in found and candidate.satisfies(model):
                found.add(outcome)
    return found


def initial_stores() -> list[Event]:
    """A store of 0 to each variable, before everything."""
    return [Event("store", variable, 0, Ordering.RELAXED) for variable in range(len(VARIABLES))]


def _program_order(test: Litmus) -> Relation:
    begin, found = len(VARIABLES), set[tuple[int, int]]()
    for thread in test.threads:
        numbers = range(begin, begin + len(thread))
        found |= {(one, other) for one in numbers for other in numbers if one < other}
        found |= {(first, number) for first in range(len(VARIABLES)) for number in numbers}
        begin += len(thread)
    return found


def closed(relation: Relation) -> Relation:
    """The transitive closure."""
    found = set(relation)
    while more := composed(found, found) - found:
        found |= more
    return found


def composed(one: Relation, other: Relation) -> Relation:
    """Pairs connected by a step of one relation and then one of the other."""
    after: dict[int, list[int]] = {}
    for a, b in other:
        after.setdefault(a, []).append(b)
    return {(a, c) for a, b in one for c in after.get(b, ())}


def is_acyclic(relation: Relation) -> bool:
    """Whether no element is related to itself through others."""
    return all(one != other for one, other in closed(relation))
