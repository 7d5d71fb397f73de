"""The arena's copies of the reference's entries, kept in step.

The reference port owns every flow that is not native (`docs/misses.md`); of those the arena holds copies of what hits
need. `Mirror` watches the reference's tables.
When the reference looks at an entry, what hits have left in the arena is brought home first, and the flow's TCP word
is frozen, so that no hit moves on from a state that is being decided about. When the reference is done, `commit`
makes the arena follow: halves that are gone are removed, new ones installed, frozen words thawed. All of it runs
under the port's slow lock; the protocol is described in `docs/protocol.md`.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np

from fastpath import flow as flow_record
from fastpath import uft
from fastpath.compile_flow import compile_flow, key_words
from fastpath.fin import note_fin
from fastpath.halves import Connection, Half, read_word
from fastpath.hash_table import entry_at
from fastpath.layout import (
    ENTRY_LIST,
    ENTRY_STOCK,
    FIN_WORD,
    FLOW_LIST,
    FLOW_STOCK,
    FLOW_WORDS,
)
from fastpath.memory import Words
from fastpath.reclaim import Limbo
from fastpath.records import Records
from fastpath.transforms import Transforms
from reference.direction import Direction
from reference.flow_table import FLOW_TIME_TO_LIVE_MS, FlowEntry
from reference.semantics import Semantics
from reference.tcp_flows import TcpFlow
from reference.uft import UftEntry

_LOW_32 = 0xFFFF_FFFF
_Item = TypeVar("_Item")


class Adopted(NamedTuple):
    """A half that the reference has, and of which the arena has had all along what is now its copy.

    Attributes:
        original: the reference's entry; one that nobody holds is in no table, and its copy leaves.
        direction: the way the flow's packets travel.
        entry: number of the arena's entry.
        hits, length: what hits have counted there that the reference knows of.
    """

    original: UftEntry
    direction: Direction
    entry: int
    hits: int
    length: int


class Side:
    """A watcher of one direction's unified flow table, which tells the mirror what it sees."""

    def __init__(self, mirror: "Mirror", direction: Direction) -> None:
        self._mirror = mirror
        self._direction = direction

    def appeared(self, entry: FlowEntry) -> None:
        """An entry can be found from now on."""
        if isinstance(entry, UftEntry):
            self._mirror.expect(entry, self._direction)

    def gone(self, entry: FlowEntry) -> None:
        """An entry cannot be found any more."""
        self._mirror.gone(entry)

    def consulted(self, entry: FlowEntry) -> None:
        """An entry is about to be looked at."""
        self._mirror.consulted(entry)


