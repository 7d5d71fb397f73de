"""The steps of a recording: one class per operation, tagged by `op` (recordings/FORMAT.md, sections 4 and 5).

`result` stays a plain JSON object, because it is compared as such; `Result` is the union it is validated against.
"""

from __future__ import annotations

import binascii
from typing import Any, Literal

import msgspec

from proofs.conformance.header import Endpoint, ExternalIps, Phys, Record, RouterEntry

Plain = dict[str, Any]
DirectionText = Literal["in", "out"]


class Flow(Record):
    """A flow id: ports for TCP and UDP; type, code and id for ICMP; neither for frames without an IP header."""

    proto: int
    src: str
    dst: str
    sport: int = 0
    dport: int = 0
    type: int = 0
    code: int = 0
    id: int = 0


class Step(Record, tag_field="op", kw_only=True):
    """What every step has. `stats` and `flows` hold what changed; `epoch` and `port_state` are null when unchanged."""

    i: int
    t_ms: int
    result: Plain
    stats: Plain = msgspec.field(default_factory=dict)
    flows: Plain = msgspec.field(default_factory=dict)
    epoch: int | None = None
    port_state: Literal["ready", "running", "paused"] | None = None


class PortStep(Step):
    """A step on one port."""

    port: str


class MappingStep(Step):
    """A step on the tables that all ports share."""


class Process(PortStep, tag="process"):
    """A packet. `segs` are the lengths of the first buffers when the frame is handed over in several."""

    dir: DirectionText
    pkt: str
    segs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_hexadecimal(self.pkt)

    @property
    def packet(self) -> bytes:
        """The frame as bytes."""
        return binascii.unhexlify(self.pkt)


class Expire(PortStep, tag="expire"):
    """One expiry pass at the step's time."""


class Start(PortStep, tag="start"):
    """Ready or paused to running."""


class Pause(PortStep, tag="pause"):
    """Running to paused."""


class Reset(PortStep, tag="reset"):
    """To ready, with all flow state dropped."""


class ClearUft(PortStep, tag="clear_uft"):
    """Empty both unified flow tables."""


class ClearLft(PortStep, tag="clear_lft"):
    """Empty one layer's flow table."""

    layer: str


class SetFirewallRules(PortStep, tag="set_fw_rules"):
    """Replace all firewall rules."""

    rules: tuple[str, ...]


class AddFirewallRule(PortStep, tag="add_fw_rule"):
    """Add one firewall rule."""

    rule: str


class RemoveFirewallRule(PortStep, tag="rem_fw_rule"):
    """Remove one firewall rule by direction and id."""

    dir: DirectionText
    id: int


class GatewayTags(Record):
    """The internet gateways an external address belongs to."""

    ip: str
    gateways: tuple[str, ...]


class SetExternalIps(PortStep, tag="set_external_ips"):
    """Replace the external addresses; null means none of that family."""

    external_ips_v4: ExternalIps | None = None
    external_ips_v6: ExternalIps | None = None
    inet_gw_map: tuple[GatewayTags, ...] | None = None


class RouterStep(PortStep):
    """A step about one route."""

    dest: str
    target: str
    class_: str = msgspec.field(name="class")


class AddRouterEntry(RouterStep, tag="add_router_entry"):
    """Add one route."""


class DeleteRouterEntry(RouterStep, tag="del_router_entry"):
    """Delete one route."""


class SetRouterEntries(PortStep, tag="set_router_entries"):
    """Replace all outbound router rules."""

    entries: tuple[RouterEntry, ...]


class AttachSubnet(PortStep, tag="attach_subnet"):
    """Let the guest answer for a subnet."""

    cidr: str
    is_external: bool


class DetachSubnet(PortStep, tag="detach_subnet"):
    """Undo `attach_subnet`."""

    cidr: str


class AllowCidr(PortStep, tag="allow_cidr"):
    """Let a transit prefix through in one direction."""

    cidr: str
    dir: DirectionText


