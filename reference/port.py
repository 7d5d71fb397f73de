"""The port: one guest interface, with everything between it and the underlay.

A packet takes one of three tiers: a hit in the unified flow table with a compiled transformation; a hit with a list of
transformations; or the slow path through every layer. Upstream behaviour: `Port` in `lib/opte/src/engine/port/mod.rs`;
for the VPC's operations `lib/oxide-vpc/src/engine/`.
"""

from collections.abc import Iterable, Sequence

from reference.address import Cidr
from reference.direction import Direction
from reference.errors import InvalidIpConfig, ProcessingError
from reference.flow_table import FlowTable
from reference.hairpin.arp import ArpReply
from reference.hairpin.options import DhcpOptions
from reference.layer import Layer
from reference.packet.embedded import NoPayload
from reference.packet.errors import ParseError as MalformedFrame
from reference.packet.flow import FlowId
from reference.packet.packet import Packet
from reference.packet.parse import parse
from reference.packet.protocol import EtherType
from reference.port_data import PortData, PortState
from reference.semantics import Semantics
from reference.slow_path import SlowPath, finish
from reference.snapshot import Plain, flow_counts, snapshot, statistics
from reference.tcp import CLOSED, NEW_FLOW, TcpState
from reference.tcp_flows import TcpFlow
from reference.tcp_tracking import forget
from reference.uft import UftEntry, UnifiedFlowTable
from reference.verdict import Drop, DropCause, Hairpin, LayerDrop, Modified, ParseError, ProcessError, Verdict
from reference.vpc import firewall, gateway, nat, overlay, prefixes, router
from reference.vpc.config import ExternalIps, TableLimits, VpcConfig
from reference.vpc.firewall import FirewallRule
from reference.vpc.mappings import Mappings
from reference.vpc.network import VpcNetwork
from reference.vpc.router import RouterControl


