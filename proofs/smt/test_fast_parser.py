"""The fast parser reads only bytes of the frame, whatever the frame."""

import pytest

from fastpath import parse
from proofs.ledger import Method, claim
from proofs.smt.fast_parser import execute
from proofs.smt.solver import Refuted
from proofs.smt.source import broken


@claim(
    "C2",
    "the fast parser reads no byte outside the frame, and no offset, sum or shift overflows",
    method=Method.PROVED,
    scope="any frame of less than 2^32 bytes at any offset below 2^40, both directions, any Geneve options",
)
def test_the_fast_parser_reads_only_bytes_of_the_frame() -> None:
    execute().machine.prove_obligations()


FAULTS = [
    ("if left < TCP_LENGTH or", "if left < UDP_LENGTH or"),
    ("if left >= ICMP_LENGTH and", "if left >= 0 and"),
    ("if end - inner < ETHERNET_LENGTH + IPV4_LENGTH:", "if end - inner < ETHERNET_LENGTH:"),
    ("inner >= end", "option >= end"),
    ("load_u8(frames, option + 3)", "load_u8(frames, option + 9)"),
    ("< ETHERNET_LENGTH + IPV6_LENGTH + UDP_LENGTH + GENEVE_LENGTH", "< ETHERNET_LENGTH + IPV6_LENGTH + UDP_LENGTH"),
]


@pytest.mark.parametrize(("old", "new"), FAULTS, ids=[new for _, new in FAULTS])
def test_a_parser_that_reads_too_far_is_refuted(old: str, new: str) -> None:
    with pytest.raises(Refuted, match="the bytes read are inside the frame"):
        execute(broken(parse, old, new)).machine.prove_obligations()
