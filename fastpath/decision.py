"""What becomes of a packet that missed: decided by the compiled layers, for the packet and for its reply.

Two cases: the packet begins a new flow, or it belongs to a native flow whose layer entries are known and whose halves
are to be made anew. Either way the packet passes the layers in its direction, and its reply in the other one, for both
halves enter the unified table together (`reference.simulation`). Nothing shared is written: the outcome lies in the
batch's work array, for `commit.py` to carry out.
"""

from typing import Final

import numpy as np

from fastpath.compiler import kernel
from fastpath.destinations import owns_external
from fastpath.flow_hash import hash_of_flow
from fastpath.layers import LEFT, PASSED, pass_layers, private_address
from fastpath.layout import (
    FRAME_DIRECTION,
    INBOUND,
    LOW_16,
    LOW_32,
    META_DIRECTION_SHIFT,
    META_MASK,
    MISS_AT,
    ONE,
    OUTBOUND,
    WORK_KEY,
    Index,
)
from fastpath.lowering import Frame
from fastpath.match import match_rule, table_of
from fastpath.memory import Words
from fastpath.native import (
    NO_NAT,
    SOURCE_NAT,
    begun_inbound,
    origin_nat,
    origin_pools,
    origin_route,
    origin_vni,
    passed_epoch,
)
from fastpath.passage import (
    BEGINS,
    FIREWALL,
    KNOWN_ROUTE,
    MESSAGE,
    NAT_KIND,
    OFFERED,
    OUTER_VNI,
    PLACE,
    PLACE_HASH,
    PLACE_KNOWN,
    begin_passage,
    clear_passage,
    family_of,
    is_multicast,
    mirror_flow,
)
from fastpath.rule_layout import (
    ACTION_ALLOW,
    ACTION_STATEFUL_ALLOW,
    PASSAGE_DESTINATION,
    PASSAGE_ETHER_DESTINATION,
    PASSAGE_ETHER_SOURCE,
    PASSAGE_INTERNAL,
    PASSAGE_META,
    PASSAGE_SOURCE,
    PASSAGE_VNI,
    PASSAGE_WORDS,
    RULE_ACTION,
    RULES_FIREWALL_SINCE,
    RULES_NAT_SINCE,
    RULES_POOLS_4,
    RULES_POOLS_6,
    TABLE_DEFAULT,
)

# --- the room of one miss in the work array ---

FORWARD: Final = MISS_AT
"""The packet's passage."""
REPLY: Final = FORWARD + PASSAGE_WORDS
"""Its reply's."""
OTHER_KEY: Final = REPLY + PASSAGE_WORDS
"""The key of the other half: the mirror of the packet as it leaves the port."""
TRANSLATED: Final = OTHER_KEY + 8
REPLY_TRANSLATED: Final = TRANSLATED + 8
"""A flow under NAT behind NAT, in the packet's direction and in the other one."""
CONTENT: Final = REPLY_TRANSLATED + 8
"""A header transform: see `compose.py`."""
OUTCOME: Final = CONTENT + 24
"""What commit leaves for the packet itself: action and rewrite word of its half, and the hash of its verdict."""
OUTCOME_ACTION: Final = OUTCOME
OUTCOME_REWRITE: Final = OUTCOME + 1
OUTCOME_HASH: Final = OUTCOME + 2

_NOTHING = np.uint64(0)
_FAMILY_4 = np.uint64(4)
_FIREWALL_BEGINS = np.uint64(1 << FIREWALL)


@kernel
def opposite(direction: np.uint64) -> np.uint64:
    """The other direction."""
    return direction ^ ONE


@kernel
def mirrored_key(work: Words, origin: Index, to: Index, direction: np.uint64) -> None:
    """Write the key, in `direction`, of the half that answers the flow at `work[origin]`."""
    mirror_flow(work, origin, to)
    work[to + 4] |= direction << META_DIRECTION_SHIFT


