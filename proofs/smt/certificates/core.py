"""Which conditions contradict each other, of many that were given: only these need a certificate.

z3 is asked, and need not be right: if those that it names have a solution, no proof will be found that they have none.
Left out is only what it has no use for. Bounds of unknowns are kept where the unknowns are, since bits need them.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import z3

from proofs.smt.certificates.cases import conjuncts
from proofs.smt.certificates.linear import parts_first
from proofs.smt.values import Term

TIMEOUT_MS = 20_000
REMEMBERED = 1 << 16
"""Of so many conditions it is remembered what they consist of: most of them are asked about again and again."""


def separate(conditions: Sequence[Term]) -> Iterator[list[Term]]:
    """Cases by the last condition, which is the question: where it denies several things at once, each is one case."""
    *others, question = conditions
    yield from ([*others, *case] for case in _denials(question))


def _denials(question: Term) -> Iterator[list[Term]]:
    """What a question asks for, in cases that together are all of it."""
    if not z3.is_not(question):
        yield [question]
        return
    denied = question.arg(0)
    if z3.is_and(denied):
        for part in denied.children():
            yield from _denials(z3.Not(part))
    elif z3.is_implies(denied):
        yield from ([denied.arg(0), *case] for case in _denials(z3.Not(denied.arg(1))))
    else:
        yield [question]


def simplified(conditions: Sequence[Term]) -> list[Term]:
    """The conditions as z3 simplifies them, so that equal numbers look alike; but none that is false altogether."""
    simpler = map(z3.simplify, conditions)
    return [before if z3.is_false(after) else after for before, after in zip(conditions, simpler, strict=True)]


def shortened(conditions: Iterable[Term]) -> list[Term]:
    """What holds where conditions do, in parts without connectives, as far as one part decides those of another."""
    waiting = [pair for condition in conditions for pair in conjuncts(condition)]
    known: dict[tuple[int, bool], Term] = {}
    while waiting:
        known |= {(part.get_id(), true): part for part, true in waiting}
        waiting = []
        for (number, true), part in list(known.items()):
            shorter = _shortened(part, true, known)
            if shorter is not None:
                del known[number, true]
                waiting += conjuncts(*shorter)
    return [part if true else z3.Not(part) for (_, true), part in known.items()]


def _shortened(part: Term, true: bool, known: Mapping[tuple[int, bool], Term]) -> tuple[Term, bool] | None:
    """A disjunction without what is known to be false; None if nothing is."""
    if not (z3.is_or(part) and true) and not (z3.is_and(part) and not true):
        return None
    left = [child for child in part.children() if not _is_known(child, z3.is_and(part), known)]
    if len(left) == part.num_args():
        return None
    whole = left[0] if len(left) == 1 else z3.Or(left) if z3.is_or(part) else z3.And(left)
    return whole, true


def _is_known(part: Term, true: bool, known: Mapping[tuple[int, bool], Term]) -> bool:
    """Whether a condition is known to be true, or to be false."""
    while z3.is_not(part):
        part, true = part.arg(0), not true
    return (part.get_id(), true) in known


class Question:
    """Conditions that z3 calls contradictory, and what of them may be enough to contradict itself.

    Attributes:
        conditions: all of them.
        parts: what holds where the conditions do, without connectives between them.
    """

    def __init__(self, conditions: Sequence[Term]) -> None:
        self.conditions = conditions
        self.parts = _conjuncts(conditions)

    @functools.cached_property
    def needed(self) -> Sequence[Term] | None:
        """Few of the parts that z3 still calls contradictory, or None if it finds none.

        Only where there are integers: bit-vectors have bits whatever else is known of them.
        """
        if not any(map(_unknowns, self.parts)):
            return None
        return _contradictory(_simplest(self.parts, _conjuncts(self.conditions[-1:]))) or _contradictory(self.parts)

    def cores(self) -> Iterator[Sequence[Term]]:
        """The needed parts with what may help to see that they contradict each other; at last all conditions.

        First with the bounds of their unknowns, then with all else that compares these with each other, then with all
        that is about one of these.
        """
        if self.needed is not None:
            yield _with(self.needed, self.parts, _is_bound)
            yield _with(self.needed, self.parts, _is_comparison)
            known = {unknown for part in self.needed for unknown in _unknowns(part)}
            yield _with([part for part in self.parts if not known.isdisjoint(_unknowns(part))], self.parts, _is_bound)
        yield self.conditions


class Reasons:
    """What has been shown to contradict itself: where all of it is given again, nothing is left to be shown."""

    def __init__(self) -> None:
        self._shown: dict[frozenset[int], Sequence[Term]] = {}

    def add(self, reason: Sequence[Term]) -> None:
        """Note what has been shown. The terms are kept: z3 gives the number of one that is gone to another."""
        assert reason, "nothing does not contradict itself"
        self._shown[frozenset(part.get_id() for part in reason)] = reason

    def are_given(self, parts: Iterable[Term]) -> bool:
        """Whether one of the reasons is among some parts."""
        given = {part.get_id() for part in parts}
        return any(reason <= given for reason in self._shown)


def _conjuncts(conditions: Iterable[Term]) -> list[Term]:
    return list({part.get_id(): part for condition in conditions for part in _conjuncts_of(condition)}.values())


@functools.lru_cache(maxsize=REMEMBERED)
def _conjuncts_of(condition: Term) -> tuple[Term, ...]:
    return tuple(part if true else z3.Not(part) for part, true in conjuncts(condition))


def _simplest(parts: Sequence[Term], question: Sequence[Term]) -> list[Term]:
    """The question, and what is about one unknown only."""
    return [part for part in parts if len(_unknowns(part)) < 2 or any(part.eq(asked) for asked in question)]


def _contradictory(parts: Sequence[Term]) -> list[Term] | None:
    """Those of the parts that z3 has used to find a contradiction; None if it has found none."""
    context = z3.Context()
    solver = z3.Solver(ctx=context)
    solver.set("timeout", TIMEOUT_MS)
    solver.set("smt.arith.solver", 2)
    solver.set("core.minimize", True)
    names = {}
    for number, part in enumerate(parts):
        name = z3.Bool(f"part {number}", context)
        names[name.get_id()] = part
        solver.assert_and_track(part.translate(context), name)
    if solver.check() != z3.unsat:
        return None
    return [names[name.get_id()] for name in solver.unsat_core()]


def _with(needed: Sequence[Term], parts: Sequence[Term], helps: Callable[[Term], bool]) -> list[Term]:
    """The needed ones, and those others that help and are about unknowns of these only."""
    kept = {part.get_id() for part in needed}
    known = {unknown for part in needed for unknown in _unknowns(part)}
    return [part for part in parts if part.get_id() in kept or (helps(part) and _unknowns(part) <= known)]


@functools.lru_cache(maxsize=REMEMBERED)
def _simple(condition: Term) -> Term:
    return z3.simplify(condition)


@functools.lru_cache(maxsize=REMEMBERED)
def _unknowns(condition: Term) -> frozenset[Term]:
    """The numbers in a condition that are unknown, or that a function gives; as simplified, so that each is one."""
    return frozenset(
        part
        for part in parts_first(_simple(condition), lambda _: False)
        if z3.is_int(part) and z3.is_app_of(part, z3.Z3_OP_UNINTERPRETED)
    )


def _is_comparison(condition: Term) -> bool:
    """Whether a condition compares two numbers."""
    condition = _simple(condition)
    comparison = condition.arg(0) if z3.is_not(condition) else condition
    return bool(z3.is_app(comparison) and comparison.num_args() == 2 and z3.is_int(comparison.arg(0)))


def _is_bound(condition: Term) -> bool:
    """Whether a condition compares something with a number that is known."""
    condition = _simple(condition)
    comparison = condition.arg(0) if z3.is_not(condition) else condition
    return _is_comparison(condition) and any(map(z3.is_int_value, comparison.children()))
