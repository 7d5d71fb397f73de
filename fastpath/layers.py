"""The compiled layers: how one packet, or its reply, passes them.

Kernels here read the rule set and write the passage; they touch nothing shared, so that whatever comes out may be
thrown away. They do what `reference.layer.Layer.process` does to a packet, and `simulate` to a reply; what they have no
answer to is left to the reference.

A *known* layer is one in which the flow has an entry already: its rules are not asked.
"""

from typing import Final

import numpy as np

from fastpath.compiler import kernel
from fastpath.destinations import ENDPOINT_WORDS, find_boundary, find_guest, vni_of
from fastpath.flow_hash import hash_of_flow
from fastpath.layout import (
    DENIED_BY_ACTION,
    DENIED_BY_DEFAULT,
    DENIED_BY_RULE,
    DENIED_LAYER_SHIFT,
    KEY_WORDS,
    LOW_16,
    META_MASK,
    META_SOURCE_PORT_SHIFT,
    ONE,
    OUTBOUND,
    Index,
)
from fastpath.match import counter_of, match_rule, parameters_of, table_of
from fastpath.memory import Words
from fastpath.native import ONE_TO_ONE_NAT, SOURCE_NAT
from fastpath.parse import ICMP, ICMPV6
from fastpath.passage import (
    BEGINS,
    COUNTED,
    DENIED,
    DENIED_COUNTER,
    FIREWALL,
    KNOWN_ROUTE,
    LAYERS,
    MESSAGE,
    NAT,
    NAT_ADDRESS,
    NAT_KIND,
    NAT_POOLS,
    OFFERED,
    OUTER_VNI,
    PLACE,
    PLACE_HASH,
    ROUTE_AT,
    SOURCE_MAC,
    family_of,
    protocol_of,
)
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
    COUNT_NO_RULE,
    KIND_ADDRESS,
    KIND_INTERNET_GATEWAY,
    PASSAGE_CLASS,
    PASSAGE_DESTINATION,
    PASSAGE_ETHER_SOURCE,
    PASSAGE_EXTERNAL,
    PASSAGE_INTERNAL,
    PASSAGE_META,
    PASSAGE_SOURCE,
    PASSAGE_TARGET,
    PASSAGE_VNI,
    ROUTE_ADDRESS,
    ROUTE_CLASS,
    ROUTE_ID,
    RULE_ACTION,
    RULE_PARAMETER,
    RULES_PRIVATE_4,
    RULES_PRIVATE_6,
    RULES_VNI,
    TABLE_COUNTER,
    TABLE_DEFAULT,
)

BOUNDARY_MAC: Final = np.uint64(0xA840_2577_7777)
"""Inner destination MAC of packets to boundary services (`reference.vpc.overlay.BOUNDARY_MAC`)."""

PASSED: Final = np.uint64(0)
REFUSED: Final = np.uint64(1)
LEFT: Final = np.uint64(2)
WANTS_PORT: Final = np.uint64(3)
"""How a passage ends: let through; denied; not for compiled code to say; not without a port of `NAT_POOLS`."""

_NOTHING = np.uint64(0)
_FAMILY_4 = np.uint64(4)
_MAC_SET = np.uint64(1 << 48)
_ECHO_REQUEST, _ECHO_REQUEST_6 = np.uint64(8), np.uint64(128)


