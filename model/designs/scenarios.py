"""What the threads of a port do in a search: the same scenarios for every design.

Two or three threads process packets of one flow, in both directions or in one, while slow operations happen. There are
records for a single pair of halves where nothing else is said, so that a flow that is installed again must reuse what
was retired.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from model.designs import operations
from model.designs.invariants import HIT, INSTALLED, KEPT, REMOVED, SLOW, SURVIVES, WAITS
from model.designs.port import Port, port
from model.designs.words import IN, OUT, Arena, Kind, Packet, Setting, Thread
from model.language import Property

Scenario = Callable[[Setting], Port]


def two_directions(setting: Setting) -> Port:
    """Both directions of one flow."""
    return port(
        "two directions",
        "two threads hit the two halves of one flow, twice each",
        setting=setting,
        threads=[[Packet(OUT), Packet(OUT, now=1)], [Packet(IN), Packet(IN, now=1)]],
        witnesses=[HIT],
    )


def one_direction(setting: Setting) -> Port:
    """Two threads on one half."""
    return port(
        "one direction",
        "two threads hit the same half, one of them with a clock that lags",
        setting=setting,
        threads=[[Packet(OUT, now=1), Packet(OUT, Kind.SAME, now=2)], [Packet(OUT), Packet(OUT, now=1)]],
        witnesses=[HIT],
    )


def first_packets(setting: Setting) -> Port:
    """A new flow."""
    return port(
        "first packets",
        "the packet that opens a flow, and packets of the other direction before, during and after its installation",
        setting=setting,
        threads=[[Packet(OUT, Kind.OPEN), Packet(OUT)], [Packet(IN), Packet(IN)]],
        installed=False,
        witnesses=[HIT, SLOW, INSTALLED],
    )


def opening_and_rules(setting: Setting) -> Port:
    """A new flow and new rules."""
    return port(
        "opening and rules",
        "the rules change while a flow is opened and hit in both directions",
        setting=setting,
        threads=[[Packet(OUT, Kind.OPEN), Packet(OUT)], [Packet(IN), Packet(IN)]],
        operations=[("rules", operations.rule_change(setting), 0)],
        installed=False,
        witnesses=[HIT, SLOW, REMOVED, INSTALLED, *_waits(setting)],
    )


def rule_change(setting: Setting) -> Port:
    """New rules while packets flow."""
    return port(
        "rule change",
        "the rules change between the packets of both directions; the flow is installed again with the records it had",
        setting=setting,
        threads=[[Packet(OUT), Packet(OUT)], [Packet(IN), Packet(IN)]],
        operations=[("rules", operations.rule_change(setting), 0)],
        witnesses=[HIT, SLOW, REMOVED, INSTALLED, *_waits(setting)],
    )


def early_release(setting: Setting) -> Port:
    """New rules whose grace period nobody waits for but their caller, and an expiry."""
    return port(
        "rule change, early release",
        "as overtaking, with an expiry at time 2 and packets of times 1 and 2",
        setting=setting,
        threads=[[Packet(OUT, now=1)], [Packet(IN, now=2)]],
        operations=[
            ("rules", operations.rule_change(setting, releases_early=True), 0),
            ("expiry", operations.expire(setting), 2),
        ],
        pairs=2,
        witnesses=[HIT, SLOW, REMOVED, INSTALLED, KEPT],
    )


def overtaking(setting: Setting) -> Port:
    """The anomaly that the epoch tag is for."""
    return port(
        "overtaking",
        "the rules change, and the flow is installed again while a packet still goes by the old ones: "
        "the lock is released before the grace period, and there are records for two pairs",
        setting=setting,
        threads=[[Packet(OUT)], [Packet(IN)]],
        operations=[("rules", operations.rule_change(setting, releases_early=True), 0)],
        pairs=2,
        witnesses=[HIT, SLOW, REMOVED, INSTALLED],
    )


def expiry(setting: Setting) -> Port:
    """The flow becomes idle."""
    return port(
        "expiry",
        "expiry at time 2, time to live 2, beside packets of times 1 to 3, one of which leaves the TCP word as it is",
        setting=setting,
        threads=[[Packet(OUT, Kind.SAME, now=1), Packet(OUT, now=2)], [Packet(IN, now=2), Packet(IN, now=3)]],
        operations=[("expiry", operations.expire(setting), 2)],
        witnesses=[HIT, REMOVED, KEPT, *_survives(setting)],
    )


def lagging_clock(setting: Setting) -> Port:
    """An old time arrives late."""
    return port(
        "lagging clock",
        "two threads hit one half at times 1 and 2 in either order, and an expiry at time 3",
        setting=setting,
        threads=[[Packet(OUT, now=1)], [Packet(OUT, now=2), Packet(OUT, Kind.SAME, now=2)]],
        operations=[("expiry", operations.expire(setting), 3)],
        witnesses=[HIT, REMOVED, KEPT],
    )


def reopening(setting: Setting) -> Port:
    """RST against SYN."""
    return port(
        "reopening",
        "an inbound RST closes the flow while the guest opens the same 5-tuple anew, and an expiry passes",
        setting=setting,
        threads=[[Packet(IN, Kind.CLOSE), Packet(IN)], [Packet(OUT, Kind.OPEN), Packet(OUT)]],
        operations=[("expiry", operations.expire(setting), 2)],
        witnesses=[HIT, SLOW, REMOVED, INSTALLED],
    )


def clearing(setting: Setting) -> Port:
    """The halves go, the TCP flow stays."""
    return port(
        "clearing",
        "both halves are removed while three threads hit them; the TCP flow stays, and comes back under the same epoch",
        setting=setting,
        threads=[[Packet(OUT)], [Packet(OUT)], [Packet(IN)]],
        operations=[("clear", operations.clear(setting), 0)],
        witnesses=[HIT, SLOW, REMOVED, INSTALLED],
    )


def clearing_with_spare_records(setting: Setting) -> Port:
    """The halves go and come back at once."""
    return port(
        "clearing, spare records",
        "both halves are removed and come back under the same epoch while a packet still holds the old ones",
        setting=setting,
        threads=[[Packet(OUT)], [Packet(IN)]],
        operations=[("clear", operations.clear(setting), 0)],
        pairs=2,
        witnesses=[HIT, SLOW, REMOVED, INSTALLED],
    )


def pausing(setting: Setting) -> Port:
    """Pause and start."""
    return port(
        "pause and start",
        "the port is paused and started while packets flow",
        setting=setting,
        threads=[[Packet(OUT), Packet(OUT)], [Packet(IN), Packet(IN)]],
        operations=[("pause", operations.pause(setting), 0), ("start", operations.start(setting), 0)],
        witnesses=[HIT, *_waits(setting)],
    )


def resetting(setting: Setting) -> Port:
    """Reset and start."""
    return port(
        "reset and start",
        "the port is reset and started while a flow is opened and hit",
        setting=setting,
        threads=[[Packet(OUT, Kind.OPEN), Packet(OUT)], [Packet(IN), Packet(IN)]],
        operations=[("reset", operations.reset(setting), 0), ("start", operations.start(setting), 0)],
        witnesses=[HIT, SLOW, REMOVED, INSTALLED, *_waits(setting)],
    )


def eviction(setting: Setting) -> Port:
    """A full table."""
    return port(
        "eviction",
        "a full table evicts the flow while packets hit it and open it again",
        setting=setting,
        threads=[[Packet(OUT), Packet(OUT, Kind.OPEN)], [Packet(IN), Packet(IN)]],
        operations=[("evict", operations.evict(setting), 0)],
        witnesses=[HIT, SLOW, REMOVED, INSTALLED, *_waits(setting)],
    )


def _survives(setting: Setting) -> tuple[Property[Arena, Thread], ...]:
    """Without TCP, a half that comes and goes singly leaves the other one alone."""
    return () if setting.singly and not setting.tcp else (SURVIVES,)


def _waits(setting: Setting) -> tuple[Property[Arena, Thread], ...]:
    return () if setting.port_lock else (WAITS,)


SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        "two-directions": two_directions,
        "one-direction": one_direction,
        "first-packets": first_packets,
        "opening-and-rules": opening_and_rules,
        "rule-change": rule_change,
        "early-release": early_release,
        "overtaking": overtaking,
        "expiry": expiry,
        "lagging-clock": lagging_clock,
        "reopening": reopening,
        "clearing": clearing,
        "clearing-spare-records": clearing_with_spare_records,
        "pausing": pausing,
        "resetting": resetting,
        "eviction": eviction,
    }
)
"""All scenarios, by the name used on the command line."""
