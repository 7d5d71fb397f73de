"""How a compiled rule set is laid out: the words of the array that misses go by.

A rule set is one read-only array of 64-bit words, made under the slow lock for one epoch of the port and never changed
(`rule_set.py`). A batch is given the array; its number is compared with the one in the arena, so that no miss goes by
rules that a slow operation has replaced. Places in the header and in tables are indices of the same array, 0 for none.
Places in a rule are relative to that rule, and places in a list of intervals relative to that list, so that rules and
lists can be shared by rule sets in which they lie elsewhere (`segments.py`).

What rules look at is the packet's passage, a record of `PASSAGE_` words in the batch's work array.
"""

from typing import Final

import numpy as np

# --- header ---

RULES_EPOCH: Final = 0
"""The whole epoch."""
RULES_TABLES: Final = 1
"""Ten words: the table of layer `l` (0 gateway, 1 firewall, 2 router, 3 nat, 4 overlay) in direction `d`
(`layout.INBOUND`, `layout.OUTBOUND`) is at `rules[RULES_TABLES + 2 * l + d]`."""
RULES_GUESTS_AT: Final = 11
"""Guests, one record each: see `destinations.py`."""
RULES_GUESTS_MASK: Final = 12
"""For both indices: their length, a power of two, less one; 0 for no guests."""
RULES_GUEST_INDEX_AT: Final = 13
"""Guests by address and VNI."""
RULES_VNI_INDEX_AT: Final = 14
"""By address, the guest of lowest VNI."""
RULES_BOUNDARY_4_AT: Final = 15
RULES_BOUNDARY_6_AT: Final = 16
"""Boundary services by destination: intervals (`intervals.py`), each with the place of its endpoints."""
RULES_OWNED_AT: Final = 17
"""The guest's own external addresses: their number, then three words each: family, and the address as in keys."""
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
RULES_POOLS_4: Final = 27
RULES_POOLS_6: Final = 30
"""The guest's pools of ports by family, three words each: their number, 0 for none, first and last port."""
RULES_NUMBER: Final = 33
"""Which of the port's rule sets this is: misses compare it with `layout.RULES_WANTED`."""
RULES_OTHERS_SINCE: Final = 34
"""Epoch in which anything but the firewall's rules changed last: what later packets of a flow became, the next ones
become."""
RULES_HEADER_WORDS: Final = 40

# --- table: the rules of a layer in one direction, in order of evaluation ---

TABLE_FIRST_RULE: Final = 0
"""Index of the first rule; 0 for a table without rules."""
TABLE_DEFAULT: Final = 1
"""Action for packets that no rule matches: `ACTION_ALLOW`, `ACTION_STATEFUL_ALLOW` or `ACTION_DENY`."""
TABLE_COUNTER: Final = 2
"""Place of the table's counters in a thread's record: `COUNT_ENTRY` and following, then one for each rule."""
TABLE_INTERVALS_4_AT: Final = 3
TABLE_INTERVALS_6_AT: Final = 4
"""Where all rules look at nothing but the destination address: by family, the same as intervals; else 0."""
TABLE_WORDS: Final = 8

RULE_NEXT: Final = 0
"""Words from this rule to the next, 0 for the last: see `match.next_rule`."""
RULE_ACTION: Final = 1
RULE_PARAMETER: Final = 2
"""A value, or words from this rule to what the action needs: see `match.parameters_of`."""
RULE_COUNTER: Final = 3
"""Place of the rule's counter among those of its table: see `match.counter_of`."""
RULE_CLAUSES: Final = 4
"""How many clauses follow; all must hold."""
RULE_WORDS: Final = 5

CLAUSE_ATOMS: Final = 0
"""How many atoms follow; one must hold."""
CLAUSE_WORDS: Final = 1

ATOM_FIELD: Final = 0
"""Which word of the passage; `ATOM_NEGATED` with it when what follows must not be so."""
ATOM_MASK: Final = 1
ATOM_FIRST: Final = 2
ATOM_LAST: Final = 3
"""The word under the mask is at least the one and at most the other,"""
ATOM_NEXT_MASK: Final = 4
ATOM_NEXT: Final = 5
"""and the word behind it under this mask is this."""
ATOM_WORDS: Final = 6
ATOM_NEGATED: Final = np.uint64(1 << 32)

# --- actions ---

ACTION_ALLOW: Final = np.uint64(0)
ACTION_STATEFUL_ALLOW: Final = np.uint64(1)
ACTION_DENY: Final = np.uint64(2)
ACTION_NOTE_VNI: Final = np.uint64(3)
"""Note the VNI in which the destination is mapped (`vpc.gateway.NoteVni`)."""
ACTION_REWRITE_SOURCE_MAC: Final = np.uint64(4)
"""Parameter: the address, 48 bits."""
ACTION_ROUTE: Final = np.uint64(5)
"""Parameters: `ROUTE_ID` and following (`vpc.router.RouterAction`)."""
ACTION_TAG_EXTERNAL: Final = np.uint64(6)
ACTION_OUTBOUND_NAT: Final = np.uint64(7)
"""Parameters: the number of addresses, then two words for each."""
ACTION_INBOUND_NAT: Final = np.uint64(8)
ACTION_SOURCE_NAT: Final = np.uint64(9)
"""Parameters: number of the pools, as `ORIGIN` of a native flow has it, and the external address in two words."""
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
"""Misses that compiled code decided: inbound here, outbound in the next word. Counted last, see `rule_counts.py`."""
COUNT_MODIFIED: Final = 2
"""The same of those that were let through; the others were denied by a layer."""
COUNT_TABLES: Final = 4
"""From here on the counters of the tables, each at its `TABLE_COUNTER`."""
COUNT_ENTRY: Final = 0
COUNT_NO_RULE: Final = 1
COUNT_DENIED: Final = 2
"""For each table: packets that met an entry of the layer, packets that no rule matched, packets that a rule or the
default denied. What an action refused is not among the latter."""
COUNT_TABLE_WORDS: Final = 3
"""Then one word for each rule, `RULE_COUNTER`: packets that it matched."""

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
