"""Seeded faults of misses in compiled code, as `faults.py` has those of everything else."""

from proofs.interleavings.scenario import Fault

# --- what misses share ---

SPIN_LOCK_WITHOUT_SWAP = Fault(
    "a spin lock is taken by a load and a store",
    [("fastpath.spin_lock", "not compare_and_swap(words, lock, FREE, ONE)", "store_release(words, lock, ONE)")],
)
LIST_READ_WITHOUT_LOCK = Fault(
    "records are taken from the list before the lock is",
    [
        (
            "fastpath.records",
            "    acquire(words, RECORDS_LOCK)\n    held = load_plain(words, list_)\n    fresh",
            "    held = load_plain(words, list_)\n    acquire(words, RECORDS_LOCK)\n    fresh",
        )
    ],
)
GIVEN_BACK_WITHOUT_LOCK = Fault(
    "a record is put into the list without the lock",
    [
        (
            "fastpath.records",
            "    acquire(words, RECORDS_LOCK)\n    push_locked(words, list_, number)\n"
            "    release(words, RECORDS_LOCK)\n",
            "    push_locked(words, list_, number)\n",
        )
    ],
)
NO_SECOND_LOOK = Fault(
    "whoever adds a transform goes by what it saw before it had the lock",
    [
        (
            "fastpath.transforms",
            "    acquire(words, TRANSFORM_LOCK)\n"
            "    # Another thread may have come first, with this transform or with one that took the slot.\n"
            "    number, slot = slot_of(words, content, at, hash_)\n",
            "    number, slot = slot_of(words, content, at, hash_)\n    acquire(words, TRANSFORM_LOCK)\n",
        )
    ],
)
PUBLISHED_TOO_EARLY = Fault(
    "a transform is in the index before its record is written",
    [
        (
            "fastpath.transforms",
            "            record = transform_record_at(words, number)\n"
            "            for word in range(TRANSFORM_WORDS):\n",
            "            record = transform_record_at(words, number)\n"
            "            store_release(words, slot, (hash_ >> SHIFT_32) << SHIFT_32 | number)\n"
            "            for word in range(TRANSFORM_WORDS):\n",
        )
    ],
)
ANNOUNCED_TOO_LATE = Fault(
    "a miss looks at the gate before it announces itself",
    [
        (
            "fastpath.gate",
            "    store_relaxed(words, at, load_relaxed(words, at) + ONE)\n    # Store",
            "    is_open = load_acquire(words, GATE) == OPEN\n"
            "    store_relaxed(words, at, load_relaxed(words, at) + ONE)\n    # Store",
        ),
        ("fastpath.gate", "    if load_acquire(words, GATE) == OPEN:\n", "    if is_open:\n"),
    ],
)
CLOSED_WITHOUT_WAITING = Fault(
    "a slow operation closes the gate and waits for nobody",
    [("fastpath.gate", "while seen & ONE != _NOTHING and load_acquire(words, at) == seen:", "while False:")],
)
GATE_CLOSED_TOO_LATE = Fault(
    "a slow operation looks at the announcements before the gate is closed",
    [
        ("fastpath.gate", "    store_relaxed(words, GATE, CLOSED)\n", ""),
        (
            "fastpath.gate",
            "            spins = wait_a_moment(spins)\n",
            "            spins = wait_a_moment(spins)\n    store_relaxed(words, GATE, CLOSED)\n",
        ),
    ],
)
ROOM_WITHOUT_SWAP = Fault(
    "room is taken by a load and a store",
    [
        (
            "fastpath.capacity",
            "if compare_and_swap_relaxed(words, ROOM + kind, room, room - chunk):",
            "if store_relaxed(words, ROOM + kind, room - chunk) is None:",
        )
    ],
)

# --- misses in compiled code ---

