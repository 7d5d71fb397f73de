"""A port with a guest, a neighbour in the same VPC and a way to the internet; packets to and fro, built by scapy."""

from ipaddress import ip_address
from typing import Any

from proofs.units.reference_packet.frames import (
    GATEWAY_MAC,
    GUEST_IP,
    GUEST_IP6,
    GUEST_MAC,
    REMOTE_IP,
    TCP,
    UDP,
    Ether,
    encapsulated,
    ethernet,
    ipv4,
    option,
)
from reference import (
    Direction,
    ExternalIps,
    IpConfig,
    Mappings,
    Modified,
    PhysicalAddress,
    Port,
    Semantics,
    SourceNat,
    TableLimits,
    TunnelEndpoint,
    Verdict,
    VpcConfig,
)
from reference.address import Cidr, parse_mac
from reference.packet.flow import FlowId
from reference.packet.packet import Packet
from reference.packet.parse import parse
from reference.vpc.firewall import FirewallRule
from reference.vpc.router import RouterClass, RouterTarget

VNI = 1287581
NEIGHBOUR_IP = "172.30.0.6"
NEIGHBOUR_MAC = "a8:40:25:f0:00:66"
SNAT_IP = "10.77.77.13"
FIRST_PORT, LAST_PORT = 1025, 1028
ALLOW_SSH = "dir=in action=allow priority=65534 protocol=TCP port=22"
ALLOW_VPC = f"dir=in action=allow priority=65534 hosts=vni={VNI}"


def packed(text: str) -> bytes:
    """An address as bytes."""
    return ip_address(text).packed


def snat_config() -> ExternalIps:
    """Source NAT with four ports."""
    return ExternalIps(snat=SourceNat(packed(SNAT_IP), FIRST_PORT, LAST_PORT))


def vpc_config(external: ExternalIps | None = None, with_ipv6: bool = True) -> VpcConfig:
    """The guest's configuration."""
    ipv6 = IpConfig(Cidr.parse("fd00::/64"), packed(GUEST_IP6), packed("fd00::1"))
    return VpcConfig(
        guest_mac=parse_mac(GUEST_MAC),
        gateway_mac=parse_mac(GATEWAY_MAC),
        vni=VNI,
        phys_ip=packed("fd00:0:f7:101::1"),
        ipv4=IpConfig(Cidr.parse("172.30.0.0/22"), packed(GUEST_IP), packed("172.30.0.1"), external or snat_config()),
        ipv6=ipv6 if with_ipv6 else None,
    )


def mappings() -> Mappings:
    """The neighbour, the guest itself, and boundary services."""
    made = Mappings()
    made.v2p.set(packed(NEIGHBOUR_IP), PhysicalAddress(parse_mac(NEIGHBOUR_MAC), packed("fd00:0:f7:116::1"), VNI))
    made.v2p.set(packed(GUEST_IP), PhysicalAddress(parse_mac(GUEST_MAC), packed("fd00:0:f7:101::1"), VNI))
    made.v2b.set(Cidr.parse("0.0.0.0/0"), [TunnelEndpoint(packed("fd00:99::1"), 99)])
    return made


class Scene:
    """A running port. Times are milliseconds."""

    def __init__(
        self,
        external: ExternalIps | None = None,
        limits: TableLimits | None = None,
        semantics: Semantics = Semantics.UPSTREAM,
        rules: tuple[str, ...] = (ALLOW_SSH, ALLOW_VPC),
    ) -> None:
        self.mappings = mappings()
        self.port = Port(vpc_config(external), limits, self.mappings, semantics)
        self.port.router.add(Cidr.parse("172.30.0.0/22"), RouterTarget.parse("sub4=172.30.0.0/22"), RouterClass.SYSTEM)
        self.port.router.add(Cidr.parse("0.0.0.0/0"), RouterTarget.parse("ig"), RouterClass.SYSTEM)
        self.set_rules(*rules)
        self.port.start()

    def set_rules(self, *rules: str) -> None:
        """Replace the firewall rules by these texts."""
        self.port.set_firewall_rules(FirewallRule.parse(rule) for rule in rules)

    def send(self, layers: Any, now_ms: int = 0) -> Verdict:
        """The guest sends a frame."""
        return self.port.process(Direction.OUT, bytes(layers), now_ms)

    def receive(self, layers: Any, now_ms: int = 0) -> Verdict:
        """An encapsulated frame arrives."""
        return self.port.process(Direction.IN, bytes(layers), now_ms)

    def counter(self, name: str, layer: str | None = None) -> int:
        """A counter of the port, or of one of its layers."""
        statistics: Any = self.port.statistics()
        return int(statistics[name] if layer is None else statistics[layer][name])

    def sizes(self, table: str) -> Any:
        """Sizes of a table as `Port.flow_counts` has them."""
        return self.port.flow_counts()[table]


def udp(source_port: int = 5000, remote: str = REMOTE_IP, port: int = 53, payload: bytes = b"query") -> Any:
    """A datagram from the guest."""
    return ipv4(dst=remote) / UDP(sport=source_port, dport=port) / payload


def tcp(flags: str, source_port: int = 5000, remote: str = REMOTE_IP, **fields: Any) -> Any:
    """A segment from the guest to a web server."""
    return ipv4(dst=remote) / TCP(sport=source_port, dport=80, flags=flags, **fields)


def from_internet(transport: Any, destination: str = SNAT_IP, source: str = REMOTE_IP) -> Any:
    """A packet from the internet to one of the guest's external addresses."""
    frame = Ether(src="a8:40:25:77:77:77", dst=GUEST_MAC) / ipv4(src=source, dst=destination).payload / transport
    return encapsulated(bytes(frame), vni=99, options=(option(0),))


def from_neighbour(transport: Any, vni: int = VNI) -> Any:
    """A packet from the neighbour."""
    frame = Ether(src=NEIGHBOUR_MAC, dst=GUEST_MAC) / ipv4(src=NEIGHBOUR_IP, dst=GUEST_IP).payload / transport
    return encapsulated(bytes(frame), vni=vni)


def inner(verdict: Verdict) -> Packet:
    """The inner packet of a verdict that lets a packet go on."""
    assert isinstance(verdict, Modified), verdict
    frame = verdict.packet
    is_encapsulated = frame[12:14] == b"\x86\xdd" and frame[20] == 17 and frame[56:58] == (6081).to_bytes(2)
    return parse(Direction.IN if is_encapsulated else Direction.OUT, frame)


def outbound_packet(layers: Any) -> Packet:
    """A parsed frame of the guest."""
    return parse(Direction.OUT, bytes(layers))


def udp_flow(number: int = 5000, protocol: int = 17) -> FlowId:
    """A flow id told apart by its source port."""
    return FlowId(protocol, 4, packed(GUEST_IP), packed(REMOTE_IP), number, 53)


def arp_request(target: str) -> Any:
    """The guest asks for the MAC address of a target."""
    body = bytes.fromhex("0001080006040001") + parse_mac(GUEST_MAC) + packed(GUEST_IP) + bytes(6) + packed(target)
    frame = ethernet()
    frame.dst = "ff:ff:ff:ff:ff:ff"
    frame.type = 0x0806
    return frame / body
