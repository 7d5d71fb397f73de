"""The engine for whatever has the public surface of `reference.Port`: steps become calls, results plain values."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatchmethod
from typing import Any

import msgspec

from proofs.conformance import configuration, steps
from proofs.conformance.engine import Outcome
from proofs.conformance.header import Header, PortHeader, RouterEntry
from proofs.conformance.steps import Plain, Step
from reference.address import Cidr, format_ip, parse_ip
from reference.direction import Direction
from reference.errors import ControlError, TextError
from reference.packet.flow import FlowId
from reference.verdict import Drop, DropCause, Hairpin, LayerDrop, Modified, ParseError, ProcessError, Verdict
from reference.vpc.config import TableLimits, VpcConfig
from reference.vpc.firewall import FirewallRule
from reference.vpc.mappings import Mappings
from reference.vpc.router import Route, RouterClass, RouterTarget

MakePort = Callable[[VpcConfig, TableLimits, Mappings], Any]
"""Makes a port; `reference.Port` and `fastpath.Port` share a surface, not a base class."""

HEADER_LAYER_MEMBERS = ("name", "default_in", "default_out", "rules_in", "rules_out")
DUMP_MEMBERS = ("epoch", "port_state", "uft", "tcp", "layers", "stats")
OK: Plain = {"kind": "ok"}


class UnreadableText(Exception):
    """A rule or target text of a step that did not parse; OPTE was not called. The message is the recorded error."""


class PortEngine:
    """Replays on the ports that `make_port` makes, all of one recording sharing one set of mappings."""

    def __init__(self, make_port: MakePort) -> None:
        self._make_port = make_port
        self._mappings = Mappings()
        self._ports: dict[str, Any] = {}

    def setup(self, header: Header) -> dict[str, Plain]:
        """Build the ports, add the routes one by one, and set the firewall rules in one call."""
        self._mappings = configuration.mappings(header)
        for recorded in header.ports:
            self._ports[recorded.name] = self._built(recorded)
        return {
            name: observed | {"layers": [_header_layer(layer) for layer in self._ports[name].snapshot()["layers"]]}
            for name, observed in self._observed().items()
        }

    def _built(self, recorded: PortHeader) -> Any:
        config = configuration.vpc_config(recorded.cfg)
        port = self._make_port(config, configuration.table_limits(recorded.limits), self._mappings)
        for entry in recorded.setup.router:
            port.router.add(*_route(entry))
        port.set_firewall_rules([FirewallRule.parse(text) for text in recorded.setup.firewall])
        return port

    def step(self, step: Step) -> Outcome:
        """Do one step; a refused control operation is a result of kind `error`."""
        try:
            result = self._do(step)
        except (ControlError, UnreadableText) as error:
            result = {"kind": "error", "error": str(error)}
        return Outcome(result, self._observed())

    def _observed(self) -> dict[str, Plain]:
        return {
            name: {
                "epoch": port.epoch,
                "port_state": port.state.value,
                "stats": port.statistics(),
                "flows": port.flow_counts(),
            }
            for name, port in self._ports.items()
        }

    def _port(self, step: steps.PortStep) -> Any:
        return self._ports[step.port]

    @singledispatchmethod
    def _do(self, step: Step) -> Plain:
        raise NotImplementedError(f"no call for the operation {steps.operation_name(step)}")

    @_do.register
    def _(self, step: steps.Process) -> Plain:
        port = self._port(step)
        return plain_verdict(port.process(Direction(step.dir), step.packet, step.t_ms, segments=step.segs))

    @_do.register
    def _(self, step: steps.Expire) -> Plain:
        self._port(step).expire(step.t_ms)
        return OK

    @_do.register
    def _(self, step: steps.Start) -> Plain:
        self._port(step).start()
        return OK

    @_do.register
    def _(self, step: steps.Pause) -> Plain:
        self._port(step).pause()
        return OK

    @_do.register
    def _(self, step: steps.Reset) -> Plain:
        self._port(step).reset()
        return OK

    @_do.register
    def _(self, step: steps.ClearUft) -> Plain:
        self._port(step).clear_uft()
        return OK

    @_do.register
    def _(self, step: steps.ClearLft) -> Plain:
        self._port(step).clear_lft(step.layer)
        return OK

    @_do.register
    def _(self, step: steps.SetFirewallRules) -> Plain:
        self._port(step).set_firewall_rules(list(map(_firewall_rule, step.rules)))
        return OK

    @_do.register
    def _(self, step: steps.AddFirewallRule) -> Plain:
        self._port(step).add_firewall_rule(_firewall_rule(step.rule))
        return OK

    @_do.register
    def _(self, step: steps.RemoveFirewallRule) -> Plain:
        self._port(step).remove_firewall_rule(Direction(step.dir), step.id)
        return OK

    @_do.register
    def _(self, step: steps.SetExternalIps) -> Plain:
        families = [
            None if family is None else configuration.external_ips(family)
            for family in (step.external_ips_v4, step.external_ips_v6)
        ]
        gateways = None
        if step.inet_gw_map is not None:
            gateways = {parse_ip(tags.ip): frozenset(tags.gateways) for tags in step.inet_gw_map}
        self._port(step).set_external_ips(*families, gateways)
        return OK

    @_do.register
    def _(self, step: steps.AddRouterEntry) -> Plain:
        self._port(step).router.add(*_route(step))
        return OK

    @_do.register
    def _(self, step: steps.DeleteRouterEntry) -> Plain:
        return _found(self._port(step).router.delete(*_route(step)))

    @_do.register
    def _(self, step: steps.SetRouterEntries) -> Plain:
        self._port(step).router.replace(list(map(_route, step.entries)))
        return OK

    @_do.register
    def _(self, step: steps.AttachSubnet) -> Plain:
        self._port(step).attach_subnet(Cidr.parse(step.cidr), step.is_external)
        return OK

    @_do.register
    def _(self, step: steps.DetachSubnet) -> Plain:
        return _found(self._port(step).detach_subnet(Cidr.parse(step.cidr)))

    @_do.register
    def _(self, step: steps.AllowCidr) -> Plain:
        self._port(step).allow_cidr(Cidr.parse(step.cidr), Direction(step.dir))
        return OK

    @_do.register
    def _(self, step: steps.RemoveCidr) -> Plain:
        return _found(self._port(step).remove_cidr(Cidr.parse(step.cidr), Direction(step.dir)))

    @_do.register
    def _(self, step: steps.TcpState) -> Plain:
        state = self._port(step).tcp_state(FlowId.from_json(msgspec.to_builtins(step.flow)))
        return _value(None if state is None else state.text)

    @_do.register
    def _(self, step: steps.Dump) -> Plain:
        snapshot = self._port(step).snapshot()
        return {"kind": "dump"} | {member: snapshot[member] for member in DUMP_MEMBERS}

    @_do.register
    def _(self, step: steps.SetV2p) -> Plain:
        self._mappings.v2p.set(parse_ip(step.ip), configuration.physical_address(step.phys))
        return OK

    @_do.register
    def _(self, step: steps.ClearV2p) -> Plain:
        before = self._mappings.v2p.clear(parse_ip(step.ip), step.phys.vni)
        return _value(configuration.plain_physical_address(before))

    @_do.register
    def _(self, step: steps.SetV2b) -> Plain:
        endpoints = map(configuration.tunnel_endpoint, step.endpoints)
        before = self._mappings.v2b.set(Cidr.parse(step.prefix), endpoints)
        return _value(configuration.plain_tunnel_endpoints(before))

    @_do.register
    def _(self, step: steps.ClearV2b) -> Plain:
        endpoints = map(configuration.tunnel_endpoint, step.endpoints)
        before = self._mappings.v2b.clear(Cidr.parse(step.prefix), endpoints)
        return _value(configuration.plain_tunnel_endpoints(before))

    @_do.register
    def _(self, step: steps.SetM2p) -> Plain:
        before = self._mappings.m2p.set(parse_ip(step.group), parse_ip(step.underlay))
        return _value(None if before is None else format_ip(before))

    @_do.register
    def _(self, step: steps.ClearM2p) -> Plain:
        before = self._mappings.m2p.clear(parse_ip(step.group))
        return _value(None if before is None else format_ip(before))


def plain_verdict(verdict: Verdict) -> Plain:
    """A verdict as recorded (FORMAT.md section 5.1)."""
    match verdict:
        case Modified(packet, l4_hash, mtu_unrestricted):
            carried = {"l4_hash": l4_hash, "mtu_unrestricted": mtu_unrestricted}
            return {"kind": "modified", "pkt": bytes(packet).hex()} | carried
        case Hairpin(packet):
            return {"kind": "hairpin", "pkt": bytes(packet).hex()}
        case Drop(reason):
            return {"kind": "drop", "reason": _plain_reason(reason)}
        case ProcessError(error):
            return {"kind": "error", "error": error}
        case ParseError(error, details):
            return {"kind": "parse_error", "error": error} | dict(details)


def _plain_reason(reason: DropCause | LayerDrop) -> str | Plain:
    if isinstance(reason, LayerDrop):
        return {"layer": reason.layer, "why": reason.why.value}
    return reason.value


def _header_layer(layer: Plain) -> Plain:
    return {member: layer[member] for member in HEADER_LAYER_MEMBERS}


def _firewall_rule(text: str) -> FirewallRule:
    try:
        return FirewallRule.parse(text)
    except TextError as error:
        raise UnreadableText(f"rule text: {error}") from None


def _route(entry: RouterEntry | steps.RouterStep) -> Route:
    try:
        target = RouterTarget.parse(entry.target)
    except TextError as error:
        raise UnreadableText(f"target text: {error}") from None
    return Route(Cidr.parse(entry.dest), target, RouterClass(entry.class_))


def _value(value: Any) -> Plain:
    return OK | {"value": value}


def _found(found: bool) -> Plain:
    return _value("Ok" if found else "NotFound")
