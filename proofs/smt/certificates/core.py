"""Which conditions contradict each other, of many that were given: only these need a certificate.

z3 is asked, and need not be right: if those that it names have a solution, no proof will be found that they have none.
Left out is only what it has no use for. Bounds of unknowns are kept where the unknowns are, since bits need them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import z3

from proofs.smt.certificates.cases import conjuncts
from proofs.smt.certificates.linear import parts_first
from proofs.smt.values import Term

TIMEOUT_MS = 20_000
MOST = 20
"""So many conditions are tried to be left out one by one."""


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


def cores(conditions: Sequence[Term]) -> Iterator[Sequence[Term]]:
    """Some of the conditions, or of their parts, that z3 still calls contradictory; then more of them, at last all.

    First with the bounds of their unknowns, then with all else that compares these with each other, then with all that
    is about one of these. Only where there are integers: bit-vectors have bits whatever else is known of them.
    """
    if not any(map(_unknowns, conditions)):
        yield conditions
        return
    conditions = simplified(conditions)
    parts = _parts(conditions)
    needed = _contradictory(_simplest(parts, _parts(conditions[-1:]))) or _contradictory(parts)
    if needed is not None:
        needed = _fewest(needed)
        yield _with(needed, parts, _is_bound)
        yield _with(needed, parts, _is_comparison)
        known = {unknown for part in needed for unknown in _unknowns(part)}
        yield _with([part for part in parts if not known.isdisjoint(_unknowns(part))], parts, _is_bound)
    yield conditions


def _simplest(parts: Sequence[Term], question: Sequence[Term]) -> list[Term]:
    """The question, and what is about one unknown only."""
    return [part for part in parts if len(_unknowns(part)) < 2 or any(part.eq(asked) for asked in question)]


def _parts(conditions: Iterable[Term]) -> list[Term]:
    """What holds where the conditions do, without connectives as far as one part decides those of another."""
    waiting = [pair for condition in conditions for pair in conjuncts(condition)]
    known: dict[int, tuple[Term, bool]] = {}
    while waiting:
        found = {part.get_id(): (part, true) for part, true in waiting}
        known |= found
        waiting = []
        for part, true in list(known.values()):
            shorter = _shortened(part, true, known)
            if shorter is not None:
                del known[part.get_id()]
                waiting += conjuncts(*shorter)
    return [part if true else z3.Not(part) for part, true in known.values()]


def _shortened(part: Term, true: bool, known: Mapping[int, tuple[Term, bool]]) -> tuple[Term, bool] | None:
    """A disjunction without what is known to be false; None if nothing is."""
    if not (z3.is_or(part) and true) and not (z3.is_and(part) and not true):
        return None
    left = [child for child in part.children() if not _is_known(child, z3.is_and(part), known)]
    if len(left) == part.num_args():
        return None
    whole = left[0] if len(left) == 1 else z3.Or(left) if z3.is_or(part) else z3.And(left)
    return whole, true


def _is_known(part: Term, true: bool, known: Mapping[int, tuple[Term, bool]]) -> bool:
    """Whether a condition is known to be true, or to be false."""
    while z3.is_not(part):
        part, true = part.arg(0), not true
    return known.get(part.get_id(), (part, not true))[1] == true


def _contradictory(parts: Sequence[Term]) -> list[Term] | None:
    """Those of the parts that z3 has used to find a contradiction; None if it has found none."""
    context = z3.Context()
    solver = z3.Solver(ctx=context)
    solver.set("timeout", TIMEOUT_MS)
    solver.set("smt.arith.solver", 2)
    names = {}
    for number, part in enumerate(parts):
        name = z3.Bool(f"part {number}", context)
        names[name.get_id()] = part
        solver.assert_and_track(part.translate(context), name)
    if solver.check() != z3.unsat:
        return None
    return [names[name.get_id()] for name in solver.unsat_core()]


def _fewest(needed: list[Term]) -> list[Term]:
    """Fewer of the parts, if some can be left out one by one."""
    needed = _contradictory(needed) or needed
    for part in list(needed) if len(needed) <= MOST else ():
        fewer = [other for other in needed if other is not part]
        needed = _contradictory(fewer) or needed if len(fewer) < len(needed) else needed
    return needed


def _with(needed: list[Term], parts: Sequence[Term], helps: Callable[[Term], bool]) -> list[Term]:
    """The needed ones, and those others that help and are about unknowns of these only."""
    kept = {part.get_id() for part in needed}
    known = {unknown for part in needed for unknown in _unknowns(part)}
    return [part for part in parts if part.get_id() in kept or (helps(part) and _unknowns(part) <= known)]


def _unknowns(condition: Term) -> set[Term]:
    """The numbers in a condition that are unknown, or that a function gives."""
    return {
        part
        for part in parts_first(condition, lambda _: False)
        if z3.is_int(part) and z3.is_app_of(part, z3.Z3_OP_UNINTERPRETED)
    }


def _is_comparison(condition: Term) -> bool:
    """Whether a condition compares two numbers."""
    comparison = condition.arg(0) if z3.is_not(condition) else condition
    return bool(z3.is_app(comparison) and comparison.num_args() == 2 and z3.is_int(comparison.arg(0)))


def _is_bound(condition: Term) -> bool:
    """Whether a condition compares something with a number that is known."""
    comparison = condition.arg(0) if z3.is_not(condition) else condition
    return _is_comparison(condition) and any(map(z3.is_int_value, comparison.children()))
