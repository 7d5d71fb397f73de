"""A kernel's compiled code against its source: the same results and the same memory, for all arguments."""
# mypy: disallow-untyped-calls=False

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import z3
from numba import types

from fastpath.dispatcher import own_code
from proofs.ledger import Unknown
from proofs.smt.bit_vectors import BitVectors
from proofs.smt.executor import Executor
from proofs.smt.llvm.inputs import Argument, Input
from proofs.smt.llvm.memory import ADDRESS_BITS, Words
from proofs.smt.llvm.native import NativeCode
from proofs.smt.llvm.reader import read, without_wrapper
from proofs.smt.llvm.translator import Translation
from proofs.smt.llvm.values import Pointer
from proofs.smt.machine import Machine
from proofs.smt.octets import MEMORY
from proofs.smt.solver import TIMEOUT_MS
from proofs.smt.values import Term, Value, as_truth, is_truth, kind_of

GUESSES = 1_000
"""Arguments drawn by chance where z3 could not decide: many of them show a difference in arithmetic modulo 0xffff."""

Result: TypeAlias = tuple[Any, ...]
"""What a run returned, and then the arrays that it may have written."""


@dataclass(frozen=True)
class Comparison:
    """A kernel whose compiled code is held against its source.

    Attributes:
        kernel: the production kernel.
        inputs: its arguments, by name, in order.
        assumed: what callers see to, of the arguments as the executor takes them.
        rounds: bound on unrolling loops; that there are no more becomes an obligation.
        timeout_ms: how long z3 may take for one question.
        source: another function in place of the kernel's, as a seeded fault has it.
    """

    kernel: Any
    inputs: Mapping[str, Input]
    assumed: Callable[[Mapping[str, Value]], Term] = lambda _: z3.BoolVal(True)
    rounds: int = 64
    timeout_ms: int = TIMEOUT_MS
    source: Callable[..., Any] | None = None

    @property
    def name(self) -> str:
        """Of the kernel."""
        return str(self.kernel.py_func.__name__)

    @property
    def signature(self) -> tuple[types.Type, ...]:
        """Types of the arguments."""
        return tuple(given.kind for given in self.inputs.values())

    def code(self) -> str:
        """The compiled code, without the part that unpacks Python's arguments."""
        return without_wrapper(own_code(self.kernel, self.signature))

    def prove(self, code: str | None = None) -> None:
        """Return if compiled code does what the source does, and nothing that is undefined.

        Raises:
            Refuted: it does not.
            Unknown: z3 could not decide.
        """
        machine, goal = self._both(code or self.code())
        machine.prove(goal, f"the code of {self.name} against its source")

    def counterexample(self, code: str) -> dict[str, int | bool] | None:
        """Arguments for which compiled code differs or is undefined; None without. Raises Unknown."""
        machine, goal = self._both(code)
        try:
            return machine.counterexample(goal, self.name)
        except Unknown:
            guessed = machine.guess(goal, GUESSES)
            if guessed is None:
                raise
            # Nothing undefined happens for these, so that it can be run.
            assert self.by_code(code, guessed) != self.by_code(self.code(), guessed)
            return guessed

    def _both(self, code: str) -> tuple[Machine, Term]:
        machine = Machine(BitVectors(), "QF_BV", self.timeout_ms)
        arguments = {name: given.unknown(machine, name) for name, given in self.inputs.items()}
        machine.assume(self.assumed({name: argument.source for name, argument in arguments.items()}))
        executor = Executor(machine, MEMORY, maximum_rounds=self.rounds)
        returned = executor.call(self.source or self.kernel, *[argument.source for argument in arguments.values()])
        return machine, self._same(machine, code, arguments, returned)

    def _same(self, machine: Machine, code: str, arguments: Mapping[str, Argument], returned: Value) -> Term:
        members = _members(returned)
        room = Words("the result", [z3.BitVec(f"result {at}", 64) for at, _ in enumerate(members)])
        given = {name: value for argument in arguments.values() for name, value in argument.compiled.items()}
        given["%retptr"] = Pointer(room, z3.BitVecVal(0, ADDRESS_BITS))
        given["%excinfo"] = Pointer(Words("the exception", []), z3.BitVecVal(0, ADDRESS_BITS))
        Translation(machine, read(code), given, self.rounds).run()
        same = []
        for word, member in zip(room.words, members, strict=True):
            if is_truth(member):
                same.append((z3.Extract(7, 0, word) != 0) == as_truth(member))
            else:
                kind = kind_of(member)
                assert kind is not None
                same.append(word == machine.term(member, kind))
        for argument in arguments.values():
            same += argument.same_afterwards(machine)
        return z3.And(same)

    # --- the same arguments on code that runs ---

    def by_source(self, kernel: Callable[..., Any], values: Mapping[str, Any]) -> Result:
        """What a kernel, interpreted or compiled, returns and leaves in memory."""
        arguments = [given.real(name, values) for name, given in self.inputs.items()]
        with np.errstate(over="ignore"):
            returned = kernel(*arguments)
        return (*[int(member) & (1 << 64) - 1 for member in _members(returned)], *_arrays(arguments))

    def by_code(self, code: str, values: Mapping[str, Any]) -> Result:
        """What LLVM code returns and leaves in memory once it is made machine code and run."""
        arguments = [given.real(name, values) for name, given in self.inputs.items()]
        returned = self.kernel.entry_point if hasattr(self.kernel, "entry_point") else self.kernel
        result_type = returned.overloads[self.signature].signature.return_type
        return (*NativeCode(code).call(arguments, result_type), *_arrays(arguments))


def _members(returned: Any) -> tuple[Any, ...]:
    if returned is None:
        return ()
    return returned if isinstance(returned, tuple) else (returned,)


def _arrays(arguments: list[Any]) -> list[bytes]:
    return [argument.tobytes() for argument in arguments if isinstance(argument, np.ndarray)]
