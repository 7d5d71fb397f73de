"""Reading a native flow: all that its words say, as plain values.

Under the slow lock with the gate closed, so that no miss makes a half anew meanwhile. Hits go on: what they count comes
on top of what was read, and each word is read once.
"""

from typing import NamedTuple

import numpy as np

from fastpath import native, tcp, uft
from fastpath.decompile import key_of_words
from fastpath.fin import sequence_of_fin
from fastpath.hash_table import entry_at
from fastpath.layout import (
    ACTION,
    BINDING,
    BYTES,
    DEAD,
    ENTRY_WORDS,
    FIN_WORD,
    FLOW_WORDS,
    FLOWS_AT,
    HITS,
    HITS_BEFORE,
    INBOUND,
    KEY,
    KEY_WORDS,
    LAST_SEGMENT,
    LAYERS_HIT,
    LIFE,
    MISSED_ACKNOWLEDGEMENT,
    MISSED_COUNT,
    NUMBERS,
    ORIGIN,
    OTHERS_BYTES,
    OTHERS_HITS,
    OUTBOUND,
    OWNED_HITS,
    PARTNER,
    PASSED,
    REWRITE,
    SEGMENTS_MISSED,
    TCP_WORD,
)
from fastpath.memory import Words
from reference.direction import Direction
from reference.packet.flow import FlowId

_LOW_32 = 0xFFFF_FFFF


class NativeHalf(NamedTuple):
    """One half of a native flow.

    Attributes:
        entry: number of the arena's entry.
        flow: its key.
        epoch: low 32 bits of the epoch of its last installation.
        record: number of the flow record, 0 without one.
        transform: number of the transform record.
        l4_hash, rewrite: see `layout.ACTION`, `layout.REWRITE`.
        last_hit_ms: time of the last hit, also of a dead half.
        is_dead: whether the half is out of the unified table.
        hits, length: what hits have counted since the entry was written; bytes also what misses have.
        hits_before: hits when the half was installed last.
        sequence, acknowledgement: of the direction's last segment, as far as they are known.
        passed: how many packets have hit the layer entries.
        passed_epoch: low 32 bits of the epoch in which one passed the layers last.
    """

    entry: int
    flow: FlowId
    epoch: int
    record: int
    transform: int
    l4_hash: int
    rewrite: int
    last_hit_ms: int
    is_dead: bool
    hits: int
    length: int
    hits_before: int
    sequence: int
    acknowledgement: int
    passed: int
    passed_epoch: int


class NativeConnection(NamedTuple):
    """The connection of a native flow, in the terms of `reference.tcp_flows.TcpFlow`.

    Attributes:
        record: number of the flow record.
        is_dead: whether the connection has expired, and at least one half has not.
        last_segment_ms: when its last segment was: every one leaves its time in a half, which keeps it when it dies,
            and hands it over when it is made anew.
    """

    record: int
    is_dead: bool
    state: int
    fin_sequence: int | None
    guest_sequence: int | None
    guest_acknowledgement: int | None
    remote_sequence: int | None
    remote_acknowledgement: int | None
    segments_in: int
    segments_out: int
    last_segment_ms: int


class NativeFlow(NamedTuple):
    """A flow that a compiled miss began.

    Attributes:
        outbound, inbound: its halves.
        connection: for TCP.
        layers_hit_ms: time of the last hit of its layer entries.
        noted_vni: the VNI that was noted of the first packet, if one was.
        begun: the way that packet travelled.
        nat: what NAT does: `native.NO_NAT` and following.
        route: `ROUTE_ID` for which NAT was found good, 0 for none yet.
        pools: number of the pools, under source NAT.
    """

    outbound: NativeHalf
    inbound: NativeHalf
    connection: NativeConnection | None
    layers_hit_ms: int
    noted_vni: int | None
    begun: Direction
    nat: int
    route: int
    pools: int


def native_partner(words: Words, entry: int) -> int:
    """The other half of the native flow that an entry belongs to; 0 for an entry that belongs to none."""
    partner = words[int(entry_at(words, np.uint64(entry))) + PARTNER]
    return int(native.partner_of(partner)) if native.is_native(partner) else 0


