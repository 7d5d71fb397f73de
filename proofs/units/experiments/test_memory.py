"""Memory is measured of flows that are there, both halves of each."""

import mmap

import pytest

from experiments.memory import begin, measure_here, resident, table_of
from experiments.replay import BATCH
from experiments.sending import NotCompiled
from experiments.small_vpc import new_port
from fastpath import Design
from fastpath.designs import POLICIES
from reference.packet.protocol import IpProtocol


@pytest.mark.parametrize("protocol", [IpProtocol.UDP, IpProtocol.TCP])
def test_flows_take_memory(protocol: IpProtocol) -> None:
    result = measure_here(protocol, 20_000)
    assert result.flows == 79 * BATCH
    assert 100 < result.bytes_per_flow < 2_000
    assert result.bytes < result.reserved + 10**7
    assert table_of([result]).row_count == 1


def test_memory_that_is_touched_becomes_resident() -> None:
    before = resident()
    touched = mmap.mmap(-1, 1 << 24)
    touched.write(bytes(1 << 24))
    assert resident() - before > len(touched) / 2


def test_flows_for_which_there_is_no_room_are_noticed() -> None:
    with pytest.raises(NotCompiled):
        begin(new_port(POLICIES[Design.FINE], BATCH, 1), IpProtocol.UDP, 2 * BATCH)
