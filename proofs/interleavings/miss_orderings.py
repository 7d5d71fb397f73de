"""Orderings of what hits leave and of what misses share; those of table and flow record are in `orderings.py`."""

from collections.abc import Mapping
from types import MappingProxyType

from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.orderings import Removal
from proofs.interleavings.scenario import Edit, Fault

_GATE = "fastpath.gate"
_LOCK = "fastpath.spin_lock"
_TRANSFORMS = "fastpath.transforms"
_UFT = "fastpath.uft"
_COUNTS = "fastpath.rule_counts"
_WEAK = (MemoryName.TSO, MemoryName.RA)
_RA = (MemoryName.RA,)


def _removal(scenario: str, about: str, *edits: Edit, memories: tuple[MemoryName, ...] = _RA) -> Removal:
    return Removal(Fault(about, edits), scenario, memories)


def _at_gate(about: str, old: str, new: str, memories: tuple[MemoryName, ...] = _RA) -> Removal:
    return _removal("misses beside gate", about, (_GATE, old, new), memories=memories)


NEEDED_BY_MISSES: Mapping[str, Removal] = MappingProxyType(
    {
        "miss announced without fence": _at_gate(
            "no full fence between the announcement of a miss and its look at the gate",
            "announcement is visible.\n    fence_full()\n",
            "announcement is visible.\n",
            _WEAK,
        ),
        "gate closed without fence": _at_gate(
            "no full fence between the closing of the gate and the look at the announcements",
            "gate is seen to be closed.\n    fence_full()\n",
            "gate is seen to be closed.\n",
            _WEAK,
        ),
        "gate read without acquire": _at_gate(
            "a miss looks at the gate by a relaxed load",
            "if load_acquire(words, GATE) == OPEN:",
            "if load_relaxed(words, GATE) == OPEN:",
        ),
        "gate opened without release": _at_gate(
            "the gate is opened by a relaxed store",
            "store_release(words, GATE, OPEN)",
            "store_relaxed(words, GATE, OPEN)",
        ),
        "miss left without release": _at_gate(
            "a miss ends by a relaxed store",
            "    store_release(words, at, load_relaxed(words, at) + ONE)",
            "    store_relaxed(words, at, load_relaxed(words, at) + ONE)",
        ),
        "miss first looked for without acquire": _at_gate(
            "who closes the gate looks at the announcements by relaxed loads",
            "seen = load_acquire(words, at)",
            "seen = load_relaxed(words, at)",
        ),
        "miss waited for without acquire": _at_gate(
            "who closes the gate waits for misses by relaxed loads",
            "and load_acquire(words, at) == seen",
            "and load_relaxed(words, at) == seen",
        ),
        "spin lock taken without acquire": _removal(
            "two takers",
            "a spin lock is taken by a relaxed compare-and-swap",
            (_LOCK, "import compare_and_swap, load_relaxed", "import compare_and_swap_relaxed, load_relaxed"),
            (
                _LOCK,
                "not compare_and_swap(words, lock, FREE, ONE)",
                "not compare_and_swap_relaxed(words, lock, FREE, ONE)",
            ),
        ),
        "spin lock given back without release": _removal(
            "two takers",
            "a spin lock is given back by a relaxed store",
            (_LOCK, "load_relaxed, store_release", "load_relaxed, store_relaxed"),
            (_LOCK, "store_release(words, lock, FREE)", "store_relaxed(words, lock, FREE)"),
        ),
        "transform found without acquire": _removal(
            "same transform twice",
            "a slot of the index of transforms is read by a relaxed load",
            (_TRANSFORMS, "import load_acquire, load_plain,", "import load_plain, load_relaxed,"),
            (_TRANSFORMS, "found = load_acquire(words, slot)", "found = load_relaxed(words, slot)"),
        ),
        "transform published without release": _removal(
            "same transform twice",
            "a transform enters the index by a relaxed store",
            (_TRANSFORMS, "store_plain, store_release", "store_plain, store_relaxed"),
            (
                _TRANSFORMS,
                "store_release(words, slot, (hash_ >> SHIFT_32) << SHIFT_32 | number)",
                "store_relaxed(words, slot, (hash_ >> SHIFT_32) << SHIFT_32 | number)",
            ),
        ),
        "packet counted without release": _removal(
            "adding up beside misses",
            "a miss is counted by a relaxed store, after what was counted for it",
            (_COUNTS, "store_release(counts, place + COUNT_MISS,", "store_relaxed(counts, place + COUNT_MISS,"),
        ),
        "packets looked at without acquire": _removal(
            "adding up beside misses",
            "who adds up looks by relaxed loads how many packets there have been",
            (_COUNTS, "packets = load_acquire(counts,", "packets = load_relaxed(counts,"),
        ),
        "datagram counted without release": _removal(
            "bringing home beside a datagram",
            "a hit of an entry without connection is counted by a relaxed addition",
            (
                _UFT,
                "    fetch_add(words, entry_base + HITS, ONE)",
                "    fetch_add_relaxed(words, entry_base + HITS, ONE)",
            ),
        ),
    }
)

