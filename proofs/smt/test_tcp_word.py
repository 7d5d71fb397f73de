"""The TCP word of the fast path is the reference's TCP machine, for every word and every segment."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath import tcp
from fastpath.fin import is_fin, pack_fin, sequence_of_fin
from fastpath.halves import Connection
from fastpath.interpreted import interpreted
from proofs.ledger import Method, claim
from proofs.smt.theorem import Theorem, Truth, compiled
from reference.direction import Direction
from reference.packet.flow import FlowId
from reference.packet.headers import Tcp
from reference.semantics import Semantics
from reference.tcp import CLOSED, UNEXPECTED_SEGMENT, transition
from reference.tcp_flows import TcpFlow

WORD = 1 << 64
SEGMENT = {
    "word": WORD,
    "direction": 2,
    "flags": 1 << 9,
    "sequence": 1 << 32,
    "acknowledgement": 1 << 32,
    "fin": 1 << 34,
}
DECISION = {**SEGMENT, "number": 1 << 32, "corrections": 8}
EVERY_SEGMENT = "every 64-bit word, every FIN word, both directions, all 2^9 flag values, all numbers of the segment"


def steps_like_the_reference(
    kernels: Any,
    word: np.uint64,
    direction: np.uint64,
    flags: np.uint64,
    sequence: np.uint64,
    acknowledgement: np.uint64,
    fin: np.uint64,
    number: np.uint64,
    corrections: np.uint64,
) -> Truth:
    """Wherever a hit steps, outcome and state are those of `reference.tcp.transition`, whatever is corrected there.

    `number` is the FIN's number there as long as the FIN word has none.
    """
    outcome, after = kernels.step_tcp(word, direction, flags, sequence, acknowledgement, fin)
    if outcome == tcp.LEAVE:
        return after == word
    compared = fin & tcp.SEQUENCE_MASK if fin & tcp.FIN_KNOWN != tcp.ZERO else number
    before, acknowledged = int(kernels.state_of(word)), int(acknowledgement)
    outbound = direction == tcp.OUTBOUND
    following = transition(before, int(compared), int(flags), acknowledged, outbound, int(corrections))
    state = int(kernels.state_of(after))
    if following == UNEXPECTED_SEGMENT:
        return outcome == tcp.UNEXPECTED and state == before
    if following == CLOSED:
        return outcome == tcp.CLOSE and after == word
    return outcome == tcp.ADVANCE and state == following


def belongs_to_its_life(state: np.uint64, outbound: Truth, flags: np.uint64) -> Truth:
    """Whether a connection is answered, or a side of it closed, when it is time for that (RFC 9293 section 3.3.2)."""
    deciding = flags & tcp.DECIDING
    return (
        (deciding == tcp.SYN_ACK and outbound and (state == tcp.LISTEN or state == tcp.SYN_RECEIVED))
        or (deciding == tcp.SYN_ACK and not outbound and state == tcp.SYN_SENT)
        or (deciding == tcp.FIN_ACK and (state == tcp.ESTABLISHED or state == tcp.CLOSE_WAIT))
        or (deciding == tcp.FIN_ACK and (state == tcp.FIN_WAIT_1 or state == tcp.LAST_ACK))
        or (deciding == tcp.FIN_ACK and not outbound and (state == tcp.FIN_WAIT_2 or state == tcp.TIME_WAIT))
    )


def leaves_only_what_an_unknown_number_decides(
    kernels: Any,
    word: np.uint64,
    direction: np.uint64,
    flags: np.uint64,
    sequence: np.uint64,
    acknowledgement: np.uint64,
    fin: np.uint64,
    number: np.uint64,
    corrections: np.uint64,
) -> Truth:
    """Of segments with ACK alone, and of those that belong to a connection's life, hits leave what a number decides.

    That is, the number of the guest's FIN, and only if they have none. Of those that reset they leave none.
    """
    outcome, _ = kernels.step_tcp(word, direction, flags, sequence, acknowledgement, fin)
    state, outbound = int(kernels.state_of(word)), direction == tcp.OUTBOUND
    before = transition(state, int(number), int(flags), int(number), outbound, int(corrections))
    covering = transition(
        state, int(number), int(flags), int(number + tcp.ONE & tcp.SEQUENCE_MASK), outbound, int(corrections)
    )
    asked_for = flags & tcp.DECIDING == tcp.ACK or belongs_to_its_life(kernels.state_of(word), outbound, flags)
    served = asked_for and (before == covering or fin & tcp.FIN_KNOWN != tcp.ZERO)
    return outcome != tcp.LEAVE or state == CLOSED or not (served or flags & tcp.RST != tcp.ZERO)


def stores_only_the_guests_number(
    kernels: Any,
    word: np.uint64,
    direction: np.uint64,
    flags: np.uint64,
    sequence: np.uint64,
    acknowledgement: np.uint64,
    fin: np.uint64,
) -> Truth:
    """A step of a segment from the guest leaves its number, known from then on; one from the remote leaves it be."""
    outcome, after = kernels.step_tcp(word, direction, flags, sequence, acknowledgement, fin)
    if direction == tcp.OUTBOUND and outcome in (tcp.ADVANCE, tcp.UNEXPECTED):
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
    fin: np.uint64,
) -> Truth:
    """TAG, DEAD, FROZEN and the unused bit come back as they were."""
    _, after = kernels.step_tcp(word, direction, flags, sequence, acknowledgement, fin)
    return (word ^ after) & ~(tcp.SEQUENCE_MASK | tcp.SEQUENCE_KNOWN | tcp.STATE_FIELD) == tcp.ZERO


def changes_no_other_state(
    kernels: Any,
    word: np.uint64,
    direction: np.uint64,
    flags: np.uint64,
    sequence: np.uint64,
    acknowledgement: np.uint64,
    fin: np.uint64,
) -> Truth:
    """Hits lead from state to state as RFC 9293 section 3.3.2 draws it, never back; none begins a life or ends it."""
    _, after = kernels.step_tcp(word, direction, flags, sequence, acknowledgement, fin)
    before, state = kernels.state_of(word), kernels.state_of(after)
    return state == before or (
        (before == tcp.SYN_SENT and state == tcp.ESTABLISHED)
        or (before == tcp.LISTEN and state == tcp.SYN_RECEIVED)
        or (before == tcp.SYN_RECEIVED and state == tcp.ESTABLISHED)
        or (before == tcp.ESTABLISHED and (state == tcp.CLOSE_WAIT or state == tcp.FIN_WAIT_1))
        or (before == tcp.CLOSE_WAIT and state == tcp.LAST_ACK)
        or (before == tcp.FIN_WAIT_1 and (state == tcp.FIN_WAIT_2 or state == tcp.TIME_WAIT))
        or (before == tcp.FIN_WAIT_2 and state == tcp.TIME_WAIT)
    )


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
SERVES = Theorem(leaves_only_what_an_unknown_number_decides, DECISION)
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
    "hits decide every reset, every segment with ACK alone of the flags that count, and the SYN,ACK and FINs of a "
    "connection's life, but where a FIN of unknown number decides",
    method=Method.PROVED,
    scope=f"{EVERY_SEGMENT}; every number of the guest's FIN, every set of corrections",
    assumptions="the connection is not closed",
)
def test_hits_leave_only_what_an_unknown_number_decides() -> None:
    SERVES.prove(tcp)


@claim("C4", "a step stores the guest's sequence number and no other", method=Method.PROVED, scope=EVERY_SEGMENT)
def test_a_step_stores_only_the_guests_number() -> None:
    STORES.prove(tcp)


@claim("C4", "a step leaves TAG, DEAD and FROZEN as they were", method=Method.PROVED, scope=EVERY_SEGMENT)
def test_a_step_leaves_ownership_alone() -> None:
    OWNERSHIP.prove(tcp)


@claim(
    "C4",
    "the only changes of state by hits are those from the answer to a SYN to the last state before the end, in order",
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
    (STEPS, "state == FIN_WAIT_2 or state == LAST_ACK", "state == FIN_WAIT_2"),
    (STEPS, "(state == FIN_WAIT_1 or state == FIN_WAIT_2", "(state == FIN_WAIT_2 or state == FIN_WAIT_2"),
    (STEPS, "acknowledgement == fin + ONE & SEQUENCE_MASK", "acknowledgement == fin + ONE"),
    (STEPS, "acknowledgement == fin + ONE & SEQUENCE_MASK", "acknowledgement == fin & SEQUENCE_MASK"),
    (STEPS, "if fin & FIN_KNOWN == ZERO or (deciding", "if (deciding"),
    (STEPS, "deciding != ACK and deciding != FIN_ACK", "deciding == SYN_ACK"),
    (STEPS, "return CLOSED if covers else LAST_ACK", "return LAST_ACK"),
    (STEPS, "return TIME_WAIT if covers else FIN_WAIT_2", "return TIME_WAIT"),
    (STEPS, "FIN_WAIT_2 if covers else FIN_WAIT_1", "FIN_WAIT_1 if covers else FIN_WAIT_2"),
    (STEPS, "return ESTABLISHED if state == SYN_SENT", "return ESTABLISHED if state != LISTEN"),
    (STEPS, "state in (LISTEN, SYN_RECEIVED) else", "state in (LISTEN, SYN_SENT) else"),
    (STEPS, "state in (ESTABLISHED, CLOSE_WAIT) else", "state in (SYN_RECEIVED, CLOSE_WAIT) else"),
    (STEPS, "if state in (ESTABLISHED, FIN_WAIT_1):", "if state in (ESTABLISHED, FIN_WAIT_2):"),
    (STEPS, "return LAST_ACK if state in (CLOSE_WAIT, LAST_ACK)", "return LAST_ACK if state in (TIME_WAIT, LAST_ACK)"),
    (STEPS, "if deciding != FIN_ACK:", "if deciding == ACK:"),
    (STEPS, "    if state == CLOSED:\n        return LEFT\n", ""),
    (STEPS, "if state in (SYN_RECEIVED, ESTABLISHED):", "if state in (SYN_SENT, ESTABLISHED):"),
    (STEPS, "if state in (CLOSE_WAIT, TIME_WAIT):", "if state in (CLOSE_WAIT, SYN_SENT):"),
    (STEPS, "CLOSE_WAIT, LAST_ACK,", "LISTEN, LAST_ACK,"),
    (STEPS, "(ESTABLISHED, CLOSE_WAIT, LAST_ACK,", "(CLOSE_WAIT, LAST_ACK,"),
    (SERVES, "return direction == INBOUND and (state", "return (state"),
    (SERVES, "    if deciding & RST != ZERO:\n        return CLOSED\n", ""),
    (SERVES, "    if state == FIN_WAIT_2 and deciding == ACK:\n        return FIN_WAIT_2\n", ""),
    (STORES, "sequence & SEQUENCE_MASK | SEQUENCE_KNOWN", "sequence & SEQUENCE_MASK"),
    (STORES, "    if direction == OUTBOUND:", "    if direction != OUTBOUND:"),
    (OWNERSHIP, "word & ~STATE_FIELD |", "word & ~STATE_FIELD & ~FROZEN |"),
    (OWNERSHIP, "return word & ~SEQUENCE_MASK |", "return word << ONE & ~SEQUENCE_MASK |"),
    (KEEPS_STATE, "return ESTABLISHED if state == SYN_SENT", "return ESTABLISHED if state != SYN_SENT"),
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
    fin=st.integers(0, 2**34 - 1),
    corrections=st.integers(0, 7),
)
def test_what_is_proved_about_the_source_is_seen_in_the_compiled_code(
    word: int, direction: int, flags: int, numbers: tuple[int, int, int], fin: int, corrections: int
) -> None:
    sequence, acknowledgement, number = numbers
    values = (word, direction, flags, sequence, acknowledgement, fin, number, corrections)
    decision = dict(zip(DECISION, values, strict=True))
    segment = {name: decision[name] for name in SEGMENT}
    kernels = compiled(tcp)
    assert all(theorem.replay(kernels, decision) for theorem in (STEPS, SERVES))
    assert all(theorem.replay(kernels, segment) for theorem in (STORES, OWNERSHIP, KEEPS_STATE))


SEGMENTS = st.tuples(
    st.sampled_from(Direction),
    st.sampled_from([0x02, 0x10, 0x11, 0x12, 0x14]) | st.integers(0, 0x3F),
    st.sampled_from([0, 1, 7, 2**32 - 1]),
    st.sampled_from([0, 1, 2, 8]),
    st.sampled_from([0, 1]),
)

STEP = interpreted("fastpath.tcp").step_tcp


class Tracked:
    """A TCP word and a FIN word, kept as hits keep them, and set anew by the slow path where hits leave a segment."""

    def __init__(self, flow: TcpFlow) -> None:
        self.flow = flow
        self.served = 0
        self.set_anew()

    def set_anew(self) -> None:
        """As the mirror does."""
        connection = Connection(self.flow, 1)
        self.word, self.fin = connection.word(1), connection.fin()

    def take(self, header: Tcp, direction: Direction, payload: int) -> None:
        """One segment, in the words and in the reference's flow, which end up the same."""
        code = tcp.OUTBOUND if direction is Direction.OUT else tcp.INBOUND
        outcome, after = tcp.LEAVE, self.word
        if not is_fin(code, np.uint64(header.flags)) or self.noted(header.sequence + payload):
            numbers = (header.flags, header.sequence, header.acknowledgement)
            outcome, after = map(np.uint64, STEP(self.word, code, *map(np.uint64, numbers), self.fin))
        following = self.flow.update(header, direction, 60, None, payload)
        if outcome == tcp.LEAVE:
            self.set_anew()
            return
        self.served += 1
        self.word = after
        if outcome == tcp.CLOSE:
            assert following == CLOSED
            self.set_anew()
        else:
            assert outcome == (tcp.UNEXPECTED if following == UNEXPECTED_SEGMENT else tcp.ADVANCE)
        assert self.word == Connection(self.flow, 1).word(1)
        number = sequence_of_fin(self.word, self.fin)
        assert number is None or number == self.flow.fin_sequence

    def noted(self, number: int) -> bool:
        """Leave the number of a FIN, as `fin.note_fin` does."""
        fin = pack_fin(np.uint64(number))
        self.fin = self.fin or fin
        return bool(self.fin == fin)


