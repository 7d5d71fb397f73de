"""What is measured is forwarding: every frame a hit, every byte the reference's."""

import functools
from dataclasses import replace

import pytest

from experiments.forwarding import LANE_FRAMES, Forwarding, NotForwarded, hits, split
from experiments.replay import Setting
from experiments.scenario import Scenario, Step, build, lasting
from experiments.throughput import NothingToForward, measure
from fastpath import Design
from proofs.units.experiments.frames import ARP, GUEST, ICMP, IP, PEER, UDP, bundled, recorded, scenario_of, sent, stage
from reference import Hairpin, Modified

GATEWAY = "10.0.0.1"


@functools.cache
def scenario() -> Scenario:
    sightings, surroundings = stage(bundled())
    return build(lasting(sightings), surroundings)


@functools.cache
def steps() -> list[Step]:
    return hits(scenario())


@pytest.mark.parametrize("design", Design)
@pytest.mark.parametrize("threads", [1, 2])
def test_every_measured_frame_is_forwarded_as_the_reference_does(design: Design, threads: int) -> None:
    forwarding = Forwarding(scenario(), split(steps(), threads), design)
    try:
        assert forwarding.seconds(repetitions=2) > 0
        forwarding.check()
    finally:
        forwarding.close()


def test_restoring_makes_the_frames_what_they_were_loaded_as() -> None:
    forwarding = Forwarding(scenario(), [steps()], Design.FINE)
    try:
        forwarding.seconds(repetitions=1)
        forwarding.seconds_of_restoring(repetitions=1)
        lane = forwarding.lanes[0]
        assert [lane.batch.frame(index) for index in range(LANE_FRAMES)] == [step.frame for step in lane.steps]
    finally:
        forwarding.close()


def test_a_frame_that_comes_out_different_is_no_figure() -> None:
    first = steps()[0]
    assert isinstance(first.verdict, Modified)
    wrong = replace(first, verdict=replace(first.verdict, packet=first.verdict.packet[:-1] + b"?"))
    forwarding = Forwarding(scenario(), [[wrong, *steps()[1:]]], Design.FINE)
    try:
        with pytest.raises(NotForwarded, match="frame 0 came out different"):
            forwarding.check()
    finally:
        forwarding.close()


def test_a_frame_that_needs_the_slow_path_is_no_figure() -> None:
    opening = next(step for step in scenario().steps if not step.repeatable and isinstance(step.verdict, Modified))
    forwarding = Forwarding(scenario(), [[opening]], Design.FINE)
    try:
        with pytest.raises(NotForwarded):
            forwarding.seconds(repetitions=1)
    finally:
        forwarding.close()


def test_whole_conversations_are_dealt_out_evenly() -> None:
    shares = split(steps(), 2)
    homes = [{step.conversation for step in share} for share in shares]
    assert not homes[0] & homes[1]
    assert sorted(map(len, shares))[0] > 0.9 * len(steps()) / 2
    assert sum(map(len, shares)) == len(steps())


def test_one_conversation_is_given_to_every_thread() -> None:
    alone = [step for step in steps() if step.conversation == steps()[0].conversation]
    assert split(alone, 2) == [alone, alone]


def test_a_capture_without_hits_has_nothing_to_measure() -> None:
    with pytest.raises(NothingToForward):
        measure(scenario_of(recorded(sent(IP(src=GUEST, dst=GATEWAY) / ICMP()))), [Setting(Design.FINE, 1)])


def test_frames_longer_than_a_jumbo_frame_are_not_measured() -> None:
    short, long = (sent(IP(src=GUEST, dst=PEER) / UDP() / bytes(size)) for size in (100, 10_000))
    found = hits(scenario_of(recorded(short, long, short, long)))
    assert {len(step.frame) for step in found} == {len(short)}


def test_what_the_gateway_answers_is_no_hit() -> None:
    question = sent(ARP(psrc=GUEST, pdst=GATEWAY), destination="ff:ff:ff:ff:ff:ff")
    echo = sent(IP(src=GUEST, dst=GATEWAY) / ICMP())
    scenario = scenario_of(recorded(question, echo, echo))
    assert [type(step.verdict) for step in scenario.steps] == [Hairpin] * 3
    assert hits(scenario) == []