NOT_NEEDED_BESIDE_MISSES: Mapping[str, Removal] = MappingProxyType(
    {
        "half given back to hits without release": _removal(
            "native expiry: beginning",
            "nothing is handed over by LIFE: what a hit goes on with it has found in a bucket",
            ("fastpath.expire", "load_relaxed, store_relaxed, store_release", "load_relaxed, store_relaxed"),
            (
                "fastpath.expire",
                "store_release(words, entry_at(words, entry) + LIFE, life)",
                "store_relaxed(words, entry_at(words, entry) + LIFE, life)",
            ),
        ),
        "control read without acquire by a hit": _removal(
            "native expiry: datagram",
            "what a hit finds is judged by its own epoch and its own version; who finds too little takes the slow path",
            ("fastpath.hit", "import load_acquire, load_relaxed", "import load_relaxed"),
            ("fastpath.hit", "control = load_acquire(words, CONTROL)", "control = load_relaxed(words, CONTROL)"),
        ),
        "word read without acquire by a miss": _removal(
            "segment taken along beside a hit",
            "slow operations and misses are ordered by the gate, and hits hand nothing over to a miss but the word",
            ("fastpath.segment", "load_acquire, load_relaxed", "load_relaxed"),
            ("fastpath.segment", "word = load_acquire(words, at)", "word = load_relaxed(words, at)"),
        ),
        "word advanced by a miss by a relaxed swap": _removal(
            "segment taken along beside a hit",
            "for the same reason; a read-modify-write always meets the last value",
            ("fastpath.segment", "import compare_and_swap, fetch", "import compare_and_swap_relaxed, fetch"),
            (
                "fastpath.segment",
                "compare_and_swap(words, at, word, advanced)",
                "compare_and_swap_relaxed(words, at, word, advanced)",
            ),
        ),
        "word read without acquire by what ends the connection": _removal(
            "closing: FIN and acknowledgement",
            "a segment that sees the word and not the number of its FIN is left to the reference",
            ("fastpath.close", "import compare_and_swap, load_acquire,", "import compare_and_swap,"),
            ("fastpath.close", "word = load_acquire(words, at)", "word = load_relaxed(words, at)"),
        ),
        "word ended by a relaxed swap": _removal(
            "closing: FIN and acknowledgement",
            "nobody goes on from a dead word; the locks of the buckets order the rest",
            ("fastpath.close", "import compare_and_swap,", "import compare_and_swap_relaxed,"),
            (
                "fastpath.close",
                "compare_and_swap(words, at, word, word | DEAD)",
                "compare_and_swap_relaxed(words, at, word, word | DEAD)",
            ),
        ),
    }
)
"""Without these nothing is missed, in the scenario named. Each costs nothing on x86-64."""
