"""Grace: what was withdrawn is not reused, nor a change over, while somebody who could have seen it is still inside.

The model of `fastpath/reclaim.py` with any number of threads and of *things*. A thing is whatever a hit may find, go by
for a while, and must not be left with: a making of a record that a bucket names (S4: the thing is shown while it is
linked; over when the record is given back), and as well a value of the control word (the thing is shown while the word
has it; over when the operation that changed it returns). So one proof says two things: nothing is reused while somebody
holds it, and no hit goes by rules, or a state of the port, that are older than those whose publication had returned
before it began.

The two stores that must be seen before something is read stay in a store buffer for as long as they like: the
announcement of a thread, and the withdrawal of a thing. Each has a full fence behind it, and each fence is needed. Who
waits reads the announcements one after the other, in any order, beside threads that come and go.
"""

from model.protocols.protocol import Change, Protocol, set_all, set_at
from model.protocols.terms import NUMBER, TRUTH, Sort, Term, Word, both, choose, constant, every, odd

THREAD = Sort("thread")
THING = Sort("thing")
PLACE = Sort("place", values=("outside", "announcing", "inside"))
STAGE = Sort("stage", values=("fresh", "shown", "withdrawn", "asking", "waiting", "over"))

OUTSIDE, ANNOUNCING, INSIDE = (PLACE.value(name) for name in PLACE.values)
FRESH, SHOWN, WITHDRAWN, ASKING, WAITING, OVER = (STAGE.value(name) for name in STAGE.values)

place = Word("place", (THREAD,), PLACE)
announced = Word("announced", (THREAD,), NUMBER)
buffered = Word("buffered", (THREAD,), TRUTH)
holds = Word("holds", (THREAD, THING), TRUTH)

stage = Word("stage", (THING,), STAGE)
visible = Word("visible", (THING,), TRUTH)
asked = Word("asked", (THING, THREAD), TRUTH)
answer = Word("answer", (THING, THREAD), NUMBER)
left = Word("left", (THING, THREAD), TRUTH)

grace = Protocol(
    "grace",
    "threads find things inside batches, while things are withdrawn, waited for, and used again",
    words=(place, announced, buffered, holds, stage, visible, asked, answer, left),
)

Parts = tuple[dict[str, Term], list[Change]]


@grace.starts(THREAD)
def _everybody_is_outside(thread: Term) -> Term:
    return both(place(thread) == OUTSIDE, ~odd(announced(thread)), ~buffered(thread))


@grace.starts(THREAD, THING)
def _nobody_holds_anything(thread: Term, thing: Term) -> Term:
    return ~holds(thread, thing)


@grace.starts(THING)
def _things_are_fresh_or_shown(thing: Term) -> Term:
    return ((stage(thing) == FRESH) & ~visible(thing)) | ((stage(thing) == SHOWN) & visible(thing))


# --- a batch: H1, H8 ---


@grace.step("reclaim.enter: store_relaxed of ANNOUNCE", THREAD)
def announce(thread: Term) -> Parts:
    """The odd number is in the store buffer."""
    return {"outside": place(thread) == OUTSIDE}, [
        set_at(place, [thread], ANNOUNCING),
        set_at(buffered, [thread], True),
    ]


@grace.step("the announcement leaves the store buffer", THREAD)
def announcement_becomes_visible(thread: Term) -> Parts:
    """By itself, sooner or later."""
    return {"it is in the store buffer": buffered(thread)}, [
        set_at(announced, [thread], announced(thread) + 1),
        set_at(buffered, [thread], False, "it leaves the buffer"),
    ]


@grace.step("reclaim.enter: fence_full", THREAD)
def fence_behind_the_announcement(thread: Term) -> Parts:
    """Nothing is read before the announcement is visible."""
    return {
        "the thread has announced itself": place(thread) == ANNOUNCING,
        "the store buffer is empty": ~buffered(thread),
    }, [set_at(place, [thread], INSIDE)]


@grace.step("H2: load_acquire of CONTROL; H3: a look-up that believes", THREAD, THING)
def find_a_thing(thread: Term, thing: Term) -> Parts:
    """The thread goes by it from here on, as long as it is inside."""
    return {
        "the thread is inside": place(thread) == INSIDE,
        "the thing can be found": visible(thing),
    }, [set_at(holds, [thread, thing], True)]


@grace.step("reclaim.leave: store_release of ANNOUNCE", THREAD)
def leave(thread: Term) -> Parts:
    """The even number; the thread holds nothing any more. It may be seen late: then the thread has left late."""
    return {"the thread is inside": place(thread) == INSIDE}, [
        set_at(place, [thread], OUTSIDE),
        set_at(announced, [thread], announced(thread) + 1, "the announcement becomes even"),
        set_all(
            holds,
            lambda own, thing: choose(own == thread, constant(False), holds(own, thing)),
            "it forgets what it held",
        ),
    ]


# --- a thing: S3, S4, and the control word ---


@grace.step("uft.install, commit.link: unlock_bucket; control.publish of the next value", THING)
def show(thing: Term) -> Parts:
    """From here on it can be found."""
    return {"it is fresh": stage(thing) == FRESH}, [
        set_at(stage, [thing], SHOWN),
        set_at(visible, [thing], True),
    ]


@grace.step("uft.remove: write_slot; control.publish", THING)
def withdraw(thing: Term) -> Parts:
    """The store that withdraws it is in the store buffer: it can still be found."""
    return {"it is shown": stage(thing) == SHOWN}, [set_at(stage, [thing], WITHDRAWN)]


