"""Every bundled recording of OPTE, replayed on the reference and on the fast path: the claim C10.

A test is one recording, so that a failure names it and the tests can be spread over cores; the largest come first.
"""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import reference
from proofs.conformance import report
from proofs.conformance.coverage import NOT_YET_COVERED, PANIC_COUNT, RECORDING_COUNT, RECORDINGS, STEP_COUNT
from proofs.conformance.engines import Design, EngineName, SemanticsName, engine_factory
from proofs.conformance.recording import find, read
from proofs.conformance.replay import Replay, replay
from proofs.conformance.steps import Dump, Process
from proofs.ledger import Method, claim
from reference.verdict import Verdict

SMALL_BYTES = 12_000
"""Compressed size up to which a recording belongs to the fast checks."""

PATHS = sorted(find([RECORDINGS]), key=lambda path: (-path.stat().st_size, path.name))
SCOPE = (
    f"{RECORDING_COUNT} recordings, {STEP_COUNT:,} steps: results, frames, counters, table sizes, epochs, states and "
    f"dumps; {PANIC_COUNT} recorded panics of a build with overflow checks left out"
)


def name_of(path: Path) -> str:
    """The recording's name, which is its file's."""
    return path.name.removesuffix(".jsonl.gz")


def one_by_one(paths: Iterable[Path]) -> list[object]:
    """One test parameter for each recording; the larger ones are slow."""
    return [
        pytest.param(path, id=name_of(path), marks=[pytest.mark.slow] if path.stat().st_size > SMALL_BYTES else [])
        for path in paths
    ]


EVERY_RECORDING = one_by_one(PATHS)

read_once = functools.lru_cache(maxsize=1)(read)
"""The tests of one recording follow one another, design by design."""


def covered_by(engine: EngineName) -> list[object]:
    """Those that the engine reproduces."""
    return one_by_one(path for path in PATHS if name_of(path) not in NOT_YET_COVERED[engine])


def replayed(path: Path, engine: EngineName, design: Design | None = None) -> Replay:
    """The recording's replay under the semantics it was recorded with."""
    return replay(read_once(path), engine_factory(engine, design, SemanticsName.UPSTREAM)())


def assert_equal(done: Replay) -> None:
    """Fail with the account of the first difference, and make sure that everything was compared."""
    assert done.equal, f"{report.line(done)}\n{report.account(done)}"
    assert done.compared + done.panics == len(done.recording.steps)
    assert not done.recording.unknown


@claim("C10", "the reference under Semantics.UPSTREAM is OPTE", method=Method.CONFORMANT, scope=SCOPE)
@pytest.mark.parametrize("path", covered_by(EngineName.REFERENCE))
def test_the_reference_reproduces_what_opte_did(path: Path) -> None:
    assert_equal(replayed(path, EngineName.REFERENCE))


@claim(
    "C10",
    "the fast path under Semantics.UPSTREAM is OPTE, in all lock designs",
    method=Method.CONFORMANT,
    scope=f"{SCOPE}; one thread, one packet at a time",
)
@pytest.mark.parametrize("design", list(Design))
@pytest.mark.parametrize("path", covered_by(EngineName.FASTPATH))
def test_the_fast_path_reproduces_what_opte_did(path: Path, design: Design) -> None:
    assert_equal(replayed(path, EngineName.FASTPATH, design))


@pytest.mark.parametrize("design", list(Design))
@pytest.mark.parametrize("name", ["1_checksums_v4", "1_checksums_v6", "1_icmp_g2g_v6", "1_sizes_v4", "6_v2b_v4"])
def test_the_fast_path_answers_the_recorded_hits_by_itself(
    monkeypatch: pytest.MonkeyPatch, name: str, design: Design
) -> None:
    handed_over = 0
    process = reference.Port.process

    def counted(*arguments: Any, **options: Any) -> Verdict:
        nonlocal handed_over
        handed_over += 1
        return process(*arguments, **options)

    monkeypatch.setattr(reference.Port, "process", counted)
    done = replayed(RECORDINGS / "public" / f"{name}.jsonl.gz", EngineName.FASTPATH, design)
    packets = [step for step in done.recording.steps if isinstance(step, Process)]
    dumps = [step for step in done.recording.steps if isinstance(step, Dump)]
    by_port = {dump.port: dump.result["stats"] for dump in dumps if "stats" in dump.result}
    hits = sum(stats["in_uft_hit"] + stats["out_uft_hit"] for stats in by_port.values())
    assert done.equal
    assert hits > 0
    assert len(packets) - handed_over == hits, (len(packets), handed_over, hits)


@pytest.mark.slow
def test_the_bundle_is_as_large_as_the_claims_say_and_every_member_is_known() -> None:
    recordings = [read(path) for path in PATHS]
    panics = [step for recording in recordings for step in recording.steps if step.result["kind"] == "panic"]
    assert len(recordings) == RECORDING_COUNT
    assert sum(len(recording.steps) for recording in recordings) == STEP_COUNT
    assert len(panics) == PANIC_COUNT
    assert all(recording.is_closed and not recording.unknown for recording in recordings)


@pytest.mark.parametrize("engine", list(EngineName))
def test_the_list_of_recordings_not_yet_covered_names_only_recordings_that_differ(engine: EngineName) -> None:
    by_name = {name_of(path): path for path in PATHS}
    listed = NOT_YET_COVERED[engine]
    assert listed.keys() <= by_name.keys(), "names no bundled recording"
    assert all(listed.values()), "gives no reason"
    passing = [name for name in listed if replayed(by_name[name], engine).equal]
    assert passing == [], "passes, take it off the list"


@pytest.mark.parametrize(
    ("place", "value", "recording"),
    [
        ("reference.flow_table.FLOW_TIME_TO_LIVE_MS", 60_001, "7_uft_expiry_v4"),
        ("reference.flow_table.PROTECTED", 1, "7_full_tcp_v6"),
        ("reference.packet.emit.GENEVE_PORT", 6082, "1_g2g_tcp_v4"),
        ("reference.vpc.nat.ExternalIpTagger.apply", lambda *_: True, "5_transit_attached_v4"),
        ("reference.vpc.snat.PortPool.give_back", lambda pool, port: pool.free.insert(0, port), "2_snat_exhaust_v4"),
        ("reference.packet.flow._ADDRESS_FAMILY", {4: 2, 6: 10}, "1_icmp_g2g_v6"),
    ],
)
def test_a_reference_with_one_thing_wrong_is_refuted(
    monkeypatch: pytest.MonkeyPatch, place: str, value: object, recording: str
) -> None:
    monkeypatch.setattr(place, value)
    path = RECORDINGS / "public" / f"{recording}.jsonl.gz"
    assert not replayed(path, EngineName.REFERENCE).equal
