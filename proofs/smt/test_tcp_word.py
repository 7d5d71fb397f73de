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
from reference.semantics import Semantics
from reference.tcp import CLOSED, UNEXPECTED_SEGMENT, transition
from reference.tcp_flows import TcpFlow

WORD = 1 << 64
SEGMENT = {"word": WORD, "direction": 2, "flags": 1 << 9, "sequence": 1 << 32}
DECISION = {**SEGMENT, "acknowledgement": 1 << 32, "fin_sequence": 1 << 32, "corrections": 8}
EVERY_SEGMENT = "every 64-bit word, both directions, all 2^9 flag values, all sequence and acknowledgement numbers"


def steps_like_the_reference(
    kernels: Any,
    word: np.uint64,
    direction: np.uint64,
    flags: np.uint64,
    sequence: np.uint64,
    acknowledgement: np.uint64,
    fin_sequence: np.uint64,
    corrections: np.uint64,
) -> Truth:
    """Wherever a hit steps, outcome and state are those of `reference.tcp.transition`, whatever is corrected there."""
    outcome, after = kernels.step_tcp(word, direction, flags, sequence)
    if outcome == tcp.LEAVE:
        return after == word
    before, number, acknowledged = int(kernels.state_of(word)), int(fin_sequence), int(acknowledgement)
    following = transition(before, number, int(flags), acknowledged, direction == tcp.OUTBOUND, int(corrections))
    state = int(kernels.state_of(after))
    if following == UNEXPECTED_SEGMENT:
        return outcome == tcp.UNEXPECTED and state == before
    return outcome == tcp.ADVANCE and state == following


def leaves_only_what_a_number_decides(
    kernels: Any,
    word: np.uint64,
    direction: np.uint64,
    flags: np.uint64,
    sequence: np.uint64,
    fin_sequence: np.uint64,
    corrections: np.uint64,
) -> Truth:
    """Of the segments with ACK alone, hits leave those for which it matters whether they cover the guest's FIN."""
    outcome, _ = kernels.step_tcp(word, direction, flags, sequence)
    state, number, outbound = int(kernels.state_of(word)), int(fin_sequence), direction == tcp.OUTBOUND
    before = transition(state, number, int(flags), number, outbound, int(corrections))
    covering = transition(
        state, number, int(flags), int(fin_sequence + tcp.ONE & tcp.SEQUENCE_MASK), outbound, int(corrections)
    )
    plain = flags & tcp.DECIDING == tcp.ACK
    return outcome != tcp.LEAVE or not plain or state == CLOSED or before != covering


def stores_only_the_guests_number(
    kernels: Any, word: np.uint64, direction: np.uint64, flags: np.uint64, sequence: np.uint64
) -> Truth:
    """A step of a segment from the guest leaves its number, known from then on; one from the remote leaves it be."""
    outcome, after = kernels.step_tcp(word, direction, flags, sequence)
    if direction == tcp.OUTBOUND and outcome != tcp.LEAVE:
        return kernels.sequence_of(after) == sequence and after & tcp.SEQUENCE_KNOWN != tcp.ZERO
    number = tcp.SEQUENCE_KNOWN | tcp.SEQUENCE_MASK
    return after & number == word & number


def leaves_ownership_alone(
    kernels: Any, word: np.uint64, direction: np.uint64, flags: np.uint64, sequence: np.uint64
) -> Truth:
    """TAG, DEAD, FROZEN and the unused bit come back as they were."""
    _, after = kernels.step_tcp(word, direction, flags, sequence)
    return (word ^ after) & ~(tcp.SEQUENCE_MASK | tcp.SEQUENCE_KNOWN | tcp.STATE_FIELD) == tcp.ZERO


def changes_no_other_state(
    kernels: Any, word: np.uint64, direction: np.uint64, flags: np.uint64, sequence: np.uint64
) -> Truth:
    """No hit begins a connection or closes it."""
    _, after = kernels.step_tcp(word, direction, flags, sequence)
    before, state = kernels.state_of(word), kernels.state_of(after)
    return state == before or (before == tcp.SYN_RECEIVED and state == tcp.ESTABLISHED)


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


