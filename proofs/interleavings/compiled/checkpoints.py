"""Going back in a run: what each step of the path was about to change is kept, and put back.

A step changes its own thread, one shared word, and a few numbers. Of the thread everything is kept: its columns, its
private words, and what its stack holds. So a search that tries another step at some point need not repeat the run up to
there from the start; of the threads, those that have gone on since are put back, each once. Calls and returns touch
location 0, which has no word: in its stead the last word there is room for is kept.
"""

from proofs.interleavings.compiled.compiler import hot_part
from proofs.interleavings.compiled.state import (
    ALIVE,
    CHANGED_AT,
    CHOSEN,
    CONTROL_AT,
    DIRTY,
    HAD_RETURNED,
    KEPT_FROM,
    KEPT_WORDS,
    KEPT_WORDS_AT,
    MOST_KEPT_WORDS,
    PENDING,
    PRIVATE_AT,
    PRIVATE_WORDS,
    READ_FIRST,
    RETURNED,
    STACK,
    STACK_SIZE,
    STACKS_AT,
    STATUS,
    STEPS,
    STEPS_BEFORE,
    TAKEN_BY,
    THREAD_WORDS,
    THREADS_AT,
    TURNS_MASK,
    WAITING,
    WERE_ALIVE,
    WERE_DIRTY,
    WERE_WAITING,
    WORD,
    Search,
    Status,
)
from proofs.interleavings.compiled.switch import STACK_WORDS, STACKS, TURNS, copy_words, read_word, write_word

_TOO_MANY_KEPT_WORDS = int(Status.TOO_MANY_KEPT_WORDS)


@hot_part
def keep(search: Search, place: int) -> None:
    """Keep what the step chosen at a place is about to change."""
    state, kept = search.state, search.checkpoints
    thread = search.nodes[place, CHOSEN]
    location = search.threads[thread, PENDING]
    stack = read_word(state[CONTROL_AT] + 8 * (STACKS + thread))
    size = (state[STACKS_AT] + 8 * STACK_WORDS * (thread + 1) - stack) >> 3
    kept[place, WORD], kept[place, STACK], kept[place, STACK_SIZE] = location, stack, size
    kept[place, CHANGED_AT], kept[place, READ_FIRST] = search.changed_at[location], search.first_read[thread, location]
    kept[place, WERE_DIRTY], kept[place, HAD_RETURNED] = state[DIRTY], state[RETURNED]
    kept[place, WERE_ALIVE], kept[place, WERE_WAITING] = state[ALIVE], state[WAITING]
    kept[place, TAKEN_BY], kept[place, KEPT_FROM] = thread, state[KEPT_WORDS]
    search.words_before[place] = search.shared[location - 1]
    _keep_thread(search, thread, stack, size)


@hot_part
def _keep_thread(search: Search, thread: int, stack: int, size: int) -> None:
    state = search.state
    private = state[PRIVATE_WORDS]
    if state[KEPT_WORDS] + THREAD_WORDS + private + size > MOST_KEPT_WORDS:
        state[STATUS] = _TOO_MANY_KEPT_WORDS
        return
    at = state[KEPT_WORDS_AT] + 8 * state[KEPT_WORDS]
    copy_words(at, state[THREADS_AT] + 8 * thread * THREAD_WORDS, THREAD_WORDS)
    copy_words(at + 8 * THREAD_WORDS, state[PRIVATE_AT] + 8 * thread * private, private)
    copy_words(at + 8 * (THREAD_WORDS + private), stack, size)
    state[KEPT_WORDS] += THREAD_WORDS + private + size


@hot_part
def _put_thread_back(search: Search, thread: int, place: int) -> None:
    state, kept = search.state, search.checkpoints
    private, stack = state[PRIVATE_WORDS], kept[place, STACK]
    at = state[KEPT_WORDS_AT] + 8 * kept[place, KEPT_FROM]
    copy_words(state[THREADS_AT] + 8 * thread * THREAD_WORDS, at, THREAD_WORDS)
    copy_words(state[PRIVATE_AT] + 8 * thread * private, at + 8 * THREAD_WORDS, private)
    copy_words(stack, at + 8 * (THREAD_WORDS + private), kept[place, STACK_SIZE])
    write_word(state[CONTROL_AT] + 8 * (STACKS + thread), stack)


@hot_part
def go_back(search: Search, place: int) -> None:
    """Bring a run back to where it was before the step of a place; a new run goes on from there."""
    state, kept = search.state, search.checkpoints
    for step in range(state[STEPS] - 1, place - 1, -1):
        location = kept[step, WORD]
        search.shared[location - 1] = search.words_before[step]
        search.changed_at[location] = kept[step, CHANGED_AT]
        search.first_read[kept[step, TAKEN_BY], location] = kept[step, READ_FIRST]
    put_back = 0
    for step in range(place, state[STEPS]):
        thread = kept[step, TAKEN_BY]
        if put_back >> thread & 1 == 0:
            put_back |= 1 << thread
            _put_thread_back(search, thread, step)
    state[DIRTY], state[RETURNED] = kept[place, WERE_DIRTY], kept[place, HAD_RETURNED]
    state[ALIVE], state[WAITING] = kept[place, WERE_ALIVE], kept[place, WERE_WAITING]
    state[KEPT_WORDS] = kept[place, KEPT_FROM]
    state[STEPS_BEFORE] += state[STEPS]
    state[STEPS] = place
    write_word(state[CONTROL_AT] + 8 * TURNS, state[TURNS_MASK])


@hot_part
def is_as_kept(search: Search, place: int) -> bool:
    """Whether the step chosen at a place, of a run that is repeated, is about to touch what it touched before."""
    location = search.threads[search.nodes[place, CHOSEN], PENDING]
    word = search.shared[location - 1]
    return bool(location == search.checkpoints[place, WORD] and word == search.words_before[place])