@kernel
def decide_new(
    rules: Words, frames: Frame, descriptors: Words, at: Index, work: Words, record: Index, offered: np.uint64
) -> np.uint64:
    """Decide about a packet that belongs to no flow: `PASSED`, `REFUSED`, `LEFT`, or `WANTS_PORT`.

    `offered`: the port that source NAT may take, plus 1; 0 as long as none is wanted.
    """
    direction = descriptors[at + FRAME_DIRECTION]
    begin_passage(frames, descriptors, at, work, record, FORWARD)
    work[FORWARD + OFFERED] = offered
    if is_multicast(work, FORWARD):
        return LEFT
    outcome = pass_layers(rules, work, FORWARD, direction, False, 0, False)
    if outcome != PASSED:
        return outcome
    # Without the firewall's consent there is no flow; a reply then has nothing to go by.
    if work[FORWARD + BEGINS] & _FIREWALL_BEGINS == _NOTHING:
        return LEFT
    mirrored_key(work, FORWARD, OTHER_KEY, opposite(direction))
    nat = work[FORWARD + NAT_KIND]
    if nat != NO_NAT and direction == OUTBOUND and not is_private_source(rules, work, record + WORK_KEY):
        return LEFT
    return decide_reply(rules, work, record, direction, nat, _NOTHING)


@kernel
def is_private_source(rules: Words, work: Words, key: Index) -> bool:
    """Whether a flow's source is the guest's own address, to which NAT would take replies."""
    high, low = private_address(rules, work, key)
    return work[key + PASSAGE_SOURCE] == high and work[key + PASSAGE_SOURCE + 1] == low


@kernel
def decide_reply(
    rules: Words, work: Words, record: Index, direction: np.uint64, nat: np.uint64, known_route: np.uint64
) -> np.uint64:
    """Let the reply pass: `PASSED` if it would come back to this very flow, else `LEFT`."""
    clear_passage(work, REPLY)
    for word in range(4):
        work[REPLY + word] = work[OTHER_KEY + word]
    work[REPLY + 4] = work[OTHER_KEY + 4] & META_MASK
    if direction == OUTBOUND:
        work[REPLY + PASSAGE_ETHER_SOURCE] = work[FORWARD + PLACE]
        work[REPLY + PASSAGE_ETHER_DESTINATION] = work[FORWARD + PASSAGE_ETHER_SOURCE]
        if work[FORWARD + PASSAGE_INTERNAL] != _NOTHING:
            work[REPLY + OUTER_VNI] = work[FORWARD + PLACE + 3] + ONE
    else:
        work[REPLY + PASSAGE_ETHER_SOURCE] = work[FORWARD + PASSAGE_ETHER_DESTINATION]
        work[REPLY + PASSAGE_ETHER_DESTINATION] = work[FORWARD + PASSAGE_ETHER_SOURCE]
    translated: Index = 0
    if nat != NO_NAT:
        translated = REPLY_TRANSLATED
        mirror_flow(work, record + WORK_KEY, REPLY_TRANSLATED)
    work[REPLY + KNOWN_ROUTE] = known_route
    return pass_layers(rules, work, REPLY, opposite(direction), True, translated, True)


@kernel
def decide_known(
    rules: Words,
    frames: Frame,
    descriptors: Words,
    at: Index,
    work: Words,
    record: Index,
    origin: np.uint64,
    passed: np.uint64,
    passed_other: np.uint64,
    keeps: bool,
) -> np.uint64:
    """Decide about a packet of a native flow: `PASSED` if it goes on as it did before, else `LEFT`.

    `origin` and both `passed` words are the flow's; the key of its other half lies at `work[OTHER_KEY]` already.
    `keeps` says that nothing but the firewall's rules has changed since both halves were made: the reply, which the
    firewall knows, then passes as it did.
    """
    direction = descriptors[at + FRAME_DIRECTION]
    nat = origin_nat(origin)
    if not is_valid(rules, work, record, direction, origin, passed, passed_other):
        return LEFT
    begin_passage(frames, descriptors, at, work, record, FORWARD)
    translated: Index = 0
    if nat != NO_NAT:
        translated = TRANSLATED
        mirror_flow(work, OTHER_KEY, TRANSLATED)
    work[FORWARD + KNOWN_ROUTE] = origin_route(origin)
    if keeps and nat == NO_NAT:
        # Behind NAT the hash of the packet as it leaves is computed with the place.
        work[FORWARD + PLACE_KNOWN] = ONE
    if pass_layers(rules, work, FORWARD, direction, True, translated, False) != PASSED:
        return LEFT
    if work[FORWARD + BEGINS] != _NOTHING:
        return LEFT
    if keeps:
        return PASSED
    return decide_reply(rules, work, record, direction, nat, origin_route(origin))


