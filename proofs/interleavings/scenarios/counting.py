"""What misses count for the rules that they have met, added up meanwhile by a slow operation."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from fastpath.designs import Design
from fastpath.interpreted import Interpreted
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.scenario import Scenario

RULE = 4
"""The word of a rule, behind those of packets missed and modified, two of each."""
WIDTH = 5
OUTBOUND = np.uint64(1)
PACKETS = 2


def adding_up_beside_misses(modules: Interpreted, _design: Design) -> Program:
    """Two packets that meet the same rule, one after the other, beside two looks at the counters."""
    kernels: Any = modules.module("fastpath.rule_counts")

    def start() -> Instance:
        counts = np.zeros(WIDTH, np.uint64)

        def miss() -> None:
            for _ in range(PACKETS):
                kernels.count(counts, RULE)
                kernels.count_packet(counts, 0, OUTBOUND, is_modified=True)

        def add_up() -> tuple[tuple[int, ...], ...]:
            seen, totals = np.zeros(2, np.uint64), np.zeros(WIDTH, np.uint64)
            looks = []
            for _ in range(2):
                kernels.add_up(counts, WIDTH, seen, totals)
                looks.append(tuple(totals.tolist()))
            return tuple(looks)

        def finish(results: Sequence[Any]) -> Hashable:
            assert counts.tolist() == [0, PACKETS, 0, PACKETS, PACKETS]
            for _, packets, _, modified, rule in results[1]:
                assert packets <= min(modified, rule), f"{packets} packets, {modified} modified, {rule} met the rule"
            return results[1]  # type: ignore[no-any-return]

        return Instance({"counts": counts}, [miss, add_up], finish)

    return start


SCENARIOS = (
    Scenario(
        "adding up beside misses",
        "whoever sees a packet counted sees all that was counted for it",
        ("two misses that meet a rule", "add up, twice"),
        adding_up_beside_misses,
        {},
        at_least=5,
    ),
)
