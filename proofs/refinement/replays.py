"""Scenarios whose every execution is replayed, and which protocols they are replayed in."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from fastpath import layout
from fastpath.interpreted import interpreted
from fastpath.memory import Words
from model.protocols import bucket, grace, pairs
from proofs.interleavings.explore import explore
from proofs.interleavings.program import Program
from proofs.interleavings.report import Report
from proofs.interleavings.scenario import Fault
from proofs.interleavings.scenarios.table import OUT
from proofs.refinement.behaviour import Behaviour
from proofs.refinement.bucket_log import BucketLog
from proofs.refinement.event import Places
from proofs.refinement.faults import (
    LEFT_BEFORE_THE_LAST_READ,
    NO_FENCE_BEHIND_THE_WITHDRAWAL,
    PARTNER_FORGOTTEN,
    VERSION_NOT_ACQUIRED,
)
from proofs.refinement.grace_log import GraceLog
from proofs.refinement.pairs_log import Candidates, PairsLog
from proofs.refinement.recorder import Log, Recorder

MOST_EXECUTIONS = 20
"""Of each scenario, in CI."""
MANY_EXECUTIONS = 2_000
"""Of each, by `make prove`; most scenarios have fewer."""
SENTENCES_LOOKED_AT = 2
"""In so many executions of a scenario all sentences of the protocols are looked at after every access."""


@dataclass
class Replayed:
    """What was replayed of one scenario.

    Attributes:
        report: of the search.
        steps: by protocol, how often each step was taken.
    """

    report: Report
    steps: dict[str, Counter[str]] = field(default_factory=dict)


Watch = Callable[[Words, int], Sequence[tuple[Log, Behaviour]]]


def replayed(program: Program, watch: Watch, most_executions: int = MOST_EXECUTIONS) -> Replayed:
    """Explore a program and replay each execution as it is made; what is no behaviour fails the search."""
    found = Replayed(Report())
    runs = 0

    def logs(words: Words, threads: int) -> Sequence[Log]:
        nonlocal runs
        runs += 1
        watching = watch(words, threads)
        looks = [partial(_look, behaviour) for _, behaviour in watching] if runs <= SENTENCES_LOOKED_AT else []
        for _, behaviour in watching:
            behaviour.check()
            seen = found.steps.setdefault(behaviour.protocol, Counter())
            behaviour.steps = seen
        return [*(log for log, _ in watching), *looks]

    found.report = explore(program, most_executions=most_executions, started=partial(Recorder, logs))
    return found


def _look(behaviour: Behaviour, _event: object) -> None:
    behaviour.check()


def bucket_alone(found_before: Mapping[int, Set[int]] | None = None) -> Watch:
    """The versioned bucket; some threads may have found entries before."""

    def watch(words: Words, threads: int) -> Sequence[tuple[Log, Behaviour]]:
        looks = BucketLog(words, threads, found_before)
        return [(looks, looks.behaviour)]

    return watch


def bucket_and_grace(words: Words, threads: int) -> Sequence[tuple[Log, Behaviour]]:
    """The versioned bucket, and grace for the outbound entry of the first flow."""
    looks = BucketLog(words, threads)
    waits = GraceLog(words, threads, OUT, looks)
    return [(looks, looks.behaviour), (waits, waits.behaviour)]


def bucket_and_pairs(
    in_hand: Mapping[int, tuple[int, int]] | None = None, found_before: Mapping[int, Set[int]] | None = None
) -> Watch:
    """The versioned bucket, and the paired install; what misses have in hand has to be said."""

    def watch(words: Words, threads: int) -> Sequence[tuple[Log, Behaviour]]:
        looks, places = BucketLog(words, threads, found_before), Places(words)
        plain = np.asarray(words)
        written = [entry for entry in range(1, places.entries) if plain[_key(places, entry)].any()]
        commits = PairsLog(words, threads, {entry: _candidates(plain, entry) for entry in written}, in_hand)
        return [(looks, looks.behaviour), (commits, commits.behaviour)]

    return watch


def _key(places: Places, entry: int) -> slice:
    at = places.index("entry", entry, layout.KEY)
    return slice(at, at + layout.KEY_WORDS)


_TABLE: Any = interpreted("fastpath.hash_table")


def _candidates(words: Words, entry: int) -> Candidates:
    """The two buckets of the key of an entry, by the table's own functions."""
    at = Places(words).index("entry", entry, layout.KEY)
    with np.errstate(over="ignore"):
        hashed = _TABLE.hash_key(words, words, at)
        first, second = _TABLE.first_bucket(words, hashed), _TABLE.second_bucket(words, hashed)
    start = int(words[layout.BUCKETS_AT])
    return (int(first) - start) // layout.BUCKET_WORDS, (int(second) - start) // layout.BUCKET_WORDS


