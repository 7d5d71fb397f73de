"""The same flows twice: native in an arena, and as entries of the reference's tables."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from fastpath import flow as flow_record
from fastpath import native, tcp, uft
from fastpath.compile_flow import key_words
from fastpath.layout import (
    DEAD,
    ENTRY_LIST,
    FLOW_LIST,
    FRESH,
    KINDS,
    LAYERS_HIT,
    LIFE,
    ORIGIN,
    PARTNER,
    PARTNER_NATIVE,
)
from fastpath.memory import Words
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import entry_place
from reference.direction import Direction
from reference.flow_table import Lifetime
from reference.layer import DefaultAction, Layer
from reference.layer_flows import LayerEntry
from reference.packet.flow import FlowId
from reference.port_data import PortData
from reference.tcp_flows import TcpFlow
from reference.transform import FlowTransform
from reference.uft import UftEntry

EPOCH = 5
MOST = 5
TCP, UDP, ICMP = 6, 17, 1
GUEST, REMOTE, EXTERNAL = bytes([10, 0, 0, 5]), bytes([192, 0, 2, 6]), bytes([203, 0, 113, 7])
STATES = tuple(range(int(tcp.LISTEN), int(tcp.TIME_WAIT) + 1))
"""All but CLOSED: a connection that is closed leaves its table at once, under reference and misses alike."""
LIMIT = 64


class HalfWas(NamedTuple):
    """Time of a half's last hit, and whether it is still in the unified table."""

    last_hit_ms: int
    present: bool


class NativeFlow(NamedTuple):
    """A flow before an operation.

    Attributes:
        state: of the connection; None for another protocol, or once the connection has expired.
        nat: whether NAT has an entry for it, beside the firewall.
        layers_hit_ms: last hit of the layer entries.
        inbound_first: whether the inbound half is the entry with the lower number.
    """

    protocol: int
    state: int | None
    nat: bool
    inbound: HalfWas
    outbound: HalfWas
    layers_hit_ms: int
    inbound_first: bool


class FlowLeft(NamedTuple):
    """What is left of a flow: times of last hits, None for what is gone; of the connection also its state."""

    inbound: int | None
    outbound: int | None
    connection: tuple[int, int] | None
    firewall: int | None
    nat: int | None


NOTHING_LEFT = FlowLeft(None, None, None, None, None)


def outbound_key(number: int, flow: NativeFlow) -> FlowId:
    """The guest's flow id: of echo requests for ICMP."""
    first, second = (8, number) if flow.protocol == ICMP else (1_000 + number, 80)
    return FlowId(flow.protocol, 4, GUEST, REMOTE, first, second)


def inbound_key(number: int, flow: NativeFlow) -> FlowId:
    """The mirror of what leaves the port."""
    mirror = outbound_key(number, flow).mirror()
    return mirror._replace(destination=EXTERNAL) if flow.nat else mirror


# --- in an arena ---


