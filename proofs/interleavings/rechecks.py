"""Every lock, read-modify-write, grace period and second look of `fine` that was taken away, one at a time.

A row is the fault of a scenario: taken away, exploring the scenario under sequential consistency fails. What is taken
away of orderings is in `orderings.py` and `miss_orderings.py`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from proofs.interleavings.scenario import Fault


class Part(NamedTuple):
    """A part of the protocol, and where it is found missing: a scenario, and a fault of it."""

    part: str
    scenario: str
    fault: str


PARTS = (
    Part("version is looked at again", "look-up beside renewal", "no re-check"),
    Part("version is looked at again after a hint", "hinted look-up beside renewal", "no re-check after a hint"),
    Part("odd version is waited for", "look-up beside install", "odd version read"),
    Part("odd version is not believed by a hint", "hinted look-up beside renewal", "odd version believed"),
    Part("bucket lock of an install", "install beside removal", "lock without swap"),
    Part("bucket lock of a removal", "look-up beside removal", "removal without lock"),
    Part("bucket locks in one order", "install beside install", "unordered locks"),
    Part("one commit for both halves", "look-up beside install", "halves apart"),
    Part("first key is looked for under the lock", "install beside install, one key", "first key unseen"),
    Part("second key is looked for under the lock", "install beside install, other key", "second key unseen"),
    Part("grace period before reuse", "hit beside reuse", "no grace"),
    Part("grace period before transforms are reused", "sweep beside hit", "no grace"),
    Part("retired records wait", "hit beside limbo", "retired at once"),
    Part("collection looks who has left", "hit beside limbo", "collected at once"),
    Part("advance is a swap", "TCP word in both directions", "store without swap"),
    Part("FROZEN is asked for", "hit beside slow operation", "frozen ignored"),
    Part("freeze is a swap", "hit beside slow operation", "freeze without swap"),
    Part("LIFE is a maximum", "hit beside expiry", "last hit stored"),
    Part("seal is a swap", "hit beside expiry", "expiry without swap"),
    Part("kill is a swap", "segment beside clearing", "kill without swap"),
    Part("half has one owner", "counts of one half", "everybody owns"),
    Part("half is taken by a swap", "counts of one half", "owned without swap"),
    Part("strangers add atomically", "counts of one half", "others without update"),
    Part("word is frozen before LIFE is read", "native expiry: segment", "life before freeze"),
    Part("word stays frozen until it is decided", "native expiry: segments both ways", "word given back early"),
    Part("halves leave in one commit", "native expiry: look-ups", "unlinked apart"),
    Part("halves are dead before they leave", "native expiry: datagram", "marked after unlink"),
    Part("spin lock is a swap", "two takers", "spin lock without swap"),
    Part("list is read under its lock", "two takers", "list read without lock"),
    Part("list is filled under its lock", "taker beside giver", "given back without lock"),
    Part("transform is looked for again under the lock", "same transform twice", "no second look"),
    Part("record is written before its slot", "transforms that collide", "published too early"),
    Part("miss is announced before the gate is read", "misses beside gate", "announced too late"),
    Part("gate is closed before announcements are read", "misses beside gate", "gate closed too late"),
    Part("misses under way are waited for", "misses beside gate", "closed without waiting"),
    Part("room is taken by a swap", "room for one", "room without swap"),
    Part("pool is locked until the commit", "two that want the last port", "pool unlocked"),
    Part("port is offered under the lock", "two that want the last port", "offer without lock"),
    Part("miss looks for its key under the locks", "commit beside commit, one direction", "key unseen"),
    Part("miss looks for its reply's key under the locks", "commit beside commit, one reply key", "reply key unseen"),
    Part("renewal looks again under the locks", "renewal of a dead half, twice", "renewal unseen"),
    Part("segment of a miss advances by a swap", "segment taken along beside a hit", "taken along without swap"),
    Part("epoch of an entry is compared", "port: hit beside rule change", "epoch ignored"),
    Part("change of the control word reaches hits", "port: hit beside pause", "control word stays"),
    Part("grace period after the control word", "port: hit beside pause and dump", "no grace after the control word"),
)

NOT_FOUND_MISSING: Mapping[str, Fault] = MappingProxyType(
    {
        "other half is compared at a renewal": Fault(
            "who makes the other half anew makes the packet's own one anew too, as long as that is dead or stale",
            [
                (
                    "fastpath.renew",
                    "if state_of_half(words, own) == seen and state_of_half(words, other) == seen_other:",
                    "if state_of_half(words, own) == seen:",
                )
            ],
        ),
        "burial is a swap": Fault(
            "a buried word is frozen, or nobody asks for its state any more; designs whose hits lock the word need it",
            [
                (
                    "fastpath.flow",
                    "compare_and_swap(words, at, word, word | DEAD):",
                    "store_relaxed(words, at, word | DEAD) is None:",
                )
            ],
        ),
    }
)
"""Parts of the protocol without which no scenario of `fine` fails, and why."""
