"""Checksums kept up to date word by word are the checksums of the whole packet, for any number of changes.

A fold is known by its contract alone: it keeps the sum's residue modulo 0xffff and whether it is zero. The contract is
proved from the source of the loop; everything else is linear arithmetic on top of it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import z3

from fastpath import checksum
from proofs.ledger import Method, claim
from proofs.smt.contracts import Contract
from proofs.smt.expressions import Intrinsic
from proofs.smt.integers import Integers
from proofs.smt.machine import Machine
from proofs.smt.theorem import Predicate, Theorem, Truth
from proofs.smt.theory import Demand
from proofs.smt.values import Kind, Number, Value
from reference.packet import checksum as reference

MODULUS = np.uint64(0xFFFF)
ZERO = np.uint64(0)
ONE_WORD = 1 << 16
WORD = 1 << 64
SUM = 1 << 48
"""Limit on sums of words: more than the words of 2**32 bytes can add up to."""

CARRIED = z3.Function("carried", z3.IntSort(), z3.IntSort())

FOLD = Contract(
    invariant=lambda before, now, carries: z3.And(
        before["total"] == now["total"] + 0xFFFF * carries,
        now["total"] >= 0,
        (now["total"] == 0) == (before["total"] == 0),
    ),
    variant=lambda now: now["total"],
    advance=lambda now, carries: carries + now["total"] / z3.IntVal(ONE_WORD),
)


def by_contract(holds: Predicate, summaries: Mapping[str, Intrinsic] | None = None, **inputs: int) -> Theorem:
    """A theorem over integers in which both folds are known by their contract."""
    return Theorem(holds, inputs, Integers, {"fold": FOLD}, {reference.fold: FOLD}, summaries or {})


def updates_to_the_full_checksum(kernels: Any, before: np.uint64, after: np.uint64, delta: np.uint64) -> Truth:
    """A delta that leads from one sum to another turns the first one's checksum into the second one's."""
    if after == ZERO or (before + delta) % MODULUS != after % MODULUS:
        return True
    return kernels.update(kernels.finish(before), delta) == kernels.finish(after)


def adds_one_more_change(
    kernels: Any,
    before: np.uint64,
    middle: np.uint64,
    after: np.uint64,
    delta: np.uint64,
    old: np.uint64,
    new: np.uint64,
) -> Truth:
    """A delta from `before` to `middle`, and the delta of four more words, add up to a delta to `after`."""
    one_more = kernels.delta_of_words(old, new)
    if (before + delta) % MODULUS != middle % MODULUS:
        return True
    if middle + kernels.sum_of_words(new) != after + kernels.sum_of_words(old):
        return True
    return (before + (delta + one_more)) % MODULUS == after % MODULUS and one_more <= MODULUS


def sum_of_words_as_proved(machine: Machine, _: Demand, value: Value) -> Number:
    """What `sums_modulo_0xffff` says about `sum_of_words`, and no more."""
    term = machine.term(value, Kind.WORD)
    result = term - 0xFFFF * CARRIED(term)
    machine.define(z3.And(result >= 0, result <= 4 * 0xFFFF))
    return Number(result, Kind.WORD)


def sums_modulo_0xffff(kernels: Any, value: np.uint64) -> Truth:
    """The sum of a value's words differs from the value by the words above each word, times 0xffff."""
    above = (value >> np.uint64(16)) + (value >> np.uint64(32)) + (value >> np.uint64(48))
    total = kernels.sum_of_words(value)
    return total + MODULUS * above == value and total <= np.uint64(4 * 0xFFFF)


def sums_four_words(kernels: Any, first: np.uint64, second: np.uint64, third: np.uint64, fourth: np.uint64) -> Truth:
    """The words of a value are summed as they stand in it."""
    value = first << np.uint64(48) | second << np.uint64(32) | third << np.uint64(16) | fourth
    return kernels.sum_of_words(value) == first + second + third + fourth


def stays_wrong_by_the_same_amount(kernels: Any, field: np.uint64, delta: np.uint64) -> Truth:
    """Whatever the field said before, the update moves it by the delta and by nothing else."""
    updated = kernels.update(field, delta)
    moved = (MODULUS - updated) % MODULUS == (MODULUS - field + delta) % MODULUS
    return moved and updated < MODULUS


def leaves_absent_udp_checksums_absent(kernels: Any, field: np.uint64, delta: np.uint64, ones: np.uint64) -> Truth:
    """0 stays 0; every other checksum is updated like any transport's, and is not 0 afterwards if that is asked."""
    updated = kernels.update_udp(field, delta, ones != ZERO)
    if field == ZERO:
        return updated == ZERO
    expected = kernels.update(field, delta)
    if expected == ZERO and ones != ZERO:
        return updated == MODULUS
    return updated == expected


def updates_like_the_reference(kernels: Any, field: np.uint64, delta: np.uint64, other: np.uint64) -> Truth:
    """Deltas that are equal modulo 0xffff lead to the same field here and in the reference."""
    if delta % MODULUS != other % MODULUS:
        return True
    return int(kernels.update(field, delta)) == reference.update(int(field), int(other))


def changes_like_the_reference(kernels: Any, old: np.uint64, new: np.uint64) -> Truth:
    """The delta of one word is the reference's change, modulo 0xffff."""
    return int(kernels.delta_of_words(old, new)) % 0xFFFF == reference.change(int(old), int(new)) % 0xFFFF


def sums_are_finished_like_the_reference(kernels: Any, total: np.uint64) -> Truth:
    """A sum stands for the same header field here and in the reference."""
    return int(kernels.finish(total)) == reference.checksum_of(int(total))


