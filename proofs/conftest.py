"""Settings of every check: Hypothesis profiles, and the ledger's recorder."""

import itertools
import os
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from proofs.ledger_recorder import LedgerRecorder

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
hypothesis.settings.register_profile("dev", deadline=None, print_blob=True)
hypothesis.settings.register_profile(
    "mutation",  # a fault is to be caught, not to be shown at its smallest
    hypothesis.settings.get_profile("ci"),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--ledger=FILE`, `--prove` and `--second-solver`."""
    parser.addoption("--ledger", type=Path, metavar="FILE", help="write the rows of the claimed checks as JSON")
    parser.addoption("--prove", action="store_true", help="also run the long proofs, which are marked `prove`")
    parser.addoption("--second-solver", action="store_true", help="put z3's answers to cvc5 too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long proofs, and with them their claims, unless they are asked for."""
    if not config.getoption("--prove"):
        left_out = [item for item in items if item.get_closest_marker("prove")]
        items[:] = [item for item in items if not item.get_closest_marker("prove")]
        config.hook.pytest_deselected(items=left_out)


def pytest_configure(config: pytest.Config) -> None:
    """Follow the session for the ledger, when asked to."""
    target: Path | None = config.getoption("--ledger")
    if target is not None:
        config.pluginmanager.register(LedgerRecorder(target), "ledger-recorder")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what has been certified, how many of z3's answers a second solver has confirmed, and which it has not."""
    said: dict[str, dict[str, Any]] = {"certificates": {}, "second solver": {}}
    for report in itertools.chain(*terminalreporter.stats.values()):
        for name, value in getattr(report, "user_properties", ()):
            if name in said:
                said[name][report.nodeid] = value
    if said["certificates"]:
        terminalreporter.section("certificates")
    for tally in said["certificates"].values():
        terminalreporter.line(tally)
    if config.getoption("--second-solver"):
        opinions = said["second solver"]
        terminalreporter.section("second solver")
        confirmed, certified = (sum(counts[kind] for counts in opinions.values()) for kind in range(2))
        terminalreporter.line(f"{confirmed} answers of z3 confirmed by cvc5, {certified} others by a certificate")
        for test, (_, _, undecided) in sorted(opinions.items()):
            for what in undecided:
                terminalreporter.line(f"unknown: {test}: {what}")
