"""All scenarios by name."""

from collections.abc import Mapping
from types import MappingProxyType

from proofs.interleavings.scenario import Scenario, UnknownNameError
from proofs.interleavings.scenarios import flow, handover, port, table

SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {scenario.name: scenario for scenario in (*table.SCENARIOS, *flow.SCENARIOS, *handover.SCENARIOS, *port.SCENARIOS)}
)


def scenario_named(name: str) -> Scenario:
    """The scenario of that name. Raises UnknownNameError, which lists what there is."""
    if name not in SCENARIOS:
        raise UnknownNameError(f"no scenario {name!r}: there is {', '.join(SCENARIOS)}")
    return SCENARIOS[name]