KEY_UNSEEN = Fault(
    "a miss does not look again whether its key has come under the buckets' locks",
    [
        (
            "fastpath.commit",
            "    if is_present(words, work, key, own_hash):\n        outcome = AGAIN\n    elif",
            "    if",
        )
    ],
)
NEITHER_KEY_SEEN = Fault(
    "a miss looks at neither of its keys again under the buckets' locks",
    [
        (
            "fastpath.commit",
            "    if is_present(words, work, key, own_hash):\n"
            "        outcome = AGAIN\n"
            "    elif is_present(words, work, OTHER_KEY, other_hash):\n"
            "        outcome = LEAVE\n"
            "    else:\n"
            "        slot",
            "    if outcome == COMMITTED:\n        slot",
        )
    ],
)
RENEWAL_UNSEEN = Fault(
    "a miss does not look again whether another has made its flow anew",
    [
        (
            "fastpath.renew",
            "if state_of_half(words, own) == seen and state_of_half(words, other) == seen_other:",
            "if True:",
        )
    ],
)
REPLY_KEY_UNSEEN = Fault(
    "a miss does not look whether the key of its reply has come under the buckets' locks",
    [
        (
            "fastpath.commit",
            "    elif is_present(words, work, OTHER_KEY, other_hash):\n        outcome = LEAVE\n",
            "",
        )
    ],
)
TAKEN_ALONG_WITHOUT_SWAP = Fault(
    "a segment that missed advances its connection by a store",
    [
        (
            "fastpath.segment",
            "if advanced == word or compare_and_swap(words, at, word, advanced):",
            "if store_relaxed(words, at, advanced) is None:",
        )
    ],
)
OLD_RULES_TAKEN = Fault(
    "a miss goes by a rule set that was replaced",
    [("fastpath.miss", "if rules[RULES_NUMBER] != load_relaxed(words, RULES_WANTED):", "if False:")],
)
PORT_UNLOCKED = Fault(
    "a pool of ports is unlocked as soon as its next port is known",
    [
        (
            "fastpath.port_pool",
            "    return load_plain(words, pool + POOL_PORTS + np.int64(top) - 1)",
            "    release(words, pool + POOL_LOCK)\n    return load_plain(words, pool + POOL_PORTS + np.int64(top) - 1)",
        )
    ],
)
OFFER_WITHOUT_LOCK = Fault(
    "ports are offered without the lock of their pool",
    [
        (
            "fastpath.port_pool",
            "    acquire(words, pool + POOL_LOCK)\n    top",
            "    top",
        )
    ],
)
GATE_UNSEEN = Fault(
    "a miss does not look whether the gate is closed",
    [("fastpath.gate", "if load_acquire(words, GATE) == OPEN:", "if True:")],
)

FIN_OVERWRITTEN = Fault(
    "a FIN leaves its number whatever number is there",
    [
        (
            "fastpath.fin",
            "    seen = load_relaxed(words, at)\n    if seen == ZERO:\n",
            "    store_relaxed(words, at, fin)\n    seen = fin\n    if seen == ZERO:\n",
        ),
        ("fastpath.fin", "load_relaxed, load_u8", "load_relaxed, load_u8, store_relaxed"),
    ],
)
ANOTHER_FIN_PASSES = Fault(
    "a FIN passes although another number is there",
    [("fastpath.fin", "    return bool(seen == fin)\n", "    return True\n")],
)
BURIED_BY_A_STORE = Fault(
    "a segment that ends a connection makes its word dead by a store",
    [
        (
            "fastpath.close",
            "        if compare_and_swap(words, at, word, word | DEAD):\n",
            "        store_relaxed(words, at, word | DEAD)\n        if True:\n",
        )
    ],
)
HALVES_END_FIRST = Fault(
    "the halves of a connection end although the segment does not end it",
    [
        (
            "fastpath.close",
            "    if _bury(words, work, record, flow, direction, epoch):\n"
            "        _end_halves(words, line, entry, direction)\n",
            "    _end_halves(words, line, entry, direction)\n"
            "    if _bury(words, work, record, flow, direction, epoch):\n",
        )
    ],
)
ONE_HALF_STAYS = Fault(
    "the other half of a connection that has ended stays",
    [
        (
            "fastpath.close",
            "kill(words, entry), kill(words, other_entry)",
            "kill(words, entry), load_relaxed(words, entry_at(words, other_entry) + LIFE)",
        ),
        ("fastpath.close", "    KIND_TCP,\n", "    KIND_TCP,\n    LIFE,\n"),
    ],
)
HALVES_STAY = Fault(
    "a segment that ends a connection leaves the halves",
    [("fastpath.close", "        _end_halves(words, line, entry, direction)\n", "")],
)
FLOW_LOCK_IGNORED = Fault(
    "a segment ends a connection that a hit has locked",
    [("fastpath.close", "if word & LOCKED != ZERO:", "if False:")],
)