class RemoveCidr(PortStep, tag="remove_cidr"):
    """Undo `allow_cidr`."""

    cidr: str
    dir: DirectionText


class TcpState(PortStep, tag="tcp_state"):
    """Ask for the TCP state of one outbound flow id."""

    flow: Flow


class Dump(PortStep, tag="dump"):
    """Everything a port shows."""


class SetV2p(MappingStep, tag="set_v2p"):
    """Map a virtual address."""

    ip: str
    phys: Phys


class ClearV2p(MappingStep, tag="clear_v2p"):
    """Remove the mapping of a virtual address."""

    ip: str
    phys: Phys


class SetV2b(MappingStep, tag="set_v2b"):
    """Add boundary endpoints to a prefix."""

    prefix: str
    endpoints: tuple[Endpoint, ...]


class ClearV2b(MappingStep, tag="clear_v2b"):
    """Remove boundary endpoints from a prefix."""

    prefix: str
    endpoints: tuple[Endpoint, ...]


class SetM2p(MappingStep, tag="set_m2p"):
    """Map a multicast group to an underlay group."""

    group: str
    underlay: str


class ClearM2p(MappingStep, tag="clear_m2p"):
    """Remove the mapping of a multicast group."""

    group: str


Operation = (
    Process | Expire | Start | Pause | Reset | ClearUft | ClearLft
    | SetFirewallRules | AddFirewallRule | RemoveFirewallRule | SetExternalIps
    | AddRouterEntry | DeleteRouterEntry | SetRouterEntries
    | AttachSubnet | DetachSubnet | AllowCidr | RemoveCidr
    | SetV2p | ClearV2p | SetV2b | ClearV2b | SetM2p | ClearM2p | TcpState | Dump
)  # fmt: skip


class ResultRecord(Record, tag_field="kind"):
    """Base of the results of section 5."""


class FrameResult(ResultRecord):
    """A result that carries a frame."""

    pkt: str

    def __post_init__(self) -> None:
        check_hexadecimal(self.pkt)


class ModifiedResult(FrameResult, tag="modified"):
    """The packet goes on."""

    l4_hash: int
    mtu_unrestricted: bool = False


class HairpinResult(FrameResult, tag="hairpin"):
    """The gateway answers."""


class LayerReason(Record):
    """The layer that dropped a packet, and why."""

    layer: str
    why: Literal["rule", "default", "action"]


class DropResult(ResultRecord, tag="drop"):
    """The packet is dropped on purpose."""

    reason: LayerReason | Literal["tcp_err", "handle_pkt"]


class ErrorResult(ResultRecord, tag="error"):
    """An operation failed, or a packet could not be processed."""

    error: str


class ParseErrorResult(ResultRecord, tag="parse_error"):
    """The frame never reached the port."""

    error: str


class PanicResult(ResultRecord, tag="panic"):
    """OPTE panicked here."""

    message: str


class OkResult(ResultRecord, tag="ok"):
    """A control operation succeeded."""

    value: Any = None


class LayerDump(Record):
    """What a dump needs to have of a layer so that its rules can be expanded."""

    name: str
    rules_in: list[Any]
    rules_out: list[Any]


class DumpResult(ResultRecord, tag="dump"):
    """Section 7."""

    epoch: int
    port_state: str
    uft: Plain
    tcp: list[Plain] | Plain
    layers: list[LayerDump]
    stats: Plain | None = None


Result = (
    ModifiedResult | HairpinResult | DropResult | ErrorResult | ParseErrorResult | PanicResult | OkResult | DumpResult
)


def check_hexadecimal(text: str) -> None:
    """Raise ValueError unless `text` is whole bytes in hexadecimal digits."""
    try:
        binascii.unhexlify(text)
    except ValueError as error:
        raise ValueError(f"pkt is not whole bytes in hexadecimal: {str(error).lower()}") from None


def operation_name(step: Step) -> str:
    """The `op` member of a step."""
    return str(type(step).__struct_config__.tag)
