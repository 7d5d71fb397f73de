"""Conditions split into cases, where bounds on an integer are known in each but not in all at once."""

import functools
import itertools
from collections.abc import Iterator, Sequence

import z3

from proofs.smt.values import FALSE, TRUE, Term


@functools.lru_cache(maxsize=1 << 16)
def decided(term: Term) -> bool | None:
    """What a condition is whatever its unknowns are, as far as its connectives tell; None if they do not."""
    if z3.is_true(term) or z3.is_false(term):
        return bool(z3.is_true(term))
    if z3.is_not(term):
        inner = decided(term.arg(0))
        return None if inner is None else not inner
    if z3.is_implies(term):
        premise, conclusion = map(decided, term.children())
        return True if premise is False or conclusion is True else None if premise is None else conclusion
    if z3.is_app_of(term, z3.Z3_OP_ITE):
        condition = decided(term.arg(0))
        return None if condition is None else decided(term.arg(1 if condition else 2))
    if z3.is_and(term) or z3.is_or(term):
        deciding = z3.is_or(term)
        parts = [decided(part) for part in term.children()]
        return deciding if deciding in parts else None if None in parts else not deciding
    return None


def that_matter(term: Term) -> list[Term]:
    """The parts of a term that its value depends on, as far as connectives tell."""
    if decided(term) is not None:
        return []
    if z3.is_app_of(term, z3.Z3_OP_ITE):
        condition = decided(term.arg(0))
        if condition is not None:
            return [term.arg(1 if condition else 2)]
    return list(term.children())


def conjuncts(condition: Term, holds: bool = True) -> Iterator[tuple[Term, bool]]:
    """Conditions without connectives between them that hold, or do not hold, all at once."""
    waiting = [(condition, holds)]
    while waiting:
        part, true = waiting.pop()
        if z3.is_not(part):
            waiting.append((part.arg(0), not true))
        elif (z3.is_and(part) and true) or (z3.is_or(part) and not true):
            waiting += [(child, true) for child in part.children()]
        elif len(alone := _open_parts(part, true)) == 1:
            waiting.append((alone[0], true))
        elif z3.is_implies(part) and (not true or decided(part.arg(0))):
            waiting += [(part.arg(1), true), *([] if true else [(part.arg(0), True)])]
        elif z3.is_app_of(part, z3.Z3_OP_ITE) and len(that_matter(part)) == 1:
            waiting.append((that_matter(part)[0], true))
        elif decided(part) is not true:
            yield part, true


def _open_parts(part: Term, true: bool) -> list[Term]:
    """Of conditions of which one must hold, or must not, those that may be the one; nothing for other terms."""
    if (z3.is_or(part) and true) or (z3.is_and(part) and not true):
        return [child for child in part.children() if decided(child) is not (not true)]
    return []


def split(conditions: Sequence[Term], choices: Sequence[Term] = ()) -> list[list[Term]] | None:
    """Two cases of the conditions: with one of their premises, or of the choices, and without it.

    None if all of these are decided. The premise is replaced by z3, whose substitution is trusted here.
    """
    premise = next(itertools.chain(_open_premises(conditions), *map(_undecided, choices)), None)
    if premise is None:
        return None
    cases = []
    for known, value in ((premise, TRUE), (z3.Not(premise), FALSE)):
        cases.append([known, *(z3.substitute(condition, (premise, value)) for condition in conditions)])
    return cases


def _open_premises(conditions: Sequence[Term]) -> Iterator[Term]:
    """Conditions without connectives that decide whether something else has to hold."""
    for condition in conditions:
        for part, true in conjuncts(condition):
            if true and z3.is_implies(part):
                yield from _undecided(part.arg(0))
            elif (true and z3.is_or(part)) or (not true and z3.is_and(part)):
                yield from _undecided(part)


def _undecided(term: Term) -> Iterator[Term]:
    if z3.is_not(term) or z3.is_and(term) or z3.is_or(term) or z3.is_implies(term):
        for part in term.children():
            if decided(part) is None:
                yield from _undecided(part)
    elif decided(term) is None:
        yield term
