"""What a recording says must be observable after each step.

A step records only what changed; `Expectation` keeps the running totals, so that a counter that should not have moved
is compared as strictly as one that should.
"""

from __future__ import annotations

from typing import Any

from proofs.conformance.header import Header
from proofs.conformance.steps import Plain, PortStep, Step


class Expectation:
    """The recorded observable state of every port: `epoch`, `port_state`, `stats` (FORMAT.md section 6) and `flows`."""

    def __init__(self, header: Header) -> None:
        self.ports: dict[str, Plain] = {
            port.name: {
                "epoch": port.epoch,
                "port_state": port.port_state,
                "stats": port.stats,
                "flows": port.flows,
            }
            for port in header.ports
        }

    def advance(self, step: Step) -> None:
        """Apply what the step says has changed."""
        if not isinstance(step, PortStep):
            return
        port = self.ports[step.port]
        if step.epoch is not None:
            port["epoch"] = step.epoch
        if step.port_state is not None:
            port["port_state"] = step.port_state
        port["stats"] = merged(port["stats"], step.stats)
        port["flows"] = merged(port["flows"], step.flows)


def merged(whole: Plain, changes: Plain) -> Plain:
    """A copy of `whole` with `changes` put in, member by member in nested objects."""
    result: dict[str, Any] = dict(whole)
    for name, value in changes.items():
        before = result.get(name)
        result[name] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return result


def changes(before: Plain, after: Plain) -> Plain:
    """The members of `after` that differ from `before`, member by member in nested objects; `merged` puts them back."""
    result: dict[str, Any] = {}
    for name, value in after.items():
        earlier = before.get(name)
        if value != earlier:
            nested = isinstance(earlier, dict) and isinstance(value, dict)
            result[name] = changes(earlier or {}, value) if nested else value
    return result
