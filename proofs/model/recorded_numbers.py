"""States, transitions and depth of each configuration, as recorded: a model that shrinks does so in the open.

`python -m proofs.model.recorded_numbers` records them anew, for a change of the models to be looked at in a diff.
"""

import json
from pathlib import Path
from typing import Any

from model.catalogue import CONFIGURATIONS
from model.search import Result, search

FILE = Path(__file__).with_suffix(".json")


def numbers(result: Result[Any, Any]) -> dict[str, int]:
    """What is recorded about a search."""
    return {"states": result.states, "transitions": result.transitions, "depth": result.depth}


def recorded() -> dict[str, dict[str, int]]:
    """The recorded numbers, by configuration."""
    content: dict[str, dict[str, int]] = json.loads(FILE.read_text())
    return content


def record() -> None:
    """Search every configuration and write its numbers, one configuration a line."""
    lines = (f"{json.dumps(name)}: {json.dumps(numbers(search(system)))}" for name, system in CONFIGURATIONS.items())
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
