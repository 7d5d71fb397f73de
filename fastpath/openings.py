"""The packet that began a native flow, as far as the firewall's rules look at it.

Of a flow that is merely allowed the reference keeps the first packet, so that changed rules can be asked whether they
would let it begin. The rules of the firewall look at the flow id and at the noted VNI, and at nothing else: so a frame
with that flow id stands for the packet.
"""

import struct

from reference.direction import Direction
from reference.layer_flows import Opening
from reference.packet.flow import FlowId
from reference.packet.protocol import EtherType, IpProtocol
from reference.vpc.firewall import VNI_TAG

_IPV4_BYTES, _TCP_BYTES, _UDP_BYTES = 20, 20, 8
_MACS = bytes(12)


def opening_of(direction: Direction, flow: FlowId, noted_vni: int | None) -> Opening:
    """The first packet of a flow, as the firewall saw it.

    Args:
        direction: the way it travelled.
        flow: its flow id in the firewall.
        noted_vni: what earlier layers had noted.
    """
    tags = {} if noted_vni is None else {VNI_TAG: str(noted_vni)}
    return Opening(direction, frame_of(flow), tags)


def frame_of(flow: FlowId) -> bytes:
    """An Ethernet frame with a packet of the flow, without data; addresses of Ethernet and checksums are zero."""
    transport = _transport(flow)
    if flow.family == 4:
        ether_type, fixed = (
            EtherType.IPV4,
            struct.pack(">BxH5xB2x", 4 << 4 | _IPV4_BYTES // 4, _IPV4_BYTES + len(transport), flow.protocol),
        )
    else:
        ether_type, fixed = EtherType.IPV6, struct.pack(">IHBx", 6 << 28, len(transport), flow.protocol)
    return _MACS + struct.pack(">H", ether_type) + fixed + flow.source + flow.destination + transport


def _transport(flow: FlowId) -> bytes:
    match flow.protocol:
        case IpProtocol.TCP:
            return struct.pack(">HH8xB7x", flow.source_port, flow.destination_port, _TCP_BYTES // 4 << 4)
        case IpProtocol.UDP:
            return struct.pack(">HHHxx", flow.source_port, flow.destination_port, _UDP_BYTES)
        case _:
            return struct.pack(">BBxxHxx", flow.source_port & 0xFF, flow.source_port >> 8, flow.destination_port)
