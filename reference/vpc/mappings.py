"""Mappings from virtual to physical addresses, shared by the ports of a host.

Upstream behaviour: `VpcMappings`, `Virt2Phys`, `Virt2Boundary` and `Mcast2Phys` in
`lib/oxide-vpc/src/engine/overlay.rs`. Every table has a version, which rises with each change, so that ports can tell
that what they have looked up is out of date; upstream has none.
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
        self.version += 1
        self._tables.setdefault(physical.vni, {})[address] = physical

    def clear(self, address: bytes, vni: int) -> PhysicalAddress | None:
        """Forget a virtual address of a VPC; returns the mapping there was."""
        self.version += 1
        return self._tables.get(vni, {}).pop(address, None)

    def get(self, address: bytes, vni: int) -> PhysicalAddress | None:
        """The guest with a virtual address in a VPC."""
        return self._tables.get(vni, {}).get(address)

    def vni_of(self, address: bytes) -> int | None:
        """The VPC in which an address is mapped; the one of lowest VNI if there are several."""
        return min((vni for vni, table in self._tables.items() if address in table), default=None)


class VirtualToBoundary:
    """Tunnel endpoints by destination prefix; the longest prefix that contains an address decides."""

    def __init__(self) -> None:
        self._prefixes: dict[Cidr, dict[bytes, TunnelEndpoint]] = {}
        self._lengths: dict[int, list[int]] = {4: [], 6: []}
        self.version = 0

    def set(self, prefix: Cidr, endpoints: Iterable[TunnelEndpoint]) -> tuple[TunnelEndpoint, ...] | None:
        """Add endpoints to a prefix; returns those it had, None if it was unknown.

        Endpoints with the same address are the same endpoint whatever their VNI: a present one stays as it is, and of
        several for a new prefix the last one counts.
        """
        self.version += 1
        present = self._prefixes.get(prefix)
        if present is None:
            self._prefixes[prefix] = {endpoint.ip: endpoint for endpoint in endpoints}
            self._index()
            return None
        before = _in_order(present)
        for endpoint in endpoints:
            present.setdefault(endpoint.ip, endpoint)
        return before

    def clear(self, prefix: Cidr, endpoints: Iterable[TunnelEndpoint]) -> tuple[TunnelEndpoint, ...] | None:
        """Remove endpoints, by address, from a prefix; returns those it had, None if it was unknown."""
        self.version += 1
        present = self._prefixes.get(prefix)
        if present is None:
            return None
        before = _in_order(present)
        for endpoint in endpoints:
            present.pop(endpoint.ip, None)
        if not present:
            del self._prefixes[prefix]
            self._index()
        return before

    def get(self, address: bytes) -> tuple[TunnelEndpoint, ...] | None:
        """The endpoints for a destination, in ascending order of their addresses; None when no prefix contains it."""
        for length in self._lengths[4 if len(address) == 4 else 6]:
            endpoints = self._prefixes.get(Cidr.of(address, length))
            if endpoints is not None:
                return _in_order(endpoints)
        return None

    def _index(self) -> None:
        for family in self._lengths:
            lengths = {prefix.length for prefix in self._prefixes if prefix.family == family}
            self._lengths[family] = sorted(lengths, reverse=True)


def _in_order(endpoints: dict[bytes, TunnelEndpoint]) -> tuple[TunnelEndpoint, ...]:
    return tuple(endpoints[ip] for ip in sorted(endpoints))


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
        self.version += 1
        before = self._groups.get(group)
        self._groups[group] = underlay
        return before

    def clear(self, group: bytes) -> bytes | None:
        """Forget a group; returns the underlay address it had."""
        self.version += 1
        return self._groups.pop(group, None)

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
