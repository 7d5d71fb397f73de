"""`closed-then-reborn`: closing a flow removes the incarnation that was opened after it.

Upstream `port/mod.rs`: an inbound RST sets the TCP entry to Closed and waits for the write lock; the guest's
SYN finds the same entry through the flow table and revives it; the first thread then removes the entry, which
is the same one, but no longer closed. Under `fine` only the slow path closes, a closed flow is dead for ever,
and a new incarnation has a record of its own.
"""

from model.designs.faults import Fault
from model.designs.seeded import SEEDED
from model.museum.exhibit import Exhibit

EXHIBIT = Exhibit(
    name="closed-then-reborn",
    story="a thread that has closed a flow removes what another thread has opened meanwhile under the same 5-tuple",
    faulty=SEEDED[Fault.CLOSED_THEN_REBORN].system(),
    sound=SEEDED[Fault.CLOSED_THEN_REBORN].sound(),
    finds="I4 incarnation",
)
