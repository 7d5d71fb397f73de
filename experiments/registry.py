"""All experiments, in the order in which they are read."""

import importlib
from typing import Final

from experiments.errors import InputError
from experiments.experiment import Experiment

NAMES: Final = (
    "ladder",
    "threads",
    "flows",
    "packet_size",
    "stages",
    "miss_speed",
    "mixes",
    "expiry_stalls",
    "rule_changes",
    "queues",
    "occupancy",
    "memory",
    "compile_time",
    "prediction",
    "live_throughput",
)
"""Modules of this package, each with an `EXPERIMENT` of that name."""


def experiment(name: str) -> Experiment:
    """An experiment by name; raises `InputError` for a name that no experiment has."""
    if name not in NAMES:
        raise InputError(f"no experiment is called {name}: choose from {', '.join(NAMES)}")
    found: Experiment = importlib.import_module(f"experiments.{name}").EXPERIMENT
    return found


def experiments() -> list[Experiment]:
    """All of them."""
    return [experiment(name) for name in NAMES]
