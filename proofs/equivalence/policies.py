"""The policies that are held to the reference: the designs, and `fine` with each switch flipped alone."""

from collections.abc import Mapping
from dataclasses import fields, replace
from types import MappingProxyType

from fastpath.designs import POLICIES, Design
from fastpath.policy import Policy


def _switched() -> dict[str, Policy]:
    fine = POLICIES[Design.FINE]
    return {
        f"{field.name}: {choice.value}": replace(fine, **{field.name: choice})
        for field in fields(Policy)
        for choice in type(getattr(fine, field.name))
        if choice is not getattr(fine, field.name)
    }


SWITCHED: Mapping[str, Policy] = MappingProxyType(_switched())
"""`fine` with one switch in each of its other positions."""
PRESETS: Mapping[str, Policy] = MappingProxyType({design.value: policy for design, policy in POLICIES.items()})
"""The policies of the designs."""
