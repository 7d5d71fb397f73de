"""The protocols with a few elements of each sort, for exhaustive searches: small, but with room for every step."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from model.protocols import bucket, grace, pairs, pairs_sentences, tag
from model.protocols.finite import Finite
from model.protocols.protocol import Protocol
from model.protocols.terms import every

Instance = Callable[[Protocol], Finite]
"""Makes the finite protocol of a protocol, or of a variant of it."""


def bucket_instance(protocol: Protocol) -> Finite:
    """One thread, which looks up in the middle of its own commits; one of everything else."""
    sizes = {bucket.THREAD: 1, bucket.BUCKET: 1, bucket.SLOT: 1, bucket.ENTRY: 1, bucket.FIELD: 1, bucket.VALUE: 1}
    beginning = {bucket.home: lambda _slot: 0, bucket.names: lambda _slot: 0}
    return Finite(protocol, sizes, beginning, every([bucket.BUCKET], lambda place: bucket.version(place) <= 1))


def grace_instance(protocol: Protocol) -> Finite:
    """Two threads and one thing, for a batch of each, and another."""
    within = every([grace.THREAD], lambda thread: grace.announced(thread) <= 3)
    return Finite(protocol, {grace.THREAD: 2, grace.THING: 1}, within=within)


def pairs_instance(protocol: Protocol) -> Finite:
    """One thread, two buckets, two keys, and records for one pair, which is made twice."""
    sizes = {pairs.THREAD: 1, pairs.BUCKET: 2, pairs.ENTRY: 2, pairs.KEY: 2}
    beginning = {
        pairs.rank: lambda place: place,
        pairs.one: lambda key: key,
        pairs.two: lambda _key: 1,
        pairs.free: lambda entry: entry >= 0,
    }
    return Finite(protocol, sizes, beginning, pairs.makings() <= 1)


def tag_instance(protocol: Protocol) -> Finite:
    """One thread, one record with two states; two changes of the rules."""
    sizes = {tag.THREAD: 1, tag.RECORD: 1, tag.STATE: 2}
    return Finite(protocol, sizes, within=tag.control() <= 1)


PROTOCOLS: Mapping[str, tuple[Protocol, Instance]] = MappingProxyType(
    {
        "bucket": (bucket.bucket, bucket_instance),
        "pairs": (pairs_sentences.pairs, pairs_instance),
        "grace": (grace.grace, grace_instance),
        "tag": (tag.epoch_tag, tag_instance),
    }
)
"""Each protocol, and how it is made finite, by name."""
