"""Native words written by hand: what an arena holds when compiled misses have begun the flows of a reference port."""

from typing import NamedTuple

import numpy as np

import reference
from fastpath import flow as flow_record
from fastpath import native, tcp, uft
from fastpath.compile_flow import compile_flow, key_words
from fastpath.fin import pack_fin
from fastpath.layout import (
    ACTION,
    BINDING,
    BYTES,
    DEAD,
    ENTRY_LIST,
    ENTRY_STOCK,
    ENTRY_WORDS,
    FIN_WORD,
    FLOW_LIST,
    FLOW_STOCK,
    HITS,
    HITS_BEFORE,
    KEY,
    KEY_WORDS,
    KIND_FIREWALL,
    KIND_NAT,
    KIND_TCP,
    KIND_UFT_IN,
    KIND_UFT_OUT,
    LAYERS_HIT,
    LIFE,
    MISSED_ACKNOWLEDGEMENT,
    NUMBERS,
    ORIGIN,
    PARTNER,
    PARTNER_NATIVE,
    PASSED,
    REWRITE,
    SEGMENTS_MISSED,
    USED,
)
from fastpath.memory import Words
from fastpath.reclaim import Limbo, thread_at
from fastpath.records import Records
from fastpath.rule_compiler import RuleCompiler
from fastpath.transforms import Transforms
from proofs.units.fastpath.arenas import entry_place
from proofs.units.fastpath.ports import IN, OUT
from reference.direction import Direction
from reference.layer_flows import LayerEntry
from reference.packet.flow import FlowId
from reference.tcp_flows import TcpFlow
from reference.uft import UftEntry
from reference.vpc.nat import NatDescriptor
from reference.vpc.router import RouterTarget
from reference.vpc.snat import PortPools, SourceNatDescriptor

_LOW_32 = 0xFFFF_FFFF
_BEFORE_THE_HALF = 3
"""Hits that the entries of flows without connection have had before their halves were installed last."""


class Told(NamedTuple):
    """What a reference port knows of a flow.

    Attributes:
        firewall: its entries in the firewall, by direction.
        nat: in NAT, None without.
        halves: in the unified table, without those that are not there.
        connection: for TCP; None if it has expired.
    """

    firewall: dict[Direction, LayerEntry]
    nat: dict[Direction, LayerEntry] | None
    halves: dict[Direction, UftEntry]
    connection: TcpFlow | None

    @property
    def flow(self) -> FlowId:
        """The outbound flow id."""
        return self.firewall[OUT].flow

    @property
    def is_possible(self) -> bool:
        """Whether compiled code could have begun and served the flow: every hit of it acknowledges something."""
        if any(half.pair is None for half in self.halves.values()):
            return False
        acknowledged = dict.fromkeys(Direction, True)
        if self.connection is not None:
            acknowledged[IN] = self.connection.remote_acknowledgement is not None
            acknowledged[OUT] = self.connection.guest_acknowledgement is not None
        return all(acknowledged[way] or half.hits == 0 for way, half in self.halves.items())

    def key(self, direction: Direction) -> FlowId:
        """The flow id of a half."""
        if direction is OUT:
            return self.flow
        return self.flow.mirror() if self.nat is None else self.nat[IN].flow


def told(port: reference.Port) -> list[Told]:
    """All flows of a port."""
    firewall, nat = port.data.layer("firewall"), port.data.layer("nat")
    found = []
    for flow, outward in firewall.outbound.table.entries.items():
        in_firewall = {OUT: outward, IN: firewall.inbound.table.entries[outward.partner]}
        translated = nat.outbound.table.entries.get(flow)
        in_nat = None
        if translated is not None:
            in_nat = {OUT: translated, IN: nat.inbound.table.entries[translated.partner]}
        known = Told(in_firewall, in_nat, {}, port.tcp_flows.entries.get(flow))
        for direction in Direction:
            half = port.uft.table(direction).entries.get(known.key(direction))
            if half is not None:
                known.halves[direction] = half
        found.append(known)
    return found


