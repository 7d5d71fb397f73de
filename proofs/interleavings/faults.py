"""Seeded faults: one changed place, or two, of the production source, which some interleaving must show to be wrong."""

from proofs.interleavings.scenario import Fault

# --- the unified flow table ---

NO_RECHECK = Fault(
    "a look-up does not look at the version again",
    [
        (
            "fastpath.hash_table",
            "        if load_relaxed(words, bucket + VERSION) == version:\n            return entry, binding",
            "        if True:\n            return entry, binding",
        )
    ],
)
ODD_VERSION_READ = Fault(
    "a look-up reads a bucket that is being changed",
    [
        (
            "fastpath.hash_table",
            "if version & ONE != NOTHING:",
            "if False:",
        )
    ],
)
ODD_VERSION_BELIEVED = Fault(
    "a look-up by a hint reads a bucket that is being changed",
    [("fastpath.hash_table", "        if version & ONE == NOTHING and content", "        if content")],
)
NO_RECHECK_AFTER_HINT = Fault(
    "a look-up by a hint does not look at the version again",
    [
        (
            "fastpath.hash_table",
            "                if load_relaxed(words, bucket + VERSION) == version:\n                    return entry",
            "                if True:\n                    return entry",
        )
    ],
)
LOCK_WITHOUT_SWAP = Fault(
    "a bucket is locked by a load and a store",
    [
        (
            "fastpath.hash_table",
            "and compare_and_swap(words, bucket + VERSION, version, version + ONE):",
            "and store_relaxed(words, bucket + VERSION, version + ONE) is None:",
        )
    ],
)
UNORDERED_LOCKS = Fault(
    "buckets are locked in the order in which they come",
    [
        (
            "fastpath.hash_table",
            "    a, b = min(a, b), max(a, b)\n    c, d = min(c, d), max(c, d)\n"
            "    a, c = min(a, c), max(a, c)\n    b, d = min(b, d), max(b, d)\n    b, c = min(b, c), max(b, c)\n",
            "",
        )
    ],
)
HALVES_APART = Fault(
    "the halves are installed one after the other, each under its own locks",
    [
        (
            "fastpath.uft",
            "    status = _install_locked(words, first, first_hash, second, second_hash)\n"
            "    unlock_in_order(words, a, b, c, d)\n    return status\n",
            "    _install_locked(words, first, first_hash, NOTHING, second_hash)\n"
            "    unlock_in_order(words, a, b, c, d)\n"
            "    a, b, c, d = lock_keys(words, first_hash, second_hash)\n"
            "    status = _install_locked(words, second, second_hash, NOTHING, first_hash)\n"
            "    unlock_in_order(words, a, b, c, d)\n    return status\n",
        )
    ],
)
REMOVAL_WITHOUT_LOCK = Fault(
    "a removal clears its slots without holding the buckets",
    [
        (
            "fastpath.uft",
            "    _clear(words, first, first_hash)\n    if second != NOTHING:\n",
            "    unlock_in_order(words, a, b, c, d)\n    _clear(words, first, first_hash)\n    if second != NOTHING:\n",
        ),
        (
            "fastpath.uft",
            "        _clear(words, second, second_hash)\n    unlock_in_order(words, a, b, c, d)\n",
            "        _clear(words, second, second_hash)\n",
        ),
    ],
)
NO_GRACE = Fault(
    "records are used again without waiting for threads inside a batch",
    [
        (
            "fastpath.reclaim",
            "    if inside(words, announced) == _NOTHING:\n        return\n    spins = 0\n",
            "    return\n    spins = 0\n",
        )
    ],
)
RETIRED_AT_ONCE = Fault(
    "a record is released although threads are inside a batch",
    [("fastpath.reclaim", "if inside(self._words, announced) == _NOTHING and not self._waiting:", "if True:")],
)
COLLECTED_AT_ONCE = Fault(
    "a record that was retired is released at the next collection, whoever is still inside",
    [
        (
            "fastpath.reclaim",
            "while self._waiting and all_left(self._words, self._waiting[0][0]):",
            "while self._waiting:",
        )
    ],
)
NO_GRACE_BEFORE_REOPENING = Fault(
    "a record is used again without a grace period, and a hit takes the word by a store",
    [
        *NO_GRACE.edits,
        (
            "fastpath.flow",
            "if advanced == word or compare_and_swap(words, at, word, advanced):",
            "if store_release(words, at, advanced) is None:",
        ),
    ],
)
NO_PRESENCE_CHECK = Fault(
    "an install does not look whether the keys are there already",
    [
        (
            "fastpath.uft",
            "if _is_present(words, first, first_hash) or",
            "if False and",
        )
    ],
)

