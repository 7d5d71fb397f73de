"""The port under `fine`: hits take no lock, slow operations follow one another under the slow lock.

Every scenario is searched for a TCP flow and for a flow without TCP word, whose hits take effect at the life
word. Those in which halves come and go are searched again with both halves in one bucket, and with halves that
come and go singly, as they do where the reference follows upstream or cannot foresee the reply; those with
other operations, with all packets of a thread in one batch.

One variant was weighed and is searched beside it: `RECORD_KEPT` lets a flow that is installed again keep its
flow record and re-tags its TCP word. That is enough when the rules change, and it is what the epoch tag is for;
but not when the halves are installed again under the same epoch. So in `fine` a flow record ends with the first
of its halves that leaves.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from model.designs.port import Port
from model.designs.scenarios import SCENARIOS
from model.designs.words import Setting

FINE = Setting()
RECORD_KEPT = Setting(keep_record=True)

_COMING_AND_GOING = (
    "first-packets",
    "opening-and-rules",
    "rule-change",
    "overtaking",
    "expiry",
    "lagging-clock",
    "reopening",
    "clearing-spare-records",
)

_OPERATIONS = ("rule-change", "expiry", "pausing", "resetting", "eviction")

VARIANTS: Mapping[str, tuple[Setting, tuple[str, ...]]] = MappingProxyType(
    {
        "fine": (FINE, tuple(SCENARIOS)),
        "fine-udp": (Setting(tcp=False), tuple(SCENARIOS)),
        "fine-one-bucket": (Setting(buckets=1), _COMING_AND_GOING),
        "fine-singly": (Setting(singly=True), _COMING_AND_GOING),
        "fine-udp-singly": (Setting(tcp=False, singly=True), _COMING_AND_GOING),
        "fine-one-batch": (Setting(one_batch=True), _OPERATIONS),
        "fine-record-kept": (RECORD_KEPT, ("overtaking",)),
    }
)
"""The settings of the design, and the scenarios that must hold in each."""


def systems() -> Iterator[tuple[str, Port]]:
    """Every configuration of the design, by name."""
    for variant, (setting, scenarios) in VARIANTS.items():
        for name in scenarios:
            yield f"{variant}/{name}", SCENARIOS[name](setting)
