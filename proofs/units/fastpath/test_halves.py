"""What hits have left in a half finds its way home: once, whole, and in time."""

import numpy as np
import pytest

from fastpath.flow import flow_at
from fastpath.halves import Connection, Half, read_word
from fastpath.layout import BYTES, FIN_WORD, HITS, LIFE, NUMBERS
from fastpath.tcp import CLOSE_WAIT, ESTABLISHED, LAST_ACK, TIME_WAIT
from reference.direction import Direction
from reference.packet.flow import FlowId
from reference.tcp_flows import TcpFlow
from reference.transform import compile_transform
from reference.uft import UftEntry

FLOW = FlowId(6, 4, bytes([10, 0, 0, 5]), bytes([10, 0, 0, 6]), 1000, 80)
BEGIN_MS = 1_000


def outbound_half() -> tuple[Half, TcpFlow, np.ndarray]:
    flow = TcpFlow(FLOW, BEGIN_MS)
    entry = UftEntry(FLOW, FLOW.mirror(), 1, 7, compile_transform([], [], False), (), BEGIN_MS)
    words = np.zeros(64, np.uint64)
    words[LIFE] = BEGIN_MS
    return Half(entry, Direction.OUT, 1, 0, Connection(flow, 1)), flow, words


def leave_hits(words: np.ndarray, hits: int, length: int, now_ms: int) -> None:
    words[LIFE] = now_ms
    words[BYTES] += np.uint64(length)
    words[NUMBERS] = 5 << 32 | 9
    words[HITS] += np.uint64(hits)


def test_hits_are_added_once_however_often_the_half_is_read() -> None:
    half, flow, words = outbound_half()
    leave_hits(words, hits=3, length=300, now_ms=BEGIN_MS + 1)
    half.bring_home(words)
    half.bring_home(words)
    assert (half.original.hits, flow.hits, flow.segments_out, flow.bytes_out) == (3, 3, 3, 300)
    assert flow.guest_acknowledgement == 9


def test_bytes_counted_before_their_hit_are_not_lost() -> None:
    half, flow, words = outbound_half()
    words[BYTES] = 54
    half.bring_home(words)
    words[HITS] = 1
    half.bring_home(words)
    assert (flow.segments_out, flow.bytes_out) == (1, 54)


def test_a_hit_that_has_left_its_time_but_is_not_counted_yet_keeps_the_connection_alive() -> None:
    half, flow, words = outbound_half()
    words[LIFE] = BEGIN_MS + 4_000
    half.bring_home(words)
    assert flow.last_hit_ms == BEGIN_MS + 4_000


def test_a_half_that_was_not_hit_leaves_the_time_of_its_connection_alone() -> None:
    half, flow, words = outbound_half()
    flow.last_hit_ms = BEGIN_MS - 500
    half.bring_home(words)
    assert flow.last_hit_ms == BEGIN_MS - 500


def test_the_word_brings_state_and_sequence_number_home() -> None:
    half, flow, words = outbound_half()
    assert half.connection is not None
    flow.state, flow.guest_sequence = int(ESTABLISHED), 77
    word = half.connection.word(epoch=3)
    flow.state, flow.guest_sequence = 0, 1
    read_word(words, half.connection, word)
    assert (flow.state, flow.guest_sequence) == (int(ESTABLISHED), 77)


@pytest.mark.parametrize(("state", "known"), [(ESTABLISHED, None), (CLOSE_WAIT, None), (LAST_ACK, 80), (TIME_WAIT, 80)])
def test_the_number_of_the_guests_fin_comes_home_when_the_fin_has_passed(state: np.uint64, known: int | None) -> None:
    half, flow, words = outbound_half()
    assert half.connection is not None
    flow.state, flow.fin_sequence = int(state), 80
    word, fin = half.connection.word(epoch=3), half.connection.fin()
    words[flow_at(words, np.uint64(half.connection.record)) + FIN_WORD] = fin
    flow.fin_sequence = None
    read_word(words, half.connection, word)
    assert flow.fin_sequence == known


def test_a_word_without_a_sequence_number_leaves_it_unknown() -> None:
    half, flow, words = outbound_half()
    assert half.connection is not None
    flow.state = int(ESTABLISHED)
    read_word(words, half.connection, half.connection.word(epoch=3))
    assert flow.guest_sequence is None
