"""The passage of one packet, or of its reply, through the compiled layers.

A passage is a record in the batch's work array: the packet's flow and Ethernet addresses as the layers so far have left
them, what their actions have noted, and what is to be counted. Kernels here read the rule set and write that record; they
touch nothing shared, so that whatever comes out may be thrown away. They do what `reference.layer.Layer.process` does to a
packet, and `simulate` to a reply; whatever they have no answer to is left to the reference.

A *known* layer is one in which the flow has an entry already: its rules are not asked.
"""

from typing import Final

import numpy as np

from fastpath.atomics import load_be16, load_be32, load_u8
from fastpath.compiler import kernel
from fastpath.destinations import find_boundary, find_guest, vni_of
from fastpath.flow_hash import hash_of_flow
from fastpath.layout import (
    DENIED_BY_ACTION,
    DENIED_BY_DEFAULT,
    DENIED_BY_RULE,
    DENIED_LAYER_SHIFT,
    FRAME_OFFSET,
    INBOUND,
    KEY_WORDS,
    LOW_8,
    META_FAMILY_SHIFT,
    META_PROTOCOL_SHIFT,
    ONE,
    OUTBOUND,
    SHIFT_16,
    SHIFT_32,
    WORK_ENCAPSULATION,
    WORK_KEY,
    Index,
)
from fastpath.lowering import Frame
from fastpath.match import match_rule
from fastpath.memory import Words
from fastpath.native import NO_NAT, ONE_TO_ONE_NAT
from fastpath.parse import ETHERNET_LENGTH, GENEVE_LENGTH, ICMP, ICMPV6, IPV6_LENGTH, TCP, UDP_LENGTH
from fastpath.rule_layout import (
    ACTION_ALLOW,
    ACTION_DECAPSULATE,
    ACTION_DENY,
    ACTION_ENCAPSULATE,
    ACTION_INBOUND_NAT,
    ACTION_NOTE_VNI,
    ACTION_OUTBOUND_NAT,
    ACTION_REWRITE_SOURCE_MAC,
    ACTION_ROUTE,
    ACTION_SOURCE_NAT,
    ACTION_STATEFUL_ALLOW,
    ACTION_TAG_EXTERNAL,
    COUNT_DENIED,
    COUNT_ENTRY,
    COUNT_LAYER_WORDS,
    COUNT_LAYERS,
    COUNT_NO_RULE,
    KIND_ADDRESS,
    KIND_INTERNET_GATEWAY,
    PASSAGE_CLASS,
    PASSAGE_DESTINATION,
    PASSAGE_ETHER_DESTINATION,
    PASSAGE_ETHER_SOURCE,
    PASSAGE_EXTERNAL,
    PASSAGE_INTERNAL,
    PASSAGE_META,
    PASSAGE_SOURCE,
    PASSAGE_TARGET,
    PASSAGE_VNI,
    PASSAGE_WORDS,
    ROUTE_ADDRESS,
    ROUTE_CLASS,
    ROUTE_ID,
    RULE_ACTION,
    RULE_COUNTER,
    RULE_PARAMETER,
    RULES_PRIVATE_4,
    RULES_PRIVATE_6,
    RULES_TABLES,
    RULES_VNI,
    TABLE_DEFAULT,
)

GATEWAY: Final = 0
FIREWALL: Final = 1
ROUTER: Final = 2
NAT: Final = 3
OVERLAY: Final = 4
LAYERS: Final = 5

# --- more words of a passage ---