class Natives:
    """An arena with native flows, and behind them a flow of the reference's, idle for as long as there is time."""

    def __init__(self, flows: list[NativeFlow]) -> None:
        self.flows = flows
        self.words = arenas.small_arena()
        for number in range(len(flows)):
            self._add(number)
        self._foreign = 2 * len(flows) + 1, 2 * len(flows) + 2
        for entry, direction in zip(self._foreign, Direction, strict=True):
            key = outbound_key(99, NativeFlow(UDP, None, False, HalfWas(0, True), HalfWas(0, True), 0, False))
            arenas.write_half(self.words, entry, key_words(direction, key))
        uft.install(self.words, *map(np.uint64, self._foreign))
        self.words[ENTRY_LIST + FRESH] = 2 * len(flows) + 2
        self.words[FLOW_LIST + FRESH] = len(flows)

    def entries(self, number: int) -> tuple[int, int]:
        """The outbound and the inbound entry of a flow."""
        low, high = 2 * number + 1, 2 * number + 2
        return (high, low) if self.flows[number].inbound_first else (low, high)

    def _add(self, number: int) -> None:
        flow, words = self.flows[number], self.words
        outbound, inbound = self.entries(number)
        record = number + 1 if flow.protocol == TCP else 0
        keys = (outbound_key(number, flow), inbound_key(number, flow))
        sides = ((outbound, Direction.OUT, keys[0], flow.outbound), (inbound, Direction.IN, keys[1], flow.inbound))
        for entry, direction, key, was in sides:
            arenas.write_half(words, entry, key_words(direction, key), (EPOCH << 32 | record, 0, 0), was.last_hit_ms)
        assert uft.install(words, np.uint64(outbound), np.uint64(inbound)) == uft.DONE
        for entry, partner, was in ((outbound, inbound, flow.outbound), (inbound, outbound, flow.inbound)):
            at = entry_place(words, entry)
            words[at + PARTNER] = PARTNER_NATIVE | np.uint64(partner)
            words[at + LIFE] |= np.uint64(0) if was.present else DEAD
        words[entry_place(words, outbound) + LAYERS_HIT] = flow.layers_hit_ms
        kind = native.ONE_TO_ONE_NAT if flow.nat else native.NO_NAT
        origin = native.pack_origin(np.uint64(0), np.uint64(0), kind, np.uint64(0), np.uint64(0))
        words[entry_place(words, inbound) + ORIGIN] = origin
        if record:
            state = np.uint64(flow.state or int(tcp.ESTABLISHED))
            word = tcp.pack_word(state, np.uint64(1), np.uint64(1), np.uint64(EPOCH))
            words[self.word_place(number)] = word if flow.state is not None else word | tcp.DEAD

    def word_place(self, number: int) -> int:
        """Index of the TCP word of a flow."""
        return int(flow_record.tcp_word_at(self.words, np.uint64(number + 1)))

    def _left(self, number: int, linked: set[int]) -> FlowLeft:
        """What is left of a flow. A word that lives on must be as it was, and both halves be in buckets or neither."""
        words, flow = self.words, self.flows[number]
        outbound, inbound = self.entries(number)
        linked = {outbound, inbound} & linked
        if not linked:
            return NOTHING_LEFT
        assert len(linked) == 2, f"of flow {number} only entry {linked} is in a bucket"
        lives = [int(words[entry_place(words, entry) + LIFE]) for entry in (inbound, outbound)]
        times = [life & int(~DEAD) for life in lives]
        connection = None
        if flow.protocol == TCP:
            word = words[self.word_place(number)]
            assert word & tcp.DEAD or not word & tcp.FROZEN, f"the word of flow {number} stays frozen"
            connection = None if word & tcp.DEAD else (int(tcp.state_of(word)), max(times))
        layers = int(words[entry_place(words, outbound) + LAYERS_HIT])
        present = [None if life & int(DEAD) else time for life, time in zip(lives, times, strict=True)]
        return FlowLeft(present[0], present[1], connection, layers, layers if flow.nat else None)

    def all_left(self) -> list[FlowLeft]:
        """What is left of all flows, the reference's untouched."""
        linked = set(arenas.slots(self.words).values())
        assert set(self._foreign) <= linked
        assert not any(int(self.words[entry_place(self.words, entry) + LIFE]) for entry in self._foreign)
        return [self._left(number, linked) for number in range(len(self.flows))]


# --- in the reference ---


