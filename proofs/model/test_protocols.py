"""C7, inductively: what the protocols promise holds for any number of threads, buckets, entries, records and keys.

Every guard, every condition of a guard that has several, and every change is left out once: then the proof must fail,
with a state from which the step breaks a sentence, or `proofs.model.idle_parts` says what it is there for. Where that
state can be reached from the beginning it is a defect, and a search of a few threads finds the way to it.
"""

import functools

import pytest

from model.protocols.instances import PROTOCOLS
from model.protocols.protocol import Step
from model.search import Outcome, search
from proofs.ledger import Method, claim
from proofs.model.idle_parts import IDLE, STUCK
from proofs.model.induction import Failure, Induction
from proofs.model.protocol_defects import BEGUN_OTHERWISE, DEFECTS

_ANY_NUMBER = "any number of threads, buckets, slots, entries, words of an entry, keys, things and flow records"
_STUCK = [part for part, reason in IDLE.items() if reason is STUCK]
_QUICK = [name for name in PROTOCOLS if name != "pairs"]


@functools.cache
def _induction(name: str) -> Induction:
    return Induction(PROTOCOLS[name][0])


def _left_out(*names: str) -> str:
    """How many parts are left out, and of how many the table says why they are there, for the ledger."""
    parts = sum(len(PROTOCOLS[name][0].parts()) for name in names)
    idle = sum(name in names for name, _, _ in IDLE)
    return (
        f"{parts} guards, conditions of guards and changes of {', '.join(names)}, left out one at a time; {idle} of "
        "them are not needed for the proof, but for what the protocol is for"
    )


def _without(name: str, step: str, part: str) -> tuple[Step, Failure | None]:
    broken = PROTOCOLS[name][0].without(step, part).steps[step]
    return broken, _induction(name).not_kept(broken)


def _proved(name: str) -> None:
    failures = _induction(name).failures()
    assert not failures, "\n".join(map(str, failures))
    assert _induction(name).satisfiable(), "nothing has all these sentences"


@claim(
    "C7",
    "a look-up that finds the version unchanged has seen one writer's state: all slots of the bucket, and all words "
    "of the entries that they name, as they stood together at one moment",
    method=Method.PROVED,
    scope=f"the versioned bucket as a transition system, inductive invariant; {_ANY_NUMBER}; versions unbounded",
    assumptions="each access one step, sequentially consistent; nobody but its owner writes to an entry that no "
    "bucket names",
)
@pytest.mark.slow
def test_a_look_up_sees_one_writers_state() -> None:
    _proved("bucket")


@claim(
    "C7",
    "whoever finds an entry in an unlocked bucket: its partner is linked, names it, and is of its own incarnation; no "
    "bucket names a free record; no two entries have one key; who waits for a bucket has only lower ones",
    method=Method.PROVED,
    scope=f"paired install and removal as a transition system, inductive invariant; {_ANY_NUMBER}; flows whose halves "
    "come and go in pairs, not halves that come singly or are made anew in place",
    assumptions="each access one step, sequentially consistent; the look for present keys under the locks is one step; "
    "no two removals of one flow at a time (slow lock)",
)
@pytest.mark.slow
def test_pairs_come_and_go_as_one() -> None:
    _proved("pairs")


@claim(
    "C7",
    "no record is used again, and no change of the control word has returned, while a thread that could have found the "
    "old one is still inside: no hit goes by rules older than those whose publication had returned before it began",
    method=Method.PROVED,
    scope=f"announcements, fences and grace periods as a transition system, inductive invariant; {_ANY_NUMBER}",
    assumptions="each access one step; announcement and withdrawal through a store buffer of one store, all else "
    "sequentially consistent",
)
def test_nothing_is_reused_while_somebody_holds_it() -> None:
    _proved("grace")


