"""The LLVM code of leaf kernels computes what their source says, read from the libraries whose machine code runs."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from numba.core import config

from fastpath import checksum, flow_hash, match, parse, passage, tcp
from fastpath.compiler import OPTIONS
from fastpath.designs import Design
from fastpath.dispatcher import InlinedKernel
from fastpath.interpreted import interpreted
from fastpath.layout import INBOUND, OUTBOUND
from fastpath.pipeline import process_batch_for
from proofs.ledger import Method, claim
from proofs.smt.llvm.comparison import Comparison
from proofs.smt.llvm.leaf_kernels import FOLDING, HASH, LONGEST_HEADER, MATCHING, MIRROR, SCALARS, parsing, summing
from proofs.smt.solver import Refuted
from proofs.smt.source import broken

ALONE = "a kernel compiled by itself; in a batch, the same passes optimise it once more with what surrounds it"
UNDEFINED = "no broken promise (nsw, nuw, exact, ...), no access outside its arrays, no exception"


def named(comparison: Comparison) -> str:
    """For the test's name."""
    return comparison.name


@pytest.mark.parametrize("comparison", [*SCALARS, *FOLDING], ids=named)
@claim(
    "C9",
    f"the LLVM code of checksum, TCP word and mirrored ports is the source; {UNDEFINED}",
    method=Method.PROVED,
    scope="all arguments of 64 bits",
    assumptions=ALONE,
)
def test_the_code_of_a_kernel_of_numbers_is_its_source(comparison: Comparison) -> None:
    comparison.prove()


@claim(
    "C9",
    f"the LLVM code of the L4 hash over IPv4 is the source; {UNDEFINED}",
    method=Method.PROVED,
    scope="all addresses, ports and protocols",
    assumptions=ALONE,
)
def test_the_code_of_the_hash_is_its_source() -> None:
    HASH.prove()


@claim(
    "C9",
    f"the LLVM code that mirrors a flow is the source; {UNDEFINED}",
    method=Method.PROVED,
    scope="all flows, at one place of the work array",
    assumptions=ALONE,
)
def test_the_code_that_mirrors_a_flow_is_its_source() -> None:
    MIRROR.prove()


@pytest.mark.parametrize("comparison", MATCHING, ids=named)
@claim(
    "C9",
    f"the LLVM code that matches a rule's predicates is the source; {UNDEFINED}",
    method=Method.PROVED,
    scope="any atom, any rule of two clauses with two atoms and one, any passage",
    assumptions=f"{ALONE}; atoms compare words of the passage",
)
def test_the_code_that_matches_predicates_is_its_source(comparison: Comparison) -> None:
    comparison.prove()


@claim(
    "C9",
    f"the LLVM code that sums bytes is the source; {UNDEFINED}",
    method=Method.PROVED,
    scope=f"any bytes, lengths to 8, and from there to {LONGEST_HEADER} in fours: all that production asks for; "
    "one length at any of 4 offsets",
    assumptions=ALONE,
)
def test_the_code_that_sums_bytes_is_its_source() -> None:
    for length in (*range(8), *range(8, LONGEST_HEADER + 1, 4)):
        summing(length).prove()
    summing(20, headroom=4).prove()


@pytest.mark.slow
@pytest.mark.parametrize("direction", [INBOUND, OUTBOUND], ids=["inbound", "outbound"])
@claim(
    "C9",
    f"the LLVM code of the parser is the source; {UNDEFINED}",
    method=Method.PROVED,
    scope="all frames of up to 80 bytes, both directions",
    assumptions=ALONE,
)
def test_the_code_of_the_parser_is_its_source(direction: Any) -> None:
    parsing(80, direction).prove()


