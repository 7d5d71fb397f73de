"""Errors: their texts are those of recordings."""

import pytest

from reference.errors import (
    BadState,
    ControlError,
    InvalidIpConfig,
    InvalidRouterEntry,
    LayerNotFound,
    RuleNotFound,
    TableFull,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (BadState("paused"), 'BadState("paused")'),
        (LayerNotFound("nosuch"), 'LayerNotFound("nosuch")'),
        (RuleNotFound(7), "RuleNotFound(7)"),
        (InvalidIpConfig(), "InvalidIpCfg"),
        (InvalidRouterEntry("224.0.0.0/4", "no"), "InvalidRouterEntry(224.0.0.0/4, no)"),
    ],
)
def test_refusals_print_as_in_recordings_and_are_one_family(error: ControlError, text: str) -> None:
    assert str(error) == text
    assert isinstance(error, ControlError)


def test_a_full_table_names_its_limit() -> None:
    assert str(TableFull(8)) == "flow table full (8 entries)"
