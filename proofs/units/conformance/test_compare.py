"""Comparison: what counts as a difference, and where it is reported."""

import copy
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given

from proofs.conformance.compare import ABSENT, Difference, canonical, differences, flow_text, labels
from proofs.units.conformance.mutation import mutants

scalars = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "fd00::1", "A8:40:25:FA:FA:37"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)


@given(values)
def test_every_value_equals_its_copy(value: Any) -> None:
    assert differences(value, copy.deepcopy(value)) == []


@given(values, values)
def test_what_is_reported_does_not_depend_on_the_side(left: Any, right: Any) -> None:
    there = {(found.path, repr(found.expected), repr(found.got)) for found in differences(left, right)}
    back = {(found.path, repr(found.got), repr(found.expected)) for found in differences(right, left)}
    assert {path for path, *_ in there} == {path for path, *_ in back}
    assert {found for found in there if not found[0].endswith(".order")} == {
        found for found in back if not found[0].endswith(".order")
    }


@given(values.filter(lambda value: isinstance(value, dict | list)))
def test_every_change_of_one_leaf_is_reported_at_its_path(value: Any) -> None:
    found_mutants = list(mutants(value))
    assume(found_mutants)
    for mutant in found_mutants:
        assert mutant.is_reported_by(differences(mutant.value, value)), mutant.change


@pytest.mark.parametrize(("expected", "got"), [(1, True), (0, False), (1, 1.0), (1, "1"), ("", None), (0, None)])
def test_values_of_different_type_are_different(expected: Any, got: Any) -> None:
    assert differences({"x": expected}, {"x": got}) == [Difference("x", expected, got)]


@pytest.mark.parametrize("nothing", [{}, {"x": None}, {"x": False}])
@pytest.mark.parametrize("also_nothing", [{}, {"x": None}, {"x": False}])
def test_absent_and_null_and_false_mean_the_same(nothing: Any, also_nothing: Any) -> None:
    assert differences(nothing, also_nothing) == []


def test_a_member_that_only_one_side_has_is_reported() -> None:
    assert differences({"x": 1}, {"y": 2}) == [Difference("x", 1, ABSENT), Difference("y", ABSENT, 2)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fd00::f7:101:0:0:0:1", "fd00:0:f7:101::1"),
        ("inner.ip6.src=fe80:0::/64,0:0::0", "inner.ip6.src=fe80::/64,::"),
        ("Stateful: [2001:db8:0::1]:4097-8192", "Stateful: [2001:db8::1]:4097-8192"),
        ("::ffff:10.0.0.1", "::FFFF:a00:1"),
        ("ip6=FD00::1", "ip6=fd00::1"),
    ],
)
def test_ipv6_text_is_compared_as_addresses(one: str, other: str) -> None:
    assert differences(one, other) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fd00::1", "fd00::2"),
        ("A8:40:25:FA:FA:37", "a8:40:25:fa:fa:37"),
        ("172.30.0.5", "172.30.0.05"),
        ("Stateful: [2001:db8::1]:4097-8192", "Stateful: [2001:db8::1]:4097-8193"),
        ("fd00::/64", "fd00::/063"),
    ],
)
def test_other_text_is_compared_exactly(one: str, other: str) -> None:
    assert differences(one, other, "text") == [Difference("text", one, other)]


def test_mac_addresses_are_not_taken_for_ipv6() -> None:
    assert canonical("33:33:00:00:00:02") == "33:33:00:00:00:02"


def test_one_missing_entry_is_one_difference() -> None:
    flows = [
        {"flow": {"proto": 17, "src": "10.0.0.1", "dst": "10.0.0.2", "sport": port, "dport": 53}} for port in range(9)
    ]
    path = "ft_out[17 10.0.0.1:3 > 10.0.0.2:53]"
    assert differences(flows, flows[:3] + flows[4:], "ft_out") == [Difference(path, flows[3], ABSENT)]


def test_the_order_of_entries_matters() -> None:
    rules = [{"id": 0}, {"id": 1}]
    assert differences(rules, rules[::-1], "rules_in") == [
        Difference("rules_in.order", ["rule 0", "rule 1"], ["rule 1", "rule 0"])
    ]


def test_items_of_the_same_identity_are_numbered() -> None:
    assert labels([{"id": 4}, {"id": 4}, 7]) == ["rule 4", "rule 4 #2", "2"]


def test_flow_text_of_icmp_shows_type_code_and_identifier() -> None:
    flow = {"proto": 58, "src": "fd00:0::1", "dst": "fd00::2", "type": 128, "code": 0, "id": 7}
    assert flow_text(flow) == "58 fd00::1 > fd00::2 128/0/7"
