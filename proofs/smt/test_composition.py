"""What a compiled miss composes for a flow is what the reference's transform is compiled to, for every flow."""

from typing import Any

import numpy as np
import pytest

from fastpath import checksum, compose
from fastpath.interpreted import interpreted
from proofs.ledger import Method, claim
from proofs.smt.composition import COMPOSED, Departure, prove_composition
from proofs.smt.composition_replay import example_of
from proofs.smt.source import broken
from proofs.smt.test_checksum import MODULUS, WORD, by_contract, sum_of_words_as_proved
from proofs.smt.theorem import Truth
from proofs.smt.transform_shapes import Shape
from reference.packet.protocol import IpProtocol

STATEMENT = (
    "the words that a compiled miss composes are those that the reference's transform is compiled to, the checksum's "
    "change modulo 0xffff"
)
GIVEN = (
    "the passage says what the layers' actions have set (C6 and the differential checks are about that); an identifier "
    "is set only of echoes; a change of a checksum is known by the next claim"
)
QUICK = [
    shape
    for shape in COMPOSED
    if (shape.family, shape.protocol) == (4, IpProtocol.TCP)
    or (shape.family, shape.protocol, len(shape.fields)) == (6, IpProtocol.UDP, 3)
]
AT_LENGTH = [shape for shape in COMPOSED if shape not in QUICK]


@pytest.mark.slow
@claim("C5", STATEMENT, method=Method.PROVED, scope=f"{len(QUICK)} of {len(COMPOSED)} shapes", assumptions=GIVEN)
def test_a_miss_composes_the_reference_s_words() -> None:
    assert all(prove_composition(shape) >= 1 for shape in QUICK)


@pytest.mark.prove
@claim(
    "C5",
    STATEMENT,
    method=Method.PROVED,
    scope=f"the other {len(AT_LENGTH)} of {len(COMPOSED)} shapes: all that a VPC can compile but those of groups",
    assumptions=GIVEN,
)
@pytest.mark.parametrize("shape", AT_LENGTH, ids=str)
def test_a_miss_composes_the_reference_s_words_for_every_shape(shape: Shape) -> None:
    assert prove_composition(shape) >= 1


def changes_by_the_difference(kernels: Any, old: np.uint64, new: np.uint64) -> Truth:
    """A change of words is their difference modulo 0xffff, in 16 bits."""
    delta = kernels.delta_of_words(old, new)
    return (delta + old % MODULUS) % MODULUS == new % MODULUS and delta <= MODULUS


DIFFERENCE = by_contract(changes_by_the_difference, {"sum_of_words": sum_of_words_as_proved}, old=WORD, new=WORD)


@claim(
    "C5",
    "replaced words change a checksum by their difference modulo 0xffff",
    method=Method.PROVED,
    scope="all pairs of 64-bit values",
)
def test_replaced_words_change_a_checksum_by_their_difference() -> None:
    DIFFERENCE.prove(checksum)
    DIFFERENCE.refute(checksum, "sum_of_words(~old)", "sum_of_words(old)")


FAULTS = [
    ("in IPv4 TCP: ether_source+ip_destination,", "at + PASSAGE_DESTINATION + word", "at + PASSAGE_SOURCE + word"),
    ("out IPv4 TCP: ether_destination+ip_source,", "return TRANSFORM_IP_SOURCE", "return TRANSFORM_IP_DESTINATION"),
    (
        "in IPv6 UDP: ether_source+ip_destination+d",
        "TRANSFORM_SOURCE_PORT if direction == OUTBOUND",
        "TRANSFORM_SOURCE_PORT if direction != OUTBOUND",
    ),
    ("in IPv4 TCP: ether_source, pop", "& _MAC_MASK", ""),
    ("out IPv4 TCP: ether_destination, push with 8", "return PUSHED_WITH_OPTION", "return PUSHED"),
    (
        "out IPv4 TCP: ether_destination, push with 0",
        "work[to + 6] = swap_bytes(work[at + PLACE + 2])",
        "work[to + 6] = work[at + PLACE + 2]",
    ),
    (
        "out IPv4 TCP: ether_destination, push with 0",
        "(vni >> _BYTE & LOW_8) << _SHIFT_40",
        "(vni & LOW_8) << _SHIFT_40",
    ),
    (
        "out IPv4 TCP: ether_destination, push with 0",
        "(work[at + PLACE_HASH] & LOW_16)",
        "(work[at + PLACE_HASH] >> _SHIFT_16 & LOW_16)",
    ),
    (
        "out IPv4 UDP: ether_destination, push with 0 bytes of options, inside",
        "flags |= TRANSFORM_INTERNAL",
        "flags |= TRANSFORM_POP",
    ),
    (
        "in IPv4 ICMP: ether_source+ip",
        "if meta >> META_PROTOCOL_SHIFT & LOW_8 != ICMP",
        "if meta >> META_PROTOCOL_SHIFT & LOW_8 == ICMP",
    ),
    ("in IPv4 TCP: ether_source+ip_destination+d", "if ports != new_ports", "if ports == new_ports"),
    ("in IPv4 TCP: ether_source+ip_destination,", "range(TRANSFORM_WORDS)", "range(TRANSFORM_WORDS - 1)"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "old", "new"), FAULTS, ids=[new for _, _, new in FAULTS])
def test_a_fault_in_what_a_miss_composes_is_refuted_by_a_flow(shape: str, old: str, new: str) -> None:
    faulty = broken(compose, old, new)
    with pytest.raises(Departure) as refuted:
        prove_composition(next(one for one in COMPOSED if str(one).startswith(shape)), faulty)
    example = example_of(refuted.value)
    assert not example.agrees(faulty)
    assert example.agrees(interpreted("fastpath.compose"))
    assert example.agrees(compose)
