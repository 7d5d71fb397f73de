"""The TCP word of the fast path is the reference's TCP machine, for every word and every segment."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath import tcp
from proofs.ledger import Method, claim
from proofs.smt.theorem import Theorem, Truth, compiled
from reference.direction import Direction
from reference.packet.flow import FlowId
from reference.packet.headers import Tcp
from reference.tcp import CLOSED, NEW_FLOW, UNEXPECTED_SEGMENT, transition
from reference.tcp_flows import TcpFlow

WORD = 1 << 64
SEGMENT = {"word": WORD, "direction": 2, "flags": 1 << 9, "sequence": 1 << 32, "acknowledgement": 1 << 32}
EVERY_SEGMENT = "every 64-bit word, both directions, all 2^9 flag values, all sequence and acknowledgement numbers"


def steps_like_the_reference(
    kernels: Any,
    word: np.uint64,
    direction: np.uint64,
    flags: np.uint64,
    sequence: np.uint64,
    acknowledgement: np.uint64,
) -> Truth:
    """Outcome and state are those of `reference.tcp.transition`."""
    outcome, after = kernels.step_tcp(word, direction, flags, sequence, acknowledgement)
    before = int(kernels.state_of(word))
    guest = int(kernels.sequence_of(word))
    following = transition(before, guest, int(flags), int(acknowledgement), direction == tcp.OUTBOUND)
    state = int(kernels.state_of(after))
    if following == UNEXPECTED_SEGMENT:
        return outcome == tcp.UNEXPECTED and state == before
    if following == NEW_FLOW:
        return outcome == tcp.NEW_FLOW and state == before
    if following == CLOSED:
        return outcome == tcp.CLOSES and state == CLOSED
    return outcome == tcp.ADVANCE and state == following


def stores_only_the_guests_number(
    kernels: Any,
    word: np.uint64,
    direction: np.uint64,
    flags: np.uint64,
    sequence: np.uint64,
    acknowledgement: np.uint64,
) -> Truth:
    """A segment from the guest leaves its sequence number, known from then on; one from the remote leaves it be."""
    _, after = kernels.step_tcp(word, direction, flags, sequence, acknowledgement)
    if direction == tcp.OUTBOUND:
        return kernels.sequence_of(after) == sequence and after & tcp.SEQUENCE_KNOWN != tcp.ZERO
    number = tcp.SEQUENCE_KNOWN | tcp.SEQUENCE_MASK
    return after & number == word & number


def leaves_ownership_alone(
    kernels: Any,
    word: np.uint64,
    direction: np.uint64,
    flags: np.uint64,
    sequence: np.uint64,
    acknowledgement: np.uint64,
) -> Truth:
    """TAG, DEAD, FROZEN and the unused bit come back as they were."""
    _, after = kernels.step_tcp(word, direction, flags, sequence, acknowledgement)
    return (word ^ after) & ~(tcp.SEQUENCE_MASK | tcp.SEQUENCE_KNOWN | tcp.STATE_FIELD) == tcp.ZERO


def keeps_words_well_formed(
    kernels: Any,
    word: np.uint64,
    direction: np.uint64,
    flags: np.uint64,
    sequence: np.uint64,
    acknowledgement: np.uint64,
) -> Truth:
    """Inductive: the state is one of the ten, and a state that asks for the guest's number knows it."""
    _, after = kernels.step_tcp(word, direction, flags, sequence, acknowledgement)
    return not is_well_formed(kernels, word) or is_well_formed(kernels, after)


def is_well_formed(kernels: Any, word: np.uint64) -> Truth:
    """What every word that is ever installed keeps."""
    state = kernels.state_of(word)
    asks = state in (tcp.LAST_ACK, tcp.FIN_WAIT_1, tcp.FIN_WAIT_2)
    return state <= tcp.TIME_WAIT and (not asks or word & tcp.SEQUENCE_KNOWN != tcp.ZERO)


def packs_and_unpacks(
    kernels: Any, state: np.uint64, sequence: np.uint64, known: np.uint64, epoch: np.uint64, other: np.uint64
) -> Truth:
    """A packed word gives its fields back, and hits may advance it exactly under an epoch with the same low 24 bits."""
    word = kernels.pack_word(state, sequence, known, epoch)
    fields = kernels.state_of(word) == state and kernels.sequence_of(word) == sequence
    knowledge = (word & tcp.SEQUENCE_KNOWN != tcp.ZERO) == (known == tcp.ONE)
    same_tag = epoch << tcp.TAG_SHIFT == other << tcp.TAG_SHIFT
    owned = kernels.may_advance(word, other) == same_tag
    frozen = kernels.may_advance(word | tcp.FROZEN, epoch) or kernels.may_advance(word | tcp.DEAD, epoch)
    return fields and knowledge and owned and not frozen


STEPS = Theorem(steps_like_the_reference, SEGMENT)
STORES = Theorem(stores_only_the_guests_number, SEGMENT)
OWNERSHIP = Theorem(leaves_ownership_alone, SEGMENT)
WELL_FORMED = Theorem(keeps_words_well_formed, SEGMENT)
FIELDS = {"state": 16, "sequence": 1 << 32, "known": 2, "epoch": WORD, "other": WORD}
PACKS = Theorem(packs_and_unpacks, FIELDS)


@claim(
    "C4",
    "a step of the TCP word is the reference's transition; no shift or sum leaves its range",
    method=Method.PROVED,
    scope=EVERY_SEGMENT,
    assumptions="reference: the function `transition`; the guest's number, where there was none, is 0",
)
def test_the_tcp_word_steps_like_the_reference() -> None:
    STEPS.prove(tcp)