@pytest.mark.parametrize("semantics", [Semantics.UPSTREAM, Semantics.CORRECT], ids=["upstream", "correct"])
@claim(
    "C4",
    "a TCP word and a FIN word that meet a sequence of segments keep what the reference's flow entry keeps",
    method=Method.TESTED,
    scope="100 generated sequences of up to 30 segments, under both semantics",
    assumptions="a segment that the words leave goes to the reference, which sets them anew",
)
@given(segments=st.lists(SEGMENTS, max_size=30))
def test_a_word_and_a_reference_flow_go_the_same_way(
    semantics: Semantics, segments: list[tuple[Direction, int, int, int, int]]
) -> None:
    tracked = Tracked(TcpFlow(FlowId(6, 4, bytes(4), bytes(4), 1, 2), 0, semantics))
    header = Tcp(bytearray(Tcp.LENGTH))
    for direction, header.flags, header.sequence, header.acknowledgement, payload in segments:
        tracked.take(header, direction, payload)


def test_a_whole_connection_is_served_but_for_its_first_segment() -> None:
    tracked = Tracked(TcpFlow(FlowId(6, 4, bytes(4), bytes(4), 1, 2), 0))
    header = Tcp(bytearray(Tcp.LENGTH))
    inbound, outbound = Direction.IN, Direction.OUT
    for direction, header.flags, header.sequence, header.acknowledgement in (
        *((outbound, 0x02, 1, 0), (inbound, 0x12, 50, 2), (outbound, 0x10, 2, 51), (inbound, 0x11, 51, 2)),
        *((outbound, 0x11, 2, 52), (inbound, 0x10, 52, 3)),
    ):
        tracked.take(header, direction, 0)
    assert tracked.served == 5
    assert tracked.flow.state == CLOSED
