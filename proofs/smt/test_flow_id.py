"""Mirroring a flow id twice gives it back, whatever the protocol and the numbers."""

from typing import Any

import pytest

from fastpath.interpreted import replace_once
from proofs.ledger import Method, claim
from proofs.smt.integers import Integers
from proofs.smt.machine import Machine
from proofs.smt.module_copies import ModuleCopies
from proofs.smt.proxies import BUILTINS, UnknownInt, term_of
from proofs.smt.reexecution import Exploration
from proofs.smt.solver import Refuted
from reference.packet.flow import FlowId

FLOW = "reference.packet.flow"


def paths_of_mirroring_twice(copies: ModuleCopies) -> int:
    """Prove the claim on every path; their number. Raises Refuted, Unknown."""
    machine = Machine(Integers())
    exploration = Exploration(machine)
    limits = {"protocol": 256, "source_port": 1 << 16, "destination_port": 1 << 16}
    numbers = {name: UnknownInt(exploration, machine.integer(name, limit).term) for name, limit in limits.items()}
    source, destination = b"the source", b"the destination"

    def mirror_twice() -> Any:
        flow = copies.module(FLOW).FlowId(family=4, source=source, destination=destination, **numbers)
        return flow.mirror(), flow.mirror().mirror()

    paths = 0
    for outcome in exploration.outcomes(mirror_twice, KeyError):
        assert outcome.raised is None
        once, twice = outcome.returned
        assert (once.source, once.destination) == (destination, source)
        assert (twice.source, twice.destination) == (source, destination)
        for name, number in numbers.items():
            exploration.prove(term_of(getattr(twice, name)) == number.term, name)
        paths += 1
    return paths


@claim(
    "C3",
    "mirroring a flow id is an involution that exchanges the addresses",
    method=Method.PROVED,
    scope="all 256 protocols, all pairs of 16-bit ports or ICMP words; addresses are not looked at",
)
def test_mirroring_twice_gives_the_flow_id_back() -> None:
    assert paths_of_mirroring_twice(ModuleCopies([FLOW], BUILTINS)) >= 6


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("first, second = second, first", "first, second = second, second"),
        (
            "if protocol in (IpProtocol.TCP, IpProtocol.UDP):\n            first, second = second",
            "if protocol in (IpProtocol.TCP, IpProtocol.UDP):\n            first, second = second + 1",
        ),
    ],
)
def test_a_mirror_that_loses_a_port_is_refuted(old: str, new: str) -> None:
    rewrite = replace_once(old, new)
    with pytest.raises(Refuted) as refuted:
        paths_of_mirroring_twice(ModuleCopies([FLOW], BUILTINS, rewrites={FLOW: rewrite}))
    found = {str(name): refuted.value.counterexample[name].as_long() for name in refuted.value.counterexample}
    flow = FlowId(
        found["protocol"], 4, bytes(4), bytes(4), found.get("source_port", 0), found.get("destination_port", 0)
    )
    faulty = ModuleCopies([FLOW], {}, rewrites={FLOW: rewrite}).module(FLOW).FlowId(*flow)
    assert faulty.mirror().mirror() != flow
    assert flow.mirror().mirror() == flow