@kernel
def pass_layers(
    rules: Words, work: Words, at: Index, direction: np.uint64, firewall_known: bool, translated: Index, is_reply: bool
) -> np.uint64:
    """Let a passage pass all layers: `PASSED`, `REFUSED`, `LEFT` or `WANTS_PORT`.

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
            table = table_of(rules, layer, direction)
            work[at + COUNTED + layer] = rules[table + TABLE_COUNTER] + np.uint64(COUNT_ENTRY)
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
def translates_still(rules: Words, work: Words, at: Index, direction: np.uint64) -> bool:
    """Whether NAT's entry is good on the packet's route: known to be, or flows are translated there.

    As `reference.layer.Layer._holds` under `Semantics.routes_reach_live_flows`.
    """
    route = work[at + PASSAGE_TARGET]
    if route == _NOTHING or route == work[at + KNOWN_ROUTE]:
        return True
    rule = match_rule(rules, table_of(rules, NAT, direction), work, at)
    if rule == 0:
        return False
    action = rules[rule + RULE_ACTION]
    return action == ACTION_OUTBOUND_NAT or action == ACTION_INBOUND_NAT or action == ACTION_SOURCE_NAT


@kernel
def take_translation(work: Words, at: Index, translated: Index, direction: np.uint64) -> None:
    """Let a passage go on as the flow that NAT has made of it before."""
    for word in range(KEY_WORDS):
        work[at + word] = work[translated + word]
    work[at + PASSAGE_META] &= META_MASK
    if direction == OUTBOUND:
        work[at + PASSAGE_EXTERNAL] = ONE


@kernel
def pass_by_rules(
    rules: Words, work: Words, at: Index, direction: np.uint64, layer: Index, is_reply: bool
) -> np.uint64:
    """Let the rules of one layer decide."""
    table = table_of(rules, layer, direction)
    rule = match_rule(rules, table, work, at)
    reason = DENIED_BY_RULE
    if rule == 0:
        action = rules[table + TABLE_DEFAULT]
        work[at + COUNTED + layer] = rules[table + TABLE_COUNTER] + np.uint64(COUNT_NO_RULE)
        reason = DENIED_BY_DEFAULT
    else:
        action = rules[rule + RULE_ACTION]
        work[at + COUNTED + layer] = np.uint64(counter_of(rules, table, rule))
    if action == ACTION_ALLOW:
        return PASSED
    if action == ACTION_DENY:
        work[at + DENIED_COUNTER] = rules[table + TABLE_COUNTER] + np.uint64(COUNT_DENIED)
        return refuse(work, at, layer, reason)
    if action == ACTION_STATEFUL_ALLOW:
        if is_reply or layer != FIREWALL:
            return LEFT
        work[at + BEGINS] |= ONE << np.uint64(layer)
        return PASSED
    if action == ACTION_OUTBOUND_NAT or action == ACTION_INBOUND_NAT:
        if is_reply or layer != NAT:
            return LEFT
        return begin_translation(rules, work, at, rule, action == ACTION_OUTBOUND_NAT)
    if action == ACTION_SOURCE_NAT:
        if is_reply or layer != NAT:
            return LEFT
        return begin_source_translation(rules, work, at, rule)
    return act(rules, work, at, layer, rule, action)


@kernel
def refuse(work: Words, at: Index, layer: Index, reason: np.uint64) -> np.uint64:
    """Note which layer denies the packet, and why."""
    work[at + DENIED] = np.uint64(layer) << DENIED_LAYER_SHIFT | reason
    return REFUSED


@kernel
def begin_translation(rules: Words, work: Words, at: Index, rule: Index, outbound: bool) -> np.uint64:
    """Give a new flow an external address for its private one; quoted packets in ICMP are the reference's."""
    protocol = protocol_of(work, at)
    if protocol == ICMP or protocol == ICMPV6:
        return LEFT
    work[at + BEGINS] |= ONE << np.uint64(NAT)
    work[at + NAT_KIND] = ONE_TO_ONE_NAT
    if outbound:
        addresses = parameters_of(rules, rule)
        count, chosen = rules[addresses], addresses + 1
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
def begin_source_translation(rules: Words, work: Words, at: Index, rule: Index) -> np.uint64:
    """Give a new flow a shared external address, and the port, or echo identifier, that it was offered."""
    meta, protocol = work[at + PASSAGE_META], protocol_of(work, at)
    is_echo = protocol == ICMP or protocol == ICMPV6
    if is_echo and not is_echo_request(family_of(work, at), protocol, meta >> META_SOURCE_PORT_SHIFT & LOW_16):
        return LEFT
    pools = parameters_of(rules, rule)
    work[at + NAT_POOLS] = rules[pools]
    if work[at + OFFERED] == _NOTHING:
        return WANTS_PORT
    port = work[at + OFFERED] - ONE
    work[at + BEGINS] |= ONE << np.uint64(NAT)
    work[at + NAT_KIND] = SOURCE_NAT
    for word in range(2):
        work[at + PASSAGE_SOURCE + word] = rules[pools + 1 + word]
    if is_echo:
        work[at + PASSAGE_META] = meta & ~LOW_16 | port
    else:
        work[at + PASSAGE_META] = meta & ~(LOW_16 << META_SOURCE_PORT_SHIFT) | port << META_SOURCE_PORT_SHIFT
    work[at + PASSAGE_EXTERNAL] = ONE
    return PASSED


@kernel
def is_echo_request(family: np.uint64, protocol: np.uint64, message: np.uint64) -> bool:
    """Whether an ICMP message, type + 256 * code, is the one that can be told apart by its identifier."""
    if family == _FAMILY_4:
        return protocol == ICMP and message == _ECHO_REQUEST
    return protocol == ICMPV6 and message == _ECHO_REQUEST_6


@kernel
def private_address(rules: Words, work: Words, at: Index) -> tuple[np.uint64, np.uint64]:
    """The guest's own address of the passage's family."""
    if family_of(work, at) == _FAMILY_4:
        return _NOTHING, rules[RULES_PRIVATE_4]
    return rules[RULES_PRIVATE_6], rules[RULES_PRIVATE_6 + 1]


@kernel
def act(rules: Words, work: Words, at: Index, layer: Index, rule: Index, action: np.uint64) -> np.uint64:
    """Carry out an action that begins no flow."""
    if action == ACTION_NOTE_VNI:
        high, low = work[at + PASSAGE_DESTINATION], work[at + PASSAGE_DESTINATION + 1]
        vni = vni_of(rules, high, low, family_of(work, at))
        if vni != _NOTHING:
            work[at + PASSAGE_VNI] = vni
        return PASSED
    if action == ACTION_ROUTE:
        route = parameters_of(rules, rule)
        work[at + ROUTE_AT] = np.uint64(route)
        work[at + PASSAGE_TARGET], work[at + PASSAGE_CLASS] = rules[route + ROUTE_ID], rules[route + ROUTE_CLASS]
        return PASSED
    if action == ACTION_TAG_EXTERNAL:
        work[at + PASSAGE_EXTERNAL] = ONE
        return PASSED
    if action == ACTION_REWRITE_SOURCE_MAC:
        work[at + PASSAGE_ETHER_SOURCE] = rules[rule + RULE_PARAMETER]
        work[at + SOURCE_MAC] = rules[rule + RULE_PARAMETER] | _MAC_SET
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
        if endpoints == 0 or rules[endpoints] == _NOTHING or not is_external_source:
            return False
        endpoint = endpoints + 1 + ENDPOINT_WORDS * np.int64(flow_hash % rules[endpoints])
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
