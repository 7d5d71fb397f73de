"""Running totals: what a step does not mention stays as it was."""

from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.expectation import Expectation, merged
from proofs.conformance.recording import find, read


def test_changes_are_put_in_member_by_member() -> None:
    whole = {"a": 1, "nat": {"flows": 1, "evictions": 2}}
    assert merged(whole, {"nat": {"flows": 3}}) == {"a": 1, "nat": {"flows": 3, "evictions": 2}}
    assert whole == {"a": 1, "nat": {"flows": 1, "evictions": 2}}


def test_the_totals_arrive_at_the_complete_counters_of_the_last_dump() -> None:
    closed = 0
    for path in find([RECORDINGS / "museum", RECORDINGS / "public" / "9_random_two_ports.jsonl.gz"]):
        recording = read(path)
        expectation = Expectation(recording.header)
        for step in recording.steps:
            expectation.advance(step)
        last = recording.steps[-1]
        if "stats" in last.result:
            closed += 1
            assert expectation.ports[last.port]["stats"] == last.result["stats"]  # type: ignore[attr-defined]
            assert expectation.ports[last.port]["epoch"] == last.result["epoch"]  # type: ignore[attr-defined]
            assert expectation.ports[last.port]["port_state"] == last.result["port_state"]  # type: ignore[attr-defined]
    assert closed == 34
