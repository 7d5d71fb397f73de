"""Mappings whose look-ups and changes are seen by a scheduler: their tables are Python's, and have no words.

A word says which tables are those of guests, and one is their version. Tables are replaced, never changed, so that who
reads an old word finds the old tables. Changes release and look-ups acquire, as the assignments by which they are
published do on x86.
"""

from collections.abc import Hashable

import numpy as np

from fastpath.atomics import load_acquire, store_release
from proofs.interleavings.made_of import Opaque
from reference.vpc.mappings import Mappings, PhysicalAddress, VirtualToPhysical

_TABLE, _VERSION = 0, 1
Tables = dict[int, dict[bytes, PhysicalAddress]]


class _SeenGuests(VirtualToPhysical, Opaque):
    """As the base class, by way of two words."""

    def __init__(self, former: VirtualToPhysical, numbers: dict[Hashable, int]) -> None:
        self.words = np.zeros(2, np.uint64)
        self._numbers = numbers
        self._all: dict[int, Tables] = {}
        super().__init__()
        self._tables = former.copy()

    @property
    def _tables(self) -> Tables:
        return self._all[int(load_acquire(self.words, _TABLE))]

    @_tables.setter
    def _tables(self, tables: Tables) -> None:
        content = tuple((vni, tuple(sorted(table.items(), key=repr))) for vni, table in sorted(tables.items()))
        number = self._numbers.setdefault(content, len(self._numbers))
        self._all[number] = tables
        store_release(self.words, _TABLE, number)

    @property
    def version(self) -> int:
        """As in the base class."""
        return int(load_acquire(self.words, _VERSION))

    @version.setter
    def version(self, value: int) -> None:
        store_release(self.words, _VERSION, value)

    def set(self, address: bytes, physical: PhysicalAddress) -> None:
        """As the base class."""
        tables = self._tables
        self._tables = {**tables, physical.vni: {**tables.get(physical.vni, {}), address: physical}}
        self.version += 1

    def clear(self, address: bytes, vni: int) -> PhysicalAddress | None:
        """As the base class."""
        tables = self._tables
        before = tables.get(vni, {}).get(address)
        self._tables = {**tables, vni: {key: value for key, value in tables.get(vni, {}).items() if key != address}}
        self.version += 1
        return before


class SeenMappings(Mappings):
    """Mappings like others, whose guests are looked up and changed under the scheduler; `words` are to be shared."""

    def __init__(self, former: Mappings, numbers: dict[Hashable, int]) -> None:
        """`numbers`: those of tables by their content, the same in all runs; new ones are added."""
        super().__init__()
        guests = _SeenGuests(former.v2p, numbers)
        self.v2p, self.v2b, self.m2p = guests, former.v2b, former.m2p
        self.words = guests.words
