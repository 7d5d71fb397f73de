"""`orphan-hit`: a hit refreshes an entry that expiry has already removed.

Upstream `port/mod.rs`: a hit finds the entry and drops the lock; expiry removes the entry; the hit refreshes
the orphan, and the flow, hit a moment ago, is gone. Under `fine` expiry seals a half by compare and swap of its
life word: either the hit came first and the half stays, or the hit meets the seal and looks again. Shown for a
flow without TCP word; a TCP flow is protected by its frozen word as well.
"""

from model.designs.faults import Fault
from model.designs.seeded import SEEDED
from model.museum.exhibit import Exhibit

EXHIBIT = Exhibit(
    name="orphan-hit",
    story="a flow is expired although a packet has just hit it, because the hit refreshed what was no longer looked at",
    faulty=SEEDED[Fault.ORPHAN_HIT].system(),
    sound=SEEDED[Fault.ORPHAN_HIT].sound(),
    finds="I6",
)