COUNTED: Final = 12
"""For each layer the counter that this packet adds to; 0 where it has not been."""
DENIED: Final = 17
"""Why the packet was denied: `layer << 8 | reason`."""
DENIED_COUNTER: Final = 18
"""The counter of denials that it adds to, or 0."""
BEGINS: Final = 19
"""A bit for each layer in which the packet begins a flow."""
NAT_KIND: Final = 20
NAT_ADDRESS: Final = 21
"""What NAT does to a new flow, and the external address in two words."""
ROUTE_AT: Final = 23
"""The parameter of the route."""
OUTER_VNI: Final = 24
"""The VNI of the encapsulation plus 1; 0 for a packet from outside the rack."""
SOURCE_MAC: Final = 25
"""The address that the gateway puts in front, plus 1 << 48; 0 for none."""
PLACE: Final = 26
"""Where the packet goes: Ethernet address, underlay address in two words, VNI."""
PLACE_HASH: Final = 30
"""Layer-4 hash of the flow as it leaves the port."""
KNOWN_ROUTE: Final = 31
"""Where NAT has an entry: the route for which it was found good; 0 for none yet."""
MESSAGE: Final = 48
"""Eight words in which the hash's message is put together."""

BOUNDARY_MAC: Final = np.uint64(0xA840_2577_7777)
"""Inner destination MAC of packets to boundary services (`reference.vpc.overlay.BOUNDARY_MAC`)."""

PASSED: Final = np.uint64(0)
REFUSED: Final = np.uint64(1)
LEFT: Final = np.uint64(2)
"""How a passage ends: let through; denied by a layer; not for compiled code to say."""

_NOTHING = np.uint64(0)
_FAMILY_4, _FAMILY_6 = np.uint64(4), np.uint64(6)
_BYTE = np.uint64(8)
_META_MASK = np.uint64((1 << 48) - 1)
_PORTS_MASK = np.uint64(0xFFFF_FFFF)
_LOW_16 = np.uint64(0xFFFF)
_MAC_SET = np.uint64(1 << 48)
_UDP = np.uint64(17)
_ECHO_REQUEST, _ECHO_REPLY = np.uint64(8), np.uint64(0)
_ECHO_REQUEST_6, _ECHO_REPLY_6 = np.uint64(128), np.uint64(129)
_GROUP_4, _GROUP_6 = np.uint64(0xE), np.uint64(0xFF)
_GROUP_SHIFT_4, _GROUP_SHIFT_6 = np.uint64(28), np.uint64(56)
_OPTION_CLASS = np.uint64(0x0129)
_OPTION_LENGTH_MASK = np.uint64(0x1F)
_GENEVE_LENGTH_MASK = np.uint64(0x3F)
_KNOWN_OPTIONS = np.uint64(3)


@kernel
def family_of(work: Words, at: Index) -> np.uint64:
    """Address family of a passage: 4 or 6."""
    return work[at + PASSAGE_META] >> META_FAMILY_SHIFT & LOW_8


@kernel
def protocol_of(work: Words, at: Index) -> np.uint64:
    """IP protocol of a passage."""
    return work[at + PASSAGE_META] >> META_PROTOCOL_SHIFT & LOW_8


@kernel
def load_mac(frames: Frame, offset: Index) -> np.uint64:
    """An Ethernet address as a number of 48 bits."""
    return load_be32(frames, offset) << SHIFT_16 | load_be16(frames, offset + 4)


@kernel
def begin_passage(frames: Frame, descriptors: Words, frame: Index, work: Words, record: Index, at: Index) -> None:
    """The passage of a parsed frame that has seen no layer yet."""
    clear_passage(work, at)
    for word in range(KEY_WORDS):
        work[at + word] = work[record + WORK_KEY + word]
    work[at + PASSAGE_META] &= _META_MASK
    start = np.int64(descriptors[frame + FRAME_OFFSET])
    encapsulation = np.int64(work[record + WORK_ENCAPSULATION])
    work[at + PASSAGE_ETHER_DESTINATION] = load_mac(frames, start + encapsulation)
    work[at + PASSAGE_ETHER_SOURCE] = load_mac(frames, start + encapsulation + 6)
    if encapsulation != 0:
        geneve = start + ETHERNET_LENGTH + IPV6_LENGTH + UDP_LENGTH
        if not is_external(frames, geneve):
            work[at + OUTER_VNI] = (load_be32(frames, geneve + 4) >> _BYTE) + ONE


@kernel
def clear_passage(work: Words, at: Index) -> None:
    """Nothing is known of the packet."""
    for word in range(PASSAGE_WORDS):
        work[at + word] = _NOTHING


