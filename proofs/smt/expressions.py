"""Expressions: from a syntax tree and the variables of a path to a value."""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import z3

from proofs.smt.chosen import Constants, by_choice, element
from proofs.smt.machine import IncomparableValues, Machine
from proofs.smt.path import Path
from proofs.smt.source import Source
from proofs.smt.theory import Demand, UnsupportedOperation
from proofs.smt.values import (
    Cells,
    Kind,
    Number,
    Term,
    Value,
    as_truth,
    conjunction,
    disjunction,
    is_known,
    is_truth,
    kind_of,
    negation,
)

Intrinsic: TypeAlias = Callable[..., Value]
"""What a call means that is not written in Python: `intrinsic(machine, demand, *arguments)`."""


@dataclass(frozen=True)
class Effect:
    """An `Intrinsic` that changes something where it is reached: `act(machine, demand, guard, *arguments)`."""

    act: Callable[..., Value]


class Caller(Protocol):
    """Executes calls; the executor."""

    machine: Machine

    def invoke(self, function: Any, arguments: list[Value], guard: Term) -> Value:
        """The value of a call that happens under a guard."""


class Expressions:
    """Evaluates the expressions of one function."""

    def __init__(self, caller: Caller, source: Source) -> None:
        self.caller = caller
        self.machine = caller.machine
        self.source = source

    def evaluate(self, node: ast.expr, path: Path) -> Value:
        """The value of an expression. Raises UnsupportedConstruct."""
        evaluator = _EVALUATORS.get(type(node))
        if evaluator is None:
            raise self.source.unsupported(node, f"{type(node).__name__} is not supported")
        try:
            return evaluator(self, node, path)
        except (IncomparableValues, UnsupportedOperation) as refusal:
            raise self.source.unsupported(node, str(refusal)) from refusal

    def condition(self, node: ast.expr, path: Path) -> Term:
        """An expression as `if`, `while`, `not`, `and` and `or` see it: whether it is true."""
        if isinstance(node, ast.BoolOp):
            return self._junction(node, path)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return negation(self.condition(node.operand, path))
        value = self.evaluate(node, path)
        if isinstance(value, Number):
            return self.machine.compare(ast.NotEq, value, self.machine.constant(0, value.kind))
        if is_known(value):
            return z3.BoolVal(bool(value))
        if not is_truth(value):
            raise self.source.unsupported(node, "truth of a value that is no number")
        return z3.simplify(value)

    def demand(self, node: ast.AST, path: Path) -> Demand:
        """A demand that names the place it comes from."""
        demand = self.machine.demand_under(path.guard)
        return lambda condition, what: demand(condition, f"{what} ({self.source.place(node)}: {ast.unparse(node)})")

    def _junction(self, node: ast.BoolOp, path: Path) -> Term:
        """`and` and `or`, whose later operands are reached only where the earlier ones leave it open."""
        both = isinstance(node.op, ast.And)
        result = self.condition(node.values[0], path)
        for operand in node.values[1:]:
            reached = path.where(result if both else negation(result))
            if z3.is_false(reached.guard):
                break
            following = self.condition(operand, reached)
            result = conjunction(result, following) if both else disjunction(result, following)
        return result

    def name(self, node: ast.Name, path: Path) -> Value:
        """A variable, or what a name outside means."""
        if node.id in self.source.variables:
            if node.id not in path.variables:
                raise self.source.unsupported(node, f"{node.id} may have no value here")
            return path.variables[node.id]
        if node.id not in self.source.surroundings:
            raise self.source.unsupported(node, f"{node.id} is not defined")
        return self.source.surroundings[node.id]

    def attribute(self, node: ast.Attribute, path: Path) -> Value:
        """A member of a module, an enum, or a named tuple."""
        owner = self.evaluate(node.value, path)
        if isinstance(owner, Number | z3.ExprRef):
            raise self.source.unsupported(node, "attribute of a number")
        return getattr(owner, node.attr)

    def binary(self, node: ast.BinOp, path: Path) -> Value:
        """Arithmetic."""
        left, right = self.evaluate(node.left, path), self.evaluate(node.right, path)
        return self.operate(node.op, left, right, node, path)

    def operate(self, operation: ast.operator, left: Value, right: Value, node: ast.AST, path: Path) -> Value:
        """Arithmetic on two values, by Python itself where both are known."""
        if kind_of(left) is not kind_of(right) or kind_of(left) is None:
            raise self.source.unsupported(node, f"arithmetic on {left!r} and {right!r}")
        if is_known(left) and is_known(right):
            with np.errstate(over="ignore"):
                return _ARITHMETIC[type(operation)](left, right)
        return self.machine.binary(type(operation), left, right, self.demand(node, path))

    def unary(self, node: ast.UnaryOp, path: Path) -> Value:
        """`not`, `~` and `-`."""
        if isinstance(node.op, ast.Not):
            return negation(self.condition(node.operand, path))
        value = self.evaluate(node.operand, path)
        kind = kind_of(value)
        if kind is None or isinstance(node.op, ast.UAdd):
            raise self.source.unsupported(node, f"unary operator on {value!r}")
        if is_known(value):
            return ~value if isinstance(node.op, ast.Invert) else -value
        if isinstance(node.op, ast.Invert):
            return Number(self.machine.theory.invert(value.term, kind), kind)
        return self.machine.binary(ast.Sub, self.machine.constant(0, kind), value, self.demand(node, path))

    def comparison(self, node: ast.Compare, path: Path) -> Value:
        """A comparison, or a chain of them."""
        result: Term = z3.BoolVal(True)
        left = self.evaluate(node.left, path)
        for operation, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.evaluate(right_node, path.where(result))
            result = conjunction(result, as_truth(self._compare(operation, left, right)))
            left = right
        return result

    def _compare(self, operation: ast.cmpop, left: Value, right: Value) -> Value:
        if isinstance(operation, ast.In | ast.NotIn):
            found: Term = z3.BoolVal(False)
            for member in right:
                found = disjunction(found, as_truth(self._compare(ast.Eq(), left, member)))
            return found if isinstance(operation, ast.In) else negation(found)
        if is_known(left) and is_known(right):
            return bool(_COMPARISON[type(operation)](left, right))
        if isinstance(operation, ast.Eq | ast.NotEq) and isinstance(left, tuple):
            equal = self.machine.equal(left, right)
            return equal if isinstance(operation, ast.Eq) else negation(equal)
        if type(operation) in (ast.Is, ast.IsNot):
            raise IncomparableValues("identity of a value that is not known")
        return self.machine.compare(type(operation), left, right)

    def choice(self, node: ast.IfExp, path: Path) -> Value:
        """`a if c else b`."""
        condition = self.condition(node.test, path)
        if z3.is_true(condition):
            return self.evaluate(node.body, path)
        if z3.is_false(condition):
            return self.evaluate(node.orelse, path)
        then = self.evaluate(node.body, path.where(condition))
        return self.machine.choose(condition, then, self.evaluate(node.orelse, path.where(negation(condition))))

    def junction(self, node: ast.BoolOp, path: Path) -> Value:
        """`and` and `or` as a value, where every operand is a truth value."""
        kinds = {is_truth(self.evaluate(operand, path.where(z3.BoolVal(False)))) for operand in node.values}
        if kinds != {True}:
            raise self.source.unsupported(node, "`and` and `or` of other than truth values")
        return self._junction(node, path)

    def call(self, node: ast.Call, path: Path) -> Value:
        """A call, with positional arguments."""
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise self.source.unsupported(node, "only positional arguments are supported")
        function = self.evaluate(node.func, path)
        arguments = [self.evaluate(argument, path) for argument in node.args]
        if function in (np.uint64, np.int64, int) and len(arguments) == 1 and not is_known(arguments[0]):
            return self._converted(function, arguments[0], node, path)
        if function is bool and len(arguments) == 1 and is_truth(arguments[0]):
            return arguments[0]
        return self.caller.invoke(function, arguments, path.guard)

    def _converted(self, to: type, value: Value, node: ast.Call, path: Path) -> Number:
        """A number of the other kind with the same value."""
        if to is np.uint64:
            return self.machine.as_word(value, self.demand(node, path))
        if kind_of(value) is Kind.WORD:
            return self.machine.as_integer(value, self.demand(node, path))
        if kind_of(value) is Kind.INTEGER:
            return Number(value.term, Kind.INTEGER)
        raise self.source.unsupported(node, f"conversion of {value!r}")

    def members(self, node: ast.Tuple, path: Path) -> Value:
        """A tuple."""
        return tuple(self.evaluate(member, path) for member in node.elts)

    def member(self, node: ast.Subscript, path: Path) -> Value:
        """A member of a tuple or of a known collection, by a known index."""
        container, index = self.evaluate(node.value, path), self.evaluate(node.slice, path)
        if is_known(index) and not isinstance(container, Number | z3.ExprRef):
            return container.members[index] if isinstance(container, Cells) else container[index]
        if isinstance(index, Number) and isinstance(container, Cells | np.ndarray):
            return element_of(self.machine, self.demand(node, path), container, index)
        raise self.source.unsupported(node, "only indices into arrays and known collections are supported")


