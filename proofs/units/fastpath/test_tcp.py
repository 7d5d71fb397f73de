"""The TCP word: what its fields keep, which segments hits decide, and what a segment may not touch."""

from typing import Any, SupportsInt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath import tcp
from fastpath.interpreted import interpreted
from proofs.smt.concrete import on_numbers

EPOCH = 0x1_0000_0007

IN, OUT = int(tcp.INBOUND), int(tcp.OUTBOUND)
FIN, SYN, RST, ACK = int(tcp.FIN), int(tcp.SYN), int(tcp.RST), int(tcp.ACK)

step_tcp = on_numbers(tcp.step_tcp)
step_tcp_uncompiled = on_numbers(interpreted("fastpath.tcp").step_tcp)
pack_word = on_numbers(tcp.pack_word)
state_of = on_numbers(tcp.state_of)
sequence_of = on_numbers(tcp.sequence_of)
may_advance = on_numbers(tcp.may_advance)

numbers = st.integers(0, 2**32 - 1)
any_words = st.integers(0, 2**64 - 1)
any_flags = st.integers(0, 0x1FF)

FIN_AT = 4000
FIN_WORD = int(tcp.FIN_KNOWN) | FIN_AT


def word_in(state: SupportsInt, sequence: int = 1000) -> int:
    """A live flow in `state` whose guest has last sent `sequence`."""
    return int(pack_word(int(state), sequence, 1, EPOCH))


def step(word: int, direction: int, flags: int, sequence: int = 1, acknowledgement: int = 0, fin: int = 0) -> Any:
    """Outcome and word after a segment; by default the guest's FIN has no number yet."""
    return step_tcp(word, direction, flags, sequence, acknowledgement, fin)


@pytest.mark.parametrize("direction", [IN, OUT])
@pytest.mark.parametrize("flags", [0, SYN, FIN, SYN | FIN, SYN | FIN | ACK])
@pytest.mark.parametrize("state", range(10))
def test_segments_without_acknowledgement_are_left_to_the_slow_path(state: int, flags: int, direction: int) -> None:
    assert step(word_in(state), direction, flags) == (tcp.LEAVE, word_in(state))


@pytest.mark.parametrize("direction", [IN, OUT])
@pytest.mark.parametrize("flags", [RST, RST | ACK, RST | SYN | FIN])
@pytest.mark.parametrize("state", range(1, 10))
def test_a_reset_closes_and_leaves_the_word_as_it_is(state: int, flags: int, direction: int) -> None:
    assert step(word_in(state), direction, flags) == (tcp.CLOSE, word_in(state))


@pytest.mark.parametrize("state", [tcp.LAST_ACK, tcp.FIN_WAIT_1])
def test_an_acknowledgement_of_a_fin_of_unknown_number_is_left_to_the_slow_path(state: SupportsInt) -> None:
    assert step(word_in(state), IN, ACK)[0] == tcp.LEAVE
    assert step(word_in(state), OUT, ACK)[0] == tcp.ADVANCE


