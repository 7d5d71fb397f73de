"""A port's state: what raises the epoch, and what expires first."""

import pytest

from reference.action import SimpleAction
from reference.direction import Direction
from reference.errors import BadState, LayerNotFound, RuleNotFound
from reference.layer import DefaultAction, Layer
from reference.port_data import PortData, PortState
from reference.rule import Rule

RULE = Rule(1, SimpleAction.ALLOW)


def data_of() -> PortData:
    return PortData([Layer("test", DefaultAction.DENY, DefaultAction.DENY, 4)], 4, 4)


def test_a_new_port_is_ready_in_its_first_epoch() -> None:
    data = data_of()
    assert (data.state, data.epoch) == (PortState.READY, 1)


def test_every_change_of_rules_raises_the_epoch_by_one() -> None:
    data = data_of()
    data.add_rule("test", Direction.IN, RULE)
    data.remove_rule("test", Direction.IN, 0)
    data.set_rules("test", [RULE], [])
    data.set_rules("test", [], [], soft=True)
    assert data.epoch == 5


def test_a_change_that_fails_leaves_the_epoch() -> None:
    data = data_of()
    with pytest.raises(RuleNotFound):
        data.remove_rule("test", Direction.IN, 7)
    with pytest.raises(LayerNotFound):
        data.add_rule("other", Direction.IN, RULE)
    data.state = PortState.PAUSED
    with pytest.raises(BadState):
        data.add_rule("test", Direction.IN, RULE)
    assert data.epoch == 1