@kernel
def is_external(frames: Frame, geneve: Index) -> bool:
    """Whether the Geneve header has Oxide's option for packets from outside the rack.

    As `reference.packet.packet.Outer.is_external`; `parse.skip_encapsulation` has seen to it that the options fit.
    """
    option = geneve + GENEVE_LENGTH
    end = option + 4 * np.int64(load_u8(frames, geneve) & _GENEVE_LENGTH_MASK)
    while option < end:
        length = load_u8(frames, option + 3) & _OPTION_LENGTH_MASK
        kind = load_u8(frames, option + 2)
        if load_be16(frames, option) == _OPTION_CLASS and kind < _KNOWN_OPTIONS:
            if kind == _NOTHING:
                return True
            if length == _NOTHING:
                return False
        option += 4 + 4 * np.int64(length)
    return False


@kernel
def mirror_flow(work: Words, origin: Index, to: Index) -> None:
    """Write the flow of the packets that travel the other way (`reference.packet.flow.FlowId.mirror`)."""
    meta = work[origin + PASSAGE_META] & _META_MASK
    work[to + PASSAGE_META] = meta & ~_PORTS_MASK | mirror_ports(meta)
    high, low = work[origin + PASSAGE_SOURCE], work[origin + PASSAGE_SOURCE + 1]
    work[to + PASSAGE_SOURCE] = work[origin + PASSAGE_DESTINATION]
    work[to + PASSAGE_SOURCE + 1] = work[origin + PASSAGE_DESTINATION + 1]
    work[to + PASSAGE_DESTINATION], work[to + PASSAGE_DESTINATION + 1] = high, low


@kernel
def mirror_ports(meta: np.uint64) -> np.uint64:
    """The two layer-4 words of a mirrored flow, as the low half of its meta word."""
    protocol = meta >> META_PROTOCOL_SHIFT & LOW_8
    first, second = meta >> SHIFT_16 & _LOW_16, meta & _LOW_16
    if protocol == ICMP:
        if first == _ECHO_REQUEST or first == _ECHO_REPLY:
            first ^= _ECHO_REQUEST
    elif protocol == ICMPV6:
        if first == _ECHO_REQUEST_6 or first == _ECHO_REPLY_6:
            first ^= ONE
    else:
        first, second = second, first
    return first << SHIFT_16 | second


@kernel
def is_multicast(work: Words, at: Index) -> bool:
    """Whether a passage's destination is a multicast group (`reference.address.is_multicast`)."""
    if family_of(work, at) == _FAMILY_4:
        return work[at + PASSAGE_DESTINATION + 1] >> _GROUP_SHIFT_4 == _GROUP_4
    return work[at + PASSAGE_DESTINATION] >> _GROUP_SHIFT_6 == _GROUP_6


@kernel
def pass_layers(
    rules: Words, work: Words, at: Index, direction: np.uint64, firewall_known: bool, translated: Index, is_reply: bool
) -> np.uint64:
    """Let a passage pass all layers: `PASSED`, `REFUSED` or `LEFT`.

    Args:
        rules: the rule set.
        work: the batch's work array.
        at: the passage.
        direction: the way the packet travels.
        firewall_known: the firewall has an entry for the flow.
        translated: where NAT has an entry for the flow: the flow behind NAT, in this direction; else 0.
        is_reply: no flow may begin, and what would be denied is left.
    """
    for step in range(LAYERS):
        layer = np.int64(step if direction == OUTBOUND else LAYERS - 1 - step)
        if (layer == FIREWALL and firewall_known) or (layer == NAT and translated != 0):
            work[at + COUNTED + layer] = np.uint64(layer_counters(layer, direction) + COUNT_ENTRY)
            if layer == NAT:
                if not translates_still(rules, work, at, direction):
                    return LEFT
                take_translation(work, at, translated, direction)
        else:
            outcome = pass_by_rules(rules, work, at, direction, layer, is_reply)
            if outcome != PASSED:
                return LEFT if is_reply else outcome
    return PASSED


