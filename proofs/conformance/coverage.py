"""The bundled recordings, and those that an engine does not reproduce yet, by name and with the reason.

The list speaks about the bundled recordings only; a file from elsewhere is never excused. A recording listed here is
replayed all the same: one that passes has no place on the list, and a test fails until it is taken off.
"""

from __future__ import annotations

from pathlib import Path

RECORDINGS = Path(__file__).parent / "recordings"

RECORDING_COUNT = 116
STEP_COUNT = 66_039
PANIC_COUNT = 4
"""What the bundled recordings hold in all; a panic is the last step of its recording."""

NOT_YET_COVERED: dict[str, dict[str, str]] = {
    "reference": {},
    "fastpath": {},
}
"""By engine, then by the recording's name: why it is not covered."""


def reason_not_covered(engine: str, path: Path, name: str) -> str | None:
    """Why `engine` is not expected to reproduce this bundled recording, or None when it is."""
    if not path.resolve().is_relative_to(RECORDINGS):
        return None
    return NOT_YET_COVERED.get(engine, {}).get(name)
