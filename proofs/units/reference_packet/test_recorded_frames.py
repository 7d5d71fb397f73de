"""The packet layer alone against the recordings: every frame parses as on OPTE, every changed one is rebuilt.

A recorded result says which addresses, ports and encapsulation a packet had in the end. The same changes, made by the
reference to the packet that went in, must give the recorded bytes: checksums, lengths and Geneve source port come out
right or not at all.
"""

import pytest

from proofs.conformance import recording
from proofs.conformance.steps import Process
from proofs.ledger import Method, claim
from proofs.units.reference_packet.recordings import FOLDER, rebuild, same_verdict

NAMES = [path.name.removesuffix(".jsonl.gz") for path in recording.find([FOLDER])]


@claim(
    "C10",
    "the reference parses, changes and emits every recorded frame as OPTE did",
    method=Method.CONFORMANT,
    scope="every frame of every public recording; what is changed is taken from the recorded result",
)
@pytest.mark.parametrize("name", NAMES)
def test_every_frame_of_a_recording_is_parsed_and_rebuilt(name: str) -> None:
    steps = recording.read(FOLDER / f"{name}.jsonl.gz").steps
    frames = [step for step in steps if isinstance(step, Process)]
    assert [step.i for step in frames if not same_verdict(step)] == []
    assert [step.i for step in frames if step.result["kind"] == "modified" and not rebuild(step)] == []
