"""The port under `fine`: hits take no lock, slow operations follow one another under the slow lock.

Every scenario is searched for a TCP flow, for a flow without TCP word (its hits take effect at the life word),
and with both halves in one bucket. Two variants of the design are searched beside it because they were weighed:
`RECORD_KEPT` lets a flow that is installed again keep its flow record and re-tags its TCP word. That is enough
when the rules change, and it is what the epoch tag is for, but not when the halves are installed again under
the same epoch; so in `fine` a flow record ends with its halves.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from model.designs.port import Port
from model.designs.scenarios import SCENARIOS
from model.designs.words import Setting

FINE = Setting()
RECORD_KEPT = Setting(keep_record=True)

VARIANTS: Mapping[str, Setting] = MappingProxyType(
    {"fine": FINE, "fine-udp": Setting(tcp=False), "fine-one-bucket": Setting(buckets=1)}
)
"""The settings in which every scenario must hold."""


def systems() -> Iterator[tuple[str, Port]]:
    """Every configuration of the design, by name."""
    for variant, setting in VARIANTS.items():
        for name, scenario in SCENARIOS.items():
            yield f"{variant}/{name}", scenario(setting)
    yield "fine-record-kept/overtaking", SCENARIOS["overtaking"](RECORD_KEPT)
