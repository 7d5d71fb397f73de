"""All that a compiled search works on: one record of arrays, and the numbers of their columns.

A search is a set of kernels over this record, so that no Python runs between two schedules. Locations are numbered as
in the plain engine: 0 is the history of calls and returns, word i of the shared words is i + 1. Steps of a run count
from 1; the path holds step i at place i - 1. Moments count on from one beginning to the next, so that nothing has to be
reset there.
"""

import functools
from enum import IntEnum
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from proofs.interleavings.compiled.kernel_program import KernelProgram
from proofs.interleavings.compiled.switch import MOST_THREADS

Integers: TypeAlias = npt.NDArray[np.int64]

MOST_STEPS: Final = 2048
"""Steps of a run."""
MOST_WORDS: Final = 4096
"""Shared words; private ones too."""
MOST_OUTCOMES: Final = 1 << 16
MOST_RECORD_WORDS: Final = 64
"""Words of an outcome."""
MOST_WATCHED: Final = 256
"""Locations that a thread may have read before it pauses, under a weak memory model."""
MOST_KEPT_WORDS: Final = 1 << 22
"""Words of threads that the checkpoints of a path keep."""
MOST_ENTRIES: Final = 1 << 15
"""Touched locations of a run, those watched after a pause included."""
MOST_CHANGES: Final = 15
"""Changes of priority in a run."""


class Status(IntEnum):
    """How it stands with a search."""

    MORE = 0
    """More runs are left."""
    COMPLETE = 1
    """Every run has been made, or an equivalent one."""
    CHECK_FAILED = 2
    DEADLOCK = 3
    ENDLESS = 4
    OUTSIDE = 5
    """A thread touched a word that is not shared."""
    CONSTANT_CHANGED = 6
    TOO_MANY_WATCHED = 7
    TOO_MANY_ENTRIES = 8
    TOO_MANY_OUTCOMES = 9
    TOO_MANY_CALLS = 10
    NOT_ENABLED = 11
    """The path names a thread that cannot run: the program does not do the same in each run."""
    TOO_MANY_PLACES = 12
    TOO_MANY_STORES = 13
    TOO_MANY_OPTIONS = 14
    TOO_MANY_SLEEPERS = 15
    DATA_RACE = 16
    TOO_MANY_KEPT_WORDS = 17


# --- state: single numbers ---

STATUS: Final = 0
BASE: Final = 1
"""The moment at which the threads were begun."""
STEPS: Final = 2
"""Steps of this run."""
EXECUTIONS: Final = 3
REDUNDANT: Final = 4
DEPTH: Final = 5
"""Length of the path."""
ENTRIES: Final = 6
"""Entries of touched locations in use."""
DIRTY: Final = 7
"""Shared words to be set back before the next run; one that changed twice counts twice."""
ALIVE: Final = 8
"""Threads that have not ended, a bit each; so are other sets of threads."""
WAITING: Final = 9
"""Threads that paused."""
RETURNED: Final = 10
"""How many marked operations each thread has returned from, a byte each."""
OUTCOMES: Final = 11
MODE: Final = 12
"""How the last step touched its location, as `access.Mode`."""
CHANGED: Final = 13
"""Whether it changed the word there."""
TURNS_MASK: Final = 14
REDUCED: Final = 15
"""Whether equivalent runs are left out."""
MAY_WAIT: Final = 16
SHARED_AT: Final = 17
"""Address of the shared words."""
PRIVATE_AT: Final = 18
CHECK_AT: Final = 19
"""Address of the check."""
BEGIN_AT: Final = 20
"""Address of the routine that begins a thread."""
RESULTS: Final = 21
MARKED: Final = 22
LONGEST: Final = 23
"""Steps of the longest run so far."""
THREADS: Final = 24
"""How many there are; so are the following."""
PRIVATE_WORDS: Final = 25
"""Private words of each thread."""
KEPT: Final = 26
RECORD_WORDS: Final = 27
STEPS_ALLOWED: Final = 28
OUTCOMES_ALLOWED: Final = 29
CONTROL_AT: Final = 30
"""Address of the control block."""
STACKS_AT: Final = 31
"""Address of the threads' stacks."""
CONSTANT_FROM: Final = 32
"""Location of the first constant word."""
CONSTANT_WORDS: Final = 33
WORDS: Final = 34
"""Shared words."""
PLACES: Final = 35
"""Locations that have a modification order so far; so are the following, of this run."""
STORES: Final = 36
STEP_LOCATION: Final = 37
"""What the last step touched, under a weak memory model."""
CAUSE: Final = 38
"""The step that the last one comes after although they do not conflict, or 0."""
OTHERS: Final = 39
"""How many other locations the last step has read."""
SCRATCH_AT: Final = 40
"""Address of the word that an access goes to under a weak memory model."""
STEPS_BEFORE: Final = 41
"""Steps of all runs before this one, those that a run has in common with the one before it counted in each."""
KEPT_WORDS: Final = 42
"""Words of threads that are kept."""
KEPT_WORDS_AT: Final = 43
"""Address of them."""
THREADS_AT: Final = 44
"""Address of the threads' columns."""
STATE_WORDS: Final = 45

