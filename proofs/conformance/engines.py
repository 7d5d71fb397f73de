"""The engines by name, as the command line and the tests choose them."""

from __future__ import annotations

import enum
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from proofs.conformance.engine import Engine
from proofs.conformance.external import PREFIX, SECONDS_TO_ANSWER, ExternalEngine
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
    PR585 = "pr585"
    RWLOCK = "rwlock"
    FINE = "fine"


DEFAULT_DESIGN = Design.FINE
HASH_SEED = 20_230
"""Of the fast path's hash secret, which chance draws otherwise: so every run goes the same way."""


class SemanticsName(enum.StrEnum):
    """Behaviour as recorded (`upstream`), or without upstream's defects (`correct`)."""

    UPSTREAM = "upstream"
    CORRECT = "correct"

    @property
    def semantics(self) -> Semantics:
        """The reference's flags of this name."""
        return Semantics.UPSTREAM if self is SemanticsName.UPSTREAM else Semantics.CORRECT


@dataclass(frozen=True)
class EngineChoice:
    """An engine as named on a command line.

    Attributes:
        name: `reference`, `fastpath`, or `exec:COMMAND` for another program (docs/external-engines.md).
        semantics: what it is to follow.
        design: lock design of the fast path; None for the usual one, and for other engines.
        timeout: seconds that another program may take for each answer.
    """

    name: str
    semantics: SemanticsName
    design: Design | None = None
    timeout: float = SECONDS_TO_ANSWER

    def factory(self) -> Callable[[], Engine]:
        """A function that makes a fresh engine for each recording.

        Raises:
            EngineUnavailable: there is no such engine, or it cannot be used as asked.
        """
        if self.name.startswith(PREFIX):
            if self.design is not None:
                raise EngineUnavailable(f"--design {self.design} belongs to --engine fastpath")
            command = self.name.removeprefix(PREFIX)
            return lambda: ExternalEngine(command, self.semantics.value, self.timeout)
        if self.name not in list(EngineName):
            known = ", ".join(EngineName)
            raise EngineUnavailable(f"no engine is called {self.name!r}; there are {known} and {PREFIX}COMMAND")
        return engine_factory(EngineName(self.name), self.design, self.semantics)

    def by_semantics(self) -> Callable[[Semantics], Engine] | None:
        """A function that makes an engine with any semantics; None where the engine only knows semantics by name."""
        return None if self.name.startswith(PREFIX) else engines_by_semantics(EngineName(self.name), self.design)


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
    options: dict[str, Any] = {}
    if name is EngineName.FASTPATH:
        options = {"design": (design or DEFAULT_DESIGN).value, "seed": HASH_SEED}

    def make_engine(semantics: Semantics) -> Engine:
        def make_port(config: VpcConfig, limits: TableLimits, mappings: Mappings) -> Any:
            return port_type(config, limits=limits, mappings=mappings, semantics=semantics, **options)

        return PortEngine(make_port)

    return make_engine
