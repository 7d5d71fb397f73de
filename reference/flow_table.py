"""Flow tables: entries by flow id with capacity, time to live, eviction, and dependencies between tables.

Three kinds of entry live in flow tables: halves of flows in a layer (`layer.py`), halves in the unified flow table
(`uft.py`) and TCP flows (`tcp_flows.py`). A unified entry or TCP flow is a *child* of every layer entry that its
transformation came from: the parent must outlive it, learns its time stamp when it expires, and takes it along when it
is evicted.

Upstream behaviour: `lib/opte/src/engine/flow_table.rs`. Upstream counts references to know whether a child still exists
and when the resources of a layer entry (a source NAT port) are free again; here the count is explicit: `FlowEntry.hold`
and `FlowEntry.drop`.
"""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from reference.errors import TableFull
from reference.packet.flow import FlowId
from reference.semantics import Semantics

PROTECTED = 0
"""Eviction priority of an entry that must stay. Greater priorities, up to `FIRST_TO_GO`, are evicted sooner."""

FIRST_TO_GO = 0xFFFF

FLOW_TIME_TO_LIVE_MS = 60_000
"""Time to live of unified and layer entries, in milliseconds since the last hit."""


class Watcher(Protocol):
    """Who serves hits from a copy of a table's entries, and so must know when they come, go, and are looked at."""

    def appeared(self, entry: "FlowEntry") -> None:
        """The entry can be found from now on."""

    def gone(self, entry: "FlowEntry") -> None:
        """The entry cannot be found any more: removed, replaced, or killed. May be said twice."""

    def consulted(self, entry: "FlowEntry") -> None:
        """The entry's bookkeeping is about to be read or changed; this is the moment to bring it up to date."""


class Lifetime:
    """What decides how long an entry lives; the two halves of a layer's flow share one.

    Attributes:
        last_hit_ms: time of the last hit.
        killed: a parent was evicted; the entry takes up space but is never found.
        children: entries of other tables that depend on this one, each once.
        only_ascends: whether a hit by a clock that lags leaves the time of the last hit as it is.
    """

    __slots__ = ("children", "killed", "last_hit_ms", "only_ascends")

    def __init__(self, now_ms: int) -> None:
        self.last_hit_ms = now_ms
        self.killed = False
        self.children: list[FlowEntry] = []
        self.only_ascends = True


