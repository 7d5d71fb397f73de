"""One function for each construct that the symbolic executor knows. All numbers are `np.uint64`."""

import numpy as np

ZERO, ONE, TWO, SEVEN, LOW_BITS = map(np.uint64, (0, 1, 2, 7, 63))


def wraps_around(a: np.uint64, b: np.uint64) -> np.uint64:
    """Operators that wrap around."""
    return a * b - (b + ~a) ^ (a | b & SEVEN)


def shifts_and_divides(a: np.uint64, b: np.uint64) -> np.uint64:
    """Operators with undefined cases, kept defined."""
    return (a << (b & LOW_BITS)) + (a >> (b & LOW_BITS)) + a // (b | ONE) + a % (b | ONE)


def returns_early(a: np.uint64, b: np.uint64) -> np.uint64:
    """Nested branches that return, fall through and change variables."""
    if a < b:
        if a & ONE == ZERO:
            return a
        b = b + ONE
    elif a == b:
        return ZERO
    else:
        a = b
    if a > SEVEN:
        return a + b
    return b


def evaluates_only_what_is_reached(a: np.uint64, b: np.uint64) -> np.uint64:
    """Divisions that only some paths reach."""
    if b != ZERO and a // b > SEVEN:
        return ONE
    if b == ZERO or a % b == ZERO:
        return TWO
    return a // b if b > ONE else a


def counts_bits(a: np.uint64, b: np.uint64) -> np.uint64:
    """A loop whose number of rounds depends on the input."""
    count = ZERO
    a = a & SEVEN
    while a != ZERO:
        count += a & ONE
        a >>= ONE
    return count + b


def breaks_and_continues(a: np.uint64, b: np.uint64) -> np.uint64:
    """A loop that is left, and rounds that are cut short."""
    total = ZERO
    step = ZERO
    while step < SEVEN:
        step += ONE
        if (a >> step) & ONE == ZERO:
            continue
        if (b >> step) & ONE != ZERO:
            break
        total += step * b
    return total


def loops_over_a_range(a: np.uint64, b: np.uint64) -> np.uint64:
    """A loop over known numbers."""
    total = a
    for index in range(1, 5):
        if total > b:
            total = total - b
        else:
            total += np.uint64(index)
    return total


def swaps(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Tuples, built and taken apart."""
    if a > b:
        a, b = b, a
    return a, b


def calls_others(a: np.uint64, b: np.uint64) -> np.uint64:
    """Calls, a chained comparison, a conditional expression."""
    low, high = swaps(a, b)
    return returns_early(high, low) + (low if ZERO < low <= high < SEVEN else high)


def looks_up(a: np.uint64, b: np.uint64) -> np.uint64:
    """Membership, and truth values as numbers."""
    known = a in (ONE, TWO, SEVEN)
    both = known and not b <= ONE
    return np.uint64(known) + np.uint64(both)


SPECIMENS = (
    wraps_around,
    shifts_and_divides,
    returns_early,
    evaluates_only_what_is_reached,
    counts_bits,
    breaks_and_continues,
    loops_over_a_range,
    swaps,
    calls_others,
    looks_up,
)