@claim("C4", "a step stores the guest's sequence number and no other", method=Method.PROVED, scope=EVERY_SEGMENT)
def test_a_step_stores_only_the_guests_number() -> None:
    STORES.prove(tcp)


@claim("C4", "a step leaves TAG, DEAD and FROZEN as they were", method=Method.PROVED, scope=EVERY_SEGMENT)
def test_a_step_leaves_ownership_alone() -> None:
    OWNERSHIP.prove(tcp)


@claim(
    "C4",
    "a state that compares with the guest's sequence number is reached only when that is known",
    method=Method.PROVED,
    scope=f"inductive, any number of segments: {EVERY_SEGMENT}",
)
def test_words_stay_well_formed() -> None:
    WELL_FORMED.prove(tcp)


@claim("C4", "the fields of the TCP word do not overlap", method=Method.PROVED, scope="all values of all fields")
def test_a_packed_word_gives_its_fields_back() -> None:
    PACKS.prove(tcp)


OUTCOMES = {CLOSED: tcp.CLOSES, NEW_FLOW: tcp.NEW_FLOW, UNEXPECTED_SEGMENT: tcp.UNEXPECTED}
"""Outcomes of a step by what `transition` returns; every other state is an advance."""

FAULTS = [
    # upstream's `sequence-edge`: the number after 2^32 - 1 is not 2^32
    (STEPS, "sequence_of(word) + ONE & SEQUENCE_MASK", "sequence_of(word) + ONE"),
    (STEPS, "return CLOSED if acknowledged else LAST_ACK", "return LAST_ACK if acknowledged else CLOSED"),
    (STEPS, "if fin and acknowledged:", "if fin or acknowledged:"),
    (STEPS, "return LISTEN if syn else NO_TRANSITION\n    if state == LISTEN", "return LISTEN\n    if state == LISTEN"),
    (STEPS, "return CLOSE_WAIT if fin or ack", "return CLOSE_WAIT if fin and ack"),
    (STEPS, "return (NEW_FLOW if flags & SYN != ZERO", "return (NEW_FLOW if flags & FIN != ZERO"),
    (STEPS, "FIN = np.uint64(0x01)", "FIN = np.uint64(0x21)"),
    (STORES, "sequence & SEQUENCE_MASK | SEQUENCE_KNOWN", "sequence & SEQUENCE_MASK"),
    (STORES, "    if direction == OUTBOUND:", "    if direction != OUTBOUND:"),
    (OWNERSHIP, "word & ~STATE_FIELD |", "word & ~STATE_FIELD & ~FROZEN |"),
    (OWNERSHIP, "return word & ~SEQUENCE_MASK |", "return word << ONE & ~SEQUENCE_MASK |"),
    (WELL_FORMED, "return CLOSE_WAIT\n", "return LAST_ACK\n"),
    (PACKS, "epoch << TAG_SHIFT\n    )", "epoch << STATE_SHIFT\n    )"),
    (PACKS, "1 << 38 | 1 << 37)", "1 << 38)"),
]


@pytest.mark.parametrize(("theorem", "old", "new"), FAULTS, ids=[new for _, _, new in FAULTS])
def test_a_fault_in_the_tcp_word_is_refuted_and_its_counterexample_fails(theorem: Theorem, old: str, new: str) -> None:
    theorem.refute(tcp, old, new)


@given(
    word=st.integers(0, WORD - 1),
    direction=st.integers(0, 1),
    flags=st.integers(0, 0xFF),
    numbers=st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
)
def test_what_is_proved_about_the_source_is_seen_in_the_compiled_code(
    word: int, direction: int, flags: int, numbers: tuple[int, int]
) -> None:
    values = dict(zip(SEGMENT, (word, direction, flags, *numbers), strict=True))
    kernels = compiled(tcp)
    assert all(theorem.replay(kernels, values) for theorem in (STEPS, STORES, OWNERSHIP, WELL_FORMED))


SEGMENTS = st.tuples(
    st.sampled_from(Direction),
    st.integers(0, 0x3F),
    st.sampled_from([0, 1, 7, 2**32 - 1]),
    st.sampled_from([0, 1, 2, 8]),
)


@claim(
    "C4",
    "a TCP word that meets a sequence of segments keeps what the reference's flow entry keeps",
    method=Method.TESTED,
    scope="100 generated sequences of up to 30 segments",
)
@given(segments=st.lists(SEGMENTS, max_size=30))
def test_a_word_and_a_reference_flow_go_the_same_way(segments: list[tuple[Direction, int, int, int]]) -> None:
    kernels = compiled(tcp)
    word = kernels.pack_word(tcp.CLOSED, tcp.ZERO, tcp.ZERO, np.uint64(1))
    flow = TcpFlow(FlowId(6, 4, bytes(4), bytes(4), 1, 2), now_ms=0)
    header = Tcp(bytearray(Tcp.LENGTH))
    for direction, header.flags, header.sequence, header.acknowledgement in segments:
        code = tcp.OUTBOUND if direction is Direction.OUT else tcp.INBOUND
        numbers = np.uint64(header.flags), np.uint64(header.sequence), np.uint64(header.acknowledgement)
        outcome, word = kernels.step_tcp(word, code, *numbers)
        following = flow.update(header, direction, 60, None)
        assert outcome == OUTCOMES.get(following, tcp.ADVANCE)
        assert kernels.state_of(word) == flow.state
        number = kernels.sequence_of(word) if word & tcp.SEQUENCE_KNOWN else None
        assert number == flow.guest_sequence
