"""Mappings from virtual to physical addresses, shared by the ports of a host.

Upstream behaviour: `VpcMappings`, `Virt2Phys`, `Virt2Boundary` and `Mcast2Phys` in
`lib/oxide-vpc/src/engine/overlay.rs`. Every table has a version, which rises after each change, so that ports can tell
that what they have looked up is out of date; upstream has none.

Changes follow one another. Readers may be elsewhere at the same time: what they look up is a value that was published
in one assignment, the one before a change or the one after it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from reference.address import Cidr, format_ip
from reference.errors import InvalidMapping


@dataclass(frozen=True, slots=True)
class PhysicalAddress:
    """Where a guest is: MAC address of its interface, underlay IPv6 address of its host, VNI of its VPC."""

    ether: bytes
    ip: bytes
    vni: int


@dataclass(frozen=True, slots=True)
class TunnelEndpoint:
    """A way out of the rack: underlay IPv6 address and VNI of boundary services."""

    ip: bytes
    vni: int


class VirtualToPhysical:
    """Guests by VNI and virtual address."""

    def __init__(self) -> None:
        self._tables: dict[int, dict[bytes, PhysicalAddress]] = {}
        self.version = 0

    def set(self, address: bytes, physical: PhysicalAddress) -> None:
        """Map a virtual address, in the VPC that `physical.vni` names."""
        if physical.vni not in self._tables:
            self._tables = {**self._tables, physical.vni: {}}
        self._tables[physical.vni][address] = physical
        self.version += 1

    def clear(self, address: bytes, vni: int) -> PhysicalAddress | None:
        """Forget a virtual address of a VPC; returns the mapping there was."""
        before = self._tables.get(vni, {}).pop(address, None)
        self.version += 1
        return before

    def get(self, address: bytes, vni: int) -> PhysicalAddress | None:
        """The guest with a virtual address in a VPC."""
        return self._tables.get(vni, {}).get(address)

    def vni_of(self, address: bytes) -> int | None:
        """The VPC in which an address is mapped; the one of lowest VNI if there are several."""
        return min((vni for vni, table in self._tables.items() if address in table), default=None)

    def copy(self) -> dict[int, dict[bytes, PhysicalAddress]]:
        """All mappings by VNI and address, those of each VPC as they were at one moment."""
        return {vni: dict(table) for vni, table in self._tables.items()}


class VirtualToBoundary:
    """Tunnel endpoints by destination prefix; the longest prefix that contains an address decides."""

    def __init__(self) -> None:
        self._prefixes: dict[Cidr, tuple[TunnelEndpoint, ...]] = {}
        self._lengths: dict[int, list[int]] = {4: [], 6: []}
        self.version = 0

    def set(self, prefix: Cidr, endpoints: Iterable[TunnelEndpoint]) -> tuple[TunnelEndpoint, ...] | None:
        """Add endpoints to a prefix; returns those it had, None if it was unknown.

        Endpoints with the same address are the same endpoint whatever their VNI: a present one stays as it is, and of
        several for a new prefix the last one counts.
        """
        before = self._prefixes.get(prefix)
        present = {endpoint.ip: endpoint for endpoint in before or ()}
        for endpoint in endpoints:
            if before is None:
                present[endpoint.ip] = endpoint
            else:
                present.setdefault(endpoint.ip, endpoint)
        self._replace(prefix, present)
        return before

    def clear(self, prefix: Cidr, endpoints: Iterable[TunnelEndpoint]) -> tuple[TunnelEndpoint, ...] | None:
        """Remove endpoints, by address, from a prefix; returns those it had, None if it was unknown."""
        before = self._prefixes.get(prefix)
        if before is not None:
            gone = {endpoint.ip for endpoint in endpoints}
            left = {endpoint.ip: endpoint for endpoint in before if endpoint.ip not in gone}
            if left:
                self._replace(prefix, left)
            else:
                del self._prefixes[prefix]
                self._index()
        self.version += 1
        return before

    def get(self, address: bytes) -> tuple[TunnelEndpoint, ...] | None:
        """The endpoints for a destination, in ascending order of their addresses; None when no prefix contains it."""
        for length in self._lengths[4 if len(address) == 4 else 6]:
            endpoints = self._prefixes.get(Cidr.of(address, length))
            if endpoints is not None:
                return endpoints
        return None

    def copy(self) -> dict[Cidr, tuple[TunnelEndpoint, ...]]:
        """The endpoints of all prefixes, as they were at one moment."""
        return dict(self._prefixes)

    def _replace(self, prefix: Cidr, endpoints: dict[bytes, TunnelEndpoint]) -> None:
        known = prefix in self._prefixes
        self._prefixes[prefix] = tuple(endpoints[ip] for ip in sorted(endpoints))
        if not known:
            self._index()
        self.version += 1

    def _index(self) -> None:
        self._lengths = {
            family: sorted({prefix.length for prefix in self._prefixes if prefix.family == family}, reverse=True)
            for family in self._lengths
        }


class MulticastToPhysical:
    """Underlay multicast addresses by overlay group."""

    def __init__(self) -> None:
        self._groups: dict[bytes, bytes] = {}
        self.version = 0

    def set(self, group: bytes, underlay: bytes) -> bytes | None:
        """Map a group; returns the underlay address it had.

        Raises:
            InvalidMapping: the underlay address is not in ff04::/16 (admin-local scope, RFC 4291 section 2.7).
        """
        if underlay[:2] != b"\xff\x04":
            text = format_ip(underlay)
            raise InvalidMapping(f"address must be admin-scoped IPv6 multicast (ff04::/16), got: {text}")
        before = self._groups.get(group)
        self._groups[group] = underlay
        self.version += 1
        return before

    def clear(self, group: bytes) -> bytes | None:
        """Forget a group; returns the underlay address it had."""
        before = self._groups.pop(group, None)
        self.version += 1
        return before

    def get(self, group: bytes) -> bytes | None:
        """The underlay address of a group."""
        return self._groups.get(group)


class Mappings:
    """All mappings of a host.

    Attributes:
        v2p: guests by VNI and virtual address.
        v2b: boundary services by destination prefix.
        m2p: underlay multicast addresses by group.
    """

    def __init__(self) -> None:
        self.v2p = VirtualToPhysical()
        self.v2b = VirtualToBoundary()
        self.m2p = MulticastToPhysical()

    @property
    def version(self) -> int:
        """Rises with every change of any table."""
        return self.v2p.version + self.v2b.version + self.m2p.version
