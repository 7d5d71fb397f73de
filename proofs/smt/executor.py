"""Symbolic execution of functions as they are: from a function object to the term of its result.

The source is executed once. A branch whose condition is not known is executed both ways and the variables are joined
by if-then-else; a loop is unrolled for as long as another round is possible, or replaced by an invariant
(`proofs.smt.loops`). Where a term is exact only under a condition (no overflow, shift count below 64, the number of
rounds), the machine keeps that as an obligation of the proof.

Whatever is outside the restricted Python of the kernels is refused with `UnsupportedConstruct`, which names construct
and line.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any

import z3

from proofs.smt.contracts import Contract
from proofs.smt.expressions import Effect, Expressions, Intrinsic
from proofs.smt.loops import Loop, LoopRunner
from proofs.smt.machine import IncomparableValues, Machine
from proofs.smt.path import Path, join, split
from proofs.smt.source import Source, UnsupportedConstruct, source_of
from proofs.smt.values import TRUE, Cells, Term, Value, is_known

MAXIMUM_ROUNDS = 64
PURE_FUNCTIONS: frozenset[Any] = frozenset({abs, bool, int, len, max, min, range})
"""Functions of Python that are called as they are, with known arguments."""


class Executor:
    """Executes functions symbolically on one machine.

    Attributes:
        machine: where unknowns, assumptions and obligations go.
        intrinsics: meaning of functions that are not executed but replaced, such as the byte accessors.
        contracts: loop invariants by function; a function has at most one loop with a contract.
        maximum_rounds: bound on unrolling; that no further round is possible becomes an obligation.
    """

    def __init__(
        self,
        machine: Machine,
        intrinsics: Mapping[Any, Intrinsic | Effect] | None = None,
        contracts: Mapping[Any, Contract] | None = None,
        maximum_rounds: int = MAXIMUM_ROUNDS,
    ) -> None:
        self.machine = machine
        self.intrinsics = dict(intrinsics or {})
        self.contracts = {source_of(function).function: contract for function, contract in (contracts or {}).items()}
        self.maximum_rounds = maximum_rounds

    def call(self, function: Any, *arguments: Value) -> Value:
        """The value that a function returns, a tuple of values if it returns a tuple.

        Raises:
            UnsupportedConstruct: the function uses something outside the supported subset.
        """
        return self.invoke(function, list(arguments), TRUE)

    def invoke(self, function: Any, arguments: list[Value], guard: Term) -> Value:
        """The value of a call that is reached under a guard. See `call`."""
        if function in self.intrinsics:
            meaning, demand = self.intrinsics[function], self.machine.demand_under(guard)
            if isinstance(meaning, Effect):
                return meaning.act(self.machine, demand, guard, *arguments)
            return meaning(self.machine, demand, *arguments)
        if is_known(tuple(arguments)) and (function in PURE_FUNCTIONS or isinstance(function, type)):
            return function(*arguments)
        if isinstance(function, type) and issubclass(function, tuple):
            return function(*arguments)
        return Activation(self, source_of(function)).run(arguments, guard)


class Activation:
    """One execution of one function: runs its statements and gathers what it returns."""

    def __init__(self, executor: Executor, source: Source) -> None:
        self.machine = executor.machine
        self.source = source
        self.expressions = Expressions(executor, source)
        self.contract = executor.contracts.get(source.function)
        self.loops = LoopRunner(self, executor.maximum_rounds)
        self.open_loops: list[Loop] = []
        self.returned: list[tuple[Term, Value]] = []

    def run(self, arguments: list[Value], guard: Term) -> Value:
        """The value returned, over all paths."""
        names = self.source.parameters
        if len(names) != len(arguments):
            raise UnsupportedConstruct(f"{self.source.function.__qualname__} is called without all of {names}")
        path = self.block(self.source.definition.body, Path(guard, dict(zip(names, arguments, strict=True))))
        if path is not None and (not self.returned or self.machine.may_hold(path.guard)):
            self.returned.append((path.guard, None))
        return self._value_returned()

    def _value_returned(self) -> Value:
        *earlier, (_, value) = self.returned
        for guard, other in reversed(earlier):
            try:
                value = self.machine.choose(guard, other, value)
            except IncomparableValues as refusal:
                raise self.source.unsupported(
                    self.source.definition.args, f"results differ in kind: {refusal}"
                ) from None
        return value

    def block(self, statements: list[ast.stmt], path: Path | None) -> Path | None:
        """The path after a list of statements; None if none gets there."""
        for statement in statements:
            if path is None:
                break
            handler = _HANDLERS.get(type(statement))
            if handler is None:
                raise self.source.unsupported(statement, f"{type(statement).__name__} is not supported")
            path = handler(self, statement, path)
        return path

    def branch(self, statement: ast.If, path: Path) -> Path | None:
        """Both branches, joined."""
        condition = self.expressions.condition(statement.test, path)
        if z3.is_true(condition):
            return self.block(statement.body, path)
        if z3.is_false(condition):
            return self.block(statement.orelse, path)
        then, otherwise = split(path, condition)
        guards = then.guard, otherwise.guard
        after_then = self.block(statement.body, then)
        after_otherwise = self.block(statement.orelse, otherwise)
        try:
            joined = join(self.machine, condition, after_then, after_otherwise)
        except IncomparableValues as refusal:
            raise self.source.unsupported(statement, str(refusal)) from refusal
        if (
            joined
            and after_then
            and after_otherwise
            and after_then.guard is guards[0]
            and after_otherwise.guard is guards[1]
        ):
            joined.guard = path.guard
        return joined

    def give_back(self, statement: ast.Return, path: Path) -> None:
        """`return`."""
        value = None if statement.value is None else self.expressions.evaluate(statement.value, path)
        self.returned.append((path.guard, value))

    def assign(self, statement: ast.Assign, path: Path) -> Path:
        """`target = value`, also to several targets at once."""
        value = self.expressions.evaluate(statement.value, path)
        for target in statement.targets:
            self._bind(target, value, path)
        return path

    def assign_annotated(self, statement: ast.AnnAssign, path: Path) -> Path:
        """`target: type = value`."""
        if statement.value is not None:
            self._bind(statement.target, self.expressions.evaluate(statement.value, path), path)
        return path

    def assign_augmented(self, statement: ast.AugAssign, path: Path) -> Path:
        """`target += value` and the like."""
        if not isinstance(statement.target, ast.Name):
            raise self.source.unsupported(statement, "only variables can be changed")
        present = self.expressions.name(statement.target, path)
        change = self.expressions.evaluate(statement.value, path)
        try:
            path.variables[statement.target.id] = self.expressions.operate(
                statement.op, present, change, statement, path
            )
        except IncomparableValues as refusal:
            raise self.source.unsupported(statement, str(refusal)) from refusal
        return path

    def _bind(self, target: ast.expr, value: Value, path: Path) -> None:
        if isinstance(target, ast.Name):
            path.variables[target.id] = value
        elif isinstance(target, ast.Tuple) and isinstance(value, tuple) and len(value) == len(target.elts):
            for one, member in zip(target.elts, value, strict=True):
                self._bind(one, member, path)
        elif isinstance(target, ast.Subscript):
            self._store(target, value, path)
        else:
            raise self.source.unsupported(target, "cannot assign to this")

    def _store(self, target: ast.Subscript, value: Value, path: Path) -> None:
        cells = self.expressions.evaluate(target.value, path)
        index = self.expressions.evaluate(target.slice, path)
        if not isinstance(cells, Cells) or not is_known(index):
            raise self.source.unsupported(target, "only arrays can be written, at known indices")
        cells.members[index] = self.machine.choose(path.guard, value, cells.members[index])

    def expression(self, statement: ast.Expr, path: Path) -> Path:
        """A docstring, or a call for its effect."""
        self.expressions.evaluate(statement.value, path)
        return path

    def affirm(self, statement: ast.Assert, path: Path) -> Path:
        """`assert`: an obligation."""
        condition = self.expressions.condition(statement.test, path)
        self.expressions.demand(statement, path)(condition, "the assertion holds")
        return path

    def fail(self, statement: ast.Raise, path: Path) -> None:
        """`raise`: an obligation that it is not reached."""
        self.expressions.demand(statement, path)(z3.BoolVal(False), "no exception is raised")

    def leave_loop(self, _: ast.Break, path: Path) -> None:
        """`break`."""
        self.open_loops[-1].left.append(path)

    def next_round(self, _: ast.Continue, path: Path) -> None:
        """`continue`."""
        self.open_loops[-1].continued.append(path)


_HANDLERS: Mapping[type[ast.stmt], Callable[[Activation, Any, Path], Path | None]] = {
    ast.If: Activation.branch,
    ast.Return: Activation.give_back,
    ast.Assign: Activation.assign,
    ast.AnnAssign: Activation.assign_annotated,
    ast.AugAssign: Activation.assign_augmented,
    ast.Expr: Activation.expression,
    ast.Assert: Activation.affirm,
    ast.Raise: Activation.fail,
    ast.Break: Activation.leave_loop,
    ast.Continue: Activation.next_round,
    ast.Pass: lambda _, __, path: path,
    ast.While: lambda activation, statement, path: activation.loops.run_while(statement, path),
    ast.For: lambda activation, statement, path: activation.loops.run_for(statement, path),
}
