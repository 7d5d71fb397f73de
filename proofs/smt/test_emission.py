"""The frame that a compiled transform leaves in memory is the reference's, byte for byte, for every packet."""

from collections.abc import Mapping
from types import ModuleType

import pytest

from fastpath import checksum
from proofs.ledger import Method, claim
from proofs.smt.contracts import Contract
from proofs.smt.emission import prove_emission
from proofs.smt.folds import SUM_LIMIT, same_residue_folds_alike
from proofs.smt.integers import Integers
from proofs.smt.solver import prove
from proofs.smt.test_checksum import FOLD, MODULUS, ZERO
from proofs.smt.theorem import Theorem, Truth
from proofs.smt.transform_shapes import EVERY_SHAPE, IN_CI, Shape
from reference.direction import Direction
from reference.packet import checksum as reference_checksum
from reference.packet.protocol import IpProtocol
from reference.semantics import Semantics

STATEMENT = "the emitted bytes of a compiled transform are the reference's, and nothing is written outside the slot"
ANY_BYTES = (
    "any bytes, payload, TCP options and padding included, frames of less than 2^32 bytes at any offset below 2^40, "
    "any area of Geneve options in what is popped, all values of all fields set"
)
GIVEN = (
    "design `fine`; where headers begin and the flow id are as the reference sees them, the fast parser within the "
    "bounds of C2; the transform's words are those of compile_flow (those that compiled misses compose have a claim of "
    "their own); fold is known by what C1 proves; "
    "Python's bytes, int and struct behave as in proofs/smt/reference_frames.py"
)


AT_LENGTH = [shape for shape in EVERY_SHAPE if shape not in IN_CI]


@pytest.mark.slow
@pytest.mark.parametrize("direction", Direction, ids=lambda direction: direction.value)
@pytest.mark.parametrize("family", [4, 6])
@claim(
    "C5",
    STATEMENT,
    method=Method.PROVED,
    scope=f"{len(IN_CI)} of the {len(EVERY_SHAPE)} shapes that a VPC can compile; {ANY_BYTES}; IPv4 without options",
    assumptions=GIVEN,
)
def test_the_kernels_leave_the_frame_that_the_reference_emits(family: int, direction: Direction) -> None:
    shapes = [shape for shape in IN_CI if (shape.family, shape.direction) == (family, direction)]
    assert all(prove_emission(shape) >= 1 for shape in shapes)


@pytest.mark.prove
@claim(
    "C5",
    STATEMENT,
    method=Method.PROVED,
    scope=f"the other {len(AT_LENGTH)} of the {len(EVERY_SHAPE)} shapes that a VPC can compile; {ANY_BYTES}; "
    "IPv4 without options",
    assumptions=GIVEN,
)
@pytest.mark.parametrize("shape", AT_LENGTH, ids=str)
def test_the_kernels_leave_the_frame_that_the_reference_emits_whatever_is_pushed(shape: Shape) -> None:
    assert prove_emission(shape) >= 1


@pytest.mark.prove
@claim(
    "C5",
    STATEMENT,
    method=Method.PROVED,
    scope=f"every shape that sets what a checksum covers, over IPv4 with 1 to 10 words of options; {ANY_BYTES}",
    assumptions=GIVEN,
)
@pytest.mark.parametrize("header_words", range(6, 16))
def test_the_kernels_leave_the_reference_s_frame_behind_ipv4_options(header_words: int) -> None:
    shapes = [shape for shape in EVERY_SHAPE if shape.family == 4 and shape.translates]
    assert all(prove_emission(shape, header_words) >= 1 for shape in shapes)


@pytest.mark.prove
@claim(
    "C5",
    STATEMENT,
    method=Method.PROVED,
    scope=f"every shape for UDP as upstream does it, where a checksum may become 0; {ANY_BYTES}; IPv4 without options",
    assumptions=GIVEN,
)
def test_the_kernels_leave_the_reference_s_frame_as_upstream_does() -> None:
    shapes = [shape for shape in EVERY_SHAPE if shape.protocol == IpProtocol.UDP and shape.translates]
    assert all(prove_emission(shape, semantics=Semantics.UPSTREAM) >= 1 for shape in shapes)


# --- what folds are known by ---


def folds_as_known(kernels: ModuleType, total: int) -> Truth:
    """Both folds keep the residue modulo 0xffff, in 16 bits, and give 0 only for 0."""
    fast, slow = kernels.fold(total), reference_checksum.fold(int(total))
    residue = fast <= total and (total - fast) % MODULUS == ZERO
    return residue and fast <= MODULUS and (fast == ZERO) == (total == ZERO) and int(fast) == slow


CONTRACTS: Mapping[str, Contract] = {"fold": FOLD}
FOLDS = Theorem(folds_as_known, {"total": SUM_LIMIT}, Integers, CONTRACTS, {reference_checksum.fold: FOLD})


@pytest.mark.slow
@claim(
    "C5",
    "sums are folded as the proof of emission takes it",
    method=Method.PROVED,
    scope="all sums below 2^48, any number of rounds of folding",
)
def test_both_folds_are_known_by_their_residue() -> None:
    FOLDS.prove(checksum)
    FOLDS.refute(checksum, "(total & WORD_MASK) + (total >> WORD_BITS)", "(total & WORD_MASK) + ONE")


def test_sums_of_the_same_residue_fold_to_the_same_number() -> None:
    lemma, _ = same_residue_folds_alike()
    prove(lemma, "sums of the same residue")
