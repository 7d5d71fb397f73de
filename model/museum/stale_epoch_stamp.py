"""`stale-epoch-stamp`, benign: new rules under the stamp of the old epoch.

Upstream `port/mod.rs`: a slow path that read the epoch before `set_rules` took the lock works by the new rules
and stamps the old epoch. Its flow looks stale at once and the next packet goes the slow path once more; nothing
worse. The witness shows that it does happen, and the invariants that no packet is ever processed by rules that
are over.
"""

from dataclasses import replace

from model.designs.faults import Fault
from model.designs.seeded import SEEDED
from model.designs.words import IN, NONE, OUT, Arena, At, Thread
from model.language import Property
from model.museum.exhibit import Exhibit


def _stale_at_once(arena: Arena, me: Thread) -> bool:
    linked = [arena.entries[entry].payload for entry in (arena.slots[OUT], arena.slots[IN]) if entry != NONE]
    return me.at is At.FINISH and any(half.epoch < half.rules for half in linked)


_EXTRA_SLOW_PATH: Property[Arena, Thread] = Property(
    "stale at once", "a flow made by the present rules carries the stamp of older ones", _stale_at_once
)

_FAULTY = SEEDED[Fault.STALE_STAMP].system()

EXHIBIT = Exhibit(
    name="stale-epoch-stamp",
    story="a flow made by new rules is stamped with the old epoch: one more slow path, and that is all",
    faulty=replace(_FAULTY, witnesses=(*_FAULTY.witnesses, _EXTRA_SLOW_PATH)),
    sound=SEEDED[Fault.STALE_STAMP].sound(),
    finds="",
)
