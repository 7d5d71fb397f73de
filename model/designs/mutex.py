"""The port under `mutex`: the same steps, under one port lock for each packet and each slow operation.

A thread spins for the port lock inside its announcement. So a slow operation must not wait for announcements
while it holds the port lock (`Fault.GRACE_UNDER_PORT_LOCK`), and need not: hits are excluded. Two locks have an
order: a packet lets go of the port lock before it queues for the slow lock, and takes it again second
(`Fault.LOCK_ORDER`).
"""

from collections.abc import Iterator

from model.designs.port import Port
from model.designs.scenarios import SCENARIOS
from model.designs.words import Setting

MUTEX = Setting(port_lock=True)


def systems() -> Iterator[tuple[str, Port]]:
    """Every configuration of the design, by name."""
    for name, scenario in SCENARIOS.items():
        yield f"mutex/{name}", scenario(MUTEX)
