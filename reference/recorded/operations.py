"""The operations of recordings as calls: each reads a step's arguments and gives what is to be done with them.

Reading comes first and doing second, so that a step that makes no sense is never half done.
"""

import binascii
from collections.abc import Callable
from typing import Any, TypeAlias

from reference.address import Cidr, format_ip, parse_ip
from reference.direction import Direction
from reference.errors import TextError
from reference.packet.flow import FlowId
from reference.recorded import configuration
from reference.recorded.configuration import Plain
from reference.verdict import Drop, DropCause, Hairpin, LayerDrop, Modified, ParseError, ProcessError, Verdict
from reference.vpc.firewall import FirewallRule
from reference.vpc.mappings import Mappings
from reference.vpc.router import Route, RouterClass, RouterTarget

PortCall: TypeAlias = Callable[[Any], Plain]
"""What to do with a port (anything with the surface of `reference.Port`); returns the result."""
MappingCall: TypeAlias = Callable[[Mappings], Plain]
"""What to do with the tables that all ports share; returns the result."""

DUMP_MEMBERS = ("epoch", "port_state", "uft", "tcp", "layers", "stats")


class UnreadableText(Exception):
    """A rule or target text of a step that did not parse; OPTE was not called. The message is the recorded error."""


def _process(step: Plain) -> PortCall:
    direction, frame, now_ms = Direction(step["dir"]), binascii.unhexlify(step["pkt"]), int(step["t_ms"])
    segments = tuple(step.get("segs") or ())
    return lambda port: plain_verdict(port.process(direction, frame, now_ms, segments=segments))


def _expire(step: Plain) -> PortCall:
    now_ms = int(step["t_ms"])
    return lambda port: _done(port.expire(now_ms))


def _start(_: Plain) -> PortCall:
    return lambda port: _done(port.start())


def _pause(_: Plain) -> PortCall:
    return lambda port: _done(port.pause())


def _reset(_: Plain) -> PortCall:
    return lambda port: _done(port.reset())


def _clear_uft(_: Plain) -> PortCall:
    return lambda port: _done(port.clear_uft())


def _clear_lft(step: Plain) -> PortCall:
    layer = str(step["layer"])
    return lambda port: _done(port.clear_lft(layer))


def _set_fw_rules(step: Plain) -> PortCall:
    rules = [_firewall_rule(text) for text in step["rules"]]
    return lambda port: _done(port.set_firewall_rules(rules))


def _add_fw_rule(step: Plain) -> PortCall:
    rule = _firewall_rule(step["rule"])
    return lambda port: _done(port.add_firewall_rule(rule))


def _rem_fw_rule(step: Plain) -> PortCall:
    direction, rule_id = Direction(step["dir"]), int(step["id"])
    return lambda port: _done(port.remove_firewall_rule(direction, rule_id))


def _set_external_ips(step: Plain) -> PortCall:
    ipv4, ipv6 = (configuration.external_ips(step.get(f"external_ips_{family}")) for family in ("v4", "v6"))
    gateway_map = step.get("inet_gw_map")
    gateways = None
    if gateway_map is not None:
        gateways = {parse_ip(tags["ip"]): frozenset(tags["gateways"]) for tags in gateway_map}
    return lambda port: _done(port.set_external_ips(ipv4, ipv6, gateways))


def _add_router_entry(step: Plain) -> PortCall:
    entry = route(step)
    return lambda port: _done(port.router.add(*entry))


def _del_router_entry(step: Plain) -> PortCall:
    entry = route(step)
    return lambda port: _found(port.router.delete(*entry))


def _set_router_entries(step: Plain) -> PortCall:
    entries = list(map(route, step["entries"]))
    return lambda port: _done(port.router.replace(entries))


def _attach_subnet(step: Plain) -> PortCall:
    prefix, is_external = Cidr.parse(step["cidr"]), bool(step.get("is_external"))
    return lambda port: _done(port.attach_subnet(prefix, is_external))


def _detach_subnet(step: Plain) -> PortCall:
    prefix = Cidr.parse(step["cidr"])
    return lambda port: _found(port.detach_subnet(prefix))


def _allow_cidr(step: Plain) -> PortCall:
    prefix, direction = Cidr.parse(step["cidr"]), Direction(step["dir"])
    return lambda port: _done(port.allow_cidr(prefix, direction))


def _remove_cidr(step: Plain) -> PortCall:
    prefix, direction = Cidr.parse(step["cidr"]), Direction(step["dir"])
    return lambda port: _found(port.remove_cidr(prefix, direction))


