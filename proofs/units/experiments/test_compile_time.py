"""What is timed as cold has compiled, and what is timed as warm has not."""

import pytest

from experiments.compile_time import measure
from experiments.first_packets import Part


@pytest.mark.slow
def test_a_first_packet_waits_for_the_compiler_once() -> None:
    start = measure(Part.ONE)
    assert start.warm.processor < start.cold.processor / 2
    assert start.cache_bytes > 100_000
