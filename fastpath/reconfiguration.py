"""Changes of rules and addresses: each one a slow operation with the reference's own method behind it.

They are linearizable: when one has returned, no packet is processed by the rules before.
"""

from collections.abc import Iterable

from fastpath.slow_path import SlowPath
from reference.address import Cidr
from reference.direction import Direction
from reference.hairpin.options import DhcpOptions
from reference.vpc import nat
from reference.vpc.config import ExternalIps
from reference.vpc.firewall import FirewallRule
from reference.vpc.router import Route, RouterClass, RouterTarget


class Routes:
    """The routes of a fast port; the surface of `reference.vpc.router.RouterControl`."""

    def __init__(self, slow_path: SlowPath) -> None:
        self._slow_path = slow_path

    def add(self, destination: Cidr, target: RouterTarget, router_class: RouterClass) -> None:
        """Add a route; raises `InvalidRouterEntry` or `BadState`."""
        with self._slow_path.operation() as port:
            port.router.add(destination, target, router_class)

    def delete(self, destination: Cidr, target: RouterTarget, router_class: RouterClass) -> bool:
        """Delete the first route to a destination; tells whether there was one; raises as `add`."""
        with self._slow_path.operation() as port:
            return port.router.delete(destination, target, router_class)

    def replace(self, routes: Iterable[Route]) -> None:
        """Replace all outbound rules; raises `InvalidRouterEntry` or `BadState`."""
        with self._slow_path.operation() as port:
            port.router.replace(routes)


class Reconfiguration:
    """The part of a fast port that changes rules and addresses.

    Attributes:
        router: the port's routes.
    """

    def __init__(self, slow_path: SlowPath) -> None:
        self._slow_path = slow_path
        self.router = Routes(slow_path)

    def set_firewall_rules(self, rules: Iterable[FirewallRule]) -> None:
        """Replace all firewall rules and forget the layer's flows; raises `BadState`."""
        with self._slow_path.firewall_change() as port:
            port.set_firewall_rules(rules)

    def add_firewall_rule(self, rule: FirewallRule) -> None:
        """Add a firewall rule; raises `BadState`."""
        with self._slow_path.firewall_change() as port:
            port.add_firewall_rule(rule)

    def remove_firewall_rule(self, direction: Direction, rule_id: int) -> None:
        """Remove a firewall rule; raises `BadState` or `RuleNotFound`."""
        with self._slow_path.firewall_change() as port:
            port.remove_firewall_rule(direction, rule_id)

    def set_external_ips(
        self, ipv4: ExternalIps | None, ipv6: ExternalIps | None, gateways: nat.GatewayMap | None = None
    ) -> None:
        """Replace the external addresses of both families; raises `InvalidIpConfig` or `BadState`."""
        with self._slow_path.operation() as port:
            port.set_external_ips(ipv4, ipv6, gateways)

    def set_dhcp(self, options: DhcpOptions) -> None:
        """Change what DHCP tells the guest from now on; raises `BadState`."""
        with self._slow_path.operation() as port:
            port.set_dhcp(options)

    def attach_subnet(self, prefix: Cidr, is_external: bool) -> None:
        """Give the guest a subnet; raises `InvalidIpConfig` or `BadState`."""
        with self._slow_path.operation() as port:
            port.attach_subnet(prefix, is_external)

    def detach_subnet(self, prefix: Cidr) -> bool:
        """Take a subnet from the guest; tells whether it had it; raises `InvalidIpConfig` or `BadState`."""
        with self._slow_path.operation() as port:
            return port.detach_subnet(prefix)

    def allow_cidr(self, prefix: Cidr, direction: Direction) -> None:
        """Let packets of a prefix pass in one direction; raises `InvalidIpConfig` or `BadState`."""
        with self._slow_path.operation() as port:
            port.allow_cidr(prefix, direction)

    def remove_cidr(self, prefix: Cidr, direction: Direction) -> bool:
        """Take back `allow_cidr`; tells whether the prefix was known; raises `InvalidIpConfig` or `BadState`."""
        with self._slow_path.operation() as port:
            return port.remove_cidr(prefix, direction)