UPDATES = by_contract(updates_to_the_full_checksum, before=SUM, after=SUM, delta=SUM)
ADDS = by_contract(
    adds_one_more_change,
    {"sum_of_words": sum_of_words_as_proved},
    before=SUM,
    middle=SUM,
    after=SUM,
    delta=SUM,
    old=WORD,
    new=WORD,
)
SUMS = Theorem(sums_four_words, dict.fromkeys(("first", "second", "third", "fourth"), ONE_WORD))
RESIDUE = Theorem(sums_modulo_0xffff, {"value": WORD}, Integers)
KEEPS_ERRORS = by_contract(stays_wrong_by_the_same_amount, field=ONE_WORD, delta=SUM)
UDP = by_contract(leaves_absent_udp_checksums_absent, field=ONE_WORD, delta=SUM, ones=2)
LIKE_REFERENCE = by_contract(updates_like_the_reference, field=ONE_WORD, delta=SUM, other=SUM)
CHANGES = by_contract(changes_like_the_reference, old=ONE_WORD, new=ONE_WORD)
FINISHES = by_contract(sums_are_finished_like_the_reference, total=WORD)

FAULTS = [
    # RFC 1141 instead of RFC 1624: the same residue, but the other zero
    (
        UPDATES,
        "return finish((checksum ^ WORD_MASK) + WORD_MASK + delta)",
        "return fold(checksum + (fold(delta) ^ WORD_MASK))",
    ),
    (UPDATES, "WORD_MASK) + WORD_MASK + delta", "WORD_MASK) + delta"),
    (UPDATES, "while total >> WORD_BITS", "if total >> WORD_BITS"),
    (UPDATES, "(total & WORD_MASK) + (total >> WORD_BITS)", "(total & WORD_MASK) + ONE"),
    (ADDS, "sum_of_words(~old)", "sum_of_words(old)"),
    (ADDS, "+ sum_of_words(new)", "+ sum_of_words(new >> WORD_BITS)"),
    (SUMS, "(value & WORD_MASK)", "(value & BYTE_BITS)"),
    (RESIDUE, "TWO_WORDS_BITS & WORD_MASK", "TWO_WORDS_BITS"),
    (KEEPS_ERRORS, "fold(total) ^ WORD_MASK", "fold(total) & WORD_MASK"),
    (UDP, "if checksum == ZERO", "if checksum == WORD_MASK"),
    (UDP, "updated == ZERO and zero_as_ones", "zero_as_ones"),
    (LIKE_REFERENCE, "(checksum ^ WORD_MASK) + WORD_MASK", "checksum + WORD_MASK"),
    (CHANGES, "sum_of_words(~old) + sum_of_words(new)", "sum_of_words(~old) + sum_of_words(~new)"),
    (FINISHES, "fold(total) ^ WORD_MASK", "fold(total)"),
]


@claim(
    "C1",
    "an incremental update gives the checksum of the whole changed packet, also across 0x0000 and 0xffff",
    method=Method.PROVED,
    scope="any sums and deltas below 2^48; with the next claims: any number of changed words",
    assumptions="the changed packet has a word that is not zero",
)
def test_a_delta_turns_the_old_checksum_into_the_new_one() -> None:
    UPDATES.prove(checksum)


@claim(
    "C1",
    "the deltas of several changes add up to the delta of all",
    method=Method.PROVED,
    scope="inductive: one change of four 16-bit words after any number of others, all values",
    assumptions="the lemmas that the next two claims state",
)
def test_one_more_change_adds_its_delta() -> None:
    ADDS.prove(checksum)


@claim("C1", "a 64-bit value is summed as its four words", method=Method.PROVED, scope="all 2^64 values")
def test_the_words_of_a_value_are_summed_as_they_stand_in_it() -> None:
    SUMS.prove(checksum)


@claim("C1", "the sum of a value's words is the value modulo 0xffff", method=Method.PROVED, scope="all 2^64 values")
def test_the_sum_of_words_is_the_value_modulo_0xffff() -> None:
    RESIDUE.prove(checksum)


@claim(
    "C1",
    "a wrong checksum stays wrong by the same amount; no update yields 0xffff",
    method=Method.PROVED,
    scope="all 16-bit checksums, deltas below 2^48",
)
def test_a_wrong_checksum_stays_wrong_by_the_same_amount() -> None:
    KEEPS_ERRORS.prove(checksum)


@claim(
    "C1",
    "a UDP checksum of 0 stays 0; every other is updated, to 0xffff instead of 0 unless upstream is followed",
    method=Method.PROVED,
    scope="all 16-bit checksums, deltas below 2^48",
)
def test_an_absent_udp_checksum_stays_absent() -> None:
    UDP.prove(checksum)


@claim(
    "C1",
    "fast path and reference update a checksum to the same value",
    method=Method.PROVED,
    scope="all 16-bit checksums; deltas below 2^48 that are equal modulo 0xffff",
)
def test_updates_are_those_of_the_reference() -> None:
    LIKE_REFERENCE.prove(checksum)


@claim(
    "C1",
    "fast path and reference give a changed word the same delta, modulo 0xffff",
    method=Method.PROVED,
    scope="all pairs of 16-bit words",
)
def test_deltas_are_those_of_the_reference() -> None:
    CHANGES.prove(checksum)


@claim(
    "C1",
    "fast path and reference finish a sum as the same checksum",
    method=Method.PROVED,
    scope="all sums below 2^64, any number of rounds of folding",
)
def test_finished_sums_are_those_of_the_reference() -> None:
    FINISHES.prove(checksum)


@pytest.mark.parametrize(("theorem", "old", "new"), FAULTS, ids=[new for _, _, new in FAULTS])
def test_a_fault_in_the_checksum_is_refuted_and_its_counterexample_fails(theorem: Theorem, old: str, new: str) -> None:
    theorem.refute(checksum, old, new)