@kernel
def layer_counters(layer: Index, direction: np.uint64) -> Index:
    """The first of the three counters of a layer in one direction."""
    return COUNT_LAYERS + COUNT_LAYER_WORDS * (2 * layer + np.int64(direction))


@kernel
def translates_still(rules: Words, work: Words, at: Index, direction: np.uint64) -> bool:
    """Whether NAT's entry is good on the packet's route: known to be, or flows are translated there.

    As `reference.layer.Layer._holds` under `Semantics.routes_reach_live_flows`.
    """
    route = work[at + PASSAGE_TARGET]
    if route == _NOTHING or route == work[at + KNOWN_ROUTE]:
        return True
    rule = match_rule(rules, np.int64(rules[RULES_TABLES + 2 * NAT + np.int64(direction)]), work, at)
    if rule == 0:
        return False
    action = rules[rule + RULE_ACTION]
    return action == ACTION_OUTBOUND_NAT or action == ACTION_INBOUND_NAT or action == ACTION_SOURCE_NAT


@kernel
def take_translation(work: Words, at: Index, translated: Index, direction: np.uint64) -> None:
    """Let a passage go on as the flow that NAT has made of it before."""
    for word in range(KEY_WORDS):
        work[at + word] = work[translated + word]
    work[at + PASSAGE_META] &= _META_MASK
    if direction == OUTBOUND:
        work[at + PASSAGE_EXTERNAL] = ONE


@kernel
def pass_by_rules(
    rules: Words, work: Words, at: Index, direction: np.uint64, layer: Index, is_reply: bool
) -> np.uint64:
    """Let the rules of one layer decide."""
    table = np.int64(rules[RULES_TABLES + 2 * layer + np.int64(direction)])
    rule = match_rule(rules, table, work, at)
    reason = DENIED_BY_RULE
    if rule == 0:
        action, parameter = rules[table + TABLE_DEFAULT], _NOTHING
        work[at + COUNTED + layer] = np.uint64(layer_counters(layer, direction) + COUNT_NO_RULE)
        reason = DENIED_BY_DEFAULT
    else:
        action, parameter = rules[rule + RULE_ACTION], rules[rule + RULE_PARAMETER]
        work[at + COUNTED + layer] = rules[rule + RULE_COUNTER]
    if action == ACTION_ALLOW:
        return PASSED
    if action == ACTION_DENY:
        work[at + DENIED_COUNTER] = np.uint64(layer_counters(layer, direction) + COUNT_DENIED)
        return refuse(work, at, layer, reason)
    if action == ACTION_STATEFUL_ALLOW:
        if is_reply or layer != FIREWALL:
            return LEFT
        work[at + BEGINS] |= ONE << np.uint64(layer)
        return PASSED
    if action == ACTION_OUTBOUND_NAT or action == ACTION_INBOUND_NAT:
        if is_reply or layer != NAT:
            return LEFT
        return begin_translation(rules, work, at, action == ACTION_OUTBOUND_NAT, np.int64(parameter))
    return act(rules, work, at, layer, action, parameter)


@kernel
def refuse(work: Words, at: Index, layer: Index, reason: np.uint64) -> np.uint64:
    """Note which layer denies the packet, and why."""
    work[at + DENIED] = np.uint64(layer) << DENIED_LAYER_SHIFT | reason
    return REFUSED


@kernel
def begin_translation(rules: Words, work: Words, at: Index, outbound: bool, parameter: Index) -> np.uint64:
    """Give a new flow an external address for its private one; quoted packets in ICMP are the reference's."""
    protocol = protocol_of(work, at)
    if protocol == ICMP or protocol == ICMPV6:
        return LEFT
    work[at + BEGINS] |= ONE << np.uint64(NAT)
    work[at + NAT_KIND] = ONE_TO_ONE_NAT
    if outbound:
        count = rules[parameter]
        chosen = parameter + 1
        if count > ONE:
            chosen += 2 * np.int64(hash_of_flow(work, at, at + MESSAGE) % count)
        work[at + NAT_ADDRESS], work[at + NAT_ADDRESS + 1] = rules[chosen], rules[chosen + 1]
        work[at + PASSAGE_SOURCE], work[at + PASSAGE_SOURCE + 1] = rules[chosen], rules[chosen + 1]
        work[at + PASSAGE_EXTERNAL] = ONE
    else:
        work[at + NAT_ADDRESS] = work[at + PASSAGE_DESTINATION]
        work[at + NAT_ADDRESS + 1] = work[at + PASSAGE_DESTINATION + 1]
        high, low = private_address(rules, work, at)
        work[at + PASSAGE_DESTINATION], work[at + PASSAGE_DESTINATION + 1] = high, low
    return PASSED


