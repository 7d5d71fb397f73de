"""Faults that are seeded for the replays alone: what protocols refuse and no scenario need notice."""

from proofs.interleavings.scenario import Fault

LEFT_BEFORE_THE_LAST_READ = Fault(
    "the first thread leaves its batch before it reads the life word of the entry that it has found",
    [
        (
            "fastpath.uft",
            "from fastpath.layout import (\n",
            "from fastpath.reclaim import leave\nfrom fastpath.layout import (\n",
        ),
        (
            "fastpath.uft",
            "    while True:\n        # Acquire, though relaxed would do",
            "    leave(words, 0)\n    while True:\n        # Acquire, though relaxed would do",
        ),
        (
            "fastpath.reclaim",
            "    store_release(words, at, load_relaxed(words, at) + ONE)\n",
            "    if load_relaxed(words, at) & ONE != _NOTHING:\n"
            "        store_release(words, at, load_relaxed(words, at) + ONE)\n",
        ),
    ],
)
NO_FENCE_BEHIND_THE_WITHDRAWAL = Fault(
    "announcements are read without a fence behind what was withdrawn",
    [("fastpath.reclaim", "    fence_full()\n    count = _NOTHING\n", "    count = _NOTHING\n")],
)
PARTNER_FORGOTTEN = Fault(
    "an install forgets the partner of a half when it has unlocked",
    [
        (
            "fastpath.uft",
            "    status = _install_locked(words, first, first_hash, second, second_hash)\n"
            "    unlock_in_order(words, a, b, c, d)\n",
            "    status = _install_locked(words, first, first_hash, second, second_hash)\n"
            "    unlock_in_order(words, a, b, c, d)\n"
            "    store_relaxed(words, first_at + PARTNER, NOTHING)\n",
        )
    ],
)
VERSION_NOT_ACQUIRED = Fault(
    "a look-up reads the version of a bucket relaxed",
    [
        (
            "fastpath.hash_table",
            "        version = load_acquire(words, bucket + VERSION)\n        if version & ONE != NOTHING:\n",
            "        version = load_relaxed(words, bucket + VERSION)\n        if version & ONE != NOTHING:\n",
        )
    ],
)
