"""Where each seeded fault shows: a scenario and a setting in which the search finds it, and what it finds."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from model.designs.faults import Fault
from model.designs.port import Port
from model.designs.scenarios import SCENARIOS
from model.designs.words import Setting

DEADLOCK = "nobody can go on"
HARMLESS = ""


class Seeded(NamedTuple):
    """One fault, and where to look for it.

    Attributes:
        finds: how the finding of a search begins: the invariant's name, `DEADLOCK`, or `HARMLESS`.
    """

    fault: Fault
    scenario: str
    finds: str
    setting: Setting = Setting()

    def system(self) -> Port:
        """The scenario with the fault."""
        return SCENARIOS[self.scenario](self.setting._replace(fault=self.fault))

    def sound(self) -> Port:
        """The same scenario without the fault."""
        return SCENARIOS[self.scenario](self.setting)


_UDP = Setting(tcp=False)
_MUTEX = Setting(port_lock=True)

_ALL = (
    Seeded(Fault.NO_RECHECK, "first-packets", "I1"),
    Seeded(Fault.TWO_COMMITS, "first-packets", "I2"),
    Seeded(Fault.STORED_WORD, "two-directions", "I4 no lost update"),
    Seeded(Fault.NO_FREEZE, "expiry", "I4 no lost update"),
    Seeded(Fault.LIVE_RECORD_RETIRED, "expiry", "I4 no lost update"),
    Seeded(Fault.NO_GRACE, "expiry", "I3"),
    Seeded(Fault.NO_ANNOUNCE_FENCE, "rule-change", "I5"),
    Seeded(Fault.NO_CONTROL_FENCE, "rule-change", "I5"),
    Seeded(Fault.STAYS_ANNOUNCED, "rule-change", DEADLOCK),
    Seeded(Fault.NO_TAG, "overtaking", "I4 order", Setting(keep_record=True)),
    Seeded(Fault.NO_EPOCH, "rule-change", "I5", _UDP),
    Seeded(Fault.ORPHAN_HIT, "expiry", "I6", _UDP),
    Seeded(Fault.LIFE_BEFORE_FREEZE, "expiry", "I6"),
    Seeded(Fault.UNCOUNTED_HIT, "expiry", "I6"),
    Seeded(Fault.WORD_BEFORE_LIFE, "expiry", "I6"),
    Seeded(Fault.TIME_GOES_BACK, "lagging-clock", "I6", _UDP),
    Seeded(Fault.PROCESS_AFTER_RESET, "resetting", "I5"),
    Seeded(Fault.CLOSED_THEN_REBORN, "reopening", "I4 incarnation"),
    Seeded(Fault.PLAIN_COUNT, "one-direction", "I8"),
    Seeded(Fault.COLLECTED_EARLY, "lagging-clock", "I8"),
    Seeded(Fault.LOCK_ORDER, "reopening", DEADLOCK, _MUTEX),
    Seeded(Fault.GRACE_UNDER_PORT_LOCK, "rule-change", DEADLOCK, _MUTEX),
    Seeded(Fault.STALE_STAMP, "opening-and-rules", HARMLESS),
)

SEEDED: Mapping[Fault, Seeded] = MappingProxyType({seeded.fault: seeded for seeded in _ALL})
"""Every fault but `Fault.NONE`."""
