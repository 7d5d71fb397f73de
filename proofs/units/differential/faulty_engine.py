"""The example engine with one thing wrong: `python -m proofs.units.differential.faulty_engine FAULT`."""

import sys
from collections.abc import Callable
from typing import Any

import reference
from proofs.conformance import example_engine
from proofs.conformance.engine import Engine
from proofs.conformance.port_engine import PortEngine
from reference.direction import Direction
from reference.recorded.session import MakePort
from reference.semantics import Semantics
from reference.vpc.config import TableLimits, VpcConfig
from reference.vpc.firewall import FirewallRule
from reference.vpc.mappings import Mappings


class OtherHash(reference.Port):
    """Says another hash for outbound IPv6."""

    def process(self, direction: Direction, packet: Any, now_ms: int, segments: Any = ()) -> Any:
        verdict = super().process(direction, packet, now_ms, segments)
        if isinstance(verdict, reference.Modified) and verdict.packet[:100].count(b"\x86\xdd") > 1:
            return reference.Modified(verdict.packet, verdict.l4_hash ^ 1, verdict.mtu_unrestricted)
        return verdict


class LongerLife(reference.Port):
    """Expires flows a millisecond late."""

    def expire(self, now_ms: int) -> None:
        super().expire(now_ms - 1)


class ForgottenFlows(reference.Port):
    """Forgets connections when a firewall rule is added."""

    def add_firewall_rule(self, rule: FirewallRule) -> None:
        super().add_firewall_rule(rule)
        self.data.tcp_flows.clear()


class Raise(reference.Port):
    """Raises an exception of Python's own at a packet that is too short for an Ethernet header."""

    def process(self, direction: Direction, packet: Any, now_ms: int, segments: Any = ()) -> Any:
        if len(packet) < 14:
            raise IndexError("no such byte")
        return super().process(direction, packet, now_ms, segments)


FAULTS: dict[str, type[reference.Port]] = {
    fault.__name__: fault for fault in (OtherHash, LongerLife, ForgottenFlows, Raise)
}


def faulty(name: str) -> Callable[[], Engine]:
    """Makes engines with the fault, in this process."""
    return lambda: PortEngine(port_maker(name))


def port_maker(name: str) -> MakePort:
    """Makes ports with the fault, whatever semantics is asked for."""

    def make_port(config: VpcConfig, limits: TableLimits, mappings: Mappings) -> reference.Port:
        return FAULTS[name](config, limits, mappings, Semantics.UPSTREAM)

    return make_port


if __name__ == "__main__":
    example_engine.serve(sys.stdin.buffer, sys.stdout.buffer, lambda _: port_maker(sys.argv[1]))