def element_of(machine: Machine, demand: Demand, container: Cells | Any, index: Value) -> Value:
    """The word of an array at an index that need not be known, over the theory of bit-vectors."""
    members = container.members if isinstance(container, Cells) else container
    if is_known(index):
        return members[index]
    demand(z3.ULT(index.term, len(members)), "the index is inside the array")
    place = z3.simplify(index.term, push_ite_bv=True)
    if isinstance(container, Cells):
        return Number(element([machine.term(member, Kind.WORD) for member in members], place), Kind.WORD)
    known = by_choice(Constants(members), place)
    if known is not None:
        return Number(z3.simplify(known), Kind.WORD)
    return Number(machine.lookups.word([int(member) for member in members], place), Kind.WORD)


_EVALUATORS: Mapping[type[ast.expr], Callable[[Expressions, Any, Path], Value]] = {
    ast.Constant: lambda _, node, __: node.value,
    ast.Name: Expressions.name,
    ast.Attribute: Expressions.attribute,
    ast.BinOp: Expressions.binary,
    ast.UnaryOp: Expressions.unary,
    ast.Compare: Expressions.comparison,
    ast.IfExp: Expressions.choice,
    ast.BoolOp: Expressions.junction,
    ast.Call: Expressions.call,
    ast.Tuple: Expressions.members,
    ast.Subscript: Expressions.member,
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
_COMPARISON: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
