"""From compiled code to terms: every path at once, values joined where paths meet, loops unrolled.

What makes the behaviour of the code undefined becomes an obligation that it does not happen: going by poison, reaching
`unreachable`, leaving a region of memory. So does a loop with more rounds than were unrolled.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import z3

from proofs.smt.llvm.control import Loop, Shape, shape_of
from proofs.smt.llvm.memory import ADDRESS_BITS, Region, Table
from proofs.smt.llvm.reader import UNKNOWN, Function, Instruction, Operand, UnsupportedCode, instruction
from proofs.smt.llvm.values import Bits, Pointer, Scalar, binary, call, cast, chosen, compare, constant, width_of
from proofs.smt.machine import Machine
from proofs.smt.theory import Demand
from proofs.smt.values import FALSE, TRUE, Term, conjunction, disjunction, negation

MAXIMUM_ROUNDS = 64
Values = dict[str, Scalar]


@dataclass(frozen=True)
class Edge:
    """A way from one block to another: where it is taken, and the values there."""

    source: str
    target: str
    guard: Term
    values: Values


class Translation:
    """One run of a function over terms."""

    def __init__(
        self, machine: Machine, function: Function, arguments: Mapping[str, Scalar], rounds: int = MAXIMUM_ROUNDS
    ) -> None:
        self.machine = machine
        self.function = function
        self.shape: Shape = shape_of(function)
        self.rounds = rounds
        self.arguments = dict(arguments)
        self.tables = {name: Table(name, content, machine.lookups) for name, content in function.tables.items()}

    def run(self) -> None:
        """Execute the function: the regions behind its arguments are left as it leaves them."""
        start = Edge("", self.shape.whole.header, TRUE, self.arguments)
        left = self._once(self.shape.whole, [start])
        if left:
            raise UnsupportedCode(f"edges to nowhere: {left}")

    # --- paths ---

    def _once(self, loop: Loop, edges: list[Edge]) -> list[Edge]:
        """The blocks of a loop once; edges that lead out of it or back to its header."""
        waiting: defaultdict[str, list[Edge]] = defaultdict(list, {loop.header: edges})
        left: list[Edge] = []
        inside = {label for inner in loop.loops.values() for label in inner.blocks - {inner.header}}
        for label in self.shape.order:
            if label not in loop.blocks or label in inside or not (arriving := waiting.pop(label, [])):
                continue
            inner = loop.loops.get(label)
            leaving = self._block(label, arriving) if inner is None else self._around(inner, arriving)
            for edge in leaving:
                stays = edge.target in loop.blocks and edge.target != loop.header
                (waiting[edge.target] if stays else left).append(edge)
        return left

    def _around(self, loop: Loop, edges: list[Edge]) -> list[Edge]:
        """A loop, round by round; edges that lead out of it."""
        left: list[Edge] = []
        for _ in range(self.rounds):
            reached = FALSE
            for edge in edges:
                reached = disjunction(reached, edge.guard)
            if not edges or not self.machine.may_hold(z3.simplify(reached)):
                return left
            leaving = self._once(loop, edges)
            edges = [edge for edge in leaving if edge.target == loop.header]
            left += [edge for edge in leaving if edge.target != loop.header]
        for edge in edges:
            self.machine.demand_under(edge.guard)(FALSE, f"at most {self.rounds} rounds of {loop.header}")
        return left

    def _block(self, label: str, edges: list[Edge]) -> list[Edge]:
        """One block; edges that lead out of it."""
        guard, values = edges[0].guard, dict(edges[0].values)
        alive = self.shape.alive[label]
        for edge in edges[1:]:
            guard = disjunction(guard, edge.guard)
            for name in alive & edge.values.keys() & values.keys():
                values[name] = chosen(edge.guard, edge.values[name], values[name])
        guard = z3.simplify(guard)
        block = self.function.blocks[label]
        if any(found.opcode == UNKNOWN for found in block):
            self._refuse(block, guard)
            return []
        values.update({found.name: self._phi(found, edges) for found in block if found.opcode == "phi"})
        demand = self.machine.demand_under(guard)
        for found in block[:-1]:
            if found.opcode != "phi":
                result = self._instruction(found, values, guard, demand)
                if found.name and result is not None:
                    values[found.name] = result
        return self._leave(label, block[-1], values, guard, demand)

    def _refuse(self, block: tuple[Instruction, ...], guard: Term) -> None:
        """A block with instructions that are not known may not be reached. Raises UnsupportedCode."""
        if self.machine.may_hold(guard):
            raise UnsupportedCode(next(found.word for found in block if found.opcode == UNKNOWN))

    def _phi(self, found: Instruction, edges: list[Edge]) -> Scalar:
        incoming = dict(zip(found.labels, found.operands, strict=True))
        result: Scalar | None = None
        for edge in edges:
            value = self._value(incoming[edge.source], edge.values)
            result = value if result is None else chosen(edge.guard, value, result)
        assert result is not None
        return result

    def _leave(self, label: str, last: Instruction, values: Values, guard: Term, demand: Demand) -> list[Edge]:
        if last.opcode == "unreachable":
            demand(FALSE, "unreachable code is not reached")
            return []
        if last.opcode == "ret":
            demand(self._bits(last.operands[0], values).term == 0, "the function returns without an error")
            return []
        conditions = self._conditions(last, values, demand)
        by_target: dict[str, Term] = {}
        for target, condition in conditions:
            by_target[target] = disjunction(by_target.get(target, FALSE), condition)
        edges = [
            Edge(label, target, z3.simplify(conjunction(guard, condition)), values)
            for target, condition in by_target.items()
        ]
        return [edge for edge in edges if not z3.is_false(edge.guard)]

    def _conditions(self, last: Instruction, values: Values, demand: Demand) -> list[tuple[str, Term]]:
        """Where a block leads, and when."""
        if len(last.labels) == 1:
            return [(last.labels[0], TRUE)]
        decided = self._bits(last.operands[0], values)
        demand(negation(decided.poison), "what a branch goes by is no poison")
        if last.opcode == "br":
            condition = z3.simplify(decided.term)
            return [(last.labels[0], condition), (last.labels[1], negation(condition))]
        cases = [decided.term == constant(case.kind, case.text).term for case in last.operands[1:]]
        default = negation(z3.Or(cases)) if cases else TRUE
        return [(last.labels[0], default), *zip(last.labels[1:], cases, strict=True)]

    # --- instructions ---

    def _instruction(self, found: Instruction, values: Values, guard: Term, demand: Demand) -> Scalar | None:
        if found.opcode == "getelementptr":
            return self._address(found, values)
        if found.opcode == "load":
            pointer = self._pointer(found.operands[0], values)
            demand(negation(pointer.poison), "an address is no poison")
            bits = width_of(found.kind)
            loaded = pointer.region.load(pointer.offset, (bits + 7) // 8, demand)
            return Bits(loaded != 0 if bits == 1 else loaded)
        if found.opcode == "store":
            self._store(found, values, guard, demand)
            return None
        if found.opcode == "call":
            return self._call(found, values, guard, demand)
        if found.opcode == "select":
            condition, then, otherwise = (self._value(operand, values) for operand in found.operands)
            assert isinstance(condition, Bits)
            result = chosen(condition.term, then, otherwise)
            return _poisoned(result, condition.poison)
        operands = [self._bits(operand, values) for operand in found.operands]
        if found.opcode == "icmp":
            return compare(found.word, found.flags, *operands)
        if len(operands) == 1:
            value = operands[0]
            if found.opcode == "freeze":
                demand(negation(value.poison), "what is frozen is no poison")
            return cast(found.opcode, found.flags, value, found.kind)
        return binary(found.opcode, found.flags, *operands)

    def _address(self, found: Instruction, values: Values) -> Pointer:
        base, index = self._pointer(found.operands[0], values), self._bits(found.operands[1], values)
        step = index.term
        if step.size() < ADDRESS_BITS:
            step = z3.SignExt(ADDRESS_BITS - step.size(), step)
        offset = z3.simplify(base.offset + step * (width_of(found.word) // 8))
        return Pointer(base.region, offset, disjunction(base.poison, index.poison))

    def _store(self, found: Instruction, values: Values, guard: Term, demand: Demand) -> None:
        pointer = self._pointer(found.operands[1], values)
        demand(negation(pointer.poison), "an address is no poison")
        if found.operands[0].kind == "ptr":
            demand(z3.BoolVal(found.operands[0].text == "null"), "no exception is raised")
            return
        value = self._bits(found.operands[0], values)
        demand(negation(value.poison), "what is stored is no poison")
        term = value.term
        if z3.is_bool(term):
            term = z3.If(term, z3.BitVecVal(1, 8), z3.BitVecVal(0, 8))
        pointer.region.store(pointer.offset, term, guard, demand)

    def _call(self, found: Instruction, values: Values, guard: Term, demand: Demand) -> Scalar | None:
        if found.word.startswith(("llvm.lifetime.", "llvm.assume", "llvm.experimental.noalias")):
            return None
        if found.word.startswith("llvm.memset."):
            pointer = self._pointer(found.operands[0], values)
            octet, length = (self._bits(operand, values).term for operand in found.operands[1:3])
            for place in range(z3.simplify(length).as_long()):
                pointer.region.store(pointer.offset + place, octet, guard, demand)
            return None
        return call(found.word, [self._bits(operand, values) for operand in found.operands])

    # --- operands ---

    def _value(self, operand: Operand, values: Values) -> Scalar:
        text = operand.text
        if text.startswith("%"):
            return values[text]
        if text.startswith("@"):
            return Pointer(self._table(text), z3.BitVecVal(0, ADDRESS_BITS))
        if text.startswith("getelementptr"):
            return self._address(_of_expression(text), values)
        return constant(operand.kind, text)

    def _table(self, name: str) -> Region:
        bare = name.removeprefix("@").strip('"')
        if bare not in self.tables:
            raise UnsupportedCode(f"a variable that is no constant table: {name}")
        return self.tables[bare]

    def _bits(self, operand: Operand, values: Values) -> Bits:
        value = self._value(operand, values)
        if not isinstance(value, Bits):
            raise UnsupportedCode(f"an address as a number: {operand.text}")
        return value

    def _pointer(self, operand: Operand, values: Values) -> Pointer:
        value = self._value(operand, values)
        if not isinstance(value, Pointer):
            raise UnsupportedCode(f"a number as an address: {operand.text}")
        return value


def _poisoned(value: Scalar, poison: Term) -> Scalar:
    if z3.is_false(poison):
        return value
    spread = disjunction(value.poison, poison)
    return Bits(value.term, spread) if isinstance(value, Bits) else Pointer(value.region, value.offset, spread)


def _of_expression(text: str) -> Instruction:
    """A constant address, `getelementptr (T, ptr @name, i64 n)`, as the instruction that would compute it."""
    return instruction(text.replace("(", "", 1).removesuffix(")"))
