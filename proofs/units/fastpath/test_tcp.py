"""The TCP word: what its fields keep, which segments hits decide, and what a segment may not touch."""

from typing import SupportsInt

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


def word_in(state: SupportsInt, sequence: int = 1000) -> int:
    """A live flow in `state` whose guest has last sent `sequence`."""
    return int(pack_word(int(state), sequence, 1, EPOCH))


@pytest.mark.parametrize("direction", [IN, OUT])
@pytest.mark.parametrize("flags", [0, SYN, FIN, RST, SYN | ACK, FIN | ACK, RST | ACK])
@pytest.mark.parametrize("state", range(10))
def test_all_but_plain_segments_with_an_acknowledgement_are_left_to_the_slow_path(
    state: int, flags: int, direction: int
) -> None:
    assert step_tcp(word_in(state), direction, flags, 77) == (tcp.LEAVE, word_in(state))


@pytest.mark.parametrize("state", [tcp.LAST_ACK, tcp.FIN_WAIT_1])
def test_an_acknowledgement_that_may_cover_the_guests_fin_is_left_to_the_slow_path(state: SupportsInt) -> None:
    assert step_tcp(word_in(state), IN, ACK, 1)[0] == tcp.LEAVE
    assert step_tcp(word_in(state), OUT, ACK, 1)[0] == tcp.ADVANCE


def test_the_last_segment_of_the_handshake_establishes_an_inbound_connection() -> None:
    outcome, word = step_tcp(word_in(tcp.SYN_RECEIVED), IN, ACK, 1)
    assert (outcome, state_of(word)) == (tcp.ADVANCE, tcp.ESTABLISHED)


@pytest.mark.parametrize("direction", [IN, OUT])
def test_data_in_an_established_connection_is_a_hit(direction: int) -> None:
    outcome, word = step_tcp(word_in(tcp.ESTABLISHED), direction, ACK | 0x08, 1)
    assert (outcome, state_of(word)) == (tcp.ADVANCE, tcp.ESTABLISHED)


def test_an_unexpected_segment_keeps_the_state_but_not_the_sequence_number() -> None:
    outcome, word = step_tcp(word_in(tcp.SYN_SENT), OUT, ACK, 77)
    assert (outcome, state_of(word), sequence_of(word)) == (tcp.UNEXPECTED, tcp.SYN_SENT, 77)


def test_the_remote_never_moves_the_sequence_number() -> None:
    _, word = step_tcp(word_in(tcp.ESTABLISHED), IN, ACK, 77)
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


@given(word=any_words, direction=st.sampled_from([IN, OUT]), flags=any_flags, sequence=numbers)
def test_a_step_is_the_same_compiled_and_uncompiled(word: int, direction: int, flags: int, sequence: int) -> None:
    segment = (word, direction, flags, sequence)
    assert step_tcp(*segment) == step_tcp_uncompiled(*segment)
