"""The faults that can be seeded: each takes one thing away from the design, and each must be found."""

import enum


class Fault(enum.StrEnum):
    """What is broken on purpose. At most one at a time; `NONE` is the design as it is meant."""

    sentence: str
    """What the fault is, for a reader."""

    def __new__(cls, value: str, sentence: str) -> "Fault":
        """A member with its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    NONE = "none", "nothing is broken"
    NO_RECHECK = "no-recheck", "a look-up does not read the bucket's version again"
    TWO_COMMITS = "two-commits", "the halves of a pair are linked, and unlinked, one bucket after the other"
    STORED_WORD = "stored-word", "a hit stores the TCP word instead of comparing and swapping"
    NO_FREEZE = "no-freeze", "a slow operation reads the TCP word without freezing it, and stores it back"
    NO_GRACE = "no-grace", "retired records are reused at once, and a change of the control word returns at once"
    NO_ANNOUNCE_FENCE = (
        "no-announce-fence",
        "no full fence between a thread's announcement and its first look at shared words",
    )
    NO_CONTROL_FENCE = (
        "no-control-fence",
        "no full fence between the store of the control word and the look at the announcements",
    )
    STAYS_ANNOUNCED = "stays-announced", "a thread takes the slow path without leaving its announcement first"
    ORPHAN_HIT = "orphan-hit", "expiry looks at the last hits, then removes: it does not seal the halves"
    LIFE_BEFORE_FREEZE = (
        "life-before-freeze",
        "expiry of a TCP flow copies the last hits first and freezes the TCP word second",
    )
    UNCOUNTED_HIT = "uncounted-hit", "expiry of a TCP flow believes a life word only if hits have been counted since"
    WORD_BEFORE_LIFE = "word-before-life", "a hit advances the TCP word first and refreshes its half second"
    TIME_GOES_BACK = "time-goes-back", "a hit stores its time instead of the maximum"
    NO_TAG = "no-tag", "a hit does not look at the epoch tag in the TCP word"
    NO_EPOCH = "no-epoch", "a hit does not compare the entry's epoch with the control word"
    PROCESS_AFTER_RESET = "process-after-reset", "the slow path goes by the state that was read before it had the lock"
    CLOSED_THEN_REBORN = (
        "closed-then-reborn",
        "a hit closes the flow in its TCP word, then removes the flow under the lock without looking again",
    )
    PLAIN_COUNT = "plain-count", "a hit is counted by a load and a store instead of an atomic addition"
    COLLECTED_EARLY = (
        "collected-early",
        "what hits have counted in a half is collected when it is retired, not at the end of its grace period",
    )
    LOCK_ORDER = "lock-order", "`mutex`: a thread still holds the port lock while it waits for the slow lock"
    GRACE_UNDER_PORT_LOCK = (
        "grace-under-port-lock",
        "`mutex`: a slow operation waits for a grace period while it holds the port lock",
    )
    LIVE_RECORD_RETIRED = "live-record-retired", "a flow record is retired without its TCP word being marked dead"
    STALE_STAMP = "stale-stamp", "an installation is stamped with the epoch that was read before the lock was taken"