# --- threads ---

PENDING: Final = 0
"""The location that a thread is about to touch."""
ACCESS_KIND: Final = 1
"""How, as `switch.kind_of` has it: operation and orderings."""
TARGET: Final = 2
"""The address that it is about to touch."""
WAITS: Final = 3
"""How many locations it watches."""
READS: Final = 4
"""How many locations it has read; under a weak memory model, since it last paused."""
CLEARED: Final = 5
"""The moment when it last paused."""
HAS_CHANGED: Final = 6
"""Whether it has changed memory since."""
CALLS: Final = 7
"""How many marked operations it has called."""
EXPECTS: Final = 8
"""The value at which the compare-and-swap that it is about to make succeeds."""
WILL_GO_ON: Final = 9
"""Whether it is held after a pause: its next step is to go on."""
TICKS: Final = 10
"""Accesses that it has made, local ones included."""
MADE: Final = 11
"""Stores that it has made."""
OPTIONS: Final = 12
"""How many options its next access has."""
RETURNS: Final = 13
"""How many marked operations it has returned from."""
READS_FROM: Final = 14
"""Which of the locations that it has read is the first since it last paused."""
WATCHED_FROM: Final = 15
"""Which of them is the first that it watches."""
THREAD_WORDS: Final = 16

# --- nodes: the points of the path ---

CHOSEN: Final = 0
BACKTRACK: Final = 1
"""Threads that are to be tried here."""
SLEEP: Final = 2
"""Threads whose next access was tried before, and which nothing since has concerned."""
OWN: Final = 3
"""Number of the step among those of its thread."""
PREVIOUS: Final = 4
"""Place of the thread's previous step, or -1."""
FIRST_ENTRY: Final = 5
STEP_CHANGED: Final = 6
DATED: Final = 7
"""Whether clock and entries of the step are there."""
OPTION: Final = 8
"""Which of its options the thread takes."""
SLEEPERS: Final = 9
"""How many choices sleep, where there are options."""
NODE_WORDS: Final = 10

# --- accesses: the one of thread t at place p of the path is number p * threads + t ---

LOCATION: Final = 0
TOUCHES: Final = 1
"""As `access.Mode`."""
WATCHED: Final = 2
"""How many locations the thread watched: going on after a pause reads them."""
FIRST_WATCHED: Final = 3
"""Which of the locations that the thread has read is the first of them."""
ACCESS_WORDS: Final = 4

# --- checkpoints: what each step of the path was about to change ---

WORD: Final = 0
"""Location that it touched."""
CHANGED_AT: Final = 1
"""When the word there had changed last; so are the following as they were before the step."""
READ_FIRST: Final = 2
"""When the thread had read it first."""
STACK: Final = 3
"""The thread's stack pointer."""
STACK_SIZE: Final = 4
"""Words between that and the end of the stack."""
KEPT_FROM: Final = 5
"""Which of the kept words are the thread's first: its columns, its private words, its stack."""
WERE_DIRTY: Final = 6
WERE_ALIVE: Final = 7
WERE_WAITING: Final = 8
HAD_RETURNED: Final = 9
TAKEN_BY: Final = 10
"""The thread that took the step."""
CHECKPOINT_WORDS: Final = 11

# --- births: of each outcome, how far the search was when it first came ---

BORN_LENGTH: Final = 0
"""Steps of the run."""
BORN_STEPS: Final = 1
"""Steps of all runs so far."""
BORN_EXECUTIONS: Final = 2
BORN_REDUNDANT: Final = 3
BIRTH_WORDS: Final = 4


# --- weak memory: `view_memory.py` ---

MOST_PLACES: Final = 256
"""Locations with a modification order."""
MOST_STORES: Final = 1024
"""Stores of a run, besides the initial ones."""
MOST_ORDER: Final = 256
"""Stores of a location in a run."""
MOST_OPTIONS: Final = 31
"""So that a thread and its option fit a byte of a schedule."""
MOST_SLEEPERS: Final = 512
THREAD_BITS: Final = 3
"""Of a byte of a schedule: the thread; the others are the option."""

