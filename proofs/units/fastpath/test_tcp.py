"""The TCP word: what its fields keep, how a connection opens and closes, and what a segment may not touch."""

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


def walk(*segments: tuple[int, int]) -> list[int]:
    """States after each segment of a flow that begins closed; each acknowledges all that the guest sent."""
    word, states = word_in(tcp.CLOSED), []
    for direction, flags in segments:
        _, word = step_tcp(word, direction, flags, 1000, 1001)
        states.append(state_of(word))
    return states


def test_a_guest_opens_and_closes_first() -> None:
    assert walk(
        (OUT, SYN),
        (IN, SYN | ACK),
        (OUT, ACK),
        (OUT, FIN | ACK),
        (IN, ACK),
        (IN, FIN | ACK),
        (OUT, ACK),
    ) == [tcp.SYN_SENT, tcp.ESTABLISHED, tcp.ESTABLISHED, tcp.FIN_WAIT_1, tcp.FIN_WAIT_2, tcp.TIME_WAIT, tcp.TIME_WAIT]


def test_a_remote_opens_and_closes_first() -> None:
    assert walk(
        (IN, SYN),
        (OUT, SYN | ACK),
        (IN, ACK),
        (IN, FIN | ACK),
        (OUT, ACK),
        (OUT, FIN | ACK),
        (IN, ACK),
    ) == [tcp.LISTEN, tcp.SYN_RECEIVED, tcp.ESTABLISHED, tcp.CLOSE_WAIT, tcp.CLOSE_WAIT, tcp.LAST_ACK, tcp.CLOSED]


def test_the_acknowledged_fin_closes_across_the_end_of_sequence_space() -> None:
    word = word_in(tcp.LAST_ACK, sequence=0xFFFF_FFFF)
    assert step_tcp(word, IN, ACK, 1, 0)[0] == tcp.CLOSES
    assert step_tcp(word, IN, ACK, 1, 1)[0] == tcp.ADVANCE


@pytest.mark.parametrize("direction", [IN, OUT])
@pytest.mark.parametrize("state", range(10))
def test_a_reset_closes_from_every_state(state: int, direction: int) -> None:
    outcome, word = step_tcp(word_in(state), direction, RST | SYN, 1, 1)
    assert (outcome, state_of(word)) == (tcp.CLOSES, tcp.CLOSED)


@pytest.mark.parametrize("direction", [IN, OUT])
def test_a_syn_on_an_established_flow_is_a_new_flow(direction: int) -> None:
    assert step_tcp(word_in(tcp.ESTABLISHED), direction, SYN, 1, 1)[0] == tcp.NEW_FLOW


def test_an_unexpected_segment_keeps_the_state_but_not_the_sequence_number() -> None:
    outcome, word = step_tcp(word_in(tcp.TIME_WAIT), OUT, FIN, 77, 1)
    assert (outcome, state_of(word), sequence_of(word)) == (tcp.UNEXPECTED, tcp.TIME_WAIT, 77)


def test_the_remote_never_moves_the_sequence_number() -> None:
    _, word = step_tcp(word_in(tcp.ESTABLISHED), IN, ACK, 77, 1)
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


@given(word=any_words, direction=st.sampled_from([IN, OUT]), flags=any_flags, sequence=numbers, acknowledgement=numbers)
def test_a_step_is_the_same_compiled_and_uncompiled(
    word: int, direction: int, flags: int, sequence: int, acknowledgement: int
) -> None:
    segment = (word, direction, flags, sequence, acknowledgement)
    assert step_tcp(*segment) == step_tcp_uncompiled(*segment)
