"""How a transition system is written down: shared words, processes, atomic steps, invariants.

A *system* is a tuple of shared words and a few processes. A *process* has registers of its own, among them
`at`, its location. A *step* is one atomic access: it belongs to a location, has a guard and an effect, and both
are pure functions of the shared words and of the registers of the one process that takes it:

    hit = Program[Arena, Thread]()

    @hit.at("H2", when=lambda arena, me: not me.fenced)
    def read_the_control_word(arena, me):
        return arena, me._replace(control=arena.control, at="H3")

The name of the function is the name of the step in traces. A step whose guard is false is blocked: that is how
locks and waits are written. Several steps at one location are a free choice. Shared words and registers are
`NamedTuple`s of plain values, so a state can be compared, hashed and printed, and a solver or another checker
can read the same definition.

An invariant is a named sentence about the shared words and any one process; it must hold in every reachable
state, for every process. A witness is a sentence that must come true in some reachable state, or else the
search has shown nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Registers(Protocol):
    """What a process owns. `at` is its location."""

    @property
    def at(self) -> str:
        """The location: which steps the process may take next."""


Shared = TypeVar("Shared")
Local = TypeVar("Local", bound=Registers)

Guard = Callable[[Shared, Local], bool]
Effect = Callable[[Shared, Local], tuple[Shared, Local]]


def always(_shared: object, _local: object) -> bool:
    """The guard of a step that is never blocked."""
    return True


@dataclass(frozen=True)
class Step(Generic[Shared, Local]):
    """One atomic step: when `guard` holds, `effect` gives the shared words and the registers after it."""

    name: str
    guard: Guard[Shared, Local]
    effect: Effect[Shared, Local]


class Program(Generic[Shared, Local]):
    """The steps of one kind of process, by location."""

    def __init__(self, *parts: "Program[Shared, Local]") -> None:
        """A program made of `parts`; more steps are added with `at` and `anywhere`."""
        self._at: dict[str, list[Step[Shared, Local]]] = {}
        self._anywhere: list[Step[Shared, Local]] = []
        for part in parts:
            self._anywhere += part._anywhere
            for location, steps in part._at.items():
                self._at.setdefault(location, []).extend(steps)

    def at(
        self, *locations: str, when: Guard[Shared, Local] = always
    ) -> Callable[[Effect[Shared, Local]], Effect[Shared, Local]]:
        """The decorated function is a step of these locations, enabled `when` the guard holds."""

        def add(effect: Effect[Shared, Local]) -> Effect[Shared, Local]:
            for location in locations:
                self._at.setdefault(location, []).append(Step(_title(effect), when, effect))
            return effect

        return add

    def anywhere(self, when: Guard[Shared, Local]) -> Callable[[Effect[Shared, Local]], Effect[Shared, Local]]:
        """The decorated function is a step of every location: what happens by itself, like a store buffer draining."""

        def add(effect: Effect[Shared, Local]) -> Effect[Shared, Local]:
            self._anywhere.append(Step(_title(effect), when, effect))
            return effect

        return add

    def steps(self, location: str) -> Sequence[Step[Shared, Local]]:
        """The steps that belong to a location, enabled or not."""
        return [*self._at.get(location, ()), *self._anywhere]

    def rests(self, location: str) -> bool:
        """Whether a process may stay at this location for ever: nothing is left to do there."""
        return location not in self._at


def _title(effect: Callable[..., object]) -> str:
    return effect.__name__.strip("_").replace("_", " ")


@dataclass(frozen=True)
class Process(Generic[Shared, Local]):
    """A named process, the program it runs and the registers it starts with."""

    name: str
    program: Program[Shared, Local]
    registers: Local


@dataclass(frozen=True)
class Property(Generic[Shared, Local]):
    """A named sentence about the shared words and one process: an invariant or a witness, as the system uses it."""

    name: str
    sentence: str
    holds: Guard[Shared, Local]


@dataclass(frozen=True)
class System(Generic[Shared, Local]):
    """A transition system: one initial state, what its processes may do, what must hold, what must happen.

    Besides its invariants every system is required to be free of deadlock: in a state where no step is enabled,
    every process rests.
    """

    name: str
    sentence: str
    shared: Shared
    processes: Sequence[Process[Shared, Local]]
    invariants: Sequence[Property[Shared, Local]]
    witnesses: Sequence[Property[Shared, Local]] = ()
