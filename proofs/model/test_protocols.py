"""C7, inductively: what the protocols promise holds for any number of threads, buckets, entries, records and keys.

Every guard, and every change that has a name of its own, is left out once: then the proof must fail, with a state from
which the step breaks a sentence. Where that state can be reached from the beginning it is a defect, and a search of a
few threads finds the way to it.
"""

import functools

import pytest

from model.protocols.instances import PROTOCOLS
from model.protocols.protocol import Protocol, Step
from model.search import Outcome, search
from proofs.ledger import Method, claim
from proofs.model.induction import Failure, Induction
from proofs.model.protocol_defects import BEGUN_OTHERWISE, DEFECTS

_ANY_NUMBER = "any number of threads, buckets, slots, entries, words of an entry, keys, things and flow records"
_QUICK = [name for name in PROTOCOLS if name != "pairs"]


@functools.cache
def _induction(name: str) -> Induction:
    return Induction(PROTOCOLS[name][0])


def _siblings(protocol: Protocol) -> list[tuple[str, str]]:
    """Each guard of each step, and each change that has a name of its own."""
    return [
        (step.name, part)
        for step in protocol.steps.values()
        for part in (
            *step.guards,
            *(change.name for change in step.changes if change.name != _unnamed(change.word.name)),
        )
    ]


def _unnamed(word: str) -> str:
    return f"{word} changes"


def _left_out(*names: str) -> str:
    """How many guards and changes are left out, and how many are not, for the ledger."""
    protocols = [PROTOCOLS[name][0] for name in names]
    parts = sum(len(_siblings(protocol)) for protocol in protocols)
    guards = sum(len(step.guards) for protocol in protocols for step in protocol.steps.values())
    changes = sum(len(step.changes) for protocol in protocols for step in protocol.steps.values())
    return (
        f"{guards} guards and {parts - guards} changes of {', '.join(names)}, left out one at a time; not the other "
        f"{changes - parts + guards} changes, by which a step moves on or the proof remembers"
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
    "each guard, and each change that has a name of its own, is needed for the proof, but for those that are listed as "
    "spare: without it there is a state, over a few elements, from which the step breaks a sentence",
    method=Method.PROVED,
    scope=_left_out(*_QUICK),
)
@pytest.mark.parametrize("name", _QUICK)
def test_no_guard_is_idle(name: str) -> None:
    _every_guard_is_needed(name)


@claim(
    "C11",
    "each guard and each named change of the paired install is needed for the proof, but for those listed as spare",
    method=Method.PROVED,
    scope=_left_out("pairs"),
)
@pytest.mark.prove
def test_no_guard_of_the_paired_install_is_idle() -> None:
    _every_guard_is_needed("pairs")


def _every_guard_is_needed(name: str) -> None:
    protocol, _ = PROTOCOLS[name]
    idle = {(step, part) for step, part in _siblings(protocol) if _without(name, step, part)[1] is None}
    assert idle == set(protocol.spare)


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