def _tcp_state(step: Plain) -> PortCall:
    flow = FlowId.from_json(step["flow"])

    def ask(port: Any) -> Plain:
        state = port.tcp_state(flow)
        return _value(None if state is None else state.text)

    return ask


def _dump(_: Plain) -> PortCall:
    def dump(port: Any) -> Plain:
        snapshot = port.snapshot()
        return {"kind": "dump"} | {member: snapshot[member] for member in DUMP_MEMBERS}

    return dump


def _set_v2p(step: Plain) -> MappingCall:
    address, physical = parse_ip(step["ip"]), configuration.physical_address(step["phys"])

    def call(mappings: Mappings) -> Plain:
        mappings.v2p.set(address, physical)
        return _done(None)

    return call


def _clear_v2p(step: Plain) -> MappingCall:
    address, vni = parse_ip(step["ip"]), int(step["phys"]["vni"])
    return lambda mappings: _value(configuration.plain_physical_address(mappings.v2p.clear(address, vni)))


def _set_v2b(step: Plain) -> MappingCall:
    prefix, endpoints = Cidr.parse(step["prefix"]), configuration.tunnel_endpoints(step["endpoints"])
    return lambda mappings: _value(configuration.plain_tunnel_endpoints(mappings.v2b.set(prefix, endpoints)))


def _clear_v2b(step: Plain) -> MappingCall:
    prefix, endpoints = Cidr.parse(step["prefix"]), configuration.tunnel_endpoints(step["endpoints"])
    return lambda mappings: _value(configuration.plain_tunnel_endpoints(mappings.v2b.clear(prefix, endpoints)))


def _set_m2p(step: Plain) -> MappingCall:
    group, underlay = parse_ip(step["group"]), parse_ip(step["underlay"])
    return lambda mappings: _value(_address_text(mappings.m2p.set(group, underlay)))


def _clear_m2p(step: Plain) -> MappingCall:
    group = parse_ip(step["group"])
    return lambda mappings: _value(_address_text(mappings.m2p.clear(group)))


PORT_OPERATIONS: dict[str, Callable[[Plain], PortCall]] = {
    "process": _process,
    "expire": _expire,
    "start": _start,
    "pause": _pause,
    "reset": _reset,
    "clear_uft": _clear_uft,
    "clear_lft": _clear_lft,
    "set_fw_rules": _set_fw_rules,
    "add_fw_rule": _add_fw_rule,
    "rem_fw_rule": _rem_fw_rule,
    "set_external_ips": _set_external_ips,
    "add_router_entry": _add_router_entry,
    "del_router_entry": _del_router_entry,
    "set_router_entries": _set_router_entries,
    "attach_subnet": _attach_subnet,
    "detach_subnet": _detach_subnet,
    "allow_cidr": _allow_cidr,
    "remove_cidr": _remove_cidr,
    "tcp_state": _tcp_state,
    "dump": _dump,
}
"""By `op`: what a step on one port asks for."""

MAPPING_OPERATIONS: dict[str, Callable[[Plain], MappingCall]] = {
    "set_v2p": _set_v2p,
    "clear_v2p": _clear_v2p,
    "set_v2b": _set_v2b,
    "clear_v2b": _clear_v2b,
    "set_m2p": _set_m2p,
    "clear_m2p": _clear_m2p,
}
"""By `op`: what a step on the shared tables asks for."""


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


def route(entry: Plain) -> Route:
    """The route of `dest`, `target` and `class`; raises `UnreadableText` for the target."""
    try:
        target = RouterTarget.parse(entry["target"])
    except TextError as error:
        raise UnreadableText(f"target text: {error}") from None
    return Route(Cidr.parse(entry["dest"]), target, RouterClass(entry["class"]))


def _plain_reason(reason: DropCause | LayerDrop) -> str | Plain:
    if isinstance(reason, LayerDrop):
        return {"layer": reason.layer, "why": reason.why.value}
    return reason.value


def _firewall_rule(text: str) -> FirewallRule:
    try:
        return FirewallRule.parse(text)
    except TextError as error:
        raise UnreadableText(f"rule text: {error}") from None


def _address_text(address: bytes | None) -> str | None:
    return None if address is None else format_ip(address)


def _done(_: None) -> Plain:
    return {"kind": "ok"}


def _value(value: Any) -> Plain:
    return {"kind": "ok", "value": value}


def _found(found: bool) -> Plain:
    return _value("Ok" if found else "NotFound")
