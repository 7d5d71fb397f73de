"""Scenarios whose every execution is replayed, and which protocols they are replayed in."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from fastpath import layout
from fastpath.memory import Words
from proofs.interleavings.explore import Report, explore
from proofs.interleavings.program import Program
from proofs.interleavings.scenarios.table import OUT
from proofs.refinement.behaviour import Behaviour
from proofs.refinement.bucket_log import BucketLog
from proofs.refinement.event import Places
from proofs.refinement.grace_log import GraceLog
from proofs.refinement.pairs_log import Candidates, PairsLog
from proofs.refinement.recorder import Log, Recorder

MOST_EXECUTIONS = 150
SENTENCES_LOOKED_AT = 3
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


def bucket_alone(words: Words, threads: int) -> Sequence[tuple[Log, Behaviour]]:
    """The versioned bucket."""
    looks = BucketLog(words, threads)
    return [(looks, looks.behaviour)]


def bucket_and_grace(words: Words, threads: int) -> Sequence[tuple[Log, Behaviour]]:
    """The versioned bucket, and grace for the outbound entry of the first flow."""
    looks = BucketLog(words, threads)
    waits = GraceLog(words, threads, OUT, looks)
    return [(looks, looks.behaviour), (waits, waits.behaviour)]


def bucket_and_pairs(buckets: Callable[[Words, int], Candidates]) -> Watch:
    """The versioned bucket, and the paired install; `buckets` gives the candidates of the key of an entry."""

    def watch(words: Words, threads: int) -> Sequence[tuple[Log, Behaviour]]:
        looks, places = BucketLog(words, threads), Places(words)
        plain = np.asarray(words)
        written = [entry for entry in range(1, places.entries) if plain[places.index("entry", entry, layout.KEY + 4)]]
        commits = PairsLog(words, threads, {entry: buckets(plain, entry) for entry in written})
        return [(looks, looks.behaviour), (commits, commits.behaviour)]

    return watch


def candidates(words: Words, entry: int) -> Candidates:
    """The two buckets of the key of an entry, by the table's own functions."""
    from fastpath.interpreted import interpreted

    table = interpreted("fastpath.hash_table")
    at = Places(words).index("entry", entry, layout.KEY)
    with np.errstate(over="ignore"):
        hashed = table.hash_key(words, words, at)
        first, second = table.first_bucket(words, hashed), table.second_bucket(words, hashed)
    start = int(words[layout.BUCKETS_AT])
    return (int(first) - start) // layout.BUCKET_WORDS, (int(second) - start) // layout.BUCKET_WORDS