@kernel
def is_valid(
    rules: Words,
    work: Words,
    record: Index,
    direction: np.uint64,
    origin: np.uint64,
    passed: np.uint64,
    passed_other: np.uint64,
) -> bool:
    """Whether what the layers decided about a native flow holds under the present rules.

    A layer is asked if its rules have changed since a packet of either direction passed: as
    `reference.layer.Layer._is_valid`, for both halves at once.
    """
    earlier = min(passed_epoch(passed), passed_epoch(passed_other))
    if earlier < rules[RULES_FIREWALL_SINCE] & LOW_32 and not would_begin(rules, work, record, direction, origin):
        return False
    if origin_nat(origin) == NO_NAT or earlier >= rules[RULES_NAT_SINCE] & LOW_32:
        return True
    inbound_key: Index = OTHER_KEY if direction == OUTBOUND else record + WORK_KEY
    if origin_nat(origin) == SOURCE_NAT:
        return owns_port(rules, work, inbound_key, origin_pools(origin))
    high, low = work[inbound_key + PASSAGE_DESTINATION], work[inbound_key + PASSAGE_DESTINATION + 1]
    return owns_external(rules, high, low, family_of(work, inbound_key))


@kernel
def owns_port(rules: Words, work: Words, inbound_key: Index, number: np.uint64) -> bool:
    """Whether the port of a flow under source NAT is one of the guest's still (`vpc.snat.SourceNatDescriptor`)."""
    pools: Index = RULES_POOLS_4 if family_of(work, inbound_key) == _FAMILY_4 else RULES_POOLS_6
    port = work[inbound_key + PASSAGE_META] & LOW_16
    return rules[pools] == number and rules[pools + 1] <= port <= rules[pools + 2]


@kernel
def would_begin(rules: Words, work: Words, record: Index, direction: np.uint64, origin: np.uint64) -> bool:
    """Whether the firewall would let the flow begin now, as the packet that began it looked to the firewall."""
    clear_passage(work, REPLY)
    outbound_key: Index = record + WORK_KEY if direction == OUTBOUND else OTHER_KEY
    began = INBOUND if begun_inbound(origin) else OUTBOUND
    mirror_flow(work, outbound_key, REPLY)
    if began == OUTBOUND:
        mirror_flow(work, REPLY, REPLY)
    work[REPLY + PASSAGE_VNI] = origin_vni(origin)
    table = table_of(rules, FIREWALL, began)
    rule = match_rule(rules, table, work, REPLY)
    action = rules[table + TABLE_DEFAULT] if rule == 0 else rules[rule + RULE_ACTION]
    return action == ACTION_ALLOW or action == ACTION_STATEFUL_ALLOW


@kernel
def hash_of_departure(work: Words, direction: np.uint64) -> np.uint64:
    """The layer-4 hash of the packet as it leaves the port."""
    if direction == OUTBOUND:
        return work[FORWARD + PLACE_HASH]
    return hash_of_flow(work, FORWARD, FORWARD + MESSAGE)


@kernel
def hash_of_half(work: Words, key: Index, passage: Index, nat: np.uint64, direction: np.uint64) -> np.uint64:
    """The layer-4 hash of a half's own flow; without NAT an outbound one has it already."""
    if nat == NO_NAT and direction == OUTBOUND:
        return work[passage + PLACE_HASH]
    return hash_of_flow(work, key, passage + MESSAGE)