STEPS = Theorem(steps_like_the_reference, DECISION)
SERVES = Theorem(leaves_only_what_a_number_decides, {**SEGMENT, "fin_sequence": 1 << 32, "corrections": 8})
STORES = Theorem(stores_only_the_guests_number, SEGMENT)
OWNERSHIP = Theorem(leaves_ownership_alone, SEGMENT)
KEEPS_STATE = Theorem(changes_no_other_state, SEGMENT)
FIELDS = {"state": 16, "sequence": 1 << 32, "known": 2, "epoch": WORD, "other": WORD}
PACKS = Theorem(packs_and_unpacks, FIELDS)


@claim(
    "C4",
    "wherever a hit steps the TCP word, it does what the reference's transition does, under all semantics",
    method=Method.PROVED,
    scope=f"{EVERY_SEGMENT}; every number of the guest's FIN, every set of corrections",
    assumptions="reference: the function `transition`",
)
def test_the_tcp_word_steps_like_the_reference() -> None:
    STEPS.prove(tcp)


@claim(
    "C4",
    "hits decide every segment with ACK and neither SYN, FIN nor RST, but where it may cover the guest's FIN",
    method=Method.PROVED,
    scope=f"{EVERY_SEGMENT}; every number of the guest's FIN, every set of corrections",
    assumptions="the connection is not closed",
)
def test_hits_leave_only_what_a_number_decides() -> None:
    SERVES.prove(tcp)


@claim("C4", "a step stores the guest's sequence number and no other", method=Method.PROVED, scope=EVERY_SEGMENT)
def test_a_step_stores_only_the_guests_number() -> None:
    STORES.prove(tcp)


@claim("C4", "a step leaves TAG, DEAD and FROZEN as they were", method=Method.PROVED, scope=EVERY_SEGMENT)
def test_a_step_leaves_ownership_alone() -> None:
    OWNERSHIP.prove(tcp)


@claim(
    "C4",
    "the only change of state by hits is from SYN_RECEIVED to ESTABLISHED",
    method=Method.PROVED,
    scope=EVERY_SEGMENT,
)
def test_hits_change_no_other_state() -> None:
    KEEPS_STATE.prove(tcp)


@claim("C4", "the fields of the TCP word do not overlap", method=Method.PROVED, scope="all values of all fields")
def test_a_packed_word_gives_its_fields_back() -> None:
    PACKS.prove(tcp)


FAULTS = [
    (STEPS, "np.uint64(0x17)\n", "np.uint64(0x15)\n"),
    (STEPS, "np.uint64(0x17)\n", "np.uint64(0x16)\n"),
    (STEPS, "np.uint64(0x17)\n", "np.uint64(0x13)\n"),
    (STEPS, "(state == LAST_ACK or state == FIN_WAIT_1)", "state == LAST_ACK"),
    (STEPS, "(state == LAST_ACK or state == FIN_WAIT_1)", "state == FIN_WAIT_1"),
    (STEPS, "flags & DECIDING != ACK or", "flags & ACK != ACK or"),
    (STEPS, "!= ACK or state == CLOSED:", "!= ACK:"),
    (STEPS, "if state in (SYN_RECEIVED, ESTABLISHED):", "if state in (SYN_SENT, ESTABLISHED):"),
    (STEPS, "(CLOSE_WAIT, FIN_WAIT_2, TIME_WAIT)", "(CLOSE_WAIT, FIN_WAIT_2)"),
    (STEPS, "CLOSE_WAIT, LAST_ACK,", "LISTEN, LAST_ACK,"),
    (STEPS, "(ESTABLISHED, CLOSE_WAIT, LAST_ACK,", "(CLOSE_WAIT, LAST_ACK,"),
    (SERVES, "direction == INBOUND and (state", "direction == INBOUND or (state"),
    (SERVES, "if flags & DECIDING != ACK", "if flags | DECIDING != ACK"),
    (STORES, "sequence & SEQUENCE_MASK | SEQUENCE_KNOWN", "sequence & SEQUENCE_MASK"),
    (STORES, "    if direction == OUTBOUND:", "    if direction != OUTBOUND:"),
    (OWNERSHIP, "word & ~STATE_FIELD |", "word & ~STATE_FIELD & ~FROZEN |"),
    (OWNERSHIP, "return word & ~SEQUENCE_MASK |", "return word << ONE & ~SEQUENCE_MASK |"),
    (
        KEEPS_STATE,
        "        return state\n    return NO_TRANSITION\n\n\n@kernel\ndef next_outbound",
        "        return LAST_ACK\n    return NO_TRANSITION\n\n\n@kernel\ndef next_outbound",
    ),
    (PACKS, "epoch << TAG_SHIFT\n    )", "epoch << STATE_SHIFT\n    )"),
    (PACKS, "1 << 38 | 1 << 37)", "1 << 38)"),
]


