"""Each step of the ladder alone changes no verdict, no byte, no counter and no table entry."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastpath
from fastpath.frames import Path
from proofs.equivalence import budget, vpc
from proofs.equivalence.decoder import Decoder
from proofs.equivalence.policies import SWITCHED
from proofs.equivalence.world import World, fast_port
from proofs.ledger import Method, claim
from reference.semantics import Semantics

PORTS = {name: fast_port(fastpath.Design.FINE, policy=policy) for name, policy in SWITCHED.items()}
STORIES = max(1, budget.BYTE_STORIES // 5)


@claim(
    "C13",
    "on one thread the fast port does what the reference does with each switch of its policy flipped alone: "
    "verdicts, bytes, counters, every table entry",
    method=Method.TESTED,
    scope=f"{len(PORTS)} policies: {', '.join(PORTS)}; {STORIES} stories decoded from bytes, for each semantics, the "
    "same in every run",
    assumptions="one thread",
)
@pytest.mark.slow
@pytest.mark.parametrize("semantics", vpc.SEMANTICS)
def test_a_story_ends_the_same_with_every_switch_flipped_alone(semantics: str) -> None:
    make_world = partial(World, vpc.SEMANTICS[semantics], fast_ports=PORTS)

    @settings(budget.byte_settings(), max_examples=STORIES)
    @given(st.binary(min_size=budget.SHORTEST, max_size=budget.LONGEST))
    def play(data: bytes) -> None:
        Decoder(data, make_world).play()

    play()


def test_the_compiled_code_decides_as_much_under_every_policy() -> None:
    """A switch that sent packets to the slow path instead would show nothing."""
    story = bytes((37 + step * 101) % 256 for step in range(budget.LONGEST))
    decided: dict[bool, set[tuple[int, int]]] = {True: set(), False: set()}
    for name, make in PORTS.items():
        decoder = Decoder(story, partial(World, Semantics.CORRECT, fast_ports={"switched": make}))
        decoder.play()
        paths = decoder.stage.world.paths
        decided[SWITCHED[name].compiles_misses].add((paths[Path.HIT], paths[Path.MISS]))
    [(hits, misses)], [(hits_alone, no_misses)] = decided[True], decided[False]
    assert hits == hits_alone > 0
    assert misses > no_misses == 0