class FlowEntry:
    """An entry of a flow table.

    Attributes:
        flow: the key.
        hits: number of packets that matched.
        dirty: the entry is older than a change of rules and must be validated before use (layer entries only).
        lifetime: see `Lifetime`.
        holders: by how many the entry is kept: its table, and each child that names it as parent. An entry exists while
            it is held.
        watcher: who keeps a copy of the entry, if anybody.
    """

    __slots__ = ("dirty", "flow", "hits", "holders", "lifetime", "watcher")

    def __init__(self, flow: FlowId, lifetime: Lifetime) -> None:
        self.flow = flow
        self.hits = 0
        self.dirty = False
        self.lifetime = lifetime
        self.holders = 0
        self.watcher: Watcher | None = None

    @property
    def last_hit_ms(self) -> int:
        """Time of the last hit; both halves of a layer's flow have the same."""
        return self.lifetime.last_hit_ms

    @last_hit_ms.setter
    def last_hit_ms(self, now_ms: int) -> None:
        self.lifetime.last_hit_ms = now_ms

    @property
    def killed(self) -> bool:
        """Whether a parent was evicted, so that the entry takes up space but is never found."""
        return self.lifetime.killed

    def parents(self) -> Sequence["FlowEntry"]:
        """The entries that this one depends on."""
        return ()

    def is_expired(self, now_ms: int) -> bool:
        """Whether the entry's time to live is over."""
        return now_ms - self.lifetime.last_hit_ms >= FLOW_TIME_TO_LIVE_MS

    def own_priority(self, now_ms: int) -> int | None:
        """Eviction priority by what the entry itself knows; None when it knows nothing.

        A TCP entry without a TCP flow among its children has outlived its connection and is the first to go.
        """
        return FIRST_TO_GO if self.flow.protocol == 6 else None

    def on_hold(self) -> None:
        """Called when the entry comes into use; takes hold of what it needs itself."""

    def on_drop(self) -> None:
        """Called when nobody holds the entry any more; lets go of what it holds itself."""

    def hit(self, now_ms: int) -> None:
        """Count a packet and take over its time stamp; upstream, even an earlier one."""
        self.hits += 1
        lifetime = self.lifetime
        if now_ms > lifetime.last_hit_ms or not lifetime.only_ascends:
            lifetime.last_hit_ms = now_ms

    def hold(self) -> None:
        """Keep the entry in existence; to be paired with `drop`."""
        if self.holders == 0:
            self.on_hold()
        self.holders += 1

    def drop(self) -> None:
        """Let the entry go; it ceases to exist when nobody holds it."""
        self.holders -= 1
        if self.holders == 0:
            self.on_drop()

    def add_child(self, child: "FlowEntry") -> None:
        """Note an entry that depends on this one; children that are gone are forgotten on the occasion."""
        children = self.living_children()
        if child not in children:
            children.append(child)

    def remove_child(self, child: "FlowEntry") -> None:
        """Note that an entry does not depend on this one any more."""
        if child in self.lifetime.children:
            self.lifetime.children.remove(child)

    def living_children(self) -> list["FlowEntry"]:
        """The children that still exist; the others are forgotten."""
        children = [child for child in self.lifetime.children if child.holders]
        self.lifetime.children = children
        return children

    def eviction_priority(self, now_ms: int) -> int:
        """How readily the entry is evicted.

        Its own word counts if that is `PROTECTED`, else the lowest priority known to it and its children.
        """
        priority = self._known_priority(now_ms)
        return PROTECTED if priority is None else priority

    def _known_priority(self, now_ms: int) -> int | None:
        best = self.own_priority(now_ms)
        if best == PROTECTED:
            return best
        for child in self.lifetime.children:
            if child.holders:
                priority = child._known_priority(now_ms)
                if priority is not None and (best is None or priority < best):
                    best = priority
        return best

    def kill(self) -> None:
        """Make the entry and all that depend on it unfindable."""
        if not self.lifetime.killed:
            self.lifetime.killed = True
            if self.watcher is not None:
                self.watcher.gone(self)
            for child in self.lifetime.children:
                if child.holders:
                    child.kill()

    def pass_time_to_parents(self) -> None:
        """Let the parents have this entry's time stamp if it is later than theirs."""
        last_hit_ms = self.lifetime.last_hit_ms
        for parent in self.parents():
            parent.lifetime.last_hit_ms = max(parent.lifetime.last_hit_ms, last_hit_ms)


Entry = TypeVar("Entry", bound=FlowEntry)


