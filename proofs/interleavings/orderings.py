"""Every ordering of `fine` that could be left out: one edit each of the production source.

Some edits make an atomic access plain instead, which is a data race.

Those of `NEEDED` are killed: exploring the scenario named there under the memory model named there fails. Those of
`NOT_NEEDED` are not, and the reason is given. x86-TSO keeps all orders but that of a store before a load by itself, so
there only a full fence can be missed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.scenario import Edit, Fault

_TABLE = "fastpath.hash_table"
_UFT = "fastpath.uft"
_FLOW = "fastpath.flow"
_RECLAIM = "fastpath.reclaim"
_CONTROL = "fastpath.control"
_NATIVE_FLOW = "fastpath.native_flow"

_RELAXED_SWAP = "    compare_and_swap,\n    compare_and_swap_relaxed,\n"
_IMPORTS: Mapping[str, tuple[Edit, ...]] = MappingProxyType(
    {
        _TABLE: ((_TABLE, "    compare_and_swap,\n", _RELAXED_SWAP),),
        _UFT: ((_UFT, "    compare_and_swap,\n", _RELAXED_SWAP),),
        _FLOW: ((_FLOW, "import compare_and_swap, load", "import compare_and_swap, compare_and_swap_relaxed, load"),),
        _CONTROL: ((_CONTROL, "import store_release", "import store_relaxed, store_release"),),
        _RECLAIM: (),
        _NATIVE_FLOW: (),
    }
)


class Removal(NamedTuple):
    """One ordering taken away, and the scenario that must fail then, under which memory models."""

    fault: Fault
    scenario: str
    memories: tuple[MemoryName, ...] = (MemoryName.RA,)


def _without(about: str, module: str, old: str, new: str) -> Fault:
    return Fault(about, [(module, old, new), *_IMPORTS[module]])


def _with_plain_load(about: str, module: str, old: str, new: str) -> Fault:
    return Fault(about, [(module, old, new), (module, "load_acquire,", "load_acquire, load_plain,")])


def _with_plain_store(about: str, module: str, old: str, new: str) -> Fault:
    imported = (module, "    store_relaxed,\n", "    store_plain,\n    store_relaxed,\n")
    return Fault(about, [(module, old, new), imported])


_SEEN = "load_acquire(words, thread_at(words, thread) + ANNOUNCE)"
_SEEN_RELAXED = "load_relaxed(words, thread_at(words, thread) + ANNOUNCE)"
_SWAP_VERSION = "(words, bucket + VERSION, version, version + ONE)"

NEEDED: Mapping[str, Removal] = MappingProxyType(
    {
        "version read without acquire": Removal(
            _without(
                "a look-up reads the version relaxed",
                _TABLE,
                "load_acquire(words, bucket + VERSION)\n        if version & ONE != NOTHING:",
                "load_relaxed(words, bucket + VERSION)\n        if version & ONE != NOTHING:",
            ),
            "look-up beside first install",
        ),
        "no fence before the version is read again": Removal(
            _without(
                "a look-up has no acquire fence before its second look at the version",
                _TABLE,
                "second look at the version.\n        fence_acquire()\n",
                "second look at the version.\n",
            ),
            "look-up beside install",
        ),
        "version read without acquire for a hint": Removal(
            _without(
                "a hinted look-up reads the version relaxed",
                _TABLE,
                "load_acquire(words, bucket + VERSION)\n        content",
                "load_relaxed(words, bucket + VERSION)\n        content",
            ),
            "hinted look-up beside first install",
        ),
        "no fence before the version is read again for a hint": Removal(
            _without(
                "a hinted look-up has no acquire fence before its second look at the version",
                _TABLE,
                "                rewrite = load_relaxed(words, base + REWRITE)\n                fence_acquire()\n",
                "                rewrite = load_relaxed(words, base + REWRITE)\n",
            ),
            "hinted look-up beside first install",
        ),
        "no fence after locking": Removal(
            _without("a bucket is locked without a release fence", _TABLE, "            fence_release()\n", ""),
            "look-up beside install",
        ),
        "unlocked without release": Removal(
            _without(
                "a bucket is unlocked by a relaxed store",
                _TABLE,
                "store_release(words, bucket + VERSION,",
                "store_relaxed(words, bucket + VERSION,",
            ),
            "look-up beside install",
        ),
        "locked without acquire": Removal(
            _without(
                "a bucket is locked by a relaxed compare-and-swap",
                _TABLE,
                f"compare_and_swap{_SWAP_VERSION}",
                f"compare_and_swap_relaxed{_SWAP_VERSION}",
            ),
            "install beside install",
        ),
        "entry written plainly": Removal(
            _with_plain_store(
                "a half is written by plain stores before it is installed",
                _UFT,
                "store_relaxed(words, at + KEY + word, keys[word])",
                "store_plain(words, at + KEY + word, keys[word])",
            ),
            "look-up beside first install",
        ),
        "hit counted without release": Removal(
            _without(
                "a segment is counted by a relaxed store",
                _UFT,
                "store_release(words, entry_base + HITS",
                "store_relaxed(words, entry_base + HITS",
            ),
            "bringing home beside a segment",
        ),
        "hit of another thread counted without release": Removal(
            _without(
                "a segment in the half of another thread is counted by a relaxed addition",
                _UFT,
                "fetch_add(words, flow_base + OTHERS_HITS",
                "fetch_add_relaxed(words, flow_base + OTHERS_HITS",
            ),
            "bringing home beside a segment of another thread",
        ),
        "counted hits read without acquire": Removal(
            _without(
                "the segments of a half's owner are read relaxed",
                _UFT,
                "load_acquire(words, entry_base + HITS)",
                "load_relaxed(words, entry_base + HITS)",
            ),
            "bringing home beside a segment",
        ),
        "counted hits of another thread read without acquire": Removal(
            _without(
                "the segments of threads that do not own the half are read relaxed",
                _UFT,
                "load_acquire(words, flow_at(words, flow) + OTHERS_HITS",
                "load_relaxed(words, flow_at(words, flow) + OTHERS_HITS",
            ),
            "bringing home beside a segment of another thread",
        ),
        "native flow read without acquire": Removal(
            _without(
                "a native flow is read by relaxed loads when it is recalled",
                _UFT,
                "content[word] = load_acquire(words, at + word)",
                "content[word] = load_relaxed(words, at + word)",
            ),
            "recalling beside a segment",
        ),
        "numbers of a native flow read first": Removal(
            _without(
                "the numbers of a native half are read before the segments that other threads have counted",
                _NATIVE_FLOW,
                "    hits_of_others = _words_at(words, others + OTHERS_HITS, 1)[0] if record else 0\n"
                "    content = _words_at(words, at, ENTRY_WORDS)\n",
                "    content = _words_at(words, at, ENTRY_WORDS)\n"
                "    hits_of_others = _words_at(words, others + OTHERS_HITS, 1)[0] if record else 0\n",
            ),
            "recalling beside a segment of another thread",
            (MemoryName.SC, MemoryName.TSO, MemoryName.RA),
        ),
        "native flow read plainly": Removal(
            _with_plain_load(
                "a native flow is read by plain loads when it is recalled",
                _UFT,
                "content[word] = load_acquire(words, at + word)",
                "content[word] = load_plain(words, at + word)",
            ),
            "recalling beside a segment",
        ),
        "life read plainly": Removal(
            _with_plain_load(
                "a half's last hit is brought home by a plain load",
                _UFT,
                "life = load_relaxed(words, entry_base + LIFE)",
                "life = load_plain(words, entry_base + LIFE)",
            ),
            "bringing home beside a segment",
        ),
        "bytes read plainly": Removal(
            _with_plain_load(
                "a half's bytes are brought home by a plain load",
                _UFT,
                "length = load_relaxed(words, entry_base + BYTES)",
                "length = load_plain(words, entry_base + BYTES)",
            ),
            "bringing home beside a segment",
        ),
        "dead mark read plainly": Removal(
            _with_plain_load(
                "whether a half is dead is asked by a plain load",
                _UFT,
                "return load_relaxed(words, entry_at(words, entry) + LIFE) & DEAD",
                "return load_plain(words, entry_at(words, entry) + LIFE) & DEAD",
            ),
            "bringing home beside a segment",
        ),
        "TCP word read plainly": Removal(
            _with_plain_load(
                "the TCP word is brought home by a plain load",
                _FLOW,
                "return load_relaxed(words, tcp_word_at(words, flow))",
                "return load_plain(words, tcp_word_at(words, flow))",
            ),
            "bringing home beside a segment",
        ),
        "announced without fence": Removal(
            _without(
                "no full fence between the announcement and what is read then",
                _RECLAIM,
                "announcement is visible.\n    fence_full()\n",
                "announcement is visible.\n",
            ),
            "hit beside reuse",
            (MemoryName.TSO, MemoryName.RA),
        ),
        "announcements read without fence": Removal(
            _without(
                "no full fence between what was unlinked and the look at the announcements",
                _RECLAIM,
                "    fence_full()\n    count = _NOTHING",
                "    count = _NOTHING",
            ),
            "hit beside reuse",
            (MemoryName.RA,),
        ),
        "left without release": Removal(
            _without(
                "a thread leaves its batch by a relaxed store",
                _RECLAIM,
                "    store_release(words, at, load",
                "    store_relaxed(words, at, load",
            ),
            "hit beside reuse",
        ),
        "announcement first read without acquire": Removal(
            _without(
                "the first look at the announcements is relaxed",
                _RECLAIM,
                f"        seen = {_SEEN}\n",
                f"        seen = {_SEEN_RELAXED}\n",
            ),
            "hit beside reuse",
        ),
        "announcement waited for without acquire": Removal(
            _without(
                "waiting looks at the announcements relaxed",
                _RECLAIM,
                f"_NOTHING and {_SEEN}",
                f"_NOTHING and {_SEEN_RELAXED}",
            ),
            "hit beside reuse",
        ),
        "TCP word read without acquire": Removal(
            _without(
                "a hit reads the TCP word relaxed",
                _FLOW,
                "this word names.\n        word = load_acquire(words, at)",
                "this word names.\n        word = load_relaxed(words, at)",
            ),
            "thaw hands over",
        ),
        "TCP word given back without release": Removal(
            _without(
                "a slow operation gives the TCP word back by a relaxed store",
                _FLOW,
                "store_release(words, tcp_word_at(words, flow), word)",
                "store_relaxed(words, tcp_word_at(words, flow), word)",
            ),
            "thaw hands over",
        ),
        "TCP word advanced without release": Removal(
            _without(
                "a hit advances the TCP word by a relaxed compare-and-swap",
                _FLOW,
                "compare_and_swap(words, at, word, advanced)",
                "compare_and_swap_relaxed(words, at, word, advanced)",
            ),
            "advance hands over",
        ),
        "TCP word frozen without acquire": Removal(
            _without(
                "a slow operation freezes the TCP word by a relaxed compare-and-swap",
                _FLOW,
                "compare_and_swap(words, at, word, word | FROZEN)",
                "compare_and_swap_relaxed(words, at, word, word | FROZEN)",
            ),
            "advance hands over",
        ),
        "control published without release": Removal(
            _without(
                "the control word is published by a relaxed store",
                _CONTROL,
                "store_release(words, CONTROL, control)",
                "store_relaxed(words, CONTROL, control)",
            ),
            "epoch hands over",
        ),
    }
)

NOT_NEEDED: Mapping[str, Fault] = MappingProxyType(
    {
        "LIFE read without acquire by a hit": _without(
            "a hit that meets the dead mark goes to the slow path, which takes a lock; another one is in a batch, "
            "and the grace period orders what it does with what comes after",
            _UFT,
            "load_acquire(words, entry_base + LIFE)",
            "load_relaxed(words, entry_base + LIFE)",
        ),
        "LIFE refreshed by a relaxed swap": _without(
            "a read-modify-write always meets the last value; nothing else is handed over by it",
            _UFT,
            "compare_and_swap(words, entry_base + LIFE, seen, now):\n            return True",
            "compare_and_swap_relaxed(words, entry_base + LIFE, seen, now):\n            return True",
        ),
        "killed by a relaxed swap": _without(
            "a read-modify-write always meets the last value; the grace period orders the rest",
            _UFT,
            "!= NOTHING or compare_and_swap(words, life, seen, seen | DEAD)",
            "!= NOTHING or compare_and_swap_relaxed(words, life, seen, seen | DEAD)",
        ),
        "expired by a relaxed swap": _without(
            "a read-modify-write always meets the last value",
            _UFT,
            "compare_and_swap(words, life, seen, seen | DEAD):\n            return True",
            "compare_and_swap_relaxed(words, life, seen, seen | DEAD):\n            return True",
        ),
        "buried by a relaxed swap": _without(
            "nobody goes on from a dead word; the grace period orders the rest",
            _FLOW,
            "compare_and_swap(words, at, word, word | DEAD)",
            "compare_and_swap_relaxed(words, at, word, word | DEAD)",
        ),
    }
)