@claim(
    "C7",
    "no packet takes effect on a connection under older rules than one before it, and no advance is lost, although "
    "rules change without waiting and records are kept",
    method=Method.PROVED,
    scope=f"control word and TCP word as a transition system, inductive invariant; {_ANY_NUMBER}; states uninterpreted",
    assumptions="each access one step, sequentially consistent; at most one slow operation has a word frozen",
)
def test_the_epoch_tag_keeps_packets_in_the_order_of_rules() -> None:
    _proved("tag")


@claim(
    "C11",
    "each guard, each condition of a guard, and each change is needed for the proof, but for those listed with a "
    "reason: without it there is a state, over a few elements, from which the step breaks a sentence",
    method=Method.PROVED,
    scope=_left_out(*_QUICK),
)
@pytest.mark.parametrize("name", _QUICK)
def test_no_part_of_a_step_is_idle(name: str) -> None:
    _every_part_is_needed(name)


@claim(
    "C11",
    "each guard, each condition of a guard, and each change of the paired install is needed for the proof, but for "
    "those listed with a reason",
    method=Method.PROVED,
    scope=_left_out("pairs"),
)
@pytest.mark.prove
def test_no_part_of_the_paired_install_is_idle() -> None:
    _every_part_is_needed("pairs")


def _every_part_is_needed(name: str) -> None:
    idle = {(step, part) for step, part in PROTOCOLS[name][0].parts() if _without(name, step, part)[1] is None}
    assert idle == {(step, part) for protocol, step, part in IDLE if protocol == name}


@claim(
    "C11",
    "parts of the protocols by which threads move on: without each of them a search finds steps that are never taken",
    method=Method.EXHAUSTIVE,
    scope=f"{len(_STUCK)} changes; one or two threads, one or two of everything else",
)
@pytest.mark.parametrize(("name", "step", "part"), _STUCK, ids=map(": ".join, _STUCK))
def test_without_what_moves_on_some_step_is_never_taken(name: str, step: str, part: str) -> None:
    protocol, finite = PROTOCOLS[name]
    result = search(finite(protocol.without(step, part)).system(promised_only=True), limit=5_000)
    assert result.outcome is Outcome.VACUOUS, f"{result.outcome.value} after {result.states} states"


def test_a_condition_of_a_guard_is_left_out_alone() -> None:
    protocol, _ = PROTOCOLS["bucket"]
    guard = protocol.steps["lock the bucket"].guards["a writer"]
    left = protocol.without("lock the bucket", "a writer (2)").steps["lock the bucket"].guards["a writer"]
    assert left is guard.parts[0]
    with pytest.raises(LookupError):
        protocol.without("lock the bucket", "a writer (3)")


def test_a_failed_proof_shows_the_state_the_step_and_what_breaks() -> None:
    _, failure = _without("bucket", "write a slot", "the bucket is locked")
    assert failure is not None
    said = str(failure)
    assert said.startswith("write a slot: ")
    assert "does not keep 'same version same slots'" in said
    assert "it makes names[" in said


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_few_elements_keep_the_sentences_and_can_take_every_step(name: str) -> None:
    protocol, finite = PROTOCOLS[name]
    assert finite(protocol).begins()
    result = search(finite(protocol).system())
    assert result.outcome is Outcome.HELD, result.finding


@claim(
    "C11",
    "guards without which the protocols have a defect: a search finds the way from the beginning to a broken promise",
    method=Method.EXHAUSTIVE,
    scope=f"{len(DEFECTS)} guards and changes; one or two threads, one or two of everything else",
)
@pytest.mark.parametrize(("name", "step", "part"), DEFECTS, ids=map(": ".join, DEFECTS))
def test_a_guard_left_out_is_a_defect(name: str, step: str, part: str) -> None:
    protocol, finite = PROTOCOLS[name]
    finite = BEGUN_OTHERWISE.get((name, step, part), finite)
    result = search(finite(protocol.without(step, part)).system(promised_only=True), limit=25_000)
    assert result.outcome is Outcome.BROKEN, f"{result.outcome.value} after {result.states} states"
    assert result.finding.startswith(DEFECTS[name, step, part])
    assert any(move.step.startswith(step) for move in result.trace), "the step that lost its guard is not in the trace"
