"""Source NAT: many guests share an external address; each flow gets a port, or an ICMP echo identifier, of its own.

Upstream behaviour: `lib/opte/src/engine/snat.rs`.
"""

from reference.action import ActionDescriptor, ActionMeta, StatefulAction
from reference.address import format_ip
from reference.direction import Direction
from reference.errors import LayerError
from reference.packet.packet import Packet
from reference.packet.protocol import IpProtocol
from reference.transform import HeaderTransform, InnerModification
from reference.vpc.config import SourceNat

_TRANSFORM_NAME = "SNAT"

_ECHO_REQUEST = {IpProtocol.ICMP: 8, IpProtocol.ICMPV6: 128}
"""First layer-4 word of a flow of echo requests: the message type, with code 0."""


class PortPool:
    """The free ports of a range, handed out last in, first out, beginning with the highest."""

    __slots__ = ("free", "range", "taken")

    def __init__(self, first: int, last: int) -> None:
        self.range = range(first, last + 1)
        self.free = list(self.range)
        self.taken: set[int] = set()

    def take(self) -> int:
        """Take a port; raises `LayerError` when none is left."""
        if not self.free:
            raise LayerError('GenDesc(ResourceExhausted { name: "SNAT Pool (exhausted)" })')
        port = self.free.pop()
        self.taken.add(port)
        return port

    def give_back(self, port: int) -> None:
        """Make a port the next one to be taken, if it still belongs to the range."""
        self.taken.discard(port)
        if port in self.range:
            self.free.append(port)

    def change_range(self, first: int, last: int) -> None:
        """Have other ports from now on; those that are taken stay so."""
        if self.range != range(first, last + 1):
            self.range = range(first, last + 1)
            self.free = [port for port in self.range if port not in self.taken]


class PortPools:
    """The pools behind one external address: TCP, UDP and echo have one each.

    Attributes:
        external_ip: the address.
        retired: whether the guest has lost the address, or has other pools for it now.
    """

    def __init__(self, config: SourceNat) -> None:
        self.external_ip = config.external_ip
        self.retired = False
        echo = IpProtocol.ICMP if len(config.external_ip) == 4 else IpProtocol.ICMPV6
        self._by_protocol = {
            protocol: PortPool(config.first_port, config.last_port)
            for protocol in (IpProtocol.TCP, IpProtocol.UDP, echo)
        }

    @property
    def ports(self) -> range:
        """The ports that flows may have, all protocols alike."""
        return self._by_protocol[IpProtocol.TCP].range

    def of(self, protocol: int) -> PortPool | None:
        """The pool of a protocol; None for a protocol that is not translated."""
        return self._by_protocol.get(IpProtocol(protocol))

    def change_range(self, config: SourceNat) -> None:
        """Have the ports of a configuration with the same address."""
        for pool in self._by_protocol.values():
            pool.change_range(config.first_port, config.last_port)


class SourceNatDescriptor(ActionDescriptor):
    """A flow's external address and port, or echo identifier.

    Attributes:
        private_ip, private_port: what the guest uses.
        external_ip, external_port: what the network sees instead.
    """

    __slots__ = (
        "_inbound",
        "_outbound",
        "_pool",
        "_pools",
        "external_ip",
        "external_port",
        "private_ip",
        "private_port",
    )

    def __init__(
        self, pools: PortPools, pool: PortPool, private_ip: bytes, private_port: int, external_port: int
    ) -> None:
        super().__init__()
        external_ip = pools.external_ip
        self._pools = pools
        self._pool = pool
        self.private_ip = private_ip
        self.private_port = private_port
        self.external_ip = external_ip
        self.external_port = external_port
        outbound = InnerModification(ip_source=external_ip, source_port=self.external_port)
        inbound = InnerModification(ip_destination=private_ip, destination_port=private_port)
        self._outbound = HeaderTransform(_TRANSFORM_NAME, outbound)
        self._inbound = HeaderTransform(_TRANSFORM_NAME, inbound)

    def release(self) -> None:
        self._pool.give_back(self.external_port)

    def is_valid(self) -> bool:
        """The flow keeps its port as long as the guest has the pool, and the pool the port."""
        return not self._pools.retired and self.external_port in self._pool.range

    def header_transform(self, direction: Direction, meta: ActionMeta) -> HeaderTransform:
        if direction is Direction.IN:
            return self._inbound
        meta.external_ip_applied = True
        return self._outbound

    def __str__(self) -> str:
        return "SNAT"


class SourceNatEchoDescriptor(SourceNatDescriptor):
    """As `SourceNatDescriptor`, for ICMP echo: the identifier takes the place of the port."""

    __slots__ = ()

    def __init__(
        self, pools: PortPools, pool: PortPool, private_ip: bytes, identifier: int, external_identifier: int
    ) -> None:
        super().__init__(pools, pool, private_ip, identifier, external_identifier)
        outbound = InnerModification(ip_source=self.external_ip, icmp_identifier=self.external_port)
        inbound = InnerModification(ip_destination=private_ip, icmp_identifier=identifier)
        self._outbound = HeaderTransform(_TRANSFORM_NAME, outbound)
        self._inbound = HeaderTransform(_TRANSFORM_NAME, inbound)

    def __str__(self) -> str:
        return "SNAT_ICMP_ECHO"


class SourceNatAction(StatefulAction):
    """Begins source-translated flows, with ports of `pools`."""

    def __init__(self, private_ip: bytes, config: SourceNat, pools: PortPools) -> None:
        self._private_ip = private_ip
        self._config = config
        self._icmp = IpProtocol.ICMP if len(private_ip) == 4 else IpProtocol.ICMPV6
        self.pools = pools

    def describe(self, packet: Packet) -> ActionDescriptor | None:
        flow = packet.flow
        pool = self.pools.of(flow.protocol)
        if pool is None:
            name = "ICMP" if flow.protocol == IpProtocol.ICMP else "ICMPv6"
            raise LayerError(f'GenDesc(Unexpected {{ msg: "SNAT pool (unexpected ULP: {name})" }})')
        port = pool.take()
        if flow.protocol != self._icmp:
            return SourceNatDescriptor(self.pools, pool, self._private_ip, flow.source_port, port)
        if flow.source_port == _ECHO_REQUEST[self._icmp]:
            return SourceNatEchoDescriptor(self.pools, pool, self._private_ip, flow.icmp_identifier, port)
        # Other messages cannot be translated; upstream refuses them only after it has found a free port.
        pool.give_back(port)
        return None

    def __str__(self) -> str:
        address = format_ip(self._config.external_ip)
        if self._icmp == IpProtocol.ICMPV6:
            address = f"[{address}]"
        return f"{address}:{self._config.first_port}-{self._config.last_port}"
