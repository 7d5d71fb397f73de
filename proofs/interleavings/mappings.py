"""Mappings whose look-ups and changes are seen by a scheduler: their tables are Python's, and have no words.

A word stands for the tables of guests, and one is their version. What is done to a table is done in the turn of the
access to its word. Changes release and look-ups acquire, as the assignments by which they are published do on x86.
"""

import numpy as np

from fastpath.atomics import load_acquire, store_release
from reference.vpc.mappings import Mappings, PhysicalAddress, VirtualToPhysical

_TABLE, _VERSION = 0, 1


class _SeenGuests(VirtualToPhysical):
    """As the base class, by way of two words."""

    def __init__(self, former: VirtualToPhysical) -> None:
        self.words = np.zeros(2, np.uint64)
        super().__init__()
        self._tables = former.copy()

    @property
    def version(self) -> int:
        """As in the base class."""
        return int(load_acquire(self.words, _VERSION))

    @version.setter
    def version(self, value: int) -> None:
        store_release(self.words, _VERSION, value)

    def set(self, address: bytes, physical: PhysicalAddress) -> None:
        """As the base class."""
        store_release(self.words, _TABLE, int(load_acquire(self.words, _TABLE)) + 1)
        super().set(address, physical)

    def get(self, address: bytes, vni: int) -> PhysicalAddress | None:
        """As the base class."""
        load_acquire(self.words, _TABLE)
        return super().get(address, vni)


class SeenMappings(Mappings):
    """Mappings like others, whose guests are looked up and changed under the scheduler; `words` are to be shared."""

    def __init__(self, former: Mappings) -> None:
        super().__init__()
        guests = _SeenGuests(former.v2p)
        self.v2p, self.v2b, self.m2p = guests, former.v2b, former.m2p
        self.words = guests.words
