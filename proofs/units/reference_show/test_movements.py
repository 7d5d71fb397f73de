"""What moved: the rules, entries and counters that a packet touched, read off two snapshots."""

import pytest

from proofs.conformance.coverage import RECORDINGS
from reference.semantics import Semantics
from reference.show.episodes import Episode, Story
from reference.show.movements import Passing, counters, flow_text, passings, tables


@pytest.fixture(name="story", scope="module")
def source_nat_story() -> list[Episode]:
    """UDP to the internet, its answer twice, and an answer to nothing."""
    story = Story(RECORDINGS / "public" / "2_snat_v4.jsonl.gz", Semantics.UPSTREAM)
    return [episode for episode, _ in zip(story.episodes(), range(8), strict=False)]


def way(episode: Episode) -> list[Passing]:
    assert episode.before is not None
    assert episode.after is not None
    return passings(episode.step["dir"], episode.before, episode.after)


def test_the_first_packet_of_a_flow_passes_every_layer_outwards_by_rules(story: list[Episode]) -> None:
    passed = way(story[1])
    assert [passing.place for passing in passed] == ["unified", "gateway", "firewall", "router", "nat", "overlay"]
    assert passed[0].how == "miss"
    assert passed[2].how == "no rule matches; default: stateful allow"
    assert passed[4].how == "rule 0 (priority 100): Stateful: 10.77.77.13:1025-4096"
    assert passed[4].rule is not None
    assert "meta: router-target=ig" in str(passed[4].rule["predicates"])


def test_the_answer_passes_the_layers_inwards_and_finds_entries(story: list[Episode]) -> None:
    passed = [(passing.place, passing.how) for passing in way(story[2])]
    assert [place for place, _ in passed] == ["unified", "overlay", "nat", "router", "firewall", "gateway"]
    assert ("nat", "entry found") in passed
    assert ("firewall", "entry found") in passed


def test_a_hit_passes_no_layer(story: list[Episode]) -> None:
    assert way(story[3]) == [Passing("unified", "hit")]


def test_a_denied_packet_passes_no_further_than_the_layer_that_denies(story: list[Episode]) -> None:
    assert way(story[4])[-1] == Passing("firewall", "no rule matches; default: deny")


def test_entries_that_came_are_in_their_tables(story: list[Episode]) -> None:
    first = story[1]
    assert first.before is not None
    assert first.after is not None
    came = {table.name: list(table.after) for table in tables(first.before, first.after) if table.after}
    assert came["nat in"] == ["UDP 93.184.216.34:53 > 10.77.77.13:4096"]
    assert came.keys() == {"unified out", "firewall in", "firewall out", "nat in", "nat out"}
    assert all(not table.before for table in tables(first.before, first.after))


def test_counters_that_moved_are_told_with_both_values(story: list[Episode]) -> None:
    hit = story[3]
    assert hit.before is not None
    assert hit.after is not None
    assert counters(hit.before, hit.after) == [("in_modified", 1, 2), ("in_uft_hit", 0, 1)]
    started = story[0]
    assert started.before is not None
    assert started.after is not None
    assert counters(started.before, started.after) == [("port_state", "ready", "running")]


@pytest.mark.parametrize(
    ("flow", "text"),
    [
        ({"proto": 6, "src": "10.0.0.1", "dst": "10.0.0.2", "sport": 1, "dport": 2}, "TCP 10.0.0.1:1 > 10.0.0.2:2"),
        ({"proto": 17, "src": "fd00::1", "dst": "fd00::2", "sport": 1, "dport": 2}, "UDP [fd00::1]:1 > [fd00::2]:2"),
        (
            {"proto": 58, "src": "fd00::1", "dst": "fd00::2", "type": 128, "code": 0, "id": 9},
            "ICMPv6 fd00::1 > fd00::2 type 128 code 0 id 9",
        ),
        ({"proto": 47, "src": "10.0.0.1", "dst": "10.0.0.2"}, "protocol 47 10.0.0.1 > 10.0.0.2"),
    ],
)
def test_a_flow_is_written_in_one_line(flow: dict[str, object], text: str) -> None:
    assert flow_text(flow) == text