NAME: Final = 0
"""Of a store: its thread and its number among that thread's, the same in equivalent runs; 0 of an initial one."""
MADE_AT: Final = 1
"""Step at which it was made."""
PLACE: Final = 2
"""Its place in modification order."""
MODIFIES: Final = 3
"""Whether it modifies the store before it."""
IDLE: Final = 4
"""Whether it leaves the value as it was."""
STORE_WORDS: Final = 5

VIEW_ROWS: Final = 3 * MOST_THREADS + 1 + MOST_PLACES + MOST_STORES
"""Views: three of each thread, that of all full fences, and what each store carries."""

SEARCH: Final = np.dtype(
    [
        ("state", np.int64, (STATE_WORDS,)),
        # By thread.
        ("bodies", np.int64, (MOST_THREADS,)),
        ("last", np.int64, (MOST_THREADS,)),  # place of its last step in the path, or -1
        ("priorities", np.int64, (MOST_THREADS,)),
        ("changes", np.int64, (MOST_CHANGES,)),  # steps at which the thread that is next is put last
        ("random", np.uint64, (1,)),
        ("sizes", np.int64, (1 << MOST_THREADS,)),  # of a set of threads
        ("members", np.int64, (1 << MOST_THREADS, MOST_THREADS)),  # of a set of threads, in ascending order
        ("threads", np.int64, (MOST_THREADS, THREAD_WORDS)),
        ("calls", np.uint64, (MOST_THREADS, MOST_RECORD_WORDS)),  # `RETURNED` at each call
        ("read_at", np.int64, (MOST_THREADS, MOST_STEPS)),  # what it has read, of the same word once between pauses
        ("read_since", np.int64, (MOST_THREADS, MOST_STEPS)),  # the moments at which it was read
        ("first_read", np.int64, (MOST_THREADS, MOST_WORDS + 1)),  # moment; meaningless when before `CLEARED`
        # Memory.
        ("shared", np.uint64, (MOST_WORDS,)),
        ("template", np.uint64, (MOST_WORDS,)),
        ("private", np.uint64, (MOST_WORDS,)),  # of one thread after the other
        ("private_template", np.uint64, (MOST_WORDS,)),
        ("kept", np.int64, (MOST_RECORD_WORDS,)),
        ("changed_at", np.int64, (MOST_WORDS + 1,)),  # by location: the moment of the last change
        ("dirty", np.int64, (MOST_STEPS,)),
        # The path, by place.
        ("schedule", np.uint8, (MOST_STEPS,)),
        ("nodes", np.int64, (MOST_STEPS, NODE_WORDS)),
        ("clocks", np.int64, (MOST_STEPS, MOST_THREADS)),  # steps of each thread that happen before the end of this
        ("sleepers", np.int64, (MOST_STEPS, MOST_THREADS)),  # number of the access that sleeps
        ("found", np.int64, (MOST_STEPS,)),  # places of conflicting steps, latest first
        ("first_steps", np.int64, (MOST_THREADS,)),
        ("accesses", np.int64, (MOST_STEPS * MOST_THREADS, ACCESS_WORDS)),
        ("checkpoints", np.int64, (MOST_STEPS, CHECKPOINT_WORDS)),
        ("words_before", np.uint64, (MOST_STEPS,)),  # the word that each step was about to touch
        ("kept_words", np.uint64, (MOST_KEPT_WORDS,)),
        # Who touched what: lists of entries through `entry_before`, -1 where one ends.
        ("heads", np.int64, (MOST_WORDS + 1, 3)),  # by location and mode
        ("entry_place", np.int64, (MOST_ENTRIES,)),
        ("entry_before", np.int64, (MOST_ENTRIES,)),
        # Outcomes, and a schedule for each; `slots` is the hash table of their numbers + 1.
        ("record", np.uint64, (MOST_RECORD_WORDS,)),
        ("records", np.uint64, (MOST_OUTCOMES, MOST_RECORD_WORDS)),
        ("schedules", np.uint8, (MOST_OUTCOMES, MOST_STEPS)),
        ("births", np.int64, (MOST_OUTCOMES, BIRTH_WORDS)),
        ("slots", np.int64, (4 * MOST_OUTCOMES,)),
        # Weak memory. Places are the locations that have been touched, numbered as they come.
        ("place_of", np.int64, (MOST_WORDS + 1,)),  # by location: its place + 1, or 0
        ("location_of", np.int64, (MOST_PLACES,)),
        ("order", np.int64, (MOST_PLACES, MOST_ORDER)),  # stores in modification order
        ("lengths", np.int64, (MOST_PLACES,)),  # of the orders
        ("stores", np.int64, (MOST_PLACES + MOST_STORES, STORE_WORDS)),  # the initial one of each place comes first
        ("values", np.uint64, (MOST_PLACES + MOST_STORES,)),
        ("views", np.int64, (VIEW_ROWS, MOST_PLACES)),  # the oldest store of each place that may still be read
        ("view_clocks", np.int64, (VIEW_ROWS, MOST_THREADS)),
        ("ticks", np.int64, (MOST_PLACES, 4 * MOST_THREADS)),  # of the last accesses, for data races
        ("read_store", np.int64, (MOST_THREADS, MOST_WATCHED)),  # what it has read since it last paused
        ("return_ticks", np.int64, (MOST_THREADS, MOST_RECORD_WORDS)),
        ("scratch", np.uint64, (1,)),
        ("others", np.int64, (MOST_WATCHED,)),
        ("option_names", np.int64, (MOST_THREADS, MOST_OPTIONS)),
        ("option_stores", np.int64, (MOST_THREADS, MOST_OPTIONS)),
        # The path with options.
        ("touched", np.int64, (MOST_STEPS, 3)),  # location, mode, and how many others were read
        ("touched_others", np.int64, (MOST_STEPS, MOST_WATCHED)),
        ("choice_counts", np.int64, (MOST_STEPS, MOST_THREADS)),
        ("choice_names", np.int64, (MOST_STEPS, MOST_THREADS * MOST_OPTIONS)),
        ("sleeping", np.int64, (MOST_STEPS, MOST_SLEEPERS)),  # choices: thread and name of the option
        ("sleeping_fence", np.int64, (MOST_STEPS, MOST_SLEEPERS)),
    ]
)
"""Everything in one record of constant shape, so that a part of the search is called with one address."""

