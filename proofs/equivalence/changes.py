"""What may be reconfigured in a story: named control operations, the same ones on every port."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from proofs.equivalence import vpc
from proofs.equivalence.world import Change
from reference.address import Cidr
from reference.direction import Direction
from reference.hairpin.options import DhcpOptions
from reference.vpc.config import ExternalIps
from reference.vpc.firewall import FirewallRule
from reference.vpc.mappings import Mappings
from reference.vpc.router import Route, RouterClass, RouterTarget


@dataclass(frozen=True)
class Named:
    """A control operation and what to call it."""

    name: str
    change: Change

    def __repr__(self) -> str:
        return self.name


def _firewall(*texts: str) -> Change:
    def change(port: Any, _: Mappings) -> object:
        return port.set_firewall_rules([FirewallRule.parse(text) for text in texts])

    return change


def _clear(layer: str) -> Change:
    return lambda port, _: port.clear_lft(layer)


def _external(four: ExternalIps | None, six: ExternalIps | None) -> Change:
    return lambda port, _: port.set_external_ips(four, six)


def _all_kinds(family: int) -> ExternalIps:
    return ExternalIps(vpc.source_nat(family), vpc.EPHEMERAL[family], (vpc.FLOATING[family],))


def _route(destination: str, target: str, router_class: RouterClass) -> Route:
    return Route(Cidr.parse(destination), RouterTarget.parse(target), router_class)


_DEFAULT_ROUTES = tuple(
    route
    for family in (4, 6)
    for route in (
        _route(vpc.SUBNET[family], f"sub{family}={vpc.SUBNET[family]}", RouterClass.SYSTEM),
        _route(vpc.EVERYTHING[family], "ig", RouterClass.SYSTEM),
    )
)
_DROP = _route("198.51.100.34/32", "drop", RouterClass.CUSTOM)
_DETOUR = _route("172.30.0.7/32", "ip4=172.30.0.6", RouterClass.CUSTOM)
_ATTACHED = Cidr.parse("172.30.2.0/24")
_PEER_PREFIX = Cidr.parse("172.30.0.6/32")

FIREWALL: Sequence[Named] = (
    Named("firewall: the VPC's defaults", _firewall(*vpc.DEFAULT_FIREWALL)),
    Named("firewall: nothing may enter", _firewall()),
    Named(
        "firewall: the guest may not use UDP",
        _firewall(*vpc.DEFAULT_FIREWALL, "dir=out action=deny priority=10 protocol=UDP"),
    ),
    Named("firewall: everything may enter", _firewall("dir=in action=allow priority=1")),
    Named(
        "firewall: the guest may not open TCP to port 80",
        _firewall(*vpc.DEFAULT_FIREWALL, "dir=out action=deny priority=10 protocol=TCP port=80"),
    ),
    Named(
        "firewall: add a rule for port 80",
        lambda port, _: port.add_firewall_rule(
            FirewallRule.parse("dir=in action=allow priority=5 protocol=TCP port=80")
        ),
    ),
    Named("firewall: remove inbound rule 0", lambda port, _: port.remove_firewall_rule(Direction.IN, 0)),
    Named("firewall: remove inbound rule 99", lambda port, _: port.remove_firewall_rule(Direction.IN, 99)),
)

ROUTES: Sequence[Named] = (
    Named("routes: the defaults", lambda port, _: port.router.replace(_DEFAULT_ROUTES)),
    Named("routes: drop one host", lambda port, _: port.router.add(*_DROP)),
    Named("routes: drop no host", lambda port, _: port.router.delete(*_DROP)),
    Named("routes: a detour", lambda port, _: port.router.add(*_DETOUR)),
    Named("routes: no internet", lambda port, _: port.router.replace(_DEFAULT_ROUTES[::2])),
)

ADDRESSES: Sequence[Named] = (
    Named("external addresses: source NAT", _external(ExternalIps(vpc.source_nat(4)), ExternalIps(vpc.source_nat(6)))),
    Named(
        "external addresses: an ephemeral one as well",
        _external(ExternalIps(vpc.source_nat(4), vpc.EPHEMERAL[4]), vpc.external_ips(6)),
    ),
    Named("external addresses: all kinds", _external(_all_kinds(4), _all_kinds(6))),
    Named(
        "external addresses: ephemeral only",
        _external(ExternalIps(None, vpc.EPHEMERAL[4]), ExternalIps(None, vpc.EPHEMERAL[6])),
    ),
    Named("external addresses: none", _external(None, None)),
    Named("attach a subnet", lambda port, _: port.attach_subnet(_ATTACHED, is_external=False)),
    Named("detach a subnet", lambda port, _: port.detach_subnet(_ATTACHED)),
    Named("allow transit of a prefix", lambda port, _: port.allow_cidr(_PEER_PREFIX, Direction.IN)),
    Named("remove transit of a prefix", lambda port, _: port.remove_cidr(_PEER_PREFIX, Direction.IN)),
    Named("DHCP: another host name", lambda port, _: port.set_dhcp(DhcpOptions("renamed", None, (), (), ()))),
)

MAPPINGS: Sequence[Named] = (
    Named(
        "mappings: a neighbour moves",
        lambda _, mappings: mappings.v2p.set(vpc.PEERS[4][0], vpc.peer(vpc.MOVED_UNDERLAY)),
    ),
    Named("mappings: a neighbour returns", lambda _, mappings: mappings.v2p.set(vpc.PEERS[4][0], vpc.peer())),
    Named("mappings: a neighbour leaves", lambda _, mappings: mappings.v2p.clear(vpc.PEERS[4][0], vpc.VNI)),
)

START = Named("start", lambda port, _: port.start())
PAUSE = Named("pause", lambda port, _: port.pause())
RESET = Named("reset", lambda port, _: port.reset())
LIFECYCLE: Sequence[Named] = (START, PAUSE, RESET)

CLEARING: Sequence[Named] = (
    Named("clear the unified flow table", lambda port, _: port.clear_uft()),
    *(
        Named(f"clear the flows of {layer}", _clear(layer))
        for layer in ("gateway", "firewall", "router", "nat", "overlay", "nosuch")
    ),
)

RULES: Sequence[Named] = (*FIREWALL, *ROUTES, *ADDRESSES, *MAPPINGS)