class Tables:
    """The same flows in tables of the reference."""

    def __init__(self, flows: list[NativeFlow]) -> None:
        self.flows = flows
        self.layers = [Layer(name, DefaultAction.DENY, DefaultAction.DENY, LIMIT) for name in ("firewall", "nat")]
        self.data = PortData(self.layers, LIMIT, LIMIT)
        for number in range(len(flows)):
            self._add(number)
        self.data.statistics.tcp_flows = len(self.data.tcp_flows)

    def _add(self, number: int) -> None:
        flow = self.flows[number]
        out, into = outbound_key(number, flow), inbound_key(number, flow)
        parents: dict[Direction, list[LayerEntry]] = {Direction.IN: [], Direction.OUT: []}
        keys = ((self.layers[0], out.mirror()), (self.layers[1], into))
        for layer, inward_key in keys if flow.nat else keys[:1]:
            lifetime = Lifetime(flow.layers_hit_ms)
            inward = LayerEntry(inward_key, out, None, lifetime)
            outward = LayerEntry(out, inward_key, None, lifetime)
            layer.flows.add(inward, outward)
            parents[Direction.IN].append(inward)
            parents[Direction.OUT].append(outward)
        connection = self._connection(number, out) if flow.protocol == TCP else None
        for direction, key, was in ((Direction.IN, into, flow.inbound), (Direction.OUT, out, flow.outbound)):
            entry = UftEntry(
                key, None, EPOCH, 0, FlowTransform((), (), None), tuple(parents[direction]), was.last_hit_ms
            )
            entry.tcp_flow = connection
            self.data.uft.install(direction, entry, was.last_hit_ms)
            if not was.present:
                self.data.uft.table(direction).discard(entry)
        if connection is not None and flow.state is None:
            self.data.tcp_flows.remove(out)

    def _connection(self, number: int, key: FlowId) -> TcpFlow:
        flow = self.flows[number]
        connection = TcpFlow(key, max(flow.inbound.last_hit_ms, flow.outbound.last_hit_ms))
        connection.state = flow.state or int(tcp.ESTABLISHED)
        self.data.tcp_flows.add(connection, 0)
        return connection

    def all_left(self) -> list[FlowLeft]:
        """What is left of all flows."""
        return [self._left(number) for number in range(len(self.flows))]

    def _left(self, number: int) -> FlowLeft:
        flow, data = self.flows[number], self.data
        out, into = outbound_key(number, flow), inbound_key(number, flow)
        connection = data.tcp_flows.entries.get(out)
        firewall, nat = (layer.outbound.table.entries.get(out) for layer in self.layers)
        for layer, key in zip(self.layers, (out.mirror(), into), strict=True):
            assert (key in layer.inbound.table.entries) == (out in layer.outbound.table.entries)
        return FlowLeft(
            _time_of(data.uft.inbound.entries.get(into)),
            _time_of(data.uft.outbound.entries.get(out)),
            None if connection is None else (connection.state, connection.last_hit_ms),
            _time_of(firewall),
            _time_of(nat),
        )

    def sizes(self) -> list[int]:
        """Entries by kind, in the order of `layout.KINDS`."""
        data = self.data
        firewall, nat = (layer.count for layer in self.layers)
        return [len(data.uft.inbound), len(data.uft.outbound), firewall, nat, len(data.tcp_flows)]


def _time_of(entry: Any) -> int | None:
    return None if entry is None else entry.last_hit_ms


# --- drawing them ---

NOW = 10_000_000
_LIFETIMES = (5_000, 60_000, 120_000, 8_000_000)
AGES = sorted({-5_000, -1, 0, 1, 30_000} | {age + shift for age in _LIFETIMES for shift in (-1, 0, 1)})
"""Milliseconds since a last hit, most of them at the end of some lifetime; below 0 for clocks that run ahead."""
_times = st.sampled_from([NOW - age for age in AGES])
_halves = st.builds(HalfWas, _times, st.booleans())
_protocols = st.one_of(
    st.tuples(st.just(TCP), st.none() | st.sampled_from(STATES)),
    st.tuples(st.sampled_from([UDP, ICMP]), st.none()),
)
flows = st.builds(
    lambda which, *rest: NativeFlow(*which, *rest),
    _protocols,
    st.booleans(),
    _halves,
    _halves,
    _times,
    st.booleans(),
)
situations = st.lists(flows, min_size=1, max_size=MOST)
moments = st.lists(st.sampled_from([NOW - 60_000, NOW - 1, NOW, NOW + 1, NOW + 60_000]), min_size=1, max_size=3)


def removed_words() -> Words:
    """Room for what has left the tables."""
    return np.zeros(KINDS, np.uint64)


def list_of(flows: int) -> Words:
    """Room for so many flows that are gone."""
    return np.zeros(1 + 2 * flows, np.uint64)
