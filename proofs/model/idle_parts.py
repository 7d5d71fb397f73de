"""Parts of the protocols' steps without which the inductive proofs go through as well, and why they are there.

The table is held complete: whatever is not in it is needed for the proof, so leaving it out shows a state from which
the step breaks a sentence. A step that does less cannot break safety, so most of what is here is what a step is for:
what moves on, what is stored, what the proof remembers. What moves on has a check of its own: without it a search over
a few elements finds steps that are never taken any more.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

STUCK: Final = "without it some step is never taken any more"
"""The reason that a search checks."""

_REMEMBERS: Final = "the proof remembers it: without it the promise would say nothing"
_STORED: Final = "what the step is for: without it the words are never written, and nothing can go wrong"
_TOLD: Final = "what the step is for: without it nobody would be told, and the promise would be about nothing"
_LEFT: Final = "the step is over: without it it may be taken again, which it may at any time"
_NOBODY: Final = "nobody is no thread, and takes no step; in the sentences about threads it stands aside"
_LOOKED_AT_AGAIN: Final = "the guards of `begin to unlock` look at both halves once more"

IDLE: Final[Mapping[tuple[str, str, str], str]] = MappingProxyType(
    {
        ("bucket", "read a slot", "met changes"): STUCK,
        ("bucket", "read a word", "read changes"): _TOLD,
        ("bucket", "find the same version", "believes changes"): _TOLD,
        ("bucket", "find another version", "looks_at changes"): _LEFT,
        ("bucket", "return what was found", "returns changes"): _TOLD,
        ("bucket", "lock the bucket", "a writer (2)"): _NOBODY,
        ("bucket", "write a slot", "names changes"): _STORED,
        ("bucket", "write a word", "a writer (2)"): _NOBODY,
        ("bucket", "write a word", "says changes"): _STORED,
        ("bucket", "unlock the bucket", "the bucket is locked (3)"): _NOBODY,
        ("grace", "fence behind the announcement", "place changes"): STUCK,
        ("grace", "find a thing", "holds changes"): _TOLD,
        ("grace", "show", "it is fresh"): "what is being withdrawn may as well be shown again",
        ("grace", "withdraw", "it is shown"): "nobody is hurt by one more grace period",
        ("grace", "withdraw", "stage changes"): STUCK,
        ("grace", "withdrawal becomes visible", "visible changes"): STUCK,
        ("grace", "fence behind the withdrawal", "it is withdrawn"): "nobody is hurt by one more grace period",
        ("grace", "fence behind the withdrawal", "stage changes"): STUCK,
        ("grace", "read an announcement", "it is being asked"): "an announcement that is read later says more",
        ("grace", "read an announcement", "asked changes"): STUCK,
        ("grace", "begin to wait", "stage changes"): STUCK,
        ("grace", "see that a thread is not inside", "left changes"): STUCK,
        ("grace", "end of grace", "stage changes"): STUCK,
        ("grace", "use again", "stage changes"): "what the step is for: without it nothing is used twice",
        ("tag", "change the rules", "control changes"): "what the step is for: without it there is one epoch only",
        ("tag", "read the control word", "goes_by changes"): "without it a packet goes by older rules, and is refused",
        ("tag", "read the word", "looks_at changes"): STUCK,
        ("tag", "read the word", "seen_state changes"): "without it compare-and-swap fails, unless nothing has changed",
        ("tag", "advance the word", "state changes"): _STORED,
        ("tag", "advance the word", "looks_at changes"): "compare-and-swap would look at the word again",
        ("tag", "advance the word", "newest changes"): _REMEMBERS,
        ("tag", "advance the word", "overtaken changes"): _REMEMBERS,
        ("tag", "advance the word", "lost changes"): _REMEMBERS,
        ("tag", "freeze the word", "frozen changes"): STUCK,
        ("tag", "give the word back", "state changes"): _STORED,
        ("tag", "give the word back", "newest changes"): _REMEMBERS,
        ("tag", "give the word back", "overtaken changes"): _REMEMBERS,
        ("tag", "give the word back", "lost changes"): _REMEMBERS,
        ("pairs", "take two records", "a thread that does nothing else (2)"): _NOBODY,
        ("pairs", "write a half", "key changes"): STUCK,
        ("pairs", "write a half", "making changes"): STUCK,
        ("pairs", "begin to install", "before any bucket is locked (2)"): _NOBODY,
        ("pairs", "begin to install", "phase changes"): STUCK,
        ("pairs", "begin to remove", "a thread that does nothing else (2)"): _NOBODY,
        ("pairs", "lock the next bucket", "about to lock (2)"): _NOBODY,
        ("pairs", "lock the next bucket", "owner changes"): STUCK,
        ("pairs", "have all buckets", "about to lock (2)"): _NOBODY,
        ("pairs", "have all buckets", "phase changes"): STUCK,
        ("pairs", "see that the keys are absent", "every bucket of its keys is locked (2)"): _NOBODY,
        ("pairs", "see that the keys are absent", "absent changes"): STUCK,
        ("pairs", "link a half", "place changes"): STUCK,
        ("pairs", "name the partner", "its own records (2)"): _LOOKED_AT_AGAIN,
        ("pairs", "name the partner", "partner changes"): STUCK,
        ("pairs", "unlink a half", "place changes"): "what the step is for: without it the commit does not end",
        ("pairs", "forget the partner", "its own record (2)"): _LOOKED_AT_AGAIN,
        ("pairs", "forget the partner", "partner changes"): "a half that is not linked may name whom it likes",
        ("pairs", "begin to unlock", "every bucket of its keys is locked (2)"): _NOBODY,
        ("pairs", "begin to unlock", "phase changes"): STUCK,
        ("pairs", "unlock a bucket", "the commit is over (2)"): _NOBODY,
        ("pairs", "unlock a bucket", "owner changes"): STUCK,
        ("pairs", "finish", "free changes"): "without it records are never used again, and nothing dangles",
    }
)
"""By protocol, step, and guard, condition of a guard, or change."""
