"""Reconfiguration: every change does what it does to the reference, and binds hits from the moment it returns."""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from fastpath.designs import Design
from fastpath.layout import CONTROL, CONTROL_EPOCH_SHIFT
from fastpath.reclaim import enter, leave
from proofs.equivalence import vpc
from proofs.units.fastpath.ports import IN, NOW, OUT, fast_port, inbound, is_hit, outbound, reference_port
from reference.address import Cidr
from reference.errors import ControlError, RuleNotFound
from reference.hairpin.options import DhcpOptions
from reference.vpc.config import ExternalIps
from reference.vpc.firewall import FirewallRule
from reference.vpc.router import Route, RouterClass, RouterTarget

A_MOMENT, LONG_ENOUGH = 0.05, 20.0
"""Seconds."""

SUBNET, HOST = Cidr.parse("172.30.2.0/24"), Cidr.parse("172.30.0.6/32")
SIX = Cidr.parse("2001:db8::/32")
ALLOW = FirewallRule.parse("dir=in action=allow priority=5 protocol=TCP port=80")
DROP = Route(Cidr.parse("198.51.100.34/32"), RouterTarget.parse("drop"), RouterClass.CUSTOM)
MISMATCH = Route(SIX, RouterTarget.parse("ip4=172.30.0.6"), RouterClass.CUSTOM)


class Change(NamedTuple):
    """A change of rules, and what it returns."""

    name: str
    do: Callable[[Any], object]
    returns: object = None


CHANGES = [
    Change("firewall: replace", lambda port: port.set_firewall_rules([ALLOW])),
    Change("firewall: none", lambda port: port.set_firewall_rules([])),
    Change("firewall: add", lambda port: port.add_firewall_rule(ALLOW)),
    Change("firewall: remove", lambda port: port.remove_firewall_rule(IN, 0)),
    Change("routes: add", lambda port: port.router.add(*DROP)),
    Change("routes: delete none", lambda port: port.router.delete(*DROP), False),
    Change("routes: replace", lambda port: port.router.replace([DROP])),
    Change(
        "external addresses",
        lambda port: port.set_external_ips(ExternalIps(vpc.source_nat(4), vpc.EPHEMERAL[4]), vpc.external_ips(6)),
    ),
    Change("external addresses: none", lambda port: port.set_external_ips(None, None)),
    Change("DHCP", lambda port: port.set_dhcp(DhcpOptions("renamed", None, (), (), ()))),
    Change("attach", lambda port: port.attach_subnet(SUBNET, is_external=False)),
    Change("attach from outside", lambda port: port.attach_subnet(SUBNET, is_external=True)),
    Change("detach none", lambda port: port.detach_subnet(SUBNET), False),
    Change("allow", lambda port: port.allow_cidr(HOST, IN)),
    Change("remove none", lambda port: port.remove_cidr(HOST, IN), False),
]
each_change = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)


def conversing(port: Any) -> Any:
    """The port, with a flow in both directions."""
    for sight in ((OUT, outbound(1)), (IN, inbound(1))):
        port.process(*sight, NOW)
    return port


@each_change
def test_a_change_does_to_a_fast_port_what_it_does_to_the_reference(change: Change) -> None:
    fast, standard = conversing(fast_port()), conversing(reference_port())
    before = fast.snapshot()
    assert change.do(fast) == change.do(standard) == change.returns
    assert fast.snapshot() == standard.snapshot()
    assert fast.snapshot() != before or change.returns is False
    for _ in range(2):
        for sight in ((OUT, outbound(1)), (IN, inbound(1)), (OUT, outbound(2)), (IN, inbound(3))):
            assert fast.process(*sight, NOW) == standard.process(*sight, NOW)
    assert fast.snapshot() == standard.snapshot()


def test_changes_that_are_taken_back_say_so() -> None:
    port = fast_port()
    port.router.add(*DROP)
    assert port.router.delete(*DROP) is True
    port.attach_subnet(SUBNET, is_external=False)
    assert port.detach_subnet(SUBNET) is True
    port.allow_cidr(HOST, IN)
    assert port.remove_cidr(HOST, IN) is True


@each_change
def test_from_the_moment_a_change_returns_hits_go_by_the_new_epoch(change: Change) -> None:
    port = conversing(fast_port())
    change.do(port)
    assert int(port.words[CONTROL] >> CONTROL_EPOCH_SHIFT) == port.epoch


@pytest.mark.parametrize("design", Design, ids=lambda design: design.value)
def test_a_flow_of_the_old_rules_is_not_hit_under_the_new_ones(design: Design) -> None:
    port = conversing(fast_port(design))
    assert is_hit(port, OUT, outbound(1))
    port.add_firewall_rule(ALLOW)
    assert not is_hit(port, OUT, outbound(1))
    assert is_hit(port, OUT, outbound(1))


def test_a_change_returns_only_when_the_hits_under_way_are_over() -> None:
    port = conversing(fast_port(threads=2))
    seat = 1 - port.seat()
    enter(port.words, seat)
    returned = threading.Event()

    def change() -> None:
        port.add_firewall_rule(ALLOW)
        returned.set()

    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    assert not returned.wait(A_MOMENT)
    leave(port.words, seat)
    assert returned.wait(LONG_ENOUGH)
    thread.join(LONG_ENOUGH)


@pytest.mark.parametrize(
    "refused",
    [
        lambda port: port.remove_firewall_rule(IN, 99),
        lambda port: port.router.add(*MISMATCH),
        lambda port: port.router.delete(*MISMATCH),
        lambda port: port.router.replace([MISMATCH]),
    ],
    ids=["no such rule", "add", "delete", "replace"],
)
def test_a_refused_change_is_refused_alike_and_changes_nothing(refused: Callable[[Any], object]) -> None:
    fast, standard = conversing(fast_port()), conversing(reference_port())
    texts = []
    for port in (fast, standard):
        with pytest.raises(ControlError) as error:
            refused(port)
        texts.append((type(error.value), str(error.value)))
    assert texts[0] == texts[1]
    assert fast.snapshot() == standard.snapshot()
    assert is_hit(fast, OUT, outbound(1))


def test_a_rule_is_removed_once() -> None:
    port = fast_port()
    port.remove_firewall_rule(IN, 0)
    with pytest.raises(RuleNotFound):
        port.remove_firewall_rule(IN, 0)
