"""Any story ends the same on the reference and on the fast port under every lock design, one thread at a time."""

from collections import Counter
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from fastpath.frames import Path
from proofs.equivalence import budget, vpc
from proofs.equivalence.decoder import Decoder
from proofs.equivalence.machine import machine
from proofs.equivalence.world import World
from proofs.ledger import Method, claim
from reference.semantics import Semantics

_SEED = "the same in every run"


@claim(
    "C13",
    "on one thread the fast port does what the reference does: verdicts, bytes, counters, every table entry",
    method=Method.TESTED,
    scope=f"{budget.MACHINE_STORIES} stories of up to {budget.MACHINE_STEPS} steps told by a state machine, for each "
    "semantics and all designs; single packets and batches, IPv4 and IPv6, TCP, UDP, ICMP, malformed and unusual "
    f"frames, tables that fill, expiry, every control operation; {_SEED}",
    assumptions="one thread",
)
@pytest.mark.parametrize("semantics", vpc.SEMANTICS)
def test_a_story_told_by_the_machine_ends_the_same_everywhere(semantics: str) -> None:
    run_state_machine_as_test(machine(vpc.SEMANTICS[semantics]), settings=budget.machine_settings())


@claim(
    "C13",
    "on one thread the fast port does what the reference does: verdicts, bytes, counters, every table entry",
    method=Method.TESTED,
    scope=f"{budget.BYTE_STORIES} stories decoded from {budget.SHORTEST} to {budget.LONGEST} bytes, for each semantics "
    f"and all designs; about 20 operations and 60 packets a story, half of them hits; {_SEED}",
    assumptions="one thread",
)
@pytest.mark.parametrize("semantics", vpc.SEMANTICS)
def test_a_story_told_by_bytes_ends_the_same_everywhere(semantics: str) -> None:
    make_world = partial(World, vpc.SEMANTICS[semantics])

    @budget.byte_settings()
    @given(st.binary(min_size=budget.SHORTEST, max_size=budget.LONGEST))
    def play(data: bytes) -> None:
        Decoder(data, make_world).play()

    play()


def test_the_compiled_code_decides_a_good_part_of_the_packets() -> None:
    """Equality would mean little if everything took the slow path, which is the reference's own."""
    stories = [bytes((seed * 37 + step * 101) % 256 for step in range(budget.LONGEST)) for seed in range(20)]
    stages = []
    for data in stories:
        decoder = Decoder(data, partial(World, Semantics.CORRECT))
        decoder.play()
        stages.append(decoder.stage)
    packets = sum(stage.world.packets for stage in stages)
    paths = sum((stage.world.paths for stage in stages), Counter())
    assert packets > 1_000
    assert paths[Path.HIT] > packets // 3
    assert paths[Path.MISS] > packets // 8