class Mirror:
    """Keeps the arena's copies in step with a reference port. Itself the watcher of the table of TCP flows."""

    def __init__(self, words: Words, semantics: Semantics) -> None:
        self._words = words
        self._udp_zero_as_ones = semantics.udp_zero_as_ones
        self._limbo = Limbo(words)
        self._entries = Records(words, ENTRY_STOCK, ENTRY_LIST)
        self._flows = Records(words, FLOW_STOCK, FLOW_LIST)
        self._transforms = Transforms(words, self._limbo)
        self._halves: dict[UftEntry, Half] = {}
        self._connections: dict[TcpFlow, Connection] = {}
        self._arrivals: dict[UftEntry, Direction] = {}
        self._departures: dict[UftEntry, None] = {}
        self._touched: dict[Half, None] = {}
        self._frozen: dict[Connection, None] = {}
        self._waiting: dict[UftEntry, Direction] = {}

    @property
    def refused(self) -> int:
        """How many entries have found no room. The slow path serves them, and tries again with their next packets."""
        return len(self._waiting)

    # --- what the reference tells ---

    def expect(self, entry: UftEntry, direction: Direction) -> None:
        """A unified entry can be found from now on: the next `commit` installs its copy."""
        self._arrivals[entry] = direction

    def appeared(self, entry: FlowEntry) -> None:
        """A TCP flow begins; it is copied with the first half that belongs to it."""

    def gone(self, entry: FlowEntry) -> None:
        """An entry cannot be found any more. TCP hits stop at once, the copy goes with the next `commit`."""
        if isinstance(entry, UftEntry):
            self._arrivals.pop(entry, None)
            self._waiting.pop(entry, None)
            if entry in self._halves:
                self._departures[entry] = None
        elif isinstance(entry, TcpFlow):
            connection = self._connections.pop(entry, None)
            if connection is not None:
                flow_record.bury(self._words, np.uint64(connection.record))

    def consulted(self, entry: FlowEntry) -> None:
        """An entry is about to be looked at: bring its bookkeeping home, and stop TCP hits until the next `commit`."""
        if isinstance(entry, UftEntry):
            half = self._halves.get(entry)
            if half is not None:
                if half.connection is not None:
                    self._freeze(half.connection)
                half.bring_home(self._words)
                self._touched[half] = None
            elif entry in self._waiting:
                self._arrivals[entry] = self._waiting.pop(entry)
        elif isinstance(entry, TcpFlow) and entry in self._connections:
            self._freeze(self._connections[entry])

    def _freeze(self, connection: Connection) -> None:
        if connection not in self._frozen and self._connections.get(connection.original) is connection:
            read_word(self._words, connection, flow_record.freeze(self._words, np.uint64(connection.record)))
            self._frozen[connection] = None
        for half in connection.halves:
            half.bring_home(self._words)

    # --- whole tables ---

    def synchronise(self) -> None:
        """Bring everything home, one flow after the other, without stopping any."""
        self._limbo.collect()
        for half in self._halves.values():
            half.bring_home(self._words)
        for connection in self._connections.values():
            if connection not in self._frozen:
                read_word(self._words, connection, flow_record.current_word(self._words, np.uint64(connection.record)))

    def stop_expiring(self, now_ms: int) -> None:
        """Before an expiry pass: stop hits on every flow that is about to expire, unless a hit comes first.

        A half whose last hit was early enough is marked dead, a connection frozen. All others have been hit too
        recently to expire, and go on.
        """
        self.synchronise()
        deadline = now_ms - FLOW_TIME_TO_LIVE_MS
        for half in self._halves.values():
            if half.last_hit_ms <= deadline:
                uft.kill_if_idle(self._words, np.uint64(half.entry), np.uint64(deadline))
                half.bring_home(self._words)
                self._touched[half] = None
        for connection in self._connections.values():
            if connection.original.is_expired(now_ms):
                self._stop(connection)

    def _stop(self, connection: Connection) -> None:
        """Stop hits on a connection and on its halves.

        The word is frozen first and the life words are then changed, not only read: a hit, which does the two in the
        other order, either meets a dead mark or has left its time.
        """
        self._freeze(connection)
        for half in connection.halves:
            uft.kill(self._words, np.uint64(half.entry))
            half.bring_home(self._words)
            self._touched[half] = None

    def adopt(self, halves: Iterable[Adopted], flow: TcpFlow | None, record: int) -> None:
        """Keep in step from now on what the arena has of a flow, and the reference's tables have just got.

        `flow` is its connection and `record` that one's flow record. A connection that nobody holds is in no table: its
        word is dead already.
        """
        connection = None
        if flow is not None:
            connection = Connection(flow, record)
            if flow.holders:
                self._connections[flow] = connection
        for original, direction, entry, hits, length in halves:
            half = Half(original, direction, entry, int(entry_at(self._words, np.uint64(entry))), connection)
            half.count_as_known(hits, length)
            if connection is not None:
                connection.halves[half] = None
            self._halves[original] = half
            self._arrivals.pop(original, None)
            if not original.holders:
                self._departures[original] = None

    # --- making the arena follow ---

    def commit(self, epoch: int) -> None:
        """Carry out in the arena what has happened in the reference since the last commit."""
        self._replace_survivors()
        self._replace_other_fins()
        self._replace_siblings()
        leaving = [self._halves.pop(entry) for entry in self._departures]
        self._departures.clear()
        for half in leaving:
            if half.connection is not None:
                self._close(half.connection)
        for half, partner in _in_pairs(leaving):
            uft.remove(self._words, np.uint64(half.entry), np.uint64(partner.entry if partner else 0))
            for member in _present(half, partner):
                self._retire(member)
        arrivals = list(self._arrivals.items())
        self._arrivals.clear()
        arriving = _present(*[self._new_half(*arrival, epoch) for arrival in arrivals])
        for half, partner in _in_pairs(arriving):
            self._install(half, partner)
        for half in self._touched:
            self._write_back(half)
        self._touched.clear()
        for connection in self._frozen:
            self._thaw(connection, epoch)
        self._frozen.clear()
        self._limbo.collect()

    def _replace_survivors(self) -> None:
        """A half that was marked dead but is still in the reference comes back as a fresh entry."""
        for half in self._touched:
            if half.original not in self._departures and uft.is_killed(self._words, np.uint64(half.entry)):
                self._departures[half.original] = None
                self._arrivals[half.original] = half.direction

    def _replace_other_fins(self) -> None:
        """A connection whose FIN is not the one that a hit has noted gets a fresh copy: FIN words are written once."""
        for connection in list(self._frozen):
            fin = connection.fin()
            if fin == 0 or note_fin(self._words, flow_record.flow_at(self._words, np.uint64(connection.record)), fin):
                continue
            if not connection.halves:
                self._close(connection)
            self._replace_halves(connection)

    def _replace_siblings(self) -> None:
        """A connection ends with the first of its halves that leaves; a half that stays gets a fresh copy of both.

        Otherwise a hit that has found the half that leaves could still advance the connection after a packet
        that found its successor.
        """
        for entry in list(self._departures):
            connection = self._halves[entry].connection
            if connection is not None:
                self._replace_halves(connection)

    def _replace_halves(self, connection: Connection) -> None:
        for half in connection.halves:
            if self._halves.get(half.original) is half and half.original not in self._departures:
                self._departures[half.original] = None
                self._arrivals[half.original] = half.direction

    def _close(self, connection: Connection) -> None:
        """Bring a connection's state home for good, and bury its record."""
        self._freeze(connection)
        flow_record.bury(self._words, np.uint64(connection.record))
        self._frozen.pop(connection, None)
        if self._connections.get(connection.original) is connection:
            del self._connections[connection.original]

    def _new_half(self, entry: UftEntry, direction: Direction, epoch: int) -> Half | None:
        """Write the copy of an entry; None when it cannot be compiled or there is no room."""
        single_pass = entry.transform.compiled
        compiled = None if single_pass is None else compile_flow(entry.flow, single_pass, self._udp_zero_as_ones)
        if compiled is None or entry.killed or (entry.tcp_flow is not None and not entry.tcp_flow.holders):
            return None
        connection = self._connection(entry.tcp_flow, epoch) if entry.tcp_flow is not None else None
        number, transform = self._entries.take(), self._transforms.take(compiled.transform)
        if number is None or transform is None or (entry.tcp_flow is not None and connection is None):
            self._waiting[entry] = direction
            self._refuse(number, connection)
            return None
        words, at = self._words, int(entry_at(self._words, np.uint64(number)))
        binding = (entry.epoch & _LOW_32) << 32 | (connection.record if connection else 0)
        action = transform << 32 | entry.l4_hash
        content = map(np.uint64, (binding, action, compiled.rewrite, entry.last_hit_ms))
        uft.write_entry(words, np.uint64(number), np.array(key_words(direction, entry.flow), np.uint64), *content)
        half = Half(entry, direction, number, at, connection)
        if connection is not None:
            connection.halves[half] = None
        return half

    def _connection(self, flow: TcpFlow, epoch: int) -> Connection | None:
        """The copy of a TCP flow, made if there is none, and in either case thawed under the present epoch."""
        connection = self._connections.get(flow)
        if connection is not None:
            self._freeze(connection)
            return connection
        record = self._flows.take()
        if record is None:
            return None
        connection = self._connections[flow] = Connection(flow, record)
        at = int(flow_record.flow_at(self._words, np.uint64(record)))
        # Plainly: hits come here after a look-up only, which `install` precedes.
        self._words[at : at + FLOW_WORDS] = 0
        self._words[at + FIN_WORD] = connection.fin()
        flow_record.thaw(self._words, np.uint64(record), connection.word(epoch))
        return connection

    def _install(self, half: Half, partner: Half | None) -> None:
        """Make one or two halves reachable; without a free slot the slow path goes on serving them."""
        status = uft.install(self._words, np.uint64(half.entry), np.uint64(partner.entry if partner else 0))
        for member in _present(half, partner):
            if status == uft.DONE:
                self._halves[member.original] = member
            else:
                self._waiting[member.original] = member.direction
                if member.connection is not None:
                    member.connection.halves.pop(member, None)
                self._refuse(member.entry, member.connection)

    def _refuse(self, entry: int | None, connection: Connection | None) -> None:
        if connection is not None and not connection.halves:
            self._close(connection)
        self._give_back(entry, connection)

    def _write_back(self, half: Half) -> None:
        """Let hits know of a time that the slow path has set."""
        last_hit_ms = half.original.last_hit_ms
        if half.original in self._halves and last_hit_ms != half.last_hit_ms:
            uft.set_last_hit(self._words, np.uint64(half.entry), np.uint64(half.last_hit_ms), np.uint64(last_hit_ms))
            half.last_hit_ms = last_hit_ms

    def _thaw(self, connection: Connection, epoch: int) -> None:
        """Give a connection back to hits, in the state in which the reference has left it."""
        if self._connections.get(connection.original) is connection:
            flow_record.thaw(self._words, np.uint64(connection.record), connection.word(epoch))

    # --- what is over ---

    def _retire(self, half: Half) -> None:
        """A removed half waits for its grace period; what hits have counted until then is brought home at its end."""
        half.bring_home(self._words)
        self._limbo.retire(lambda: self._release(half))

    def _release(self, half: Half) -> None:
        half.bring_home(self._words)
        if half.connection is not None:
            half.connection.halves.pop(half, None)
        self._give_back(half.entry, half.connection)

    def _give_back(self, entry: int | None, connection: Connection | None) -> None:
        if entry is not None:
            self._entries.give_back(entry)
        if connection is not None and not connection.halves:
            self._flows.give_back(connection.record)


def _in_pairs(halves: Iterable[Half]) -> Iterator[tuple[Half, Half | None]]:
    """The halves, partners together."""
    waiting = {(half.direction, half.original.flow): half for half in halves}
    while waiting:
        (direction, _), half = waiting.popitem()
        pair = half.original.pair
        yield half, None if pair is None else waiting.pop((direction.opposite, pair), None)


def _present(*items: _Item | None) -> list[_Item]:
    return [item for item in items if item is not None]
