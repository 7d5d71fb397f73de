"""`latent-lock-order`: two locks taken in both orders.

Upstream `port/mod.rs` and `flow_table.rs` take a TCP entry's mutex and the list of its parent's children in
either order; the port's write lock around both hides it, and any finer lock uncovers it. The same mistake in
the `mutex` design: a packet keeps the port lock while it queues for the slow lock, whose owner waits for the
port lock.
"""

from model.designs.faults import Fault
from model.designs.seeded import SEEDED
from model.museum.exhibit import Exhibit

EXHIBIT = Exhibit(
    name="latent-lock-order",
    story="a packet holds the port lock and waits for the slow lock, whose owner waits for the port lock",
    faulty=SEEDED[Fault.LOCK_ORDER].system(),
    sound=SEEDED[Fault.LOCK_ORDER].sound(),
    finds="nobody can go on",
)
