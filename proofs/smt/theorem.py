"""A claim as a predicate in Python: proved symbolically, refuted for broken code, and replayed on the code that runs.

The predicate takes the module under test and the inputs, and returns whether they behave. It is written in the
restricted Python of the kernels, so that one text is both the goal that z3 sees and the check that runs on a
counterexample.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType, SimpleNamespace
from typing import Any, TypeAlias

import numpy as np

from fastpath.interpreted import interpreted
from proofs.smt.bit_vectors import BitVectors
from proofs.smt.contracts import Contract
from proofs.smt.executor import Executor
from proofs.smt.expressions import Intrinsic
from proofs.smt.machine import Machine
from proofs.smt.source import broken
from proofs.smt.theory import Theory

SMALL = 1 << 18
"""Limit on inputs where a counterexample is sought by unrolling loops over bit-vectors."""

Inputs: TypeAlias = Mapping[str, int]
Truth: TypeAlias = Any
"""What a comparison gives: `bool`, `np.bool_`, or a z3 term."""

Predicate: TypeAlias = Callable[..., Truth]


@dataclass(frozen=True)
class Theorem:
    """A predicate over a module of kernels that holds for all inputs.

    Attributes:
        holds: the predicate: `holds(module, *inputs)`, all inputs being `np.uint64`.
        inputs: name of each input, in order, and the limit that it stays below (2**64 for any word).
        theory: how numbers are read.
        contracts: loop invariants, by function name in the module, then those of other functions.
        summaries: functions of the module that are not executed, but known by what was proved about them.
        intrinsics: meaning of other functions that are replaced.
    """

    holds: Predicate
    inputs: Inputs
    theory: Callable[[], Theory] = BitVectors
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    other_contracts: Mapping[Callable[..., Any], Contract] = field(default_factory=dict)
    summaries: Mapping[str, Intrinsic] = field(default_factory=dict)
    intrinsics: Mapping[Any, Intrinsic] = field(default_factory=dict)

    def prove(self, module: ModuleType) -> None:
        """Return if the predicate holds for all inputs, and every operation on the way means what its term says.

        Raises:
            Refuted: it does not.
            Unknown: z3 could not decide.
        """
        machine, goal = self.terms(module)
        machine.prove(goal, f"{self.holds.__name__} of {module.__name__}")

    def counterexample(self, module: ModuleType) -> dict[str, int] | None:
        """Inputs for which the predicate does not hold, or an operation is not what its term says; None without.

        Raises:
            Unknown: z3 could not decide.
        """
        machine, goal = self.terms(module)
        failing = machine.counterexample(goal, self.holds.__name__)
        return None if failing is None else {name: int(failing[name]) for name in self.inputs}

    def replay(self, module: Any, values: Mapping[str, int]) -> bool:
        """Whether the predicate holds when the code really runs on these inputs."""
        with np.errstate(over="ignore"):  # words wrap around, also where only a broken function lets them
            return bool(self.holds(module, *(np.uint64(values[name]) for name in self.inputs)))

    def refute(self, module: ModuleType, old: str, new: str) -> dict[str, int]:
        """The counterexample that z3 finds once `old` in the module's source reads `new`.

        It has been replayed: the broken code fails on it, the code as it is holds, interpreted and compiled.

        Where contracts or summaries stand for parts of the code, the proof must fail with them, and the counterexample
        is then sought without them, on the code alone.

        Raises:
            AssertionError: the broken code is proved, or a replay says otherwise than z3.
            Unknown: z3 could not decide.
        """
        faulty = broken(module, old, new)
        assert self.counterexample(faulty) is not None, f"{self.holds.__name__} is proved although it reads {new!r}"
        values = self._on_code_alone().counterexample(faulty)
        assert values is not None, f"{self.holds.__name__} holds although {old!r} was replaced by {new!r}"
        assert not self.replay(faulty, values), f"z3 refutes {new!r} by {values}, but the code does not fail there"
        assert self.replay(interpreted(module.__name__), values), f"the unbroken source fails for {values}"
        assert self.replay(compiled(module), values), f"the compiled code fails for {values}"
        return values

    def _on_code_alone(self) -> "Theorem":
        """The same claim about small numbers, without any help: what is false for them is false."""
        small = {name: min(limit, SMALL) for name, limit in self.inputs.items()} if self.contracts else self.inputs
        return replace(self, inputs=small, theory=BitVectors, contracts={}, other_contracts={}, summaries={})

    def terms(self, module: ModuleType) -> tuple[Machine, Any]:
        """A machine that has executed the predicate, and the term of its result."""
        machine = Machine(self.theory())
        contracts = {getattr(module, name): contract for name, contract in self.contracts.items()}
        summaries = {getattr(module, name): summary for name, summary in self.summaries.items()}
        executor = Executor(machine, {**self.intrinsics, **summaries}, {**contracts, **self.other_contracts})
        unknowns = [machine.word(name, limit if limit < 1 << 64 else None) for name, limit in self.inputs.items()]
        return machine, executor.call(self.holds, module, *unknowns)


def compiled(module: ModuleType) -> SimpleNamespace:
    """A module whose compiled kernels give `np.uint64`; as they are, they give Python plain integers."""
    kernels = {name: _of_words(value) for name, value in vars(module).items() if hasattr(value, "py_func")}
    return SimpleNamespace(**{**vars(module), **kernels})


def _of_words(kernel: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: _as_words(kernel(*arguments))


def _as_words(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_as_words, value))
    return np.uint64(value) if type(value) is int else value