@pytest.mark.parametrize(("theorem", "old", "new"), FAULTS, ids=map(str, range(len(FAULTS))))
def test_a_fault_in_the_tcp_word_is_refuted_and_its_counterexample_fails(theorem: Theorem, old: str, new: str) -> None:
    theorem.refute(tcp, old, new)


@given(
    word=st.integers(0, WORD - 1),
    direction=st.integers(0, 1),
    flags=st.integers(0, 0xFF),
    numbers=st.tuples(*[st.integers(0, 2**32 - 1)] * 3),
    corrections=st.integers(0, 7),
)
def test_what_is_proved_about_the_source_is_seen_in_the_compiled_code(
    word: int, direction: int, flags: int, numbers: tuple[int, int, int], corrections: int
) -> None:
    decision = dict(zip(DECISION, (word, direction, flags, *numbers, corrections), strict=True))
    segment = {name: decision[name] for name in SEGMENT}
    kernels = compiled(tcp)
    numbered = {name: decision[name] for name in SERVES.inputs}
    assert STEPS.replay(kernels, decision)
    assert SERVES.replay(kernels, numbered)
    assert all(theorem.replay(kernels, segment) for theorem in (STORES, OWNERSHIP, KEEPS_STATE))


SEGMENTS = st.tuples(
    st.sampled_from(Direction),
    st.integers(0, 0x3F),
    st.sampled_from([0, 1, 7, 2**32 - 1]),
    st.sampled_from([0, 1, 2, 8]),
)


@pytest.mark.parametrize("semantics", [Semantics.UPSTREAM, Semantics.CORRECT], ids=["upstream", "correct"])
@claim(
    "C4",
    "a TCP word that meets a sequence of segments keeps what the reference's flow entry keeps",
    method=Method.TESTED,
    scope="100 generated sequences of up to 30 segments, under both semantics",
    assumptions="a segment that the word leaves goes to the reference, which sets the word anew",
)
@given(segments=st.lists(SEGMENTS, max_size=30))
def test_a_word_and_a_reference_flow_go_the_same_way(
    semantics: Semantics, segments: list[tuple[Direction, int, int, int]]
) -> None:
    kernels = compiled(tcp)
    flow = TcpFlow(FlowId(6, 4, bytes(4), bytes(4), 1, 2), 0, semantics)
    word = _word_of(flow)
    header = Tcp(bytearray(Tcp.LENGTH))
    for direction, header.flags, header.sequence, header.acknowledgement in segments:
        code = tcp.OUTBOUND if direction is Direction.OUT else tcp.INBOUND
        numbers = np.uint64(header.flags), np.uint64(header.sequence)
        outcome, word = (np.uint64(value) for value in kernels.step_tcp(np.uint64(word), code, *numbers))
        following = flow.update(header, direction, 60, None)
        if outcome == tcp.LEAVE:
            word = _word_of(flow)
            continue
        assert outcome == (tcp.UNEXPECTED if following == UNEXPECTED_SEGMENT else tcp.ADVANCE)
        assert word == _word_of(flow)


def _word_of(flow: TcpFlow) -> np.uint64:
    known = np.uint64(flow.guest_sequence is not None)
    return tcp.pack_word(np.uint64(flow.state), np.uint64(flow.guest_sequence or 0), known, np.uint64(1))