Search: TypeAlias = Any
"""One `SEARCH`, as a kernel sees it: a record."""


def new_search(program: KernelProgram) -> npt.NDArray[np.void]:
    """A fresh record for a program, as an array of one. Most of it is memory that is never touched.

    Raises ValueError when the program is larger than the record.
    """
    private = program.private_rows
    width = 1 + len(program.threads) * program.results * (1 + program.marked) + len(program.kept)
    for what, size, most in (
        ("threads", len(program.threads), MOST_THREADS),
        ("shared words", len(program.words), MOST_WORDS),
        ("private words", private.size, MOST_WORDS),
        ("words of an outcome", width, MOST_RECORD_WORDS),
    ):
        if size > most:
            raise ValueError(f"{size} {what}: the compiled engine has room for {most}")
    array = np.zeros(1, SEARCH)
    search, state = array[0], array[0]["state"]
    search["shared"][: len(program.words)] = search["template"][: len(program.words)] = program.words
    search["private"][: private.size] = search["private_template"][: private.size] = private.ravel()
    search["kept"][: len(program.kept)] = program.kept
    search["sizes"], search["members"] = _sets_of_threads()
    search["last"] = -1
    search["heads"] = -1
    state[THREADS], state[PRIVATE_WORDS] = private.shape
    state[KEPT], state[RECORD_WORDS] = len(program.kept), width
    state[RESULTS], state[MARKED], state[MAY_WAIT] = program.results, program.marked, program.may_wait_forever
    state[CONSTANT_FROM], state[CONSTANT_WORDS] = program.constant.start + 1, len(program.constant)
    state[WORDS] = len(program.words)
    state[SHARED_AT], state[PRIVATE_AT] = search["shared"].ctypes.data, search["private"].ctypes.data
    state[SCRATCH_AT] = search["scratch"].ctypes.data
    state[THREADS_AT], state[KEPT_WORDS_AT] = search["threads"].ctypes.data, search["kept_words"].ctypes.data
    state[STEPS_ALLOWED], state[OUTCOMES_ALLOWED] = MOST_STEPS, MOST_OUTCOMES
    return array


@functools.cache
def _sets_of_threads() -> tuple[Integers, Integers]:
    """Sizes and members of all sets of threads, by their masks."""
    sizes = np.zeros(1 << MOST_THREADS, np.int64)
    members = np.zeros((1 << MOST_THREADS, MOST_THREADS), np.int64)
    for threads in range(1 << MOST_THREADS):
        present = [thread for thread in range(MOST_THREADS) if threads >> thread & 1]
        sizes[threads] = len(present)
        members[threads, : len(present)] = present
    return sizes, members
