"""Scenarios of the catalogue that both engines run, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from proofs.interleavings.compiled import known_flow
from proofs.interleavings.compiled.kernel_program import Build

KNOWN: Mapping[str, Build] = MappingProxyType(
    {
        "hit beside expiry": known_flow.hit_beside_expiry,
        "TCP word in both directions": known_flow.both_directions,
        "hit beside slow operation": known_flow.hit_beside_slow_operation,
    }
)
