"""Guards of the protocols without which something promised can really break, from the beginning, with few elements."""

from collections.abc import Mapping
from types import MappingProxyType

from model.protocols import bucket, pairs
from model.protocols.finite import NONE, Finite
from model.protocols.instances import Instance
from model.protocols.protocol import Protocol

_LEFT = "nobody is left with it"
_FINDS = "nobody finds it any more"

DEFECTS: Mapping[tuple[str, str, str], str] = MappingProxyType(
    {
        ("bucket", "read the version", "the version is even"): "one writer",
        ("bucket", "read a slot", "what the slot names is kept"): "slots at one moment",
        ("bucket", "find the same version", "the version is as noted"): "slots at one moment",
        ("bucket", "return what was found", "it is believed"): "slots at one moment",
        ("bucket", "lock the bucket", "the version becomes odd"): "one writer",
        ("bucket", "write a slot", "the bucket is locked"): "slots at one moment",
        ("bucket", "write a word", "every bucket that names it is locked"): "entries at the same moment",
        ("grace", "fence behind the announcement", "the store buffer is empty"): _LEFT,
        ("grace", "find a thing", "the thread is inside"): _LEFT,
        ("grace", "leave", "the announcement becomes even"): _LEFT,
        ("grace", "leave", "it forgets what it held"): _LEFT,
        ("grace", "fence behind the withdrawal", "the store buffer is empty"): _FINDS,
        ("grace", "fence behind the withdrawal", "nobody has been asked"): _LEFT,
        ("grace", "fence behind the withdrawal", "nobody is known to have left"): _LEFT,
        ("grace", "read an announcement", "the announcement is kept"): _LEFT,
        ("grace", "begin to wait", "every thread has been asked"): _LEFT,
        ("grace", "see that a thread is not inside", "it was outside, or has left"): _LEFT,
        ("grace", "end of grace", "every thread has left"): _LEFT,
        ("grace", "use again", "its grace is over"): _FINDS,
        ("tag", "read the word", "tagged with the packet's epoch"): "no packet is overtaken",
        ("tag", "read the word", "not frozen"): "nothing moves while it is decided about",
        ("tag", "advance the word", "the state is as it was"): "no advance is lost",
        ("tag", "advance the word", "the tag is as it was"): "no packet is overtaken",
        ("tag", "advance the word", "frozen or not, as it was"): "nothing moves while it is decided about",
        ("tag", "give the word back", "it is tagged with the present epoch"): "no packet is overtaken",
        ("pairs", "link a half", "the keys were seen to be absent"): "one flow a key",
        ("pairs", "lock the next bucket", "all lower ones are locked"): "nobody waits for ever",
        ("pairs", "begin to unlock", "both are linked, or neither"): "never half a pair",
        ("pairs", "begin to unlock", "linked halves name each other"): "never half a pair",
        ("pairs", "begin to install", "two keys"): "one flow a key",
        ("pairs", "begin to install", "both halves are written"): "never another incarnations partner",
        ("pairs", "unlink a half", "every bucket of its keys is locked"): "never half a pair",
    }
)
"""By protocol, step, and guard or change: how the finding of a search begins."""


def _one_pair_installed(protocol: Protocol) -> Finite:
    """One thread, and records for two pairs, of which one is installed."""
    sizes = {pairs.THREAD: 1, pairs.BUCKET: 1, pairs.ENTRY: 4, pairs.KEY: 2}
    beginning = {
        pairs.one: lambda _key: 0,
        pairs.two: lambda _key: 0,
        pairs.key: lambda entry: entry % 2,
        pairs.place: lambda entry: 0 if entry in (0, 1) else NONE,
        pairs.partner: lambda entry: 1 - entry if entry in (0, 1) else NONE,
        pairs.making: lambda entry: int(entry in (0, 1)),
        pairs.makings: 1,
        pairs.free: lambda entry: entry in (2, 3),
    }
    return Finite(protocol, sizes, beginning)


def _two_values(protocol: Protocol) -> Finite:
    """One thread, one of everything else, but two values of a word."""
    sizes = {bucket.THREAD: 1, bucket.BUCKET: 1, bucket.SLOT: 1, bucket.ENTRY: 1, bucket.FIELD: 1, bucket.VALUE: 2}
    return Finite(protocol, sizes, {bucket.home: lambda _slot: 0, bucket.names: lambda _slot: 0})


BEGUN_OTHERWISE: Mapping[tuple[str, str, str], Instance] = MappingProxyType(
    {
        ("pairs", "link a half", "the keys were seen to be absent"): _one_pair_installed,
        ("bucket", "write a word", "every bucket that names it is locked"): _two_values,
    }
)
"""What needs another beginning, or more elements, than `model.protocols.instances` has."""