def read_native_flow(words: Words, entry: int) -> NativeFlow:
    """The native flow that an entry belongs to."""
    directions = {}
    for number in (entry, native_partner(words, entry)):
        at = int(entry_at(words, np.uint64(number)))
        direction, flow = key_of_words(_words_at(words, at + KEY, KEY_WORDS))
        directions[direction] = _half(words, at, number, direction, flow)
    (out_words, outbound), (in_words, inbound) = directions[Direction.OUT], directions[Direction.IN]
    origin = np.uint64(in_words[ORIGIN])
    vni = int(native.origin_vni(origin))
    return NativeFlow(
        outbound,
        inbound,
        _connection(words, outbound, inbound) if outbound.record else None,
        out_words[LAYERS_HIT],
        vni - 1 if vni else None,
        Direction.IN if native.begun_inbound(origin) else Direction.OUT,
        int(native.origin_nat(origin)),
        int(native.origin_route(origin)),
        int(native.origin_pools(origin)),
    )


def _words_at(words: Words, at: int, count: int) -> list[int]:
    content = np.zeros(count, np.uint64)
    uft.read_words(words, at, content)
    return list(map(int, content))


def _half(words: Words, at: int, entry: int, direction: Direction, flow: FlowId) -> tuple[list[int], NativeHalf]:
    """The half at `words[at]`: its words, and what they say.

    A connection's half has an owner; the others count in the flow record (`uft.count_segment`). Hits are counted last,
    so both counts are read before the numbers: those of a hit that is counted here are never looked at again.
    """
    record = _words_at(words, at + BINDING, 1)[0] & _LOW_32
    others = int(words[FLOWS_AT]) + record * FLOW_WORDS + int(INBOUND if direction is Direction.IN else OUTBOUND)
    hits_of_others = _words_at(words, others + OTHERS_HITS, 1)[0] if record else 0
    content = _words_at(words, at, ENTRY_WORDS)
    hits, length = content[HITS], content[BYTES]
    if record:
        hits = (hits & int(OWNED_HITS)) + hits_of_others
        length += _words_at(words, others + OTHERS_BYTES, 1)[0]
    return content, NativeHalf(
        entry,
        flow,
        epoch=content[BINDING] >> 32,
        record=record,
        transform=content[ACTION] >> 32,
        l4_hash=content[ACTION] & _LOW_32,
        rewrite=content[REWRITE],
        last_hit_ms=content[LIFE] & ~int(DEAD),
        is_dead=content[LIFE] & int(DEAD) != 0,
        hits=hits,
        length=length,
        hits_before=content[HITS_BEFORE],
        sequence=content[NUMBERS] >> 32,
        acknowledgement=content[NUMBERS] & _LOW_32,
        passed=content[PASSED] >> 32,
        passed_epoch=content[PASSED] & _LOW_32,
    )


def _connection(words: Words, outbound: NativeHalf, inbound: NativeHalf) -> NativeConnection:
    """The flow record, and the numbers that lie in the halves. Every hit has both numbers of its segment."""
    at = int(words[FLOWS_AT]) + outbound.record * FLOW_WORDS
    record = _words_at(words, at, FLOW_WORDS)
    word, missed = np.uint64(record[TCP_WORD]), record[SEGMENTS_MISSED]
    missed_in, missed_out = missed & _LOW_32, missed >> 32
    guest_acknowledged = outbound.hits or missed_out & int(MISSED_ACKNOWLEDGEMENT)
    remote_sent = inbound.hits or missed_in
    remote_acknowledged = inbound.hits or missed_in & int(MISSED_ACKNOWLEDGEMENT)
    return NativeConnection(
        outbound.record,
        is_dead=word & tcp.DEAD != tcp.ZERO,
        state=int(tcp.state_of(word)),
        guest_sequence=int(tcp.sequence_of(word)) if word & tcp.SEQUENCE_KNOWN else None,
        guest_acknowledgement=outbound.acknowledgement if guest_acknowledged else None,
        remote_sequence=inbound.sequence if remote_sent else None,
        remote_acknowledgement=inbound.acknowledgement if remote_acknowledged else None,
        fin_sequence=sequence_of_fin(word, np.uint64(record[FIN_WORD])),
        segments_in=inbound.hits + (missed_in & int(MISSED_COUNT)),
        segments_out=outbound.hits + (missed_out & int(MISSED_COUNT)),
        last_segment_ms=max(outbound.last_hit_ms, inbound.last_hit_ms, record[LAST_SEGMENT]),
    )
