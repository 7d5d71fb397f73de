"""Scenarios of the catalogue that both engines run, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from proofs.interleavings.compiled import known_flow, known_table
from proofs.interleavings.compiled.kernel_program import Build

KNOWN: Mapping[str, Build] = MappingProxyType(
    {
        "hit beside expiry": known_flow.hit_beside_expiry,
        "TCP word in both directions": known_flow.both_directions,
        "hit beside slow operation": known_flow.hit_beside_slow_operation,
        "look-up beside install": known_table.look_up_beside_install,
        "look-up beside removal": known_table.look_up_beside_removal,
        "install beside install": known_table.install_beside_install,
        "install beside removal": known_table.install_beside_removal,
        "look-up, removal and install": known_table.three_threads,
    }
)