@grace.step("the store that withdraws it leaves the store buffer", THING)
def withdrawal_becomes_visible(thing: Term) -> Parts:
    """By itself, sooner or later."""
    return {"it is withdrawn": stage(thing) == WITHDRAWN}, [set_at(visible, [thing], False)]


@grace.step("reclaim.inside: fence_full", THING)
def fence_behind_the_withdrawal(thing: Term) -> Parts:
    """No announcement is read before the withdrawal is visible."""
    return {
        "it is withdrawn": stage(thing) == WITHDRAWN,
        "the store buffer is empty": ~visible(thing),
    }, [
        set_at(stage, [thing], ASKING),
        set_all(
            asked,
            lambda own, thread: choose(own == thing, constant(False), asked(own, thread)),
            "nobody has been asked",
        ),
        set_all(
            left,
            lambda own, thread: choose(own == thing, constant(False), left(own, thread)),
            "nobody is known to have left",
        ),
    ]


@grace.step("reclaim.inside: load_acquire of ANNOUNCE", THING, THREAD)
def read_an_announcement(thing: Term, thread: Term) -> Parts:
    """Of one thread; the others are read before or after."""
    return {"it is being asked": stage(thing) == ASKING}, [
        set_at(asked, [thing, thread], True),
        set_at(answer, [thing, thread], announced(thread), "the announcement is kept"),
    ]


@grace.step("reclaim.inside: return", THING)
def begin_to_wait(thing: Term) -> Parts:
    """All announcements have been read."""
    return {
        "it is being asked": stage(thing) == ASKING,
        "every thread has been asked": every([THREAD], lambda thread: asked(thing, thread)),
    }, [set_at(stage, [thing], WAITING)]


@grace.step("reclaim.all_left: an even announcement, or load_acquire of ANNOUNCE: another one", THING, THREAD)
def see_that_a_thread_is_not_inside(thing: Term, thread: Term) -> Parts:
    """It was outside when it was asked, or has left since, whether or not it has come back."""
    return {
        "it is waited for": stage(thing) == WAITING,
        "it was outside, or has left": ~odd(answer(thing, thread)) | (answer(thing, thread) != announced(thread)),
    }, [set_at(left, [thing, thread], True)]


@grace.step("reclaim.wait_for_grace, Limbo.collect: all_left", THING)
def end_of_grace(thing: Term) -> Parts:
    """The record is given back; the operation returns."""
    return {
        "it is waited for": stage(thing) == WAITING,
        "every thread has left": every([THREAD], lambda thread: left(thing, thread)),
    }, [set_at(stage, [thing], OVER)]


@grace.step("records.take, records.draw; the next change of the control word", THING)
def use_again(thing: Term) -> Parts:
    """Somebody writes to it what it is to be next."""
    return {"its grace is over": stage(thing) == OVER}, [set_at(stage, [thing], FRESH)]


# --- what holds ---


def _is_asked(thing: Term, thread: Term) -> Term:
    return ((stage(thing) == ASKING) | (stage(thing) == WAITING)) & asked(thing, thread)


@grace.always(THREAD)
def announced_while_inside(thread: Term) -> Term:
    """A thread's announcement is odd while it is inside, and even while it is outside or in its store buffer."""
    return both(
        (place(thread) == INSIDE) >> (odd(announced(thread)) & ~buffered(thread)),
        (place(thread) == OUTSIDE) >> (~odd(announced(thread)) & ~buffered(thread)),
        (place(thread) == ANNOUNCING) >> (odd(announced(thread)) == ~buffered(thread)),
    )


@grace.always(THREAD, THING)
def held_inside_only(thread: Term, thing: Term) -> Term:
    """Only a thread that is inside holds anything."""
    return holds(thread, thing) >> (place(thread) == INSIDE)


@grace.always(THING)
def found_while_shown(thing: Term) -> Term:
    """A thing can be found from when it is shown until its withdrawal is visible."""
    return both(
        (stage(thing) == SHOWN) >> visible(thing),
        visible(thing) >> ((stage(thing) == SHOWN) | (stage(thing) == WITHDRAWN)),
    )


@grace.always(THING, THREAD)
def announcements_only_rise(thing: Term, thread: Term) -> Term:
    """What was read of an announcement is no later than the present one."""
    return _is_asked(thing, thread) >> (answer(thing, thread) <= announced(thread))


@grace.always(THING, THREAD)
def who_holds_it_has_not_left(thing: Term, thread: Term) -> Term:
    """Who holds a thing that was withdrawn was inside when asked, and still is, in the same batch."""
    held = _is_asked(thing, thread) & holds(thread, thing)
    return held >> ((answer(thing, thread) == announced(thread)) & ~left(thing, thread))


@grace.always(THING, THREAD)
def everybody_is_asked_before_anything_is_waited_for(thing: Term, thread: Term) -> Term:
    """While a thing is waited for, every thread has been asked; nobody is known to have left before."""
    return both(
        (stage(thing) == WAITING) >> asked(thing, thread),
        (stage(thing) == ASKING) >> ~left(thing, thread),
    )


@grace.always(THREAD, THING, promised=True)
def nobody_is_left_with_it(thread: Term, thing: Term) -> Term:
    """Nobody holds a thing whose grace is over: it may be used again, and who withdrew it may return."""
    return holds(thread, thing) >> ((stage(thing) != OVER) & (stage(thing) != FRESH))


@grace.always(THING, promised=True)
def nobody_finds_it_any_more(thing: Term) -> Term:
    """A thing is not found by anybody once its grace has begun."""
    begun = (stage(thing) == ASKING) | (stage(thing) == WAITING) | (stage(thing) == OVER) | (stage(thing) == FRESH)
    return begun >> ~visible(thing)