@dataclass(frozen=True)
class Replay:
    """How the executions of a scenario are replayed.

    Attributes:
        watch: in which protocols.
        protocols: names of these protocols.
        refused: faults of the scenario whose executions are no behaviours, and what the refusal says.
        seeded: other faults whose executions are none, and what the refusal says.
    """

    watch: Watch
    protocols: Set[str]
    refused: Mapping[str, str] = field(default_factory=dict)
    seeded: Sequence[tuple[Fault, str]] = ()


_BUCKET = frozenset({bucket.bucket.name})
_PAIRS = _BUCKET | {pairs.pairs.name}
_GRACE = _BUCKET | {grace.grace.name}

_APART = "not so: both are linked, or neither"
_UNGUARDED = "is read without its version, or its lock"
_UNCONFIRMED = "returns that has found no version unchanged"
_ODD = "not so: the slot is in the bucket looked at"
_UNSEEN = "not so: no entry has either key"
_NO_SWAP = "a lock is a swap"
_NOT_HELD = "of the entry is read by a thread that does not hold it"

REPLAYED: Mapping[str, Replay] = MappingProxyType(
    {
        "look-up beside install": Replay(
            bucket_and_pairs(),
            _PAIRS,
            {"halves apart": _APART, "odd version read": _ODD},
            [
                (PARTNER_FORGOTTEN, "clears the partner of entry 1"),
                (VERSION_NOT_ACQUIRED, _UNGUARDED),
            ],
        ),
        "look-up beside removal": Replay(
            bucket_and_pairs(), _PAIRS, {"removal without lock": _UNGUARDED, "odd version read": _UNCONFIRMED}
        ),
        "look-up beside reinstall": Replay(bucket_alone(), _BUCKET, {"no re-check": "not so: it is believed"}),
        "look-up beside renewal": Replay(bucket_alone({1: {1, 2}}), _BUCKET),
        "hinted look-up beside renewal": Replay(bucket_alone({1: {1, 2}}), _BUCKET, {"odd version believed": _ODD}),
        "install beside removal": Replay(bucket_and_pairs(), _PAIRS, {"lock without swap": _NO_SWAP}),
        "install beside install": Replay(
            bucket_and_pairs(),
            _PAIRS,
            {"no presence check": _UNSEEN, "unordered locks": "not so: all lower ones are locked"},
        ),
        "look-up, removal and install": Replay(bucket_and_pairs(), _PAIRS, {"lock without swap": _NO_SWAP}),
        "commit beside commit, both directions": Replay(bucket_and_pairs({0: (1, 2), 1: (4, 3)}), _PAIRS),
        "commit beside commit, one reply key": Replay(
            bucket_and_pairs({0: (1, 2), 1: (3, 4)}), _PAIRS, {"reply key unseen": _UNSEEN}
        ),
        "native expiry: look-ups": Replay(
            bucket_and_pairs(found_before={1: {1, 2}}), _PAIRS, {"unlinked apart": "not so: the partner that it names"}
        ),
        "native expiry: segment": Replay(bucket_and_pairs(found_before={0: {1, 2}, 1: {1, 2}}), _PAIRS),
        "hit beside reuse": Replay(
            bucket_and_grace,
            _GRACE,
            {"no grace": "not so: it is waited for"},
            [(LEFT_BEFORE_THE_LAST_READ, _NOT_HELD), (NO_FENCE_BEHIND_THE_WITHDRAWAL, "not so: it is being asked")],
        ),
        "hit beside two reuses": Replay(bucket_and_grace, _GRACE, {"no grace": "not so: it is waited for"}),
        "hit beside limbo": Replay(
            bucket_and_grace,
            _GRACE,
            {"retired at once": "not so: it is waited for", "collected at once": "not so: every thread has left"},
        ),
    }
)
"""By the scenario's name."""