@kernel
def private_address(rules: Words, work: Words, at: Index) -> tuple[np.uint64, np.uint64]:
    """The guest's own address of the passage's family."""
    if family_of(work, at) == _FAMILY_4:
        return _NOTHING, rules[RULES_PRIVATE_4]
    return rules[RULES_PRIVATE_6], rules[RULES_PRIVATE_6 + 1]


@kernel
def act(
    rules: Words, work: Words, at: Index, layer: Index, action: np.uint64, parameter: np.uint64
) -> np.uint64:
    """Carry out an action that begins no flow."""
    if action == ACTION_NOTE_VNI:
        high, low = work[at + PASSAGE_DESTINATION], work[at + PASSAGE_DESTINATION + 1]
        vni = vni_of(rules, high, low, family_of(work, at))
        if vni != _NOTHING:
            work[at + PASSAGE_VNI] = vni
        return PASSED
    if action == ACTION_ROUTE:
        work[at + ROUTE_AT] = parameter
        work[at + PASSAGE_TARGET] = rules[np.int64(parameter) + ROUTE_ID]
        work[at + PASSAGE_CLASS] = rules[np.int64(parameter) + ROUTE_CLASS]
        return PASSED
    if action == ACTION_TAG_EXTERNAL:
        work[at + PASSAGE_EXTERNAL] = ONE
        return PASSED
    if action == ACTION_REWRITE_SOURCE_MAC:
        work[at + PASSAGE_ETHER_SOURCE] = parameter
        work[at + SOURCE_MAC] = parameter | _MAC_SET
        return PASSED
    if action == ACTION_DECAPSULATE:
        if work[at + OUTER_VNI] != _NOTHING:
            work[at + PASSAGE_VNI] = work[at + OUTER_VNI]
        return PASSED
    if action == ACTION_ENCAPSULATE:
        if choose_place(rules, work, at):
            return PASSED
        return refuse(work, at, layer, DENIED_BY_ACTION)
    return LEFT


@kernel
def choose_place(rules: Words, work: Words, at: Index) -> bool:
    """Where an outbound packet goes (`reference.vpc.overlay.Encapsulate`); False refuses it."""
    flow_hash = hash_of_flow(work, at, at + MESSAGE)
    work[at + PLACE_HASH] = flow_hash
    high, low = work[at + PASSAGE_DESTINATION], work[at + PASSAGE_DESTINATION + 1]
    family, kind = family_of(work, at), work[at + PASSAGE_CLASS]
    is_external_source = work[at + PASSAGE_EXTERNAL] != _NOTHING
    if kind == KIND_INTERNET_GATEWAY:
        endpoints = find_boundary(rules, high, low, family)
        if endpoints == 0 or not is_external_source:
            return False
        endpoint = endpoints + 1 + 3 * np.int64(flow_hash % rules[endpoints])
        work[at + PLACE] = BOUNDARY_MAC
        for word in range(3):
            work[at + PLACE + 1 + word] = rules[endpoint + word]
        return True
    if kind == KIND_ADDRESS:
        route = np.int64(work[at + ROUTE_AT])
        high, low = rules[route + ROUTE_ADDRESS], rules[route + ROUTE_ADDRESS + 1]
    guest = find_guest(rules, high, low, family, rules[RULES_VNI])
    if guest == 0 or is_external_source:
        return False
    for word in range(4):
        work[at + PLACE + word] = rules[guest + word]
    work[at + PASSAGE_INTERNAL] = ONE
    return True
