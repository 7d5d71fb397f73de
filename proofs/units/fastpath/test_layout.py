"""The layout: regions, records and bit fields lie beside each other, never across."""

from collections.abc import Sequence
from typing import SupportsInt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath import layout
from fastpath.geometry import Geometry, whole_lines
from fastpath.layout import (
    BUCKET_MASK,
    BUCKETS_AT,
    CLAIMS_AT,
    ENTRIES_AT,
    FLOWS_AT,
    HEADER_WORDS,
    LINE,
    SLOTS,
    THREAD_COUNT,
    THREADS_AT,
    TRANSFORM_INDEX_AT,
    TRANSFORMS_AT,
)

geometries = st.builds(
    Geometry, st.integers(1, 3_000_000), st.integers(0, 5_000), st.integers(1, 512), st.integers(0, 6)
)


@given(geometry=geometries)
def test_the_regions_follow_each_other_without_gap_or_overlap(geometry: Geometry) -> None:
    at = geometry.offsets()
    expected = [
        HEADER_WORDS,
        at[THREADS_AT] + at[THREAD_COUNT] * layout.THREAD_WORDS,
        at[BUCKETS_AT] + (at[BUCKET_MASK] + 1) * layout.BUCKET_WORDS,
        at[ENTRIES_AT] + geometry.entry_records * layout.ENTRY_WORDS,
        at[FLOWS_AT] + geometry.flow_records * layout.FLOW_WORDS,
        at[TRANSFORMS_AT] + geometry.transform_records * layout.TRANSFORM_WORDS,
        at[TRANSFORM_INDEX_AT] + geometry.transform_index,
        at[CLAIMS_AT] + geometry.claims,
        at[layout.ENTRY_NUMBERS_AT] + whole_lines(geometry.entry_records),
        at[layout.FLOW_NUMBERS_AT] + whole_lines(geometry.flow_records),
        at[layout.TRANSFORM_NUMBERS_AT] + whole_lines(geometry.transform_records),
        at[layout.POOLS_AT] + geometry.pools * layout.POOL_WORDS,
    ]
    regions = (
        THREADS_AT,
        BUCKETS_AT,
        ENTRIES_AT,
        FLOWS_AT,
        TRANSFORMS_AT,
        TRANSFORM_INDEX_AT,
        CLAIMS_AT,
        layout.ENTRY_NUMBERS_AT,
        layout.FLOW_NUMBERS_AT,
        layout.TRANSFORM_NUMBERS_AT,
        layout.POOLS_AT,
    )
    assert [*(at[region] for region in regions), geometry.words] == expected


@given(geometry=geometries)
def test_records_lie_on_whole_lines(geometry: Geometry) -> None:
    at = geometry.offsets()
    for region in (THREADS_AT, BUCKETS_AT, ENTRIES_AT, FLOWS_AT, TRANSFORMS_AT, layout.POOLS_AT):
        assert at[region] % LINE == 0
    for size in (layout.THREAD_WORDS, layout.BUCKET_WORDS, layout.ENTRY_WORDS, layout.FLOW_WORDS):
        assert size % LINE == 0
    assert layout.TRANSFORM_WORDS % LINE == layout.DESCRIPTOR_WORDS % LINE == layout.WORK_WORDS % LINE == 0


@given(geometry=geometries)
def test_there_are_twice_as_many_slots_as_entries_and_a_power_of_two_of_buckets(geometry: Geometry) -> None:
    assert geometry.buckets.bit_count() == 1
    assert geometry.buckets * SLOTS >= 2 * geometry.entries


@given(geometry=geometries)
def test_every_entry_can_have_a_flow_of_its_own_beside_the_unused_record_0(geometry: Geometry) -> None:
    assert geometry.entry_records == geometry.entries + geometry.spare + 1
    assert geometry.flow_records >= geometry.entry_records


@given(geometry=geometries)
def test_every_entry_of_a_small_arena_can_have_a_transform_of_its_own(geometry: Geometry) -> None:
    assert geometry.transform_records == min(geometry.entry_records, (1 << 16) + 1)


@given(geometry=geometries)
def test_the_index_of_transforms_is_a_power_of_two_and_never_more_than_half_full(geometry: Geometry) -> None:
    assert geometry.transform_index.bit_count() == 1
    assert geometry.transform_index >= 2 * geometry.transform_records


@given(geometry=geometries)
def test_claims_are_a_power_of_two_and_at_least_two_for_each_entry(geometry: Geometry) -> None:
    assert geometry.claims.bit_count() == 1
    assert geometry.claims >= 2 * geometry.entries


