"""The flow record: hits advance a word that is theirs, and leave every other one untouched to the slow path."""

from typing import Any, SupportsIndex

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath import flow, memory, tcp
from fastpath.fin import FIN_LEFT
from fastpath.layout import FIN_WORD
from fastpath.memory import Words
from proofs.smt.concrete import on_numbers
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import small_arena

UNCOMPILED = arenas.plain("fastpath.flow")
RECORD = np.uint64(3)
EPOCH = 0x1_0000_0007
SYN, ACK, FIN, RST = (int(flag) for flag in (tcp.SYN, tcp.ACK, tcp.FIN, tcp.RST))
IN, OUT = int(tcp.INBOUND), int(tcp.OUTBOUND)

step_tcp = on_numbers(tcp.step_tcp)
pack_word = on_numbers(tcp.pack_word)
compiled_and_not = pytest.mark.parametrize("kernels", [flow, UNCOMPILED], ids=["compiled", "uncompiled"])

numbers = st.integers(0, 2**32 - 1)
live_words = st.builds(
    pack_word, st.sampled_from(range(10)), numbers, st.integers(0, 1), st.sampled_from([EPOCH, EPOCH, EPOCH + 1])
)
fins = st.sampled_from([0, int(tcp.FIN_KNOWN) | 1, int(tcp.FIN_KNOWN) | 2, int(FIN_LEFT)])
owners = st.sampled_from([0, 0, 0, int(tcp.FROZEN), int(tcp.DEAD)])
flags = st.sampled_from([ACK, SYN, SYN | ACK, FIN | ACK, RST]) | st.integers(0, 0xFF)


def arena_with(word: int, fin: int = 0) -> Words:
    """An arena whose flow record 3 has this word, and its neighbours another one."""
    words = small_arena()
    at = place(words)
    words[at - 8 : at + 16] = 0xABAB_ABAB_ABAB_ABAB
    words[at], words[at + FIN_WORD] = word, fin
    return words


def place(words: Words) -> int:
    """Where the word of flow record 3 is."""
    return int(flow.tcp_word_at(words, RECORD))


def advance(kernels: Any, words: Words, *segment: int, epoch: int = EPOCH) -> bool:
    """One segment: direction, flags, sequence and acknowledgement number, and FIN word if it is the guest's FIN."""
    segment += (0,) * (5 - len(segment))
    return bool(on_numbers(kernels.advance)(words, int(RECORD), epoch, *segment))


@given(live_words, owners, st.sampled_from([IN, OUT]), flags, numbers, st.sampled_from([1, 2, 3]), fins)
def test_a_segment_steps_a_word_that_hits_own_and_changes_nothing_else(
    word: int, owner: int, direction: int, flags: int, sent: int, acknowledged: int, fin: int
) -> None:
    word |= owner
    segment = (direction, flags, sent, acknowledged)
    outcome, stepped = step_tcp(word, *segment, fin)
    is_ours = owner == 0 and word >> 40 == EPOCH & 0xFF_FFFF
    passes = is_ours and outcome in (tcp.ADVANCE, tcp.UNEXPECTED)
    words, expected = arena_with(word, fin), arena_with(stepped if passes else word, fin)
    assert advance(flow, words, *segment) is passes
    assert np.array_equal(words, expected)
    words = arena_with(word, fin)
    assert advance(UNCOMPILED, words, *segment) is passes
    assert np.array_equal(words, expected)


@compiled_and_not
@pytest.mark.parametrize(
    "word",
    [
        pack_word(int(tcp.ESTABLISHED), 1, 1, EPOCH) | int(tcp.FROZEN),
        pack_word(int(tcp.ESTABLISHED), 1, 1, EPOCH) | int(tcp.DEAD),
        pack_word(int(tcp.ESTABLISHED), 1, 1, EPOCH - 1),
        pack_word(int(tcp.ESTABLISHED), 1, 1, EPOCH + 1),
    ],
    ids=["frozen", "dead", "older", "newer"],
)
def test_a_word_that_is_frozen_dead_or_of_other_rules_is_refused(kernels: Any, word: int) -> None:
    words = arena_with(word)
    assert not advance(kernels, words, OUT, ACK, 2)
    assert words[place(words)] == word


@compiled_and_not
@pytest.mark.parametrize(("flags", "direction"), [(RST, OUT), (RST, IN), (SYN, OUT), (SYN, IN), (FIN, OUT)])
def test_segments_that_close_or_open_are_left_to_the_slow_path(kernels: Any, flags: int, direction: int) -> None:
    word = pack_word(int(tcp.ESTABLISHED), 1, 1, EPOCH)
    words = arena_with(word)
    assert not advance(kernels, words, direction, flags, 2)
    assert words[place(words)] == word


