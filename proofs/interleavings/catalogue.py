"""All scenarios by name."""

from collections.abc import Mapping
from types import MappingProxyType

from proofs.interleavings.scenario import Scenario, UnknownNameError
from proofs.interleavings.scenarios import (
    closing,
    commits,
    counting,
    crowds,
    expiry,
    flow,
    handover,
    lifecycles,
    misses,
    port,
    port_misses,
    table,
    translation,
)

PORTS = (*port.SCENARIOS, *translation.SCENARIOS, *port_misses.SCENARIOS)
"""Those on the whole port; all others are of its kernels."""
_EVERY = (
    *table.SCENARIOS,
    *flow.SCENARIOS,
    *handover.SCENARIOS,
    *lifecycles.SCENARIOS,
    *misses.SCENARIOS,
    *counting.SCENARIOS,
    *crowds.SCENARIOS,
    *commits.SCENARIOS,
    *expiry.SCENARIOS,
    *closing.SCENARIOS,
    *PORTS,
)
RACY = "look-up beside reinstall"
"""Its entry is rewritten by plain stores, without a grace period, while it is read: under release and acquire that is a
data race, by intention."""
SCENARIOS: Mapping[str, Scenario] = MappingProxyType({scenario.name: scenario for scenario in _EVERY})


def scenario_named(name: str) -> Scenario:
    """The scenario of that name. Raises UnknownNameError, which lists what there is."""
    if name not in SCENARIOS:
        raise UnknownNameError(f"no scenario {name!r}: there is {', '.join(SCENARIOS)}")
    return SCENARIOS[name]