@given(geometry=geometries)
def test_a_list_has_room_for_the_number_of_every_record_of_its_kind(geometry: Geometry) -> None:
    at = geometry.offsets()
    begins = [at[layout.ENTRY_NUMBERS_AT], at[layout.FLOW_NUMBERS_AT], at[layout.TRANSFORM_NUMBERS_AT]]
    counts = [geometry.entry_records, geometry.flow_records, geometry.transform_records]
    ends = [*begins[1:], at[layout.POOLS_AT]]
    assert all(end - begin >= count - 1 for begin, end, count in zip(begins, ends, counts, strict=True))


@given(geometry=geometries)
def test_numbers_of_records_fit_half_a_word(geometry: Geometry) -> None:
    assert max(geometry.entry_records, geometry.flow_records, geometry.transform_records) < 1 << 32


def test_an_arena_has_no_more_threads_than_an_owner_of_a_half_can_tell_apart() -> None:
    assert Geometry(entries=1, threads=layout.GREATEST_THREADS).threads == int(layout.OWNED_HITS ^ ~np.uint64(0)) >> 54
    with pytest.raises(ValueError, match="threads=1024: at most 1023"):
        Geometry(entries=1, threads=layout.GREATEST_THREADS + 1)


def test_what_threads_write_lies_on_lines_of_its_own() -> None:
    shared = [layout.CONTROL, layout.PORT_LOCK, layout.GATE, layout.RECORDS, layout.TRANSFORM_LOCK, layout.ROOM]
    shared += [layout.BUCKET_MASK, layout.SECRET]
    assert len({word // LINE for word in shared}) == len(shared)
    assert len({word // LINE for word in (layout.ANNOUNCE, layout.MISSING, layout.USED, layout.GRANTED)}) == 4
    written_by_hits = {layout.LIFE, layout.HITS, layout.BYTES, layout.NUMBERS, layout.PARTNER}
    constant = {*range(layout.KEY, layout.KEY + layout.KEY_WORDS), layout.BINDING, layout.ACTION, layout.REWRITE}
    assert {word // LINE for word in constant} == {0}
    assert {word // LINE for word in written_by_hits} == {1}
    assert max(written_by_hits) < layout.ENTRY_WORDS


HEADER = (
    *(layout.CONTROL, layout.PORT_LOCK, layout.GATE, layout.RECORDS_LOCK, layout.TRANSFORM_LOCK),
    *(
        list_ + word
        for list_ in (layout.ENTRY_LIST, layout.FLOW_LIST, layout.TRANSFORM_LIST)
        for word in (0, layout.FRESH)
    ),
    *(layout.ROOM + kind for kind in range(layout.KINDS)),
    *(BUCKET_MASK, BUCKETS_AT, ENTRIES_AT, FLOWS_AT, TRANSFORMS_AT, THREADS_AT, THREAD_COUNT),
    *(layout.ENTRY_COUNT, layout.FLOW_COUNT, layout.TRANSFORM_COUNT),
    *(TRANSFORM_INDEX_AT, layout.TRANSFORM_INDEX_MASK, CLAIMS_AT, layout.CLAIM_MASK, layout.POOLS_AT),
    *range(layout.SECRET, layout.SECRET + 4),
    *(layout.ENTRY_NUMBERS_AT, layout.FLOW_NUMBERS_AT, layout.TRANSFORM_NUMBERS_AT),
)
THREAD = (
    *(layout.ANNOUNCE, layout.THREAD_HITS, layout.THREAD_HITS + 1),
    layout.MISSING,
    *(stock + word for stock in (layout.ENTRY_STOCK, layout.FLOW_STOCK) for word in range(layout.STOCK_WORDS)),
    *(layout.ENDED + kind for kind in range(layout.KINDS)),
    *(layout.USED + kind for kind in range(layout.KINDS)),
    *(layout.GRANTED + kind for kind in range(layout.KINDS)),
)
ENTRY = (
    *range(layout.KEY, layout.KEY + layout.KEY_WORDS),
    *(layout.BINDING, layout.ACTION, layout.REWRITE),
    *(layout.LIFE, layout.HITS, layout.BYTES, layout.NUMBERS, layout.PARTNER),
    *(layout.PASSED, layout.HITS_BEFORE, layout.ORIGIN),
)
FLOW = (
    *(layout.TCP_WORD, layout.FIN_WORD, layout.SEGMENTS_MISSED, layout.LAST_SEGMENT),
    *(layout.OTHERS_HITS, layout.OTHERS_HITS + 1, layout.OTHERS_BYTES, layout.OTHERS_BYTES + 1),
)
TRANSFORM = (
    *(layout.TRANSFORM_FLAGS, layout.ETHER_DESTINATION, layout.ETHER_SOURCE),
    *(layout.IP_SOURCE, layout.IP_SOURCE + 1, layout.IP_DESTINATION, layout.IP_DESTINATION + 1),
    layout.TRANSFORM_LINK,
    *range(layout.PUSH_AT, layout.PUSH_AT + layout.PUSH_WORDS),
)
DESCRIPTOR = (
    *(layout.FRAME_OFFSET, layout.FRAME_LENGTH, layout.FRAME_DIRECTION, layout.FRAME_VERDICT),
    *(layout.FRAME_L4_HASH, layout.FRAME_FLAGS, layout.FRAME_TICKET),
)
WORK = (
    *range(layout.WORK_KEY, layout.WORK_KEY + layout.KEY_WORDS),
    *(layout.WORK_HASH, layout.WORK_NETWORK, layout.WORK_TRANSPORT, layout.WORK_ENCAPSULATION),
    *(layout.WORK_TCP_FLAGS, layout.WORK_SEQUENCE, layout.WORK_ACKNOWLEDGEMENT),
    *(layout.WORK_BODY_SUM, layout.WORK_SLOT),
)


@pytest.mark.parametrize(
    ("words", "size"),
    [
        (HEADER, HEADER_WORDS),
        (THREAD, layout.THREAD_WORDS),
        ((layout.VERSION, *range(1, 1 + SLOTS)), layout.BUCKET_WORDS),
        (ENTRY, layout.ENTRY_WORDS),
        (FLOW, layout.FLOW_WORDS),
        (TRANSFORM, layout.TRANSFORM_WORDS),
        (DESCRIPTOR, layout.DESCRIPTOR_WORDS),
        (WORK, layout.WORK_WORDS),
    ],
    ids=["header", "thread", "bucket", "entry", "flow", "transform", "descriptor", "work"],
)
def test_the_words_of_a_record_are_distinct_and_inside_it(words: Sequence[int], size: int) -> None:
    assert len(set(words)) == len(words)
    assert set(words) <= set(range(size))


def test_the_line_of_an_announcement_has_nothing_else() -> None:
    """Who waits for a grace period reads it all the time: a counter in it would slow down every hit."""
    assert [word for word in THREAD if word // LINE == layout.ANNOUNCE // LINE] == [layout.ANNOUNCE]


def field(shift: SupportsInt, bits: int) -> int:
    """The bits of a field."""
    return (1 << bits) - 1 << int(shift)


META = (
    field(layout.META_DIRECTION_SHIFT, 1),
    field(layout.META_FAMILY_SHIFT, 8),
    field(layout.META_PROTOCOL_SHIFT, 8),
    field(layout.META_SOURCE_PORT_SHIFT, 16),
    field(0, 16),
)
REWRITE = (
    field(layout.REWRITE_CHECKSUM_SHIFT, 16),
    field(layout.REWRITE_OUTER_PORT_SHIFT, 16),
    field(layout.REWRITE_SOURCE_PORT_SHIFT, 16),
    field(0, 16),
)
FLAGS = tuple(
    int(value) for name, value in vars(layout).items() if name.startswith("TRANSFORM_") and isinstance(value, np.uint64)
)


@pytest.mark.parametrize(
    "fields",
    [META, REWRITE, FLAGS, (int(layout.CONTROL_STATE_MASK), field(layout.CONTROL_EPOCH_SHIFT, 62))],
    ids=["meta", "rewrite", "transform flags", "control"],
)
def test_the_fields_of_a_word_are_apart(fields: Sequence[int]) -> None:
    together = 0
    for bits in fields:
        assert bits
        assert together & bits == 0
        together |= bits
    assert together < 1 << 64


def test_the_port_states_are_four() -> None:
    states = {layout.STATE_READY, layout.STATE_RUNNING, layout.STATE_PAUSED, layout.STATE_SEALED}
    assert len(states) == 4
    assert all(state & layout.CONTROL_STATE_MASK == state for state in states)


def test_any_state_becomes_sealed_by_setting_bits() -> None:
    for state in (layout.STATE_READY, layout.STATE_RUNNING, layout.STATE_PAUSED):
        assert state | layout.STATE_SEALED == layout.STATE_SEALED


def test_pushed_bytes_fit_the_headroom_and_their_length_its_field() -> None:
    assert layout.PUSH_BYTES <= layout.HEADROOM
    assert int(layout.TRANSFORM_PUSH_LENGTH_MASK) >= layout.PUSH_BYTES


def test_a_time_of_the_next_thousand_years_is_not_a_dead_mark() -> None:
    milliseconds = 1_000 * 366 * 86_400_000
    assert milliseconds & int(layout.DEAD) == 0
    assert milliseconds < int(layout.DEAD)
