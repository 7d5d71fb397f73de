"""Rules and rule tables: order of evaluation, ids, search."""

import pytest

from proofs.units.reference.scene import outbound_packet, udp
from reference.action import Action, ActionMeta, SimpleAction
from reference.errors import RuleNotFound
from reference.predicate import DestinationPort, IpProtocolIs, one_number
from reference.rule import Rule, RuleTable

ALLOW, DENY = SimpleAction.STATEFUL_ALLOW, SimpleAction.DENY
TO_DNS = DestinationPort(one_number(53))
IS_UDP = IpProtocolIs((17,))
IS_TCP = IpProtocolIs((6,))


def table_of(*described: tuple[int, Action]) -> RuleTable:
    table = RuleTable()
    for priority, action in described:
        table.add(Rule(priority, action))
    return table


def ids(table: RuleTable) -> list[int]:
    return [present.id for present in table.rules]


def test_smaller_priority_numbers_are_evaluated_first() -> None:
    assert ids(table_of((30, ALLOW), (10, ALLOW), (20, DENY))) == [1, 2, 0]


def test_of_two_that_allow_with_equal_priority_the_newer_is_first() -> None:
    assert ids(table_of((10, ALLOW), (10, ALLOW))) == [1, 0]


def test_of_two_that_deny_with_equal_priority_the_newer_is_first() -> None:
    assert ids(table_of((10, DENY), (10, DENY))) == [1, 0]


@pytest.mark.parametrize("actions", [(ALLOW, DENY), (DENY, ALLOW)])
def test_deny_precedes_allow_of_equal_priority(actions: tuple[Action, Action]) -> None:
    table = table_of(*((10, action) for action in actions))
    assert [present.rule.action for present in table.rules] == [DENY, ALLOW]


def test_ids_are_never_used_twice() -> None:
    table = table_of((10, ALLOW), (20, ALLOW))
    table.remove(1)
    table.add(Rule(30, ALLOW))
    table.replace([Rule(1, ALLOW)])
    assert ids(table) == [3]


def test_removing_an_unknown_id_is_refused() -> None:
    with pytest.raises(RuleNotFound, match=r"RuleNotFound\(7\)"):
        table_of((10, ALLOW)).remove(7)


def test_the_first_rule_of_which_all_predicates_hold_decides() -> None:
    table = RuleTable()
    table.add(Rule(1, DENY, (TO_DNS, IS_TCP)))
    table.add(Rule(2, ALLOW, (TO_DNS, IS_UDP)))
    table.add(Rule(3, DENY))
    found = table.match(outbound_packet(udp(port=53)), ActionMeta())
    assert found is not None
    assert found.rule.priority == 2


def test_a_data_predicate_must_hold_too() -> None:
    assert not Rule(1, ALLOW, (IS_UDP,), (IS_TCP,)).matches(outbound_packet(udp()), ActionMeta())


def test_a_rule_without_predicates_matches_everything() -> None:
    assert Rule(1, ALLOW).matches(outbound_packet(udp()), ActionMeta())


def test_without_a_matching_rule_there_is_none() -> None:
    table = RuleTable()
    table.add(Rule(1, ALLOW, (IS_TCP,)))
    assert table.match(outbound_packet(udp()), ActionMeta()) is None


def test_a_rule_is_found_by_its_predicates_alone_in_any_order() -> None:
    table = RuleTable()
    table.add(Rule(5, ALLOW, (TO_DNS,)))
    table.add(Rule(9, ALLOW, (TO_DNS, IS_UDP)))
    assert table.find(Rule(1, DENY, (IS_UDP, TO_DNS))) == 1
    assert table.find(Rule(1, DENY, (IS_TCP,))) is None
