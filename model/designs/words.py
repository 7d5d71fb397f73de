"""The shared words of the port, the registers of a thread, and what tells right from wrong.

The model has one flow (one 5-tuple) with two halves, some entries for each direction (even numbers outbound, odd ones
inbound) and as many flow records. With one of each, whoever installs the flow again must reuse the records that were
just retired, which is the hardest case. What a packet does to a TCP word is one more of `advances`; which transform a
half has is which `installation` it is of. Layout of the real words: `fastpath/layout.py`, `fastpath/tcp.py`.
"""

import enum
from typing import NamedTuple

from model.designs.faults import Fault
from model.designs.reclaim import Pool

NONE = -1
"""No entry, no owner of a lock."""

OUT, IN = 0, 1
"""Directions; also the two halves."""


class At(enum.StrEnum):
    """Locations of a thread. H1 to H8 and S1 to S4 are the names used in `docs/protocol.md`."""

    ANNOUNCE = "H1 announce"
    FENCE = "H1 fence"
    PORT_LOCK = "port lock"
    PORT_UNLOCK = "port unlock"
    CONTROL = "H2 control"
    VERSION = "H3 version"
    SLOT = "H3 slot"
    KEY = "H3 key"
    PAYLOAD = "H3 payload"
    RECHECK = "H3 version again"
    LIFE = "H5 life"
    REFRESH = "H5 refresh"
    WORD = "H6 word"
    ADVANCE = "H6 advance"
    COUNT = "H7 count"
    COUNT_STORE = "H7 store count"
    LEAVE = "H8 leave"
    SLOW_LOCK = "slow lock"
    SLOW_PORT_LOCK = "slow lock, port lock"
    ADMIT = "slow: state of the port"
    DISPATCH = "slow: look at the flow"
    EXPIRE = "expire: look at the flow"
    UNINSTALL = "clear: look at the flow"
    EMPTY = "remove the flow: look at it"
    FREEZE = "S1 freeze"
    COPY_LIFE_OUT = "S1 copy life out"
    COPY_LIFE_IN = "S1 copy life in"
    SEAL_OUT = "seal out"
    SEAL_IN = "seal in"
    DECIDE = "expire or keep"
    TOUCH = "S3 life"
    THAW = "S3 thaw"
    KILL_OUT = "S3 kill out"
    KILL_IN = "S3 kill in"
    LOCK_FIRST = "S3 lock first bucket"
    LOCK_SECOND = "S3 lock second bucket"
    UNLOCK_FIRST = "S3 unlock first bucket"
    UNLOCK_SECOND = "S3 unlock second bucket"
    CLEAR_OUT = "S3 clear out"
    CLEAR_IN = "S3 clear in"
    KILL_WORD = "S3 kill word"
    RETIRE = "S4 retire"
    ALLOCATE = "S4 allocate"
    LINK_OUT = "S3 link out"
    LINK_IN = "S3 link in"
    KEY_OUT = "S3 key out"
    KEY_IN = "S3 key in"
    PAYLOAD_OUT = "S3 payload out"
    PAYLOAD_IN = "S3 payload in"
    FINISH = "slow: packet done"
    BUMP = "publish epoch"
    PAUSE = "publish paused"
    READY = "publish ready"
    RUN = "publish running"
    HOLD_OFF = "publish sealed"
    PUBLISH_FENCE = "fence after control"
    GRACE = "begin grace"
    WAIT = "wait for grace"
    RETURN = "return"
    RELEASE = "release locks"
    DONE = "done"


class PortState(enum.StrEnum):
    """State of the port. Packets are processed while it is running."""

    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    SEALED = "sealed"
    """Running, but hits are held off while a full table chooses whom to evict."""


class Kind(enum.StrEnum):
    """What a packet asks of the TCP word."""

    ADVANCE = "advances"
    """The word changes: a hit compares and swaps."""
    SAME = "leaves the state"
    """The word stays as it is: a hit only looks at it."""
    CLOSE = "closes"
    """RST: a slow operation removes the flow."""
    OPEN = "opens"
    """SYN: a slow operation makes a new incarnation."""


class Packet(NamedTuple):
    """One packet of the flow: direction, and the time at which its thread read the clock."""

    direction: int
    kind: Kind = Kind.ADVANCE
    now: int = 0


class Control(NamedTuple):
    """The control word."""

    epoch: int
    state: PortState


class Word(NamedTuple):
    """The TCP word of a flow record."""

    advances: int = 0
    tag: int = 0
    frozen: bool = False
    dead: bool = True
    closed: bool = False
    """Only where a fault lets a hit close the flow."""


class Life(NamedTuple):
    """The life word of a half."""

    last: int = 0
    dead: bool = True


class Payload(NamedTuple):
    """What a half says.

    Attributes:
        serial: which half this is, of all that were ever made.
        installation: stands for its transform: halves made for each other have the same.
        epoch: what it is stamped with.
        record: its flow record; `NONE` without TCP.
        rules: the epoch of the rules that really made it.
    """

    serial: int = 0
    installation: int = 0
    epoch: int = 0
    record: int = NONE
    rules: int = 0


class Entry(NamedTuple):
    """One half of a flow. `key` is the serial number of the half whose key was written."""

    key: int = 0
    payload: Payload = Payload()
    life: Life = Life()
    hits: int = 0


