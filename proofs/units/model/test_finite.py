"""The evaluator of protocols."""

from model.protocols.finite import Compiled
from model.protocols.instances import PROTOCOLS
from model.protocols.terms import constant


def test_a_term_that_is_made_where_another_one_was_has_its_own_value() -> None:
    code = Compiled(PROTOCOLS["bucket"][0])
    assert [code.term(constant(number), [])(None, {}) for number in range(50)] == list(range(50))