LIVES = {
    "the guest calls": [
        (tcp.SYN_SENT, IN, SYN | ACK, 0, tcp.ESTABLISHED),
        (tcp.ESTABLISHED, OUT, FIN | ACK, 0, tcp.FIN_WAIT_1),
        (tcp.FIN_WAIT_1, IN, ACK, FIN_AT, tcp.FIN_WAIT_1),
        (tcp.FIN_WAIT_1, IN, ACK, FIN_AT + 1, tcp.FIN_WAIT_2),
        (tcp.FIN_WAIT_2, IN, FIN | ACK, FIN_AT, tcp.FIN_WAIT_2),
        (tcp.FIN_WAIT_2, IN, FIN | ACK, FIN_AT + 1, tcp.TIME_WAIT),
        (tcp.TIME_WAIT, IN, FIN | ACK, FIN_AT + 1, tcp.TIME_WAIT),
    ],
    "the remote calls": [
        (tcp.LISTEN, OUT, SYN | ACK, 0, tcp.SYN_RECEIVED),
        (tcp.SYN_RECEIVED, OUT, SYN | ACK, 0, tcp.SYN_RECEIVED),
        (tcp.SYN_RECEIVED, IN, ACK, 0, tcp.ESTABLISHED),
        (tcp.ESTABLISHED, IN, FIN | ACK, 0, tcp.CLOSE_WAIT),
        (tcp.CLOSE_WAIT, IN, FIN | ACK, 0, tcp.CLOSE_WAIT),
        (tcp.CLOSE_WAIT, OUT, FIN | ACK, 0, tcp.LAST_ACK),
        (tcp.LAST_ACK, IN, ACK, FIN_AT, tcp.LAST_ACK),
    ],
    "both close": [(tcp.FIN_WAIT_1, IN, FIN | ACK, FIN_AT, tcp.TIME_WAIT)],
}


@pytest.mark.parametrize("life", LIVES)
def test_hits_take_a_connection_from_the_answer_to_its_syn_to_its_end(life: str) -> None:
    for before, direction, flags, acknowledgement, after in LIVES[life]:
        outcome, word = step(word_in(before), direction, flags, 1, acknowledgement, FIN_WORD)
        assert (outcome, state_of(word)) == (tcp.ADVANCE, after)


def test_the_acknowledgement_of_the_guests_last_fin_closes() -> None:
    word = word_in(tcp.LAST_ACK)
    assert step(word, IN, ACK, 1, FIN_AT + 1, FIN_WORD) == (tcp.CLOSE, word)


def test_numbers_wrap_around() -> None:
    last = int(tcp.FIN_KNOWN) | 0xFFFF_FFFF
    assert state_of(step(word_in(tcp.FIN_WAIT_1), IN, ACK, 1, 0, last)[1]) == tcp.FIN_WAIT_2


@pytest.mark.parametrize("direction", [IN, OUT])
def test_data_in_an_established_connection_is_a_hit(direction: int) -> None:
    outcome, word = step(word_in(tcp.ESTABLISHED), direction, ACK | 0x08)
    assert (outcome, state_of(word)) == (tcp.ADVANCE, tcp.ESTABLISHED)


def test_an_unexpected_segment_keeps_the_state_but_not_the_sequence_number() -> None:
    outcome, word = step(word_in(tcp.SYN_SENT), OUT, ACK, 77)
    assert (outcome, state_of(word), sequence_of(word)) == (tcp.UNEXPECTED, tcp.SYN_SENT, 77)


def test_the_remote_never_moves_the_sequence_number() -> None:
    _, word = step(word_in(tcp.ESTABLISHED), IN, ACK, 77)
    assert sequence_of(word) == 1000


@given(state=st.integers(0, 9), sequence=numbers, known=st.booleans(), epoch=any_words)
def test_a_packed_word_gives_its_fields_back(state: int, sequence: int, known: bool, epoch: int) -> None:
    word = pack_word(state, sequence, int(known), epoch)
    assert (state_of(word), sequence_of(word)) == (state, sequence)
    assert bool(word & int(tcp.SEQUENCE_KNOWN)) is known
    assert may_advance(word, epoch)


@pytest.mark.parametrize("owner", [tcp.FROZEN, tcp.DEAD, 1 << 40, 1 << 63])
def test_hits_leave_a_word_that_is_frozen_dead_or_of_another_epoch(owner: int) -> None:
    assert not may_advance(word_in(tcp.ESTABLISHED) ^ int(owner), EPOCH)


@given(st.tuples(any_words, st.sampled_from([IN, OUT]), any_flags, numbers, numbers, st.integers(0, 2**33 - 1)))
def test_a_step_is_the_same_compiled_and_uncompiled(segment: tuple[int, ...]) -> None:
    assert step_tcp(*segment) == step_tcp_uncompiled(*segment)
