"""The engines by name, as the command line and the tests choose them."""

from __future__ import annotations

import enum
import importlib
from collections.abc import Callable
from typing import Any

from proofs.conformance.engine import Engine
from proofs.conformance.port_engine import PortEngine
from reference.semantics import Semantics
from reference.vpc.config import TableLimits, VpcConfig
from reference.vpc.mappings import Mappings


class EngineName(enum.StrEnum):
    """Which implementation replays."""

    REFERENCE = "reference"
    FASTPATH = "fastpath"


class Design(enum.StrEnum):
    """Lock design of the fast path."""

    MUTEX = "mutex"
    FINE = "fine"


DEFAULT_DESIGN = Design.FINE


class SemanticsName(enum.StrEnum):
    """Behaviour as recorded (`upstream`), or without upstream's defects (`correct`)."""

    UPSTREAM = "upstream"
    CORRECT = "correct"

    @property
    def semantics(self) -> Semantics:
        """The reference's flags of this name."""
        return Semantics.UPSTREAM if self is SemanticsName.UPSTREAM else Semantics.CORRECT


class EngineUnavailable(Exception):
    """The engine cannot be used as asked; the message says why."""


def engine_factory(name: EngineName, design: Design | None, semantics: SemanticsName) -> Callable[[], Engine]:
    """A function that makes a fresh engine for each recording; raises as `engines_by_semantics`."""
    make = engines_by_semantics(name, design)
    return lambda: make(semantics.semantics)


def engines_by_semantics(name: EngineName, design: Design | None) -> Callable[[Semantics], Engine]:
    """A function that makes a fresh engine with the semantics it is given.

    Raises:
        EngineUnavailable: a design was given for the reference, which has none, or the package has no port yet.
    """
    if name is EngineName.REFERENCE and design is not None:
        raise EngineUnavailable(f"--design {design} belongs to --engine fastpath; the reference has no lock design")
    package = importlib.import_module(name.value)
    port_type = getattr(package, "Port", None)
    if port_type is None:
        raise EngineUnavailable(f"the package {name} has no Port")
    options = {"design": (design or DEFAULT_DESIGN).value} if name is EngineName.FASTPATH else {}

    def make_engine(semantics: Semantics) -> Engine:
        def make_port(config: VpcConfig, limits: TableLimits, mappings: Mappings) -> Any:
            return port_type(config, limits=limits, mappings=mappings, semantics=semantics, **options)

        return PortEngine(make_port)

    return make_engine
