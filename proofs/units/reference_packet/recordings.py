"""Recorded frames for the packet layer: parse each, and redo to it what the recorded result shows was done."""

from pathlib import Path

import proofs.conformance
from proofs.conformance.steps import Process
from reference.direction import Direction
from reference.packet.embedded import rewrite_embedded
from reference.packet.emit import EmitSpec, Encapsulation
from reference.packet.errors import ParseError
from reference.packet.flow import l4_hash
from reference.packet.headers import Geneve, Icmp
from reference.packet.modify import finish_checksums, set_addresses, set_ethernet, set_icmp_identifier, set_ports
from reference.packet.packet import Packet
from reference.packet.parse import parse

FOLDER = Path(proofs.conformance.__file__).parent / "recordings" / "public"


def same_verdict(step: Process) -> bool:
    """Whether the frame is refused with the recorded error, or parses as it did on OPTE."""
    refused = step.result["kind"] == "parse_error"
    try:
        parse(Direction(step.dir), step.packet, step.segs)
    except ParseError as error:
        return refused and {"kind": "parse_error", **error.to_json()} == step.result
    return not refused


def rebuild(step: Process) -> bool:
    """Whether the recorded changes, made anew, give the recorded frame and hash."""
    recorded = bytes.fromhex(step.result["pkt"])
    before = parse(Direction(step.dir), step.packet, step.segs)
    after = parse(Direction(step.dir).opposite, recorded)
    if step.result["l4_hash"] not in (l4_hash(before.flow), l4_hash(after.flow)):
        return False
    # Only 1:1 translation rewrites the bodies of ICMP messages, and the result does not tell it from source NAT.
    return any(
        _redone(parse(Direction(step.dir), step.packet, step.segs), after, with_body) == recorded
        for with_body in (False, isinstance(before.transport, Icmp))
    )


def _redone(packet: Packet, after: Packet, with_body: bool) -> bytes:
    before = packet.flow
    set_ethernet(packet, after.ethernet.source, after.ethernet.destination)
    if (before.source, before.destination) != (after.flow.source, after.flow.destination):
        set_addresses(packet, after.flow.source, after.flow.destination)
        if with_body and packet.direction is Direction.OUT:
            rewrite_embedded(packet, before.source, after.flow.source)
        elif with_body:
            rewrite_embedded(packet, after.flow.destination, before.destination)
    if before[4:] != after.flow[4:]:
        set_ports(packet, after.flow.source_port, after.flow.destination_port)
        set_icmp_identifier(packet, after.flow.destination_port)
    finish_checksums(packet)
    assert packet.flow == after.flow, "the flow id follows the changes"
    spec = EmitSpec(packet.encapsulation_length, _encapsulation(after), 0, mtu_unrestricted=False)
    return spec.apply(packet)


def _encapsulation(after: Packet) -> Encapsulation | None:
    """The encapsulation of a recorded outbound frame, its source port computed anew from the flow."""
    outer = after.outer
    if outer is None:
        return None
    options = after.buffer[outer.geneve.offset + Geneve.LENGTH : outer.length]
    return Encapsulation(
        outer.ethernet.destination,
        outer.network.source,
        outer.network.destination,
        outer.vni,
        l4_hash(after.flow) & 0xFFFF,
        bytes(options),
    )