FIRST_KEY_UNSEEN = Fault(
    "an install does not look whether the first key is there already",
    [("fastpath.uft", "if _is_present(words, first, first_hash) or (second", "if (second")],
)
SECOND_KEY_UNSEEN = Fault(
    "an install does not look whether the second key is there already",
    [("fastpath.uft", " or (second != NOTHING and _is_present(words, second, second_hash)):", ":")],
)

# --- the TCP word and the life word ---

STORE_WITHOUT_SWAP = Fault(
    "the TCP word is advanced by a store",
    [
        (
            "fastpath.flow",
            "if advanced == word or compare_and_swap(words, at, word, advanced):",
            "if store_release(words, at, advanced) is None:",
        )
    ],
)
FROZEN_IGNORED = Fault(
    "a hit advances a word that a slow operation owns",
    [
        (
            "fastpath.tcp",
            "return word & OWNERSHIP_FIELDS == epoch << TAG_SHIFT",
            "return word & ~FROZEN & OWNERSHIP_FIELDS == epoch << TAG_SHIFT",
        )
    ],
)
FREEZE_WITHOUT_SWAP = Fault(
    "a slow operation freezes a word by a store",
    [
        (
            "fastpath.flow",
            "if compare_and_swap(words, at, word, word | FROZEN):",
            "if store_release(words, at, word | FROZEN) is None:",
        )
    ],
)
LAST_HIT_STORED = Fault(
    "the time of the last hit is stored, as upstream does",
    [
        (
            "fastpath.uft",
            "if compare_and_swap(words, entry_base + LIFE, seen, now):",
            "if store_relaxed(words, entry_base + LIFE, now) is None:",
        )
    ],
)
EXPIRY_WITHOUT_SWAP = Fault(
    "an expiry marks an entry dead by a store",
    [
        (
            "fastpath.uft",
            "        if compare_and_swap(words, life, seen, seen | DEAD):\n            return True\n",
            "        store_relaxed(words, life, seen | DEAD)\n        return True\n",
        )
    ],
)
KILL_WITHOUT_SWAP = Fault(
    "an entry is marked dead by a store, whatever a hit has left meanwhile",
    [
        (
            "fastpath.uft",
            "if seen & DEAD != NOTHING or compare_and_swap(words, life, seen, seen | DEAD):",
            "if seen & DEAD != NOTHING or store_relaxed(words, life, seen | DEAD) is None:",
        )
    ],
)

NO_GRACE_NO_TAG = Fault(
    "a rule change waits for nobody, and the TCP word does not tell under which rules it was written",
    [
        *NO_GRACE.edits,
        (
            "fastpath.tcp",
            "return word & OWNERSHIP_FIELDS == epoch << TAG_SHIFT",
            "return word & (FROZEN | DEAD) == ZERO",
        ),
    ],
)

# --- expiry of native flows ---

LIFE_BEFORE_FREEZE = Fault(
    "of a connection that looks expired the times are read before its word is frozen",
    [
        (
            "fastpath.expire",
            "    word = freeze(words, flow)\n"
            "    inbound_life = kill(words, inbound)\n    outbound_life = kill(words, outbound)\n",
            "    inbound_life = load_relaxed(words, entry_at(words, inbound) + LIFE)\n"
            "    outbound_life = load_relaxed(words, outbound_at + LIFE)\n"
            "    word = freeze(words, flow)\n    kill(words, inbound)\n    kill(words, outbound)\n",
        )
    ],
)
WORD_GIVEN_BACK_EARLY = Fault(
    "a word is given back to hits before it is decided whether its connection has expired",
    [
        (
            "fastpath.expire",
            "    word = freeze(words, flow)\n",
            "    word = freeze(words, flow)\n    thaw(words, flow, word)\n",
        )
    ],
)
MARKED_AFTER_UNLINK = Fault(
    "the halves of an expired flow are marked dead when they have been unlinked",
    [
        (
            "fastpath.expire",
            "if now >= _FLOW_LIVES and kill_if_idle(words, entry, now - _FLOW_LIVES):",
            "if is_over(load_relaxed(words, entry_at(words, entry) + LIFE), _FLOW_LIVES, now):",
        ),
        (
            "fastpath.expire",
            "    if not is_dead(load_relaxed(words, inbound_at + LIFE)) or "
            "not is_dead(load_relaxed(words, outbound_at + LIFE)):\n",
            "    lives = load_relaxed(words, inbound_at + LIFE), load_relaxed(words, outbound_at + LIFE)\n"
            "    if not is_over(max(time_of(lives[0]), time_of(lives[1])), _FLOW_LIVES, now):\n",
        ),
        (
            "fastpath.uft",
            "    kill(words, first)\n    if second != NOTHING:\n        kill(words, second)\n    first_at",
            "    first_at",
        ),
        (
            "fastpath.uft",
            "        _clear(words, second, second_hash)\n    unlock_in_order(words, a, b, c, d)\n",
            "        _clear(words, second, second_hash)\n    unlock_in_order(words, a, b, c, d)\n"
            "    kill(words, first)\n    kill(words, second)\n",
        ),
    ],
)
UNLINKED_APART = Fault(
    "the halves of an expired flow are unlinked one after the other",
    [
        (
            "fastpath.removal",
            "    remove(words, outbound, inbound)\n",
            "    remove(words, outbound, NOTHING)\n    remove(words, inbound, NOTHING)\n",
        )
    ],
)