@pytest.mark.prove
@pytest.mark.parametrize("direction", [INBOUND, OUTBOUND], ids=["inbound", "outbound"])
@claim(
    "C9",
    f"the LLVM code of the parser is the source; {UNDEFINED}",
    method=Method.PROVED,
    scope="all frames of up to 150 bytes, both directions, any Geneve options",
    assumptions=ALONE,
)
def test_the_code_of_the_parser_is_its_source_on_longer_frames(direction: Any) -> None:
    parsing(150, direction).prove()


FAULTS = [
    (tcp, "step_tcp", "if state in (SYN_RECEIVED, ESTABLISHED):", "if state in (SYN_SENT, ESTABLISHED):"),
    (tcp, "may_advance", "epoch << TAG_SHIFT\n\n", "epoch << STATE_SHIFT\n\n"),
    (passage, "mirror_ports", "first ^= ONE", "first ^= ONE + ONE"),
    (passage, "mirror_flow", "work[origin + PASSAGE_DESTINATION + 1]\n", "work[origin + PASSAGE_DESTINATION]\n"),
    (checksum, "update_udp", "if updated == ZERO and zero_as_ones", "if zero_as_ones"),
    (checksum, "sum_of_words", "TWO_WORDS_BITS & WORD_MASK", "TWO_WORDS_BITS"),
    (flow_hash, "reversed_bytes", "<< SHIFT_16 | value >> SHIFT_16", "<< SHIFT_16 | value >> _BYTE"),
    (match, "atom_holds", "<= value <=", "< value <="),
]
KERNELS = {comparison.name: comparison for comparison in [*SCALARS, *FOLDING, *MATCHING, MIRROR]}


@pytest.mark.parametrize(("module", "name", "old", "new"), FAULTS, ids=[name for _, name, _, _ in FAULTS])
def test_a_source_with_a_fault_is_not_what_the_code_does(module: ModuleType, name: str, old: str, new: str) -> None:
    comparison = KERNELS[name]
    faulty = getattr(broken(module, old, new), name)
    code = comparison.code()
    found = replace(comparison, source=faulty).counterexample(code)
    assert found is not None
    right = comparison.by_code(code, found)
    assert comparison.by_source(faulty, found) != right
    assert comparison.by_source(getattr(interpreted(module.__name__), name), found) == right
    assert comparison.by_source(comparison.kernel, found) == right


def test_a_parser_with_a_fault_is_not_what_the_code_does() -> None:
    comparison = parsing(60, OUTBOUND)
    faulty = broken(parse, "if left < UDP_LENGTH or", "if left <= UDP_LENGTH or").parse
    found = replace(comparison, source=faulty).counterexample(comparison.code())
    assert found is not None
    right = comparison.by_code(comparison.code(), found)
    assert comparison.by_source(faulty, found) != right
    assert comparison.by_source(interpreted("fastpath.parse").parse, found) == right


def test_a_loop_that_is_unrolled_too_little_is_refuted() -> None:
    with pytest.raises(Refuted, match="at most 2 rounds"):
        replace(KERNELS["fold"], rounds=2).prove()


SWITCHES = {"OPT": 3, "LOOP_VECTORIZE": 1, "SLP_VECTORIZE": 0, "DISABLE_JIT": 0, "BOUNDSCHECK": None}
"""numba's switches, as they are unless somebody sets them."""


def test_the_code_that_is_proved_is_compiled_as_batches_are() -> None:
    assert {name: getattr(config, name) for name in SWITCHES} == SWITCHES
    batch: Any = process_batch_for(Design.FINE)
    for comparison in (*SCALARS, *FOLDING, HASH, MIRROR, *MATCHING, parsing(80)):
        kernel = comparison.kernel
        alone: Any = kernel.entry_point if isinstance(kernel, InlinedKernel) else kernel
        assert alone.targetoptions == batch.targetoptions
        assert OPTIONS.items() <= alone.targetoptions.items()
        assert type(alone) is type(batch)
        assert alone._compiler.pipeline_class is batch._compiler.pipeline_class
        assert alone._compiler.library_class is batch._compiler.library_class
