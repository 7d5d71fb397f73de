"""The inputs of a recording hold everything an engine must know, and nothing of what one answered."""

from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.inputs import PORT_INPUTS, STEP_ANSWERS, header_inputs, step_inputs
from proofs.conformance.recording import read

RECORDING = read(RECORDINGS / "museum" / "m_negative-counters_v4.jsonl.gz")


def test_a_step_keeps_its_arguments_and_loses_its_answers() -> None:
    for step in RECORDING.steps:
        told = step_inputs(step)
        assert (told["i"], told["t_ms"]) == (step.i, step.t_ms)
        assert not told.keys() & STEP_ANSWERS
    packet = next(step for step in RECORDING.steps if hasattr(step, "pkt"))
    assert step_inputs(packet)["pkt"] == packet.pkt


def test_members_have_the_names_of_the_format() -> None:
    with_routes = read(RECORDINGS / "museum" / "m_wrong-guest_v4.jsonl.gz").header
    [port, *_] = header_inputs(with_routes)["ports"]
    assert port.keys() == set(PORT_INPUTS)
    assert {"dest", "target", "class"} == port["setup"]["router"][0].keys()