# --- the port ---

EPOCH_IGNORED = Fault(
    "a hit does not ask under which rules its entry was made",
    [("fastpath.hit", "if entry == _NOTHING or binding >> SHIFT_32 != epoch & LOW_32:", "if entry == _NOTHING:")],
)
NO_FREEZING = Fault(
    "a slow operation reads a TCP word and leaves it to hits",
    [("fastpath.flow", "if compare_and_swap(words, at, word, word | FROZEN):", "if True:")],
)
NO_DEAD_MARK = Fault(
    "an expiry pass does not stop hits on what it is about to remove",
    [
        (
            "fastpath.mirror",
            "uft.kill_if_idle(self._words, np.uint64(half.entry), np.uint64(deadline))",
            "pass",
        )
    ],
)
CONTROL_STAYS = Fault(
    "pause and reset do not tell hits",
    [
        (
            "fastpath.slow_path",
            "self._control.follow(self.port.state, self.port.epoch)",
            "self._control.follow(type(self.port.state).RUNNING, self.port.epoch)",
        )
    ],
)

NO_GRACE_AFTER_CONTROL = Fault(
    "a change of the control word waits for nobody",
    [("fastpath.control", "        if self._waits_for_hits:\n", "        if False:\n")],
)
RESET_UNSEEN = Fault(
    "a reset does not tell hits, and leaves the arena as it is",
    [
        *CONTROL_STAYS.edits,
        (
            "fastpath.slow_path",
            "self.mirror.commit(self.port.epoch)",
            "self.port.state == type(self.port.state).READY or self.mirror.commit(self.port.epoch)",
        ),
    ],
)
EVERYBODY_OWNS = Fault(
    "a half is counted in by plain stores whoever owns it",
    [("fastpath.uft", "    if seen >> OWNER_SHIFT != NOTHING:\n        return False\n", "")],
)
OWNED_WITHOUT_SWAP = Fault(
    "a half is taken by a load and a store",
    [
        (
            "fastpath.uft",
            "    return compare_and_swap_relaxed(words, entry_base + HITS, seen, seen | owner << OWNER_SHIFT)\n",
            "    store_relaxed(words, entry_base + HITS, seen | owner << OWNER_SHIFT)\n    return True\n",
        )
    ],
)
OTHERS_WITHOUT_UPDATE = Fault(
    "a hit by a thread that does not own the half is counted by a load and a store",
    [
        (
            "fastpath.uft",
            "        fetch_add(words, flow_base + OTHERS_HITS + np.int64(direction), ONE)\n",
            "        at = flow_base + OTHERS_HITS + np.int64(direction)\n"
            "        store_relaxed(words, at, load_relaxed(words, at) + ONE)\n",
        )
    ],
)
COUNT_WITHOUT_UPDATE = Fault(
    "a hit is counted by a load and a store",
    [
        (
            "fastpath.uft",
            "    fetch_add(words, entry_base + HITS, ONE)\n",
            "    store_relaxed(words, entry_base + HITS, load_relaxed(words, entry_base + HITS) + ONE)\n",
        )
    ],
)
MAPPINGS_UNSEEN = Fault(
    "a packet does not look whether mappings have changed since",
    [
        (
            "fastpath.port",
            "        if batch.count and self._slow_path.is_behind_mappings:\n",
            "        if not batch.count:\n",
        )
    ],
)