class Port:
    """A port of the Oxide VPC.

    Every operation but `process` and `expire` is independent of time. Times are milliseconds since any zero; they need
    not ascend.

    Attributes:
        data: state, epoch, layers, tables and counters of the port. Another engine that answers hits by itself may keep
            copies of unified entries and TCP flows, and write their bookkeeping (hits, time stamps, TCP numbers,
            counters) back here.
        router: the port's routes.
        mappings_seen: the version of the mappings that holds for all flows.
    """

    def __init__(
        self,
        config: VpcConfig,
        limits: TableLimits | None = None,
        mappings: Mappings | None = None,
        semantics: Semantics = Semantics.CORRECT,
    ) -> None:
        """Make a port in state `READY`.

        Args:
            config: the guest and its addresses.
            limits: capacities of the flow tables.
            mappings: where destinations are; ports of one host share them.
            semantics: which of upstream's behaviours to follow.
        """
        limits = limits or TableLimits()
        self.network = VpcNetwork(config, mappings or Mappings(), semantics)
        self.semantics = semantics
        self.data = PortData(_layers(self.network, limits, semantics), limits.uft, limits.tcp, semantics)
        self.router = RouterControl(self.data)
        self.mappings_seen = self.network.mappings.version
        self._slow_path = SlowPath(self.data, self._handle_packet, semantics)

    @property
    def state(self) -> PortState:
        """Where in its lifecycle the port is."""
        return self.data.state

    @property
    def epoch(self) -> int:
        """Rises with every change of rules; entries of the unified flow table are good for one epoch."""
        return self.data.epoch

    @property
    def uft(self) -> UnifiedFlowTable:
        """The unified flow table, with both directions' entries by flow id."""
        return self.data.uft

    @property
    def tcp_flows(self) -> FlowTable[TcpFlow]:
        """Tracked connections by outbound flow id."""
        return self.data.tcp_flows

    @property
    def is_behind_mappings(self) -> bool:
        """Whether mappings have changed since the port last processed a packet, and live flows must hear of it."""
        return self.semantics.mappings_reach_live_flows and self.mappings_seen != self.network.mappings.version

    def follow_mappings(self) -> None:
        """Let the present mappings hold for all flows: unified entries are made anew. `process` does so by itself."""
        self.mappings_seen = self.network.mappings.version
        self.data.epoch += 1

    def start(self) -> None:
        """Begin to process packets; from any state."""
        self.data.state = PortState.RUNNING

    def pause(self) -> None:
        """Stop processing packets, keeping all flows; raises `BadState` unless running."""
        self.data.require_state(PortState.RUNNING)
        self.data.state = PortState.PAUSED

    def reset(self) -> None:
        """Forget all flows and stop processing packets; from any state. Rules, mappings, epoch and counters stay."""
        self.data.state = PortState.READY
        self.data.clear()

    def process(
        self,
        direction: Direction,
        packet: bytes | bytearray | memoryview,
        now_ms: int,
        segments: Sequence[int] = (),
    ) -> Verdict:
        """Decide about one packet.

        Args:
            direction: `OUT` for a plain frame from the guest, `IN` for an encapsulated one from the underlay.
            packet: the whole frame; it is left as it is.
            now_ms: the time.
            segments: lengths of the first buffers in which the frame was delivered; the rest is the last buffer.
        """
        if self.is_behind_mappings:
            self.follow_mappings()
        try:
            parsed = parse(direction, packet, segments)
        except MalformedFrame as error:
            return ParseError(error.error, error.members)
        if self.data.state is not PortState.RUNNING:
            return ProcessError(f"BadState({self.data.state.value.capitalize()})")
        entry = self.data.uft.table(direction).get(parsed.flow)
        if entry is not None:
            if entry.epoch != self.data.epoch:
                return self._process_stale(entry, parsed, now_ms)
            verdict = self._process_hit(entry, parsed, now_ms)
            if verdict is not None:
                return verdict
        return self._process_miss(parsed, now_ms)

    def _process_stale(self, entry: UftEntry, packet: Packet, now_ms: int) -> Verdict:
        """Process a packet whose entry is of an earlier epoch: the entry and its partner go, the layers decide anew.

        The entry, and with it a source NAT port, is held until the packet is done, so that the flow cannot be given the
        port that it had (upstream: the first `uft` in `Port::process`, which lives to the end of the function).
        """
        entry.hold()
        try:
            if packet.direction is Direction.OUT:
                self.data.uft.remove_pair(entry.flow, entry.pair)
            else:
                self.data.uft.remove_pair(entry.pair, entry.flow)
            return self._process_miss(packet, now_ms)
        finally:
            entry.drop()

    def _process_hit(self, entry: UftEntry, packet: Packet, now_ms: int) -> Verdict | None:
        """Process a packet by its entry; None when the slow path must take over, for a new or forgotten connection."""
        statistics = self.data.statistics.of(packet.direction)
        statistics.uft_hit += 1
        entry.hit(now_ms)
        if entry.tcp_flow is not None and not self._track_hit(entry.tcp_flow, packet, now_ms):
            return None
        transform = entry.transform
        compiled = transform.compiled
        unrestricted = False
        if compiled is not None:
            compiled.inner.apply(packet)
            unrestricted = compiled.internal_destination
        else:
            try:
                transform.apply(packet)
            except NoPayload:
                # Upstream returns before it counts.
                return ProcessError("BodyTransform(NoPayload)")
        statistics.modified += 1
        return finish(packet, transform, entry.l4_hash, unrestricted, self.semantics)

    def _track_hit(self, flow: TcpFlow, packet: Packet, now_ms: int) -> bool:
        """Take a segment into account; False when the connection is gone, or the segment begins another."""
        if not flow.holders:
            return False
        segment = packet.tcp
        assert segment is not None
        inbound_flow = packet.flow if packet.direction is Direction.IN else None
        flow.hit(now_ms)
        following = flow.update(segment, packet.direction, packet.length, inbound_flow, packet.payload_length)
        if following in (CLOSED, NEW_FLOW) and self.data.tcp_flows.get(flow.flow) is flow:
            forget(self.data, flow)
        return following != NEW_FLOW

    def _process_miss(self, packet: Packet, now_ms: int) -> Verdict:
        statistics = self.data.statistics.of(packet.direction)
        try:
            verdict = self._slow_path.process(packet, now_ms)
        except ProcessingError as error:
            statistics.process_err += 1
            return ProcessError(str(error))
        match verdict:
            case Modified():
                statistics.modified += 1
            case Hairpin():
                statistics.hairpin += 1
            case Drop():
                statistics.drop += 1
                match verdict.reason:
                    case LayerDrop():
                        statistics.drop_layer += 1
                    case DropCause.TCP_ERROR:
                        statistics.drop_tcp_err += 1
                    case DropCause.HANDLE_PACKET:
                        statistics.drop_handle_pkt += 1
        return verdict

    def _handle_packet(self, packet: Packet) -> Hairpin | Drop:
        """Answer ARP for the gateway; drop anything else that the layers leave to be handled."""
        family = self.network.ipv4
        if packet.direction is Direction.OUT and packet.ethertype == EtherType.ARP and family is not None:
            reply = ArpReply(self.network.config.gateway_mac, family.gateway_ip).reply(packet)
            if reply is not None:
                return Hairpin(reply)
        return Drop(DropCause.HANDLE_PACKET)

    def expire(self, now_ms: int) -> None:
        """Remove flows past their time to live; raises `BadState` unless running."""
        self.data.require_state(PortState.RUNNING)
        self.data.expire(now_ms)

    def clear_uft(self) -> None:
        """Empty the unified flow table; raises `BadState` unless running."""
        self.data.require_state(PortState.RUNNING)
        self.data.uft.clear()

    def clear_lft(self, layer: str) -> None:
        """Forget a layer's flows; raises `BadState` unless running, or `LayerNotFound`."""
        self.data.require_state(PortState.RUNNING)
        self.data.clear_layer(layer)

    def set_firewall_rules(self, rules: Iterable[FirewallRule]) -> None:
        """Replace all firewall rules and forget the layer's flows; raises `BadState`."""
        self.data.set_rules(firewall.NAME, *firewall.layer_rules(rules))

    def add_firewall_rule(self, rule: FirewallRule) -> None:
        """Add a firewall rule; flows decided before keep their decision; raises `BadState`."""
        self.data.add_rule(firewall.NAME, rule.direction, rule.rule())

    def remove_firewall_rule(self, direction: Direction, rule_id: int) -> None:
        """Remove a firewall rule; flows decided before keep their decision; raises `BadState` or `RuleNotFound`."""
        self.data.remove_rule(firewall.NAME, direction, rule_id)

    def set_external_ips(
        self,
        ipv4: ExternalIps | None,
        ipv6: ExternalIps | None,
        gateways: nat.GatewayMap | None = None,
    ) -> None:
        """Replace the external addresses of both families; None takes all of a family away.

        As upstream, the addresses change even on a port whose state does not allow new rules.

        Raises:
            InvalidIpConfig: addresses of a family that the port does not have.
            BadState: the port is paused.
        """
        for family, addresses in ((self.network.ipv4, ipv4), (self.network.ipv6, ipv6)):
            if family is None and addresses is not None:
                raise InvalidIpConfig
        for family, addresses in ((self.network.ipv4, ipv4), (self.network.ipv6, ipv6)):
            if family is not None:
                family.external_ips = addresses or ExternalIps()
        nat.refresh(self.data, self.network, gateways)

    def set_dhcp(self, options: DhcpOptions) -> None:
        """Change what DHCP tells the guest from now on; raises `BadState`."""
        self.data.require_state(PortState.READY, PortState.RUNNING)
        self.network.dhcp = options
        gateway.refresh(self.data, self.network)

    def attach_subnet(self, prefix: Cidr, is_external: bool) -> None:
        """Give the guest a subnet; raises `InvalidIpConfig` or `BadState`."""
        prefixes.attach_subnet(self.data, self.network, prefix, is_external)

    def detach_subnet(self, prefix: Cidr) -> bool:
        """Take a subnet from the guest; tells whether it had it; raises `InvalidIpConfig` or `BadState`."""
        return prefixes.detach_subnet(self.data, self.network, prefix)

    def allow_cidr(self, prefix: Cidr, direction: Direction) -> None:
        """Let packets of a prefix pass in one direction; raises `InvalidIpConfig` or `BadState`."""
        prefixes.allow_cidr(self.data, self.network, prefix, direction)

    def remove_cidr(self, prefix: Cidr, direction: Direction) -> bool:
        """Take back `allow_cidr`; tells whether the prefix was known; raises `InvalidIpConfig` or `BadState`."""
        return prefixes.remove_cidr(self.data, self.network, prefix, direction)

    def tcp_state(self, flow: FlowId) -> TcpState | None:
        """State of the connection with this outbound flow id."""
        entry = self.data.tcp_flows.get(flow)
        return None if entry is None else TcpState(entry.state)

    def statistics(self) -> Plain:
        """All counters by OPTE's names; those of layers in a dictionary under the layer's name."""
        return statistics(self.data)

    def flow_counts(self) -> Plain:
        """The number of entries in every flow table, killed ones included."""
        return flow_counts(self.data)

    def snapshot(self) -> Plain:
        """Everything observable about the port, as plain comparable values in the terms of recordings."""
        return snapshot(self.data)


def _layers(network: VpcNetwork, limits: TableLimits, semantics: Semantics) -> list[Layer]:
    """The layers in outbound order."""
    return [
        gateway.build(network, limits.gateway, semantics),
        firewall.build(limits.firewall, semantics),
        router.build(limits.router, semantics),
        nat.build(network, limits.nat, semantics),
        overlay.build(network, limits.overlay, semantics),
    ]