class Truth(NamedTuple):
    """What really happened, by which the invariants judge, and the reference's copy of the flow. No hit reads it."""

    open: bool = False
    """The reference has the flow."""
    advances: int = 0
    """Advances of the present incarnation of the flow that have taken effect."""
    copied: int = 0
    """The reference's copy of the advances, as of its last look."""
    incarnation: int = 0
    """How often the 5-tuple was opened."""
    serial: int = 0
    """How many halves were made."""
    installation: int = 0
    """How often the layers decided about the flow anew."""
    newest: tuple[int, int] = (0, 0)
    """In each direction, the newest installation under which a packet took effect; TCP orders both alike."""
    last: tuple[int, int] = (0, 0)
    """In each direction, the latest time of a packet that took effect."""
    copied_last: tuple[int, int] = (0, 0)
    """The reference's copies of the life words, as of its last look."""
    hits: int = 0
    """Hits that took effect."""
    collected: int = 0
    """Hits that the reference has added up from retired halves."""
    settled: Control = Control(0, PortState.READY)
    """The control word when the last operation that changes it returned."""
    wrong: str = ""
    """What a packet or an operation did that it must not; the invariants name these."""


class Setting(NamedTuple):
    """What a configuration fixes.

    Attributes:
        port_lock: the `mutex` design: hits and slow operations take the port lock.
        tcp: the flow is TCP, so there is a TCP word.
        buckets: 2 when the halves lie in different buckets, 1 when they coincide.
        singly: halves come with the first packet of their direction and expire alone, as upstream has it; otherwise
            they come and go in pairs.
        one_batch: the packets of a thread are one batch, as far as none takes the slow path; otherwise each is a batch.
        keep_record: a flow that is installed again keeps its flow record.
        time_to_live: of a half, in ticks of the model's clock.
        fault: what is broken on purpose.
    """

    port_lock: bool = False
    tcp: bool = True
    buckets: int = 2
    singly: bool = False
    one_batch: bool = False
    keep_record: bool = False
    time_to_live: int = 2
    fault: Fault = Fault.NONE

    @property
    def design(self) -> str:
        """The setting in words."""
        parts = ["mutex" if self.port_lock else "fine"]
        parts += [] if self.tcp else ["no TCP"]
        parts += [] if self.buckets == 2 else ["one bucket"]
        parts += ["halves singly"] if self.singly else []
        parts += ["one batch"] if self.one_batch else []
        parts += ["record kept"] if self.keep_record else []
        parts += [] if self.fault is Fault.NONE else [self.fault.value]
        return ", ".join(parts)


class Arena(NamedTuple):
    """All shared words.

    Attributes:
        announce: one word for each thread that processes packets; odd while it is inside a batch.
        versions: one word for each bucket; odd while it is locked.
        slots: the entry reachable in each direction, or `NONE`.
        entry_pool, word_pool: which entries and flow records are in use.
        slow_lock, port_lock: who has them.
    """

    setting: Setting
    control: Control
    announce: tuple[int, ...]
    versions: tuple[int, ...]
    slots: tuple[int, ...]
    entries: tuple[Entry, ...]
    words: tuple[Word, ...]
    entry_pool: Pool
    word_pool: Pool
    slow_lock: int = NONE
    port_lock: int = NONE
    truth: Truth = Truth()


class Thread(NamedTuple):
    """Registers of a thread. What is no longer needed is forgotten, so that states that differ in nothing else are one.

    Attributes:
        number: its announcement word, and its name as owner of a lock.
        packets: still to be processed; the first is the one under way.
        todo: locations to go through next, in a slow operation.
        buffered: its announcement is still in the store buffer.
        pending: the control word it has stored is still in the store buffer.
        sample: announcements taken at the beginning of a grace period.
        halves: in each direction, the entry that a slow operation takes away or installs.
        record: the flow record that it takes away, keeps or installs.
        comes: the directions whose halves it will install.
        idle: for each direction, whether an expiry found the half idle.
        incarnation: of the flow that a closing packet saw.
        stamp: the epoch that the hit read, where a fault stamps installations with it.
    """

    number: int
    at: At = At.DONE
    packets: tuple[Packet, ...] = ()
    todo: tuple[At, ...] = ()
    buffered: bool = False
    pending: Control | None = None
    control: Control | None = None
    version: int = 0
    entry: int = NONE
    key: int = 0
    payload: Payload = Payload()
    life: Life | None = None
    word: Word | None = None
    counted: int = 0
    sample: tuple[int, ...] = ()
    halves: tuple[int, int] = (NONE, NONE)
    record: int = NONE
    comes: tuple[int, ...] = ()
    idle: tuple[bool, bool] = (False, False)
    incarnation: int = 0
    stamp: int = 0
    now: int = 0

    def go(self, at: At) -> "Thread":
        """These registers at another location."""
        return self._replace(at=at)

    def next(self) -> "Thread":
        """These registers at the next location of the slow operation."""
        return self._replace(at=self.todo[0], todo=self.todo[1:])

    def forget(self) -> "Thread":
        """These registers without what was read for the packet under way."""
        return self._replace(now=0, control=None, version=0, entry=NONE, key=0, payload=Payload(), life=None, word=None)
