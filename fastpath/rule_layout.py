"""How a compiled rule set is laid out: the words of the array that misses go by.

A rule set is one read-only array of 64-bit words, made under the slow lock for one epoch of the port and never changed
(`rule_set.py`). A batch is given the array; the epoch in it is compared with the control word, so that no miss goes by
rules of another epoch. All places in it are indices of the same array; 0 is none.

What rules look at is the packet's passage, a record of `PASSAGE_` words in the batch's work array.
"""

from typing import Final

import numpy as np

# --- header ---

RULES_EPOCH: Final = 0
"""The whole epoch."""
RULES_TABLES: Final = 1
"""Ten words: the table of layer `l` (0 gateway, 1 firewall, 2 router, 3 nat, 4 overlay) in direction `d` (`layout.INBOUND`,
`layout.OUTBOUND`) is at `rules[RULES_TABLES + 2 * l + d]`."""
RULES_GUESTS_AT: Final = 11
RULES_GUESTS_MASK: Final = 12
"""Guests by address and VNI: see `destinations.py`."""
RULES_VNIS_AT: Final = 13
RULES_VNIS_MASK: Final = 14
"""The lowest VNI in which an address is mapped."""
RULES_BOUNDARY_4_AT: Final = 15
RULES_BOUNDARY_6_AT: Final = 16
"""Boundary services by destination: intervals in ascending order."""
RULES_OWNED_AT: Final = 17
"""The guest's own external addresses: their number, then two words each. IPv4 addresses are 32-bit numbers, as in keys."""
RULES_PRIVATE_4: Final = 18
RULES_PRIVATE_6: Final = 19
"""The guest's private addresses: one word, and two."""
RULES_VNI: Final = 21
RULES_PHYSICAL: Final = 22
"""Two words: the underlay address of this host."""
RULES_FIREWALL_SINCE: Final = 24
RULES_NAT_SINCE: Final = 25
"""Epoch in which the rules of the layer changed last: flows that passed before are dirty."""
RULES_COUNTERS: Final = 26
"""Words that one thread's counters take."""
RULES_HEADER_WORDS: Final = 32

# --- table: the rules of a layer in one direction, in order of evaluation ---

TABLE_FIRST_RULE: Final = 0
"""Index of the first rule; 0 for a table without rules."""
TABLE_DEFAULT: Final = 1
"""Action for packets that no rule matches: `ACTION_ALLOW`, `ACTION_STATEFUL_ALLOW` or `ACTION_DENY`."""
TABLE_COUNTER: Final = 2
"""Counter of the packets that no rule matched; see `COUNT_` below for the ones that follow."""
TABLE_PREFIXES_AT: Final = 3
"""Where all rules look at nothing but the destination address: the same as intervals (`match.py`); else 0."""
TABLE_WORDS: Final = 4

RULE_NEXT: Final = 0
"""The next rule, 0 behind the last."""
RULE_ACTION: Final = 1
RULE_PARAMETER: Final = 2
RULE_COUNTER: Final = 3
RULE_PREDICATES: Final = 4
"""How many predicates follow; all must hold."""
RULE_WORDS: Final = 5

# --- actions ---

ACTION_ALLOW: Final = np.uint64(0)
ACTION_STATEFUL_ALLOW: Final = np.uint64(1)
ACTION_DENY: Final = np.uint64(2)
ACTION_NOTE_VNI: Final = np.uint64(3)
"""Note the VNI in which the destination is mapped (`vpc.gateway.NoteVni`)."""
ACTION_REWRITE_SOURCE_MAC: Final = np.uint64(4)
"""Parameter: the address, 48 bits."""
ACTION_ROUTE: Final = np.uint64(5)
"""Parameter: index of `ROUTE_ID` and following (`vpc.router.RouterAction`)."""
ACTION_TAG_EXTERNAL: Final = np.uint64(6)
ACTION_OUTBOUND_NAT: Final = np.uint64(7)
"""Parameter: index of the number of addresses, then two words for each."""
ACTION_INBOUND_NAT: Final = np.uint64(8)
ACTION_SOURCE_NAT: Final = np.uint64(9)
"""Parameter: number of the pools, as `ORIGIN` of a native flow has it."""
ACTION_ENCAPSULATE: Final = np.uint64(10)
ACTION_DECAPSULATE: Final = np.uint64(11)
ACTION_LEAVE: Final = np.uint64(12)
"""Hairpins, bodies, and whatever else the compiled code has no answer to: the reference decides."""

ROUTE_ID: Final = 0
"""Number of the target, the same in all rule sets of a port; from 1."""
ROUTE_CLASS: Final = 1
"""Kind of target: `KIND_INTERNET_GATEWAY` and following."""
ROUTE_ADDRESS: Final = 2
"""Two words, for targets that are an address."""
ROUTE_WORDS: Final = 4

KIND_INTERNET_GATEWAY: Final = np.uint64(1)
KIND_ADDRESS: Final = np.uint64(2)
KIND_SUBNET: Final = np.uint64(3)

# --- counters of one thread under one rule set: all only rise ---

COUNT_MISS: Final = 0
"""Misses that compiled code decided: inbound here, outbound in the next word."""
COUNT_MODIFIED: Final = 2
"""The same of those that were let through; the others were denied by a layer."""
COUNT_LAYERS: Final = 4
"""For each table (`2 * layer + direction`) three words: packets that met an entry of the layer, packets that no rule matched,
packets denied. Then one word for each rule, `RULE_COUNTER`."""
COUNT_ENTRY: Final = 0
COUNT_NO_RULE: Final = 1
COUNT_DENIED: Final = 2
COUNT_LAYER_WORDS: Final = 3
COUNT_RULES: Final = COUNT_LAYERS + 10 * COUNT_LAYER_WORDS

# --- passage: one packet, or its reply, as the layers so far have left it ---

PASSAGE_SOURCE: Final = 0
PASSAGE_DESTINATION: Final = 2
"""Two words each; IPv4 addresses are 32-bit numbers in the second."""
PASSAGE_META: Final = 4
"""As the meta word of a key (`layout.META_DIRECTION_SHIFT`), the direction left out."""
PASSAGE_ETHER_SOURCE: Final = 5
PASSAGE_ETHER_DESTINATION: Final = 6
PASSAGE_VNI: Final = 7
"""The noted VNI plus 1; 0 for none."""
PASSAGE_TARGET: Final = 8
"""`ROUTE_ID` of the route; 0 before the router, and inbound."""
PASSAGE_CLASS: Final = 9
"""`ROUTE_CLASS` of the route; 0 for none."""
PASSAGE_EXTERNAL: Final = 10
"""1 when the source is an external address of the port."""
PASSAGE_INTERNAL: Final = 11
"""1 when the destination is inside the VPC alone."""
PASSAGE_WORDS: Final = 64
"""The rest belongs to `passage.py`."""
