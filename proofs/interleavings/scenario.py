"""A scenario: a program on production functions, and the faults that exploring it must find."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fastpath.designs import Design
from fastpath.interpreted import Interpreted, Rewrite, replace_once
from proofs.interleavings.program import Program


class UnknownNameError(LookupError):
    """There is no scenario, or no fault, of that name."""


@dataclass(frozen=True)
class Fault:
    """One changed place of the production source, which some interleaving must show to be wrong.

    Attributes:
        about: what the change does.
        module: the module changed.
        old, new: the text replaced, which occurs there exactly once, and what replaces it.
    """

    about: str
    module: str
    old: str
    new: str

    @property
    def rewrites(self) -> Mapping[str, Rewrite]:
        """The change as `fastpath.interpreted` takes it."""
        return {self.module: replace_once(self.old, self.new)}


@dataclass(frozen=True)
class Scenario:
    """A small concurrent use of production functions.

    Attributes:
        name: for the command line and for reports.
        about: what runs beside what, and what must hold.
        threads: what each thread does, in a few words.
        build: makes the program from interpreted modules, for a lock design.
        faults: by name, each found by exploring the program made from the changed source.
        designs: the lock designs it can be run under.
    """

    name: str
    about: str
    threads: Sequence[str]
    build: Callable[[Interpreted, Design], Program]
    faults: Mapping[str, Fault]
    designs: Sequence[Design] = (Design.FINE,)

    def program(self, fault: str | None = None, design: Design = Design.FINE) -> Program:
        """The program, on the production source or with one of the faults. Raises UnknownNameError."""
        if design not in self.designs:
            raise UnknownNameError(f"{self.name} has no design {design.value}: there is {_listed(self.designs)}")
        if fault is None:
            return self.build(Interpreted(), design)
        if fault not in self.faults:
            raise UnknownNameError(f"{self.name} has no fault {fault!r}: there is {', '.join(self.faults) or 'none'}")
        return self.build(Interpreted(self.faults[fault].rewrites), design)


def _listed(designs: Sequence[Design]) -> str:
    return ", ".join(design.value for design in designs)
