"""`process-after-reset`: a packet that has missed is processed after reset has returned.

Upstream `port/mod.rs`: a packet reads Running, misses, drops the read lock; `reset` takes the write lock,
clears, returns; the packet takes the write lock without looking at the state again and installs. A ready port
then has a flow, and a hit after the next start. Under `fine` the slow path looks at the state when it has the
lock.
"""

from model.designs.faults import Fault
from model.designs.seeded import SEEDED
from model.museum.exhibit import Exhibit

EXHIBIT = Exhibit(
    name="process-after-reset",
    story="a packet that missed while the port ran is processed, and its flow installed, after reset has returned",
    faulty=SEEDED[Fault.PROCESS_AFTER_RESET].system(),
    sound=SEEDED[Fault.PROCESS_AFTER_RESET].sound(),
    finds="I5",
)