class Writer:
    """Writes native flows into an arena whose reference port does not know them."""

    def __init__(self, words: Words, port: reference.Port, compiler: RuleCompiler) -> None:
        """`compiler` numbers what rules name, and knows when they have changed."""
        self._words = words
        self._port = port
        self._compiler = compiler
        self._entries = Records(words, ENTRY_STOCK, ENTRY_LIST)
        self._flows = Records(words, FLOW_STOCK, FLOW_LIST)
        self._transforms = Transforms(words, Limbo(words))

    def write(self, known: Told) -> None:
        """Write a flow as compiled misses would have left it."""
        numbers = {direction: self._taken(self._entries) for direction in Direction}
        record = self._taken(self._flows) if known.flow.protocol == 6 else 0
        for direction, number in numbers.items():
            self._write_half(known, direction, number, record)
        if record:
            self._write_record(known, record, {way: entry_place(self._words, numbers[way]) for way in Direction})
        outward, inward = (np.uint64(numbers[direction]) for direction in (OUT, IN))
        assert uft.install(self._words, outward, inward) == uft.DONE
        for number in numbers.values():
            self._words[entry_place(self._words, number) + PARTNER] |= PARTNER_NATIVE
        self._count(known)
        self._take_port(known)

    @staticmethod
    def _taken(records: Records) -> int:
        number = records.take()
        assert number is not None
        return number

    def _count(self, known: Told) -> None:
        kinds = [KIND_FIREWALL]
        kinds += [KIND_NAT] if known.nat is not None else []
        kinds += [KIND_TCP] if known.connection is not None else []
        kinds += [KIND_UFT_IN if direction is IN else KIND_UFT_OUT for direction in known.halves]
        line = int(thread_at(self._words, 0))
        for kind in kinds:
            self._words[line + USED + kind] += 1

    def _take_port(self, known: Told) -> None:
        """A port of source NAT is out of its pool."""
        descriptor = None if known.nat is None else known.nat[OUT].descriptor
        if not isinstance(descriptor, SourceNatDescriptor):
            return
        pool = self._pools(known.flow).of(known.flow.protocol)
        assert pool is not None
        pool.free.remove(descriptor.external_port)
        pool.taken.add(descriptor.external_port)

    def _pools(self, flow: FlowId) -> PortPools:
        network = self._port.network
        family = network.ipv4 if flow.family == 4 else network.ipv6
        assert family is not None
        pools = family.source_nat_pools()
        assert pools is not None
        return pools

    # --- words ---

    def _write_half(self, known: Told, direction: Direction, number: int, record: int) -> None:
        words, at, half = self._words, entry_place(self._words, number), known.halves.get(direction)
        words[at : at + ENTRY_WORDS] = 0
        words[at + KEY : at + KEY + KEY_WORDS] = key_words(direction, known.key(direction))
        words[at + PASSED] = self._passed(known, direction)
        words[at + (LAYERS_HIT if direction is OUT else ORIGIN)] = (
            known.firewall[OUT].last_hit_ms if direction is OUT else self._origin(known)
        )
        words[at + BINDING] = record
        if half is None:
            last = known.connection.last_hit_ms if known.connection is not None else 0
            words[at + LIFE] = int(DEAD) | last
            return
        assert half.transform.compiled is not None
        compiled = compile_flow(half.flow, half.transform.compiled, True)
        assert compiled is not None
        words[at + BINDING] = (half.epoch & _LOW_32) << 32 | record
        words[at + ACTION] = (self._transforms.take(compiled.transform) or 0) << 32 | half.l4_hash
        words[at + REWRITE] = compiled.rewrite
        words[at + LIFE] = half.last_hit_ms
        before = _hits_before(known, direction)
        words[at + HITS_BEFORE], words[at + HITS] = before, before + half.hits

    def _passed(self, known: Told, direction: Direction) -> int:
        """Hits of the layer entries; an epoch such that those are dirty that are."""
        layers = {"firewall": known.firewall} | ({} if known.nat is None else {"nat": known.nat})
        entries = {name: pair[direction] for name, pair in layers.items()}
        assert len({entry.hits for entry in entries.values()}) == 1
        assert len({entry.last_hit_ms for entry in entries.values()}) == 1
        epochs = [self._compiler.changed(self._port, name) - 1 for name, entry in entries.items() if entry.dirty]
        epoch = min([*epochs, self._port.epoch])
        return int(native.pack_passed(np.uint64(entries["firewall"].hits), np.uint64(epoch)))

    def _origin(self, known: Told) -> int:
        opening = known.firewall[OUT].opening
        assert opening is not None
        vni = opening.tags.get("vni")
        kind, route, pools = int(native.NO_NAT), 0, 0
        if known.nat is not None:
            target = known.nat[OUT].route
            route = self._compiler.route_id(target) if isinstance(target, RouterTarget) else 0
            kind = int(native.ONE_TO_ONE_NAT)
            if not isinstance(known.nat[OUT].descriptor, NatDescriptor):
                kind, pools = int(native.SOURCE_NAT), self._compiler.pools_number(self._pools(known.flow))
        fields = (0 if vni is None else int(vni) + 1, int(opening.direction is IN), kind, route, pools)
        return int(native.pack_origin(*map(np.uint64, fields)))

    def _write_record(self, known: Told, record: int, places: dict[Direction, int]) -> None:
        words, at = self._words, int(flow_record.tcp_word_at(self._words, np.uint64(record)))
        words[at : at + 8] = 0
        flow = known.connection
        if flow is None:
            words[at] = tcp.DEAD
            return
        missed = 0
        if flow.fin_sequence is not None:
            words[at + FIN_WORD] = pack_fin(np.uint64(flow.fin_sequence))
        assert flow.inbound_flow == known.key(IN)
        words[at] = tcp.pack_word(
            np.uint64(flow.state),
            np.uint64(flow.guest_sequence or 0),
            np.uint64(flow.guest_sequence is not None),
            np.uint64(self._port.epoch),
        )
        for direction, segments, length, sequence, acknowledgement in (
            (IN, flow.segments_in, flow.bytes_in, flow.remote_sequence, flow.remote_acknowledgement),
            (OUT, flow.segments_out, flow.bytes_out, flow.guest_sequence, flow.guest_acknowledgement),
        ):
            place = places[direction]
            words[place + BYTES] = length
            words[place + NUMBERS] = (sequence or 0) << 32 | (acknowledgement or 0)
            part = segments - int(words[place + HITS]) | (acknowledgement is not None) * int(MISSED_ACKNOWLEDGEMENT)
            missed |= part << 32 * (direction is OUT)
        words[at + SEGMENTS_MISSED] = missed


def _hits_before(known: Told, direction: Direction) -> int:
    """Of a connection no more than there were segments; and every hit has an acknowledgement."""
    flow, half = known.connection, known.halves[direction]
    if known.flow.protocol != 6:
        return _BEFORE_THE_HALF
    if flow is None:
        return 0
    segments, acknowledgement = flow.segments_in, flow.remote_acknowledgement
    if direction is OUT:
        segments, acknowledgement = flow.segments_out, flow.guest_acknowledgement
    return 0 if acknowledgement is None else max(0, segments - half.hits - 1)