class FlowTable(Generic[Entry]):
    """Entries by flow id.

    Attributes:
        limit: the greatest number of entries, where a caller asks for the limit to be observed.
        entries: all entries, also killed ones, in no particular order. Wherever OPTE's key order matters it is
            restored.
        watcher: who keeps copies of this table's entries, if anybody.
        before_eviction: called before the entries of a full table, and their children, are compared.
        evictions: how many entries have gone to make room.
    """

    __slots__ = ("_semantics", "before_eviction", "entries", "evictions", "limit", "watcher")

    def __init__(self, limit: int, semantics: Semantics = Semantics.CORRECT) -> None:
        self.limit = limit
        self.evictions = 0
        self._semantics = semantics
        self.entries: dict[FlowId, Entry] = {}
        self.watcher: Watcher | None = None
        self.before_eviction: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def get(self, flow: FlowId) -> Entry | None:
        """The entry of a flow, unless it was killed."""
        entry = self.entries.get(flow)
        if entry is None or entry.lifetime.killed:
            return None
        if entry.watcher is not None:
            entry.watcher.consulted(entry)
        return entry

    def in_order(self) -> list[Entry]:
        """All entries in OPTE's key order."""
        return [self.entries[flow] for flow in sorted(self.entries)]

    def add(self, entry: Entry, now_ms: int) -> None:
        """Add or replace an entry; a full table evicts first, upstream even when the key is already present.

        Raises:
            TableFull: nothing may be evicted; the table is unchanged.
        """
        if entry.flow not in self.entries or not self._semantics.replacing_evicts_nobody:
            self.make_room(now_ms)
        self.put(entry)

    def put(self, entry: Entry) -> None:
        """Add or replace an entry regardless of the limit."""
        replaced = self.entries.get(entry.flow)
        self.entries[entry.flow] = entry
        entry.lifetime.only_ascends = self._semantics.hits_never_take_time_back
        entry.hold()
        if replaced is not None:
            self._release(replaced)
        if self.watcher is not None:
            entry.watcher = self.watcher
            self.watcher.appeared(entry)

    def make_room(self, now_ms: int) -> None:
        """Evict an entry if the table is full; raises `TableFull` if none may go."""
        if len(self.entries) < self.limit:
            return
        victim = self.find_victim(now_ms)
        if victim is None:
            raise TableFull(self.limit)
        self.evictions += 1
        self.expire(victim.flow)

    def find_victim(self, now_ms: int) -> Entry | None:
        """The entry to evict: a killed one, else the one of highest priority, the oldest among equals.

        Where this leaves several, the first in key order.
        """
        if self.before_eviction is not None:
            self.before_eviction()
        dead: Entry | None = None
        victim: Entry | None = None
        best = (PROTECTED, 0)
        for entry in self.entries.values():
            if entry.lifetime.killed:
                if dead is None or entry.flow < dead.flow:
                    dead = entry
            elif dead is None:
                priority = self.priority(entry, now_ms)
                rank = (priority, -entry.lifetime.last_hit_ms)
                if priority != PROTECTED and (
                    victim is None or rank > best or (rank == best and entry.flow < victim.flow)
                ):
                    victim, best = entry, rank
        return dead or victim

    def priority(self, entry: Entry, now_ms: int) -> int:
        """How readily an entry of this table is evicted; `PROTECTED` if it must stay."""
        return entry.eviction_priority(now_ms)

    def remove(self, flow: FlowId) -> bool:
        """Remove an entry; tells whether there was one. Children and parents learn nothing."""
        entry = self.entries.get(flow)
        if entry is None:
            return False
        self.discard(entry)
        return True

    def discard(self, entry: Entry) -> None:
        """Take a present entry out of the table. Every removal but a replacement comes here."""
        del self.entries[entry.flow]
        self._release(entry)

    def _release(self, entry: Entry) -> None:
        if entry.watcher is not None:
            entry.watcher.gone(entry)
        entry.drop()

    def expire(self, flow: FlowId) -> None:
        """Remove an entry, if there is one: its parents learn its time stamp, its children are killed."""
        entry = self.entries.get(flow)
        if entry is not None:
            entry.pass_time_to_parents()
            entry.kill()
            self.discard(entry)

    def expire_due(self, now_ms: int) -> list[Entry]:
        """Remove entries without living children that are past their time to live, and killed ones.

        Returns:
            The expired entries, in key order; killed ones are returned only if they had expired as well.
        """
        due = [entry for entry in self.entries.values() if entry.lifetime.killed or entry.is_expired(now_ms)]
        expired = []
        for entry in sorted(due, key=lambda entry: entry.flow):
            if entry.living_children():
                continue
            if entry.is_expired(now_ms):
                entry.pass_time_to_parents()
                expired.append(entry)
            self.discard(entry)
        return expired

    def clear(self) -> None:
        """Remove all entries, in key order."""
        for entry in self.in_order():
            self.discard(entry)

    def mark_dirty(self) -> None:
        """Ask for validation of all present entries before their next use."""
        for entry in self.entries.values():
            entry.dirty = True
