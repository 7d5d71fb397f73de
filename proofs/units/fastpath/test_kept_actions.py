"""Native flows after changes: what becomes of their packets is what the reference says, whatever has changed.

After a change of the firewall alone a flow keeps what its packets become; after any other it does not.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastpath
import reference
from fastpath.interpreted import interpreted, replace_once
from proofs.equivalence import vpc
from proofs.units.fastpath.ports import IN, LIMITS, NOW, OUT, inbound, outbound
from reference.address import Cidr
from reference.direction import Direction
from reference.vpc.firewall import FirewallRule
from reference.vpc.router import DROP, RouterClass

Change = Callable[[Any], object]

PEER = Cidr.of(vpc.PEERS[4][0], 32)
FIREWALL = [FirewallRule.parse(text) for text in vpc.DEFAULT_FIREWALL]
KEPT = "return bool(epoch > rules[RULES_OTHERS_SINCE] & LOW_32)"

CHANGES: dict[str, Change] = {
    "firewall": lambda stage: stage.port.set_firewall_rules(FIREWALL),
    "firewall that denies": lambda stage: stage.port.set_firewall_rules(
        [FirewallRule.parse("dir=out action=deny priority=1")]
    ),
    "where the neighbour is": lambda stage: stage.mappings.v2p.set(vpc.PEERS[4][0], vpc.peer(vpc.MOVED_UNDERLAY)),
    "routes": lambda stage: stage.port.router.add(PEER, DROP, RouterClass.CUSTOM),
    "gateway": lambda stage: stage.port.allow_cidr(PEER, Direction.OUT),
    "external addresses": lambda stage: stage.port.set_external_ips(None, None),
}
"""Some of them end the flow or send its packets elsewhere."""


class Stage:
    """A port with its own mappings."""

    def __init__(self, make: Callable[..., Any], **options: Any) -> None:
        self.mappings = vpc.mappings()
        self.port = make(vpc.config(), LIMITS, self.mappings, **options)
        vpc.set_up(self.port)

    def told(self, changes: list[Change]) -> list[object]:
        """Verdicts on a flow's packets, in both directions, before and after each change, and what the port knows."""
        verdicts = []
        for number, change in enumerate([lambda _: None, *changes]):
            change(self)
            for direction, frame in ((OUT, outbound(1)), (IN, inbound(1)), (OUT, outbound(1))):
                verdicts.append(self.port.process(direction, frame, NOW + number))
        return [*verdicts, self.port.snapshot()]


def stories() -> list[list[str]]:
    """A change of the firewall, so that something is kept, then any change, and the firewall once more."""
    others = [name for name in CHANGES if name != "firewall"]
    return [["firewall", name, "firewall"] for name in CHANGES] + [[name, "firewall", name] for name in others]


@pytest.mark.parametrize("story", stories(), ids=", then ".join)
def test_packets_become_what_the_reference_says(story: list[str]) -> None:
    changes = [CHANGES[name] for name in story]
    fast, standard = Stage(fastpath.Port, threads=2, seed=1), Stage(reference.Port)
    assert fast.told(changes) == standard.told(changes)


def faulty(module: str, old: str, new: str) -> Stage:
    """A port with one line of its source changed, which runs without the compiler."""
    copy: Any = interpreted("fastpath.port", {f"fastpath.{module}": replace_once(old, new)})
    return Stage(copy.Port, threads=2, seed=1)


@pytest.mark.parametrize(("name", "asks"), [("firewall", False), ("where the neighbour is", True), ("gateway", True)])
def test_replies_are_asked_for_unless_the_firewall_alone_has_changed(name: str, asks: bool) -> None:
    reply = "return decide_reply(rules, work, record, direction, nat, origin_route(origin))"
    stage = faulty("decision", reply, "return LEFT")
    with np.errstate(over="ignore"):
        # The epoch of the first rules is that of a change of everything.
        CHANGES["firewall"](stage)
        stage.port.process(OUT, outbound(1), NOW)
        CHANGES[name](stage)
        stage.port.process(OUT, outbound(2), NOW)
        before = stage.port.ticket
        stage.port.process(OUT, outbound(1), NOW)
    assert (stage.port.ticket > before) is asks


def test_a_flow_that_kept_everything_would_be_noticed() -> None:
    changes = [CHANGES["where the neighbour is"]]
    with np.errstate(over="ignore"):
        told = faulty("miss", KEPT, "return True").told(changes)
    assert told != Stage(reference.Port).told(changes)
