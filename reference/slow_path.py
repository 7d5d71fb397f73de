"""The slow path: a packet without a usable entry in the unified flow table passes every layer, and leaves one behind.

Upstream behaviour: `process_in_miss` and `process_out_miss` in `lib/opte/src/engine/port/mod.rs`.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from reference.direction import Direction
from reference.errors import LayerError, ProcessingError, TableFull
from reference.layer import HandlePacket, LayerOutcome
from reference.packet.flow import NO_FLOW, FlowId, l4_hash
from reference.packet.modify import finish_checksums
from reference.packet.packet import Packet
from reference.passage import Passage
from reference.port_data import PortData
from reference.semantics import Semantics
from reference.simulation import simulate_reply
from reference.tcp_flows import TcpFlow
from reference.tcp_tracking import Segment, TcpRefused, track
from reference.transform import FlowTransform, compile_transform
from reference.uft import UftEntry
from reference.verdict import Drop, DropCause, Hairpin, Modified

PacketHandler: TypeAlias = Callable[[Packet], Hairpin | Drop]
"""Decides about frames that are handled outside the layers; raises `ProcessingError`."""


class Tracked(NamedTuple):
    """What came of tracking a packet's connection: its flow, for a segment that does not close it."""

    flow: TcpFlow | None = None
    closed: bool = False


class SlowPath:
    """The slow path of one port."""

    def __init__(self, data: PortData, handle_packet: PacketHandler, semantics: Semantics) -> None:
        self._data = data
        self._handle_packet = handle_packet
        self._semantics = semantics

    def process(self, packet: Packet, now_ms: int) -> Modified | Hairpin | Drop:
        """Process a packet; raises `ProcessingError`."""
        self._data.statistics.of(packet.direction).uft_miss += 1
        passage = Passage(packet, packet.direction, now_ms)
        try:
            if packet.direction is Direction.IN:
                return self._process_inbound(passage)
            return self._process_outbound(passage)
        except TcpRefused:
            return Drop(DropCause.TCP_ERROR)
        finally:
            passage.abandon()

    def _process_outbound(self, passage: Passage) -> Modified | Hairpin | Drop:
        """The connection is tracked when the layers have allowed the packet; upstream, before they see it."""
        flow = passage.packet.flow
        segment = self._segment(passage, flow, None)
        ending: Drop | Hairpin | None
        if self._semantics.denied_segments_are_not_tracked:
            ending = self._pass_layers(passage)
            tracked = Tracked() if ending is not None else self._track(segment)
        else:
            tracked = self._track(segment)
            ending = self._pass_layers(passage)
        if ending is not None:
            return ending
        return self._let_pass(passage, flow, None, tracked)

    def _process_inbound(self, passage: Passage) -> Modified | Hairpin | Drop:
        """The connection is tracked after the layers, which reveal its outbound flow id."""
        flow = passage.packet.flow
        ending = self._pass_layers(passage)
        if ending is not None:
            return ending
        outbound_flow = passage.packet.flow.mirror()
        partner = self._data.uft.outbound.get(outbound_flow)
        if partner is not None:
            partner.pair = flow
        tracked = self._track(self._segment(passage, outbound_flow, flow))
        return self._let_pass(passage, flow, outbound_flow, tracked)

    def _segment(self, passage: Passage, outbound_flow: FlowId, inbound_flow: FlowId | None) -> Segment | None:
        packet = passage.packet
        if packet.tcp is None:
            return None
        length, payload = packet.length, packet.payload_length
        return Segment(packet.tcp, passage.direction, outbound_flow, inbound_flow, length, passage.now_ms, payload)

    def _track(self, segment: Segment | None) -> Tracked:
        """Take a segment into account, if the packet is one; raises `TcpRefused`."""
        if segment is None:
            return Tracked()
        flow = track(self._data, segment)
        return Tracked(flow, closed=flow is None)

    def _let_pass(self, passage: Passage, flow: FlowId, pair: FlowId | None, tracked: Tracked) -> Modified:
        """Let an allowed packet begin its flows, unless it ends a connection, and finish it."""
        transform = compile_transform(passage.headers, passage.bodies, passage.meta.internal_target)
        if flow != NO_FLOW and not tracked.closed:
            passage.settle()
            self._install(passage, flow, pair, transform, tracked.flow)
        packet = passage.packet
        return finish(packet, transform, l4_hash(packet.flow), passage.meta.internal_target, self._semantics)

    def _pass_layers(self, passage: Passage) -> Drop | Hairpin | None:
        """Let every layer see the packet, outbound from the gateway to the overlay, inbound the other way round."""
        layers = self._data.layers
        ordered = layers if passage.direction is Direction.OUT else reversed(layers)
        for layer in ordered:
            try:
                outcome: LayerOutcome = layer.process(passage)
            except LayerError as error:
                raise ProcessingError(f"Layer({error})") from error
            if isinstance(outcome, HandlePacket):
                return self._handle_packet(passage.packet)
            if outcome is not None:
                return outcome
        return None

    def _install(
        self,
        passage: Passage,
        flow: FlowId,
        pair: FlowId | None,
        transform: FlowTransform,
        tcp_flow: TcpFlow | None,
    ) -> None:
        """Install the half of the packet's own direction, and its partner where the semantics say so."""
        entry = self._entry(passage, flow, pair, transform, tcp_flow)
        try:
            self._data.uft.install(passage.direction, entry, passage.now_ms)
        except TableFull as full:
            raise ProcessingError(f'FlowTableFull {{ kind: "UFT", limit: {full.limit} }}') from full
        if self._semantics.pair_at_install and passage.parents:
            self._install_partner(passage, entry)

    def _install_partner(self, passage: Passage, entry: UftEntry) -> None:
        """Install the other half of a stateful flow, unless it is there already or there is no room for it.

        A half is installed only if the reply would come back to this very flow.
        """
        reply = simulate_reply(self._data.layers, passage)
        if reply is None or reply.packet.flow.mirror() != entry.flow:
            return
        uft = self._data.uft
        direction = reply.direction
        flow = passage.packet.flow.mirror()
        tcp_flow = entry.tcp_flow
        partner = uft.table(direction).get(flow)
        if partner is None or partner.epoch != entry.epoch or partner.tcp_flow is not tcp_flow:
            transform = compile_transform(reply.headers, reply.bodies, reply.meta.internal_target)
            partner = self._entry(reply, flow, entry.flow, transform, tcp_flow)
            try:
                uft.install(direction, partner, passage.now_ms)
            except TableFull:
                return
        partner.pair = entry.flow
        entry.pair = flow
        if tcp_flow is not None and direction is Direction.IN:
            tcp_flow.inbound_flow = flow

    def _entry(
        self,
        passage: Passage,
        flow: FlowId,
        pair: FlowId | None,
        transform: FlowTransform,
        tcp_flow: TcpFlow | None,
    ) -> UftEntry:
        parents = tuple(passage.parents)
        entry = UftEntry(flow, pair, self._data.epoch, l4_hash(flow), transform, parents, passage.now_ms)
        entry.tcp_flow = tcp_flow
        return entry


def finish(
    packet: Packet, transform: FlowTransform, flow_hash: int, unrestricted: bool, semantics: Semantics
) -> Modified:
    """The finished frame of a packet whose inner headers have been transformed: checksums, then the encapsulation."""
    finish_checksums(packet, send_udp_zero_as_ones=semantics.udp_zero_as_ones)
    specification = transform.emit_spec(packet, flow_hash, unrestricted)
    return Modified(specification.apply(packet), specification.l4_hash, specification.mtu_unrestricted)
