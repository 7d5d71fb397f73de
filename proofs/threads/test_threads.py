"""Whatever real threads did on one port, one sequential order of the same operations explains it."""

import threading
from contextlib import nullcontext

import pytest

import fastpath
from fastpath import slow_path
from proofs.ledger import Method, claim
from proofs.threads.budget import MOST_UNDECIDED, STORIES
from proofs.threads.explain import Undecided, Unexplained, explain
from proofs.threads.performance import beginning, perform
from proofs.threads.stories import ACTIONS, ROUNDS, Teller


class _WithoutLocks:
    """The module `threading`, whose locks let everybody in."""

    Lock = nullcontext
    local = threading.local


@claim(
    "C7",
    "what real threads see of one port is linearizable: one order of the same operations on the reference gives every "
    "verdict, every byte, and the same counters and tables after every round",
    method=Method.TESTED,
    scope=f"{STORIES} stories for each design, of {ROUNDS} rounds in which 2 or 3 threads have up to {ACTIONS} "
    "actions: batches on 2 or 4 conversations, of one's own or shared, TCP, UDP and ICMP, IPv4 and IPv6; expiry, "
    "clocks that lag, changes of rules, addresses and mappings, clearing, pause, start, reset; tables that fill; at "
    f"most {MOST_UNDECIDED} histories of a design may be left undecided",
    assumptions="how threads meet is up to the machine; under `fine` a flow that a miss has begun may expire at any "
    "moment after its expiry has begun and before that takes its ticket, each at another; dumps while packets are "
    "under way are not compared, nor the acknowledgement numbers and the remote's sequence number in dumps",
)
@pytest.mark.parametrize("design", fastpath.Design, ids=lambda design: design.value)
def test_one_sequential_order_explains_what_threads_did(design: fastpath.Design) -> None:
    undecided = 0
    for seed in range(STORIES):
        story = Teller(seed).story()
        history = perform(story, design)
        try:
            explain(history, beginning(story, design))
        except Unexplained as unexplained:
            raise AssertionError(f"story {seed}, again by python -m proofs.threads {seed}: {unexplained}") from None
        except Undecided:
            undecided += 1
    assert undecided <= MOST_UNDECIDED


def test_threads_do_meet() -> None:
    """Histories in which nothing happens at the same time would show nothing."""
    meetings = 0
    for seed in range(10):
        history = perform(Teller(seed).story(), fastpath.Design.FINE)
        spans = {(one.thread, one.began, one.ended) for thread in history[:-1] for one in thread}
        meetings += sum(
            one[0] < other[0] and one[1] < other[2] and other[1] < one[2] for one in spans for other in spans
        )
    assert meetings > 50


def test_slow_operations_that_do_not_exclude_each_other_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one fault whose window is so wide that threads meet in it for certain, before long."""
    monkeypatch.setattr(slow_path, "threading", _WithoutLocks())
    noticed = 0
    for seed in range(STORIES):
        story = Teller(seed).story()
        try:
            explain(perform(story, fastpath.Design.FINE), beginning(story))
        except Undecided:
            # Neither explained nor found impossible: this history shows nothing.
            continue
        except (Unexplained, RuntimeError, LookupError, ValueError, AssertionError):
            noticed += 1
            break
    assert noticed
