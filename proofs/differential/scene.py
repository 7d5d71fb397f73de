"""Where a story plays: a VPC with addresses, limits, rules and mappings of its own, and names for all of them.

Stories speak of addresses by name (`{peer4}`, or `#vni` where a number is due), so that one story can play anywhere,
and shrinks no matter where it was found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from proofs.conformance.header import FORMAT_VERSION
from proofs.conformance.steps import Plain
from proofs.equivalence import vpc
from proofs.equivalence.place import Place
from reference.address import format_ip, format_mac, parse_ip
from reference.recorded.configuration import LIMITS

PORT = "g1"
BEGINNING_MS = 1_000_000
ROOMY: Mapping[str, int] = dict.fromkeys(LIMITS, 64)
"""Table sizes that stories of usual length do not exhaust."""

DEFAULT_ROUTES = tuple((f"{{{to}{family}}}", target, "system") for family in (4, 6) for to, target in
                       (("subnet", f"sub{family}={{subnet{family}}}"), ("everything", "ig")))  # fmt: skip
DEFAULT_FIREWALL = (
    "dir=in action=allow priority=65534 hosts=vni={vni}",
    "dir=in action=allow priority=65534 protocol=TCP port=22",
    "dir=in action=allow priority=65534 protocol=ICMP",
    "dir=in action=allow priority=65534 protocol=ICMP6",
    "dir=in action=allow priority=100 protocol=UDP port=53,4789",
)


@dataclass(frozen=True)
class FamilyPlan:
    """What a guest has in one address family.

    Attributes:
        snat_ports: first and last port of its source NAT; None without.
        ephemeral: whether it has an external address of its own.
        floating: how many floating addresses it has, 0 or 1.
        attached: whether a subnet is attached: None for no, else whether it is external.
        transit: the directions in which a transit prefix may pass, (in, out); None without the prefix.
    """

    snat_ports: tuple[int, int] | None = (vpc.SNAT_FIRST_PORT, vpc.SNAT_LAST_PORT)
    ephemeral: bool = False
    floating: int = 0
    attached: bool | None = None
    transit: tuple[bool, bool] | None = None


@dataclass(frozen=True)
class Scene:
    """One port and its VPC. The defaults are plain; everything can be varied.

    Attributes:
        number: 16 bits from which the addresses follow; 0 for those of `proofs.equivalence.vpc`.
        vni: the virtual network identifier.
        mtu: told to the guest.
        plans: what the guest has, by family; a family without a plan the port does not have.
        limits: table sizes by name.
        firewall: rule texts, with names.
        routes: destination, target and class, with names.
        boundary: how many ways out of the rack there are, 0 to 2.
        hostname: told by DHCP.
    """

    number: int = 0
    vni: int = vpc.VNI
    mtu: int = vpc.MTU
    plans: Mapping[int, FamilyPlan] = field(default_factory=lambda: {4: FamilyPlan(), 6: FamilyPlan()})
    limits: Mapping[str, int] = field(default_factory=lambda: ROOMY)
    firewall: Sequence[str] = DEFAULT_FIREWALL
    routes: Sequence[tuple[str, str, str]] = DEFAULT_ROUTES
    boundary: int = 1
    hostname: str | None = None

    @cached_property
    def place(self) -> Place:
        """The addresses that conversations use."""
        if self.number == 0:
            return vpc.PLACE
        shift = self.number % 200
        four = bytes((10, self.number >> 8, self.number & 0xFC, 0))
        six = parse_ip(f"fd00:{self.number:x}::")
        low, high = self.number >> 8, self.number & 0xFF
        # The order of addresses decides between equals: some guests come before their peers, some after.
        guest = shift + (5 if self.number % 2 else 9)
        return Place(
            vni=self.vni,
            boundary_vni=vpc.BOUNDARY_VNI,
            guest_mac=bytes((0xA8, 0x40, 0x25, 0xFA, low, high)),
            gateway_mac=vpc.GATEWAY_MAC,
            guest_underlay=parse_ip(f"fd00:0:f7:{self.number:x}::1"),
            peer_underlay=parse_ip(f"fd00:0:f8:{self.number:x}::1"),
            boundary_underlay=vpc.BOUNDARY_UNDERLAY,
            guest={4: _plus(four, guest), 6: _plus(six, guest)},
            gateway={4: _plus(four, 1), 6: _plus(six, 1)},
            peers={version: (_plus(net, shift + 6), _plus(net, shift + 7)) for version, net in ((4, four), (6, six))},
            internet={version: tuple(_plus(host, self.number) for host in vpc.INTERNET[version]) for version in (4, 6)},
            shared={version: _plus(vpc.SHARED[version], shift) for version in (4, 6)},
            ephemeral={version: _plus(vpc.EPHEMERAL[version], shift) for version in (4, 6)},
            floating={version: _plus(vpc.FLOATING[version], shift) for version in (4, 6)},
        )

    @cached_property
    def addresses(self) -> Mapping[str, bytes]:
        """Every named address."""
        place = self.place
        named: dict[str, bytes] = {
            "group4": parse_ip("224.1.2.3"),
            "group6": parse_ip("ff04::1:2:3"),
            "broadcast4": bytes((255,)) * 4,
            "all_nodes6": parse_ip("ff02::1"),
            "group_underlay": parse_ip("ff04::e001:203"),
            "guest_underlay": place.guest_underlay,
            "peer_underlay": place.peer_underlay,
            "moved_underlay": vpc.MOVED_UNDERLAY,
        }
        for family in (4, 6):
            peers, internet = place.peers[family], place.internet[family]
            named |= {
                f"guest{family}": place.guest[family],
                f"gateway{family}": place.gateway[family],
                f"peer{family}": peers[0],
                f"neighbour{family}": peers[1],
                f"internet{family}": internet[0],
                f"elsewhere{family}": internet[1],
                f"shared{family}": place.shared[family],
                f"ephemeral{family}": place.ephemeral[family],
                f"floating{family}": place.floating[family],
            }
        named |= {"attached_host4": bytes((192, 168, 7, 7)), "attached_host6": parse_ip("fd01:7::7")}
        named |= {"transit_host4": bytes((192, 168, 9, 9)), "transit_host6": parse_ip("fd01:9::9")}
        named |= {f"boundary{index}": underlay for index, underlay in enumerate(place.boundary_underlay, start=1)}
        return named

    @cached_property
    def names(self) -> Mapping[str, str]:
        """The text of everything that has a name."""
        place = self.place
        return {name: format_ip(address) for name, address in self.addresses.items()} | {
            "vni": str(self.vni),
            "subnet4": f"{format_ip(_masked(place.guest[4]))}/22",
            "subnet6": f"{format_ip(place.guest[6][:8] + bytes(8))}/64",
            "everything4": "0.0.0.0/0",
            "everything6": "::/0",
            "attached4": "192.168.7.0/24",
            "attached6": "fd01:7::/64",
            "transit4": "192.168.9.0/24",
            "transit6": "fd01:9::/64",
            "peer_mac": format_mac(vpc.PEER_MAC),
        }

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Everything named that is a number."""
        return {"vni": self.vni, "boundary_vni": vpc.BOUNDARY_VNI, "other_vni": vpc.OTHER_VNI}

    def fill(self, template: Any) -> Any:
        """A JSON value with texts for names and numbers for those with `#`."""
        match template:
            case str() if template.startswith("#"):
                return self.numbers[template[1:]]
            case str():
                return template.format_map(self.names)
            case dict():
                return {name: self.fill(value) for name, value in template.items()}
            case list() | tuple():
                return [self.fill(value) for value in template]
        return template

    def header(self) -> Plain:
        """The inputs of a recording's header."""
        return {
            "format": FORMAT_VERSION,
            "t_ms": BEGINNING_MS,
            "ports": [
                {
                    "name": PORT,
                    "cfg": self._config(),
                    "limits": dict(self.limits),
                    "setup": {
                        "router": [
                            {"dest": self.fill(to), "target": self.fill(target), "class": kind}
                            for to, target, kind in self.routes
                        ],
                        "firewall": self.fill(self.firewall),
                    },
                }
            ],
            "v2p": self._virtual_to_physical(),
            "v2b": self._virtual_to_boundary(),
            "m2p": [],
        }

    def _config(self) -> Plain:
        place = self.place
        return {
            "guest_mac": format_mac(place.guest_mac),
            "gateway_mac": format_mac(place.gateway_mac),
            "vni": self.vni,
            "phys_ip": format_ip(place.guest_underlay),
            "mtu": self.mtu,
            "ipv4": self._family(4),
            "ipv6": self._family(6),
            "dhcp": self.fill(
                {
                    "hostname": self.hostname,
                    "host_domain": None if self.hostname is None else "example.test",
                    "domain_search_list": [] if self.hostname is None else ["example.test", "a.example.test"],
                    "dns4_servers": [] if self.hostname is None else ["{internet4}"],
                    "dns6_servers": [] if self.hostname is None else ["{internet6}"],
                }
            ),
        }

    def _family(self, family: int) -> Plain | None:
        plan = self.plans.get(family)
        if plan is None:
            return None
        filled: Plain = self.fill(
            {
                "vpc_subnet": f"{{subnet{family}}}",
                "private_ip": f"{{guest{family}}}",
                "gateway_ip": f"{{gateway{family}}}",
                "external_ips": external_ips(family, plan),
                "attached_subnets": []
                if plan.attached is None
                else [{"cidr": f"{{attached{family}}}", "is_external": plan.attached}],
                "transit_ips": []
                if plan.transit is None
                else [
                    {"cidr": f"{{transit{family}}}", "allow_in": plan.transit[0], "allow_out": plan.transit[1]},
                ],
            }
        )
        return filled

    def _virtual_to_physical(self) -> Any:
        own = {"ether": format_mac(self.place.guest_mac), "ip": "{guest_underlay}", "vni": "#vni"}
        return self.fill(
            [
                {"ip": f"{{{who}{family}}}", "phys": own if who == "guest" else PEER}
                for family in self.plans
                for who in ("guest", "peer", "neighbour")
            ]
        )

    def _virtual_to_boundary(self) -> Any:
        endpoints = [{"ip": f"{{boundary{number}}}", "vni": "#boundary_vni"} for number in (1, 2)][: self.boundary]
        prefixes = [f"{{everything{family}}}" for family in self.plans] if endpoints else []
        return self.fill([{"prefix": prefix, "endpoints": endpoints} for prefix in prefixes])


PEER: Plain = {"ether": "{peer_mac}", "ip": "{peer_underlay}", "vni": "#vni"}
"""Where a peer is, with names."""


def external_ips(family: int, plan: FamilyPlan) -> Plain:
    """The external addresses of a plan, with names."""
    snat = None
    if plan.snat_ports is not None:
        snat = {"external_ip": f"{{shared{family}}}", "ports": list(plan.snat_ports)}
    return {
        "snat": snat,
        "ephemeral_ip": f"{{ephemeral{family}}}" if plan.ephemeral else None,
        "floating_ips": [f"{{floating{family}}}"][: plan.floating],
    }


def _plus(address: bytes, number: int) -> bytes:
    return ((int.from_bytes(address) + number) % (1 << 8 * len(address))).to_bytes(len(address))


def _masked(address: bytes) -> bytes:
    return address[:2] + bytes((address[2] & 0xFC, 0))
