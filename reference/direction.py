"""The two directions a packet can take through a port."""

import enum


class Direction(enum.Enum):
    """Which side of the port a packet comes from, seen from the guest.

    `OUT` is from the guest: a plain Ethernet frame. `IN` is from the underlay: an Ethernet frame inside Geneve, UDP,
    IPv6 and Ethernet. The values are the ones used in recordings.
    """

    IN = "in"
    OUT = "out"

    @property
    def opposite(self) -> "Direction":
        """The direction in which replies travel."""
        return Direction.OUT if self is Direction.IN else Direction.IN
