"""Settings of every check: Hypothesis profiles, and the ledger's recorder."""

import os
from pathlib import Path

import hypothesis
import pytest

from proofs.ledger_recorder import LedgerRecorder

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
hypothesis.settings.register_profile("dev", deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--ledger=FILE`."""
    parser.addoption("--ledger", type=Path, metavar="FILE", help="write the rows of the claimed checks as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Follow the session for the ledger, when asked to."""
    target: Path | None = config.getoption("--ledger")
    if target is not None:
        config.pluginmanager.register(LedgerRecorder(target), "ledger-recorder")
