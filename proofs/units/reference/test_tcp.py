"""The TCP flow state machine, from the guest's point of view."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.tcp import (
    ACK,
    CLOSE_WAIT,
    CLOSED,
    ESTABLISHED,
    FIN,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    LISTEN,
    NEW_FLOW,
    RST,
    SYN,
    SYN_RECEIVED,
    SYN_SENT,
    TIME_WAIT,
    UNEXPECTED_SEGMENT,
    TcpState,
    transition,
)

IN, OUT = False, True
MAXIMUM = 0xFFFF_FFFF

states = st.integers(0, 9)
numbers = st.integers(0, MAXIMUM)


def walk(steps: list[tuple[bool, int]], state: int = CLOSED) -> int:
    """The state after segments whose acknowledgements cover nothing."""
    for outbound, flags in steps:
        state = transition(state, 1000, flags, 1000, outbound)
    return state


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ([(OUT, SYN)], SYN_SENT),
        ([(OUT, SYN), (OUT, SYN)], SYN_SENT),
        ([(OUT, SYN), (IN, SYN | ACK)], ESTABLISHED),
        ([(IN, SYN)], LISTEN),
        ([(IN, SYN), (IN, SYN)], LISTEN),
        ([(IN, SYN), (OUT, SYN | ACK)], SYN_RECEIVED),
        ([(IN, SYN), (OUT, SYN | ACK), (IN, SYN)], SYN_RECEIVED),
        ([(IN, SYN), (OUT, SYN | ACK), (IN, ACK)], ESTABLISHED),
        ([(IN, ACK)], ESTABLISHED),
        ([(OUT, ACK)], ESTABLISHED),
        ([(OUT, ACK), (OUT, FIN | ACK)], FIN_WAIT_1),
        ([(OUT, ACK), (OUT, FIN | ACK), (IN, FIN | ACK)], TIME_WAIT),
        ([(OUT, ACK), (IN, FIN | ACK)], CLOSE_WAIT),
        ([(OUT, ACK), (IN, FIN | ACK), (OUT, ACK)], CLOSE_WAIT),
        ([(OUT, ACK), (IN, FIN | ACK), (OUT, FIN | ACK)], LAST_ACK),
        ([(OUT, ACK), (IN, FIN | ACK), (OUT, FIN | ACK), (IN, ACK)], LAST_ACK),
    ],
)
def test_connections_open_and_close(steps: list[tuple[bool, int]], state: int) -> None:
    assert walk(steps) == state


@given(states, numbers, st.integers(0, 255), numbers, st.booleans())
def test_a_reset_closes_in_every_state(
    state: int, sequence: int, flags: int, acknowledgement: int, outbound: bool
) -> None:
    assert transition(state, sequence, flags | RST, acknowledgement, outbound) == CLOSED


@given(numbers)
def test_an_acknowledgement_of_the_fin_is_one_more_than_its_sequence_number_modulo_2_to_the_32(fin: int) -> None:
    covering = (fin + 1) % 2**32
    assert transition(FIN_WAIT_1, fin, ACK, covering, IN) == FIN_WAIT_2
    assert transition(FIN_WAIT_2, fin, FIN | ACK, covering, IN) == TIME_WAIT
    assert transition(LAST_ACK, fin, ACK, covering, IN) == CLOSED


@given(numbers, numbers)
def test_any_other_acknowledgement_leaves_the_fin_open(fin: int, acknowledgement: int) -> None:
    if acknowledgement == (fin + 1) % 2**32:
        acknowledgement = fin
    assert transition(FIN_WAIT_1, fin, ACK, acknowledgement, IN) == FIN_WAIT_1
    assert transition(FIN_WAIT_2, fin, FIN | ACK, acknowledgement, IN) == FIN_WAIT_2
    assert transition(LAST_ACK, fin, ACK, acknowledgement, IN) == LAST_ACK


def test_the_highest_sequence_number_is_covered_by_zero() -> None:
    assert transition(LAST_ACK, MAXIMUM, ACK, 0, IN) == CLOSED


@pytest.mark.parametrize(
    ("state", "outbound", "flags"),
    [
        (ESTABLISHED, OUT, SYN),
        (ESTABLISHED, IN, SYN),
        (TIME_WAIT, OUT, SYN),
        (TIME_WAIT, IN, SYN),
        (FIN_WAIT_1, OUT, SYN),
        (LAST_ACK, IN, SYN),
        (SYN_SENT, IN, SYN),
    ],
)
def test_a_syn_where_none_belongs_begins_a_new_flow(state: int, outbound: bool, flags: int) -> None:
    assert transition(state, 0, flags, 0, outbound) == NEW_FLOW


@pytest.mark.parametrize(
    ("state", "outbound", "flags"),
    [
        (CLOSED, OUT, FIN),
        (CLOSED, IN, 0),
        (LISTEN, IN, ACK),
        (LISTEN, OUT, ACK),
        (SYN_SENT, IN, ACK),
        (SYN_SENT, OUT, ACK),
        (SYN_RECEIVED, OUT, ACK),
        (FIN_WAIT_2, OUT, FIN),
        (TIME_WAIT, OUT, 0),
    ],
)
def test_other_segments_out_of_place_are_unexpected(state: int, outbound: bool, flags: int) -> None:
    assert transition(state, 0, flags, 0, outbound) == UNEXPECTED_SEGMENT


def test_the_guest_in_close_wait_may_send_anything_without_leaving_it() -> None:
    for flags in (0, ACK, SYN, SYN | ACK):
        assert transition(CLOSE_WAIT, 0, flags, 0, OUT) == CLOSE_WAIT


@given(states, numbers, st.integers(0, 255), numbers, st.booleans())
def test_only_rst_syn_fin_and_ack_matter(
    state: int, sequence: int, flags: int, acknowledgement: int, outbound: bool
) -> None:
    bare = flags & (RST | SYN | FIN | ACK)
    assert transition(state, sequence, flags, acknowledgement, outbound) == transition(
        state, sequence, bare, acknowledgement, outbound
    )


@given(states, numbers, st.integers(0, 255), numbers, st.booleans())
def test_every_outcome_is_a_state_or_one_of_the_two_refusals(
    state: int, sequence: int, flags: int, acknowledgement: int, outbound: bool
) -> None:
    outcome = transition(state, sequence, flags, acknowledgement, outbound)
    assert outcome in {*TcpState, UNEXPECTED_SEGMENT, NEW_FLOW}


def test_states_are_named_as_in_recordings() -> None:
    assert [state.text for state in TcpState] == [
        "CLOSED",
        "LISTEN",
        "SYN_SENT",
        "SYN_RCVD",
        "ESTABLISHED",
        "CLOSE_WAIT",
        "LAST_ACK",
        "FIN_WAIT_1",
        "FIN_WAIT_2",
        "TIME_WAIT",
    ]
