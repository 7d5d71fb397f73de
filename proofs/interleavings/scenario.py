"""A scenario: a program on production functions, and the faults that exploring it must find."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce

from fastpath.designs import Design
from fastpath.interpreted import Interpreted, Rewrite, replace_once
from proofs.interleavings.locks import Threading
from proofs.interleavings.program import Program


class UnknownNameError(LookupError):
    """There is no scenario, or no fault, of that name."""


Edit = tuple[str, str, str]
"""A module, a piece of its text that occurs there exactly once, and what replaces it."""


@dataclass(frozen=True)
class Fault:
    """A change of the production source that some interleaving must show to be wrong: what it does, and where."""

    about: str
    edits: Sequence[Edit]

    @property
    def rewrites(self) -> Mapping[str, Rewrite]:
        """The change as `fastpath.interpreted` takes it."""
        by_module: dict[str, list[Rewrite]] = {}
        for module, old, new in self.edits:
            by_module.setdefault(module, []).append(replace_once(old, new))
        return {module: partial(_all_of, rewrites) for module, rewrites in by_module.items()}


@dataclass(frozen=True)
class Scenario:
    """A small concurrent use of production functions.

    Attributes:
        name: for the command line and for reports.
        about: what runs beside what, and what must hold.
        threads: what each thread does, in a few words.
        build: makes the program from interpreted modules, for a lock design.
        faults: by name, each found by exploring the program made from the changed source.
        harmless: by name, changes that must not be found: something else still protects.
        designs: the lock designs it holds under.
        broken: designs under which exploring it must find a failure, because it is a defect of the design: which one.
        slow: a reduced search of it takes more than a second.
        long: a reduced search of it takes more than half a minute.
        at_least: executions, or states, that a search comes to at the least, so that one which found next to nothing to
            do is noticed.
    """

    name: str
    about: str
    threads: Sequence[str]
    build: Callable[[Interpreted, Design], Program]
    faults: Mapping[str, Fault]
    harmless: Mapping[str, Fault] = field(default_factory=dict)
    designs: Sequence[Design] = (Design.FINE,)
    broken: Mapping[Design, str] = field(default_factory=dict)
    slow: bool = False
    long: bool = False
    at_least: int = 20

    @property
    def scope(self) -> str:
        """What is run, for the ledger."""
        designs = f" [{_listed(self.designs)}]" if len(self.designs) > 1 else ""
        return f"{self.name}{designs}: {' beside '.join(self.threads)} (at least {self.at_least} executions)"

    def program(self, fault: str | None = None, design: Design = Design.FINE) -> Program:
        """The program, on the production source or with one of the faults. Raises UnknownNameError."""
        known = (*self.designs, *self.broken)
        if design not in known:
            raise UnknownNameError(f"{self.name} has no design {design.value}: there is {_listed(known)}")
        if fault is None:
            return self.build(_modules({}), design)
        changes = {**self.faults, **self.harmless}
        if fault not in changes:
            raise UnknownNameError(f"{self.name} has no fault {fault!r}: there is {', '.join(changes) or 'none'}")
        return self.changed(changes[fault], design)

    def changed(self, fault: Fault, design: Design = Design.FINE) -> Program:
        """The program on the production source with a change that need not be one of the scenario's faults."""
        return self.build(_modules(fault.rewrites), design)


def _all_of(rewrites: Sequence[Rewrite], source: str) -> str:
    return reduce(lambda text, rewrite: rewrite(text), rewrites, source)


def _modules(rewrites: Mapping[str, Rewrite]) -> Interpreted:
    return Interpreted(rewrites, {"threading": Threading()})


def _listed(designs: Sequence[Design]) -> str:
    return ", ".join(design.value for design in designs)