@compiled_and_not
def test_a_frozen_flow_stands_still_until_it_is_thawed(kernels: Any) -> None:
    word = pack_word(int(tcp.ESTABLISHED), 1, 1, EPOCH)
    words = arena_with(word)
    assert kernels.freeze(words, RECORD) == word
    assert not advance(kernels, words, OUT, ACK, 2)
    kernels.thaw(words, RECORD, np.uint64(word))
    assert advance(kernels, words, OUT, ACK, 2)
    assert tcp.sequence_of(words[place(words)]) == 2


@compiled_and_not
def test_burial_keeps_the_word_readable_and_nothing_advances_it_again(kernels: Any) -> None:
    word = pack_word(int(tcp.LAST_ACK), 77, 1, EPOCH)
    words = arena_with(word)
    for _ in range(2):
        kernels.bury(words, RECORD)
        assert words[place(words)] == word | int(tcp.DEAD)
    assert not advance(kernels, words, IN, ACK, 1)


class SegmentComesFirst(memory.Memory):
    """Memory in which another thread's segment arrives right before the first compare-and-swap."""

    def __init__(self, at: int, word: int) -> None:
        self._other: tuple[int, int] | None = (at, word)
        self.attempts = 0

    def compare_and_swap(self, words: Words, index: SupportsIndex, *arguments: Any) -> bool:
        self.attempts += 1
        if self._other is not None:
            (at, word), self._other = self._other, None
            words[at] = word
        return super().compare_and_swap(words, index, *arguments)


def test_a_segment_that_lost_the_race_steps_from_the_winners_word() -> None:
    established = pack_word(int(tcp.ESTABLISHED), 1, 1, EPOCH)
    words = arena_with(pack_word(int(tcp.SYN_RECEIVED), 1, 1, EPOCH))
    with memory.using(SegmentComesFirst(place(words), established)) as raced:
        assert advance(UNCOMPILED, words, OUT, ACK, 9)
    assert isinstance(raced, SegmentComesFirst)
    assert raced.attempts == 2
    assert words[place(words)] == pack_word(int(tcp.ESTABLISHED), 9, 1, EPOCH)


@pytest.mark.parametrize("kernel", ["freeze", "bury"])
def test_a_segment_that_wins_against_a_slow_operation_is_not_lost(kernel: str) -> None:
    advanced = pack_word(int(tcp.CLOSE_WAIT), 5, 1, EPOCH)
    words = arena_with(pack_word(int(tcp.ESTABLISHED), 1, 1, EPOCH))
    with memory.using(SegmentComesFirst(place(words), advanced)):
        seen = getattr(UNCOMPILED, kernel)(words, RECORD)
    assert seen in (None, advanced)
    assert words[place(words)] == advanced | int(tcp.FROZEN if kernel == "freeze" else tcp.DEAD)


def test_a_segment_that_changes_nothing_writes_nothing() -> None:
    word = pack_word(int(tcp.ESTABLISHED), 5, 1, EPOCH)
    words = arena_with(word)
    with memory.using(SegmentComesFirst(place(words), 0)) as raced:
        assert advance(UNCOMPILED, words, IN, ACK, 9)
    assert isinstance(raced, SegmentComesFirst)
    assert raced.attempts == 0


FIRST, SECOND = int(tcp.FIN_KNOWN) | 9, int(tcp.FIN_KNOWN) | 10


@compiled_and_not
def test_the_guests_first_fin_leaves_its_number_and_its_repetition_passes(kernels: Any) -> None:
    words = arena_with(pack_word(int(tcp.ESTABLISHED), 1, 1, EPOCH))
    for _ in range(2):
        assert advance(kernels, words, OUT, FIN | ACK, 9, 0, FIRST)
        assert tcp.state_of(words[place(words)]) == tcp.FIN_WAIT_1
        assert words[place(words) + FIN_WORD] == FIRST


@compiled_and_not
def test_a_fin_with_another_number_is_left_to_the_slow_path(kernels: Any) -> None:
    word = pack_word(int(tcp.ESTABLISHED), 1, 1, EPOCH)
    for noted in (FIRST, int(FIN_LEFT)):
        words = arena_with(word, noted)
        assert not advance(kernels, words, OUT, FIN | ACK, 9, 0, SECOND)
        assert (words[place(words)], words[place(words) + FIN_WORD]) == (word, noted)


def test_of_two_fins_that_meet_the_second_is_left_to_the_slow_path() -> None:
    word = pack_word(int(tcp.ESTABLISHED), 1, 1, EPOCH)
    for fin, passes in ((FIRST, False), (SECOND, True)):
        words = arena_with(word)
        with memory.using(SegmentComesFirst(place(words) + FIN_WORD, SECOND)):
            assert advance(UNCOMPILED, words, OUT, FIN | ACK, 9, 0, fin) is passes
        assert words[place(words) + FIN_WORD] == SECOND
