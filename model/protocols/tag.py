"""The epoch tag: of two packets that advance one connection, the second never goes by older rules than the first.

The model of `fastpath/flow.py` and `fastpath/tcp.py` (H2, H6) and of the store with which a slow operation gives a word
back (S3), with any number of threads and flow records. It asks for less than the fast path does: rules change without
waiting for anybody, records go on when a flow is installed anew, and a word may come back to a value that it had
(compare-and-swap sees no difference then). The tag alone is enough.

`newest` is what the proof remembers: the latest epoch under which a packet has taken effect on a record.
"""

from model.protocols.protocol import Change, Protocol, set_at
from model.protocols.terms import NUMBER, TRUTH, Sort, Term, Word, both

THREAD = Sort("thread")
RECORD = Sort("record", nothing="no record")
STATE = Sort("state")

NO_RECORD = RECORD.none

control = Word("control", (), NUMBER)
tag = Word("tag", (RECORD,), NUMBER)
state = Word("state", (RECORD,), STATE)
frozen = Word("frozen", (RECORD,), TRUTH)
goes_by = Word("goes_by", (THREAD,), NUMBER)
looks_at = Word("looks_at", (THREAD,), RECORD)
seen_state = Word("seen_state", (THREAD,), STATE)
seen_tag = Word("seen_tag", (THREAD,), NUMBER)
seen_frozen = Word("seen_frozen", (THREAD,), TRUTH)

newest = Word("newest", (RECORD,), NUMBER, ghost=True)
copied = Word("copied", (RECORD,), STATE, ghost=True)
overtaken = Word("overtaken", (RECORD,), TRUTH, ghost=True)
lost = Word("lost", (RECORD,), TRUTH, ghost=True)

epoch_tag = Protocol(
    "epoch tag",
    "packets of a connection advance its word by compare-and-swap while the rules change and nobody waits",
    words=(
        *(control, tag, state, frozen),
        *(goes_by, looks_at, seen_state, seen_tag, seen_frozen),
        *(newest, copied, overtaken, lost),
    ),
)

Parts = tuple[dict[str, Term], list[Change]]


@epoch_tag.starts(RECORD)
def _nothing_has_happened(record: Term) -> Term:
    return both(newest(record) <= tag(record), tag(record) <= control(), ~overtaken(record), ~lost(record)) & (
        ~frozen(record)
    )


@epoch_tag.starts(THREAD)
def _nobody_looks(thread: Term) -> Term:
    return (looks_at(thread) == NO_RECORD) & (goes_by(thread) <= control())


@epoch_tag.step("control.publish: store_release of CONTROL")
def change_the_rules() -> Parts:
    """The epoch rises. Nobody is waited for."""
    return {}, [set_at(control, [], control() + 1)]


@epoch_tag.step("H2: load_acquire of CONTROL", THREAD)
def read_the_control_word(thread: Term) -> Parts:
    """The packet goes by these rules to its end."""
    return {}, [
        set_at(goes_by, [thread], control()),
        set_at(looks_at, [thread], NO_RECORD, "a word read for another packet does not count"),
    ]


@epoch_tag.step("flow.advance: load_acquire of TCP_WORD; tcp.may_advance", THREAD, RECORD)
def read_the_word(thread: Term, record: Term) -> Parts:
    """H6: only a word of the packet's epoch, that nobody has frozen, may be advanced."""
    return {
        "tagged with the packet's epoch": tag(record) == goes_by(thread),
        "not frozen": ~frozen(record),
    }, [
        set_at(looks_at, [thread], record),
        set_at(seen_state, [thread], state(record)),
        set_at(seen_tag, [thread], tag(record), "the tag is noted"),
        set_at(seen_frozen, [thread], frozen(record), "whether it is frozen is noted"),
    ]


@epoch_tag.step("flow.advance: compare_and_swap of TCP_WORD", THREAD, RECORD, STATE)
def advance_the_word(thread: Term, record: Term, value: Term) -> Parts:
    """H6: the packet takes effect, if the word is still as it was read."""
    return {
        "it has read this word": (looks_at(thread) == record) & (record != NO_RECORD),
        "the state is as it was": state(record) == seen_state(thread),
        "the tag is as it was": tag(record) == seen_tag(thread),
        "frozen or not, as it was": frozen(record) == seen_frozen(thread),
    }, [
        set_at(state, [record], value),
        set_at(looks_at, [thread], NO_RECORD),
        set_at(newest, [record], goes_by(thread)),
        set_at(overtaken, [record], overtaken(record) | (goes_by(thread) < newest(record))),
        set_at(lost, [record], lost(record) | (state(record) != seen_state(thread))),
    ]


@epoch_tag.step("flow.freeze: compare_and_swap of TCP_WORD", RECORD)
def freeze_the_word(record: Term) -> Parts:
    """S1: a slow operation copies the state."""
    return {}, [
        set_at(frozen, [record], True),
        set_at(copied, [record], state(record)),
    ]


@epoch_tag.step("flow.thaw: store_release of TCP_WORD", RECORD, STATE)
def give_the_word_back(record: Term, value: Term) -> Parts:
    """S3: with the state that was decided, under the present epoch, under which the slow packet takes effect."""
    return {"frozen": frozen(record)}, [
        set_at(frozen, [record], False),
        set_at(state, [record], value),
        set_at(tag, [record], control(), "it is tagged with the present epoch"),
        set_at(newest, [record], control()),
        set_at(overtaken, [record], overtaken(record) | (control() < newest(record))),
        set_at(lost, [record], lost(record) | (state(record) != copied(record))),
    ]


# --- what holds ---


@epoch_tag.always(THREAD)
def nobody_goes_by_rules_to_come(thread: Term) -> Term:
    """A packet goes by rules that were in force."""
    return goes_by(thread) <= control()


@epoch_tag.always(RECORD)
def tags_are_in_order(record: Term) -> Term:
    """A record's tag is at least the epoch of the last effect on it, and at most the present one."""
    return (newest(record) <= tag(record)) & (tag(record) <= control())


@epoch_tag.always(THREAD)
def only_words_of_its_epoch(thread: Term) -> Term:
    """A packet that is about to advance a word has read it unfrozen, and tagged with its own epoch."""
    return (looks_at(thread) != NO_RECORD) >> ((seen_tag(thread) == goes_by(thread)) & ~seen_frozen(thread))


@epoch_tag.always(RECORD, promised=True)
def no_packet_is_overtaken(record: Term) -> Term:
    """No packet takes effect on a connection under older rules than one before it."""
    return ~overtaken(record)


@epoch_tag.always(RECORD, promised=True)
def nothing_moves_while_it_is_decided_about(record: Term) -> Term:
    """While a word is frozen it says what the slow operation has copied."""
    return frozen(record) >> (state(record) == copied(record))


@epoch_tag.always(RECORD, promised=True)
def no_advance_is_lost(record: Term) -> Term:
    """Every advance goes out from the state that was there when it took effect, also that of a slow operation."""
    return ~lost(record)
