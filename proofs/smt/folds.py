"""Folded sums, as terms: known by what is proved about `fold`, and the same term wherever they are the same number.

`fold` keeps a sum's residue modulo 0xffff, and gives 0 only for 0 (claim C1). So two sums that differ by a multiple of
0xffff fold to the same number, unless just one of them is 0. Which sums do is looked for by comparing coefficients;
that they do, z3 has to confirm.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import z3

from proofs.smt.machine import Machine
from proofs.smt.octet_integers import OctetIntegers
from proofs.smt.solver import Refuted, prove
from proofs.smt.theory import Demand
from proofs.smt.values import Term

MODULUS = 0xFFFF
SUM_LIMIT = 1 << 48
"""Limit on the sums about which `fold` is proved."""

_ONE = z3.IntVal(1)

Linear = dict[int, int]
"""Coefficients by the number that z3 knows an unknown by; of `_ONE` the constant."""


@dataclass
class Folds:
    """All folded sums of one proof.

    Attributes:
        machine: whose theory knows bytes.
        definitions: what folded sums are. They are no facts of the machine, since a proof seldom needs them.
    """

    machine: Machine
    definitions: list[Term] = field(default_factory=list)
    _folded: dict[Term, Term] = field(default_factory=dict)
    _parts: list[tuple[Term, Term, Term, Term]] = field(default_factory=list)
    _alike: dict[frozenset[tuple[int, int]], list[Term]] = field(default_factory=dict)
    _unknowns: dict[int, Term] = field(default_factory=dict)

    def folded(self, total: Term, demand: Demand) -> Term:
        """What a sum folds to, a number of two bytes. Demands that it is below `SUM_LIMIT`. Raises Unknown."""
        demand(z3.And(total >= 0, total < SUM_LIMIT), "a folded sum is one about which fold is proved")
        if total not in self._folded:
            residue = self._residue(total)
            others = self._alike.setdefault(residue, [])
            twin = next((other for other in others if self._is_twin(total, other)), None)
            if twin is None:
                others.append(total)
                self._folded[total] = self._define(total)
            else:
                self._folded[total] = self._folded[twin]
        return self._folded[total]

    def _define(self, total: Term) -> Term:
        theory = self.machine.theory
        assert isinstance(theory, OctetIntegers)
        name = self.machine.new_name("fold")
        low, high, carries = z3.Int(f"{name} low"), z3.Int(f"{name} high"), z3.Int(f"{name} carries")
        result = theory.compose([low, high])
        self.machine.define(z3.And(low >= 0, low < 256, high >= 0, high < 256))
        known = z3.And(carries >= 0, total == result + MODULUS * carries, (result == 0) == (total == 0))
        self.definitions.append(z3.Implies(total >= 0, known))
        self._parts.append((low, high, carries, total))
        return result

    def _is_twin(self, one: Term, other: Term) -> bool:
        """Whether two sums of the same residue are proved to fold to the same number. Raises Unknown."""
        difference = self._expanded(one, exactly=True)
        for unknown, factor in self._expanded(other, exactly=True).items():
            difference[unknown] = difference.get(unknown, 0) - factor
        quotient = z3.Sum([factor // MODULUS * self._unknowns[unknown] for unknown, factor in difference.items()])
        goal = z3.And(one >= 0, other >= 0, one - other == MODULUS * quotient, (one == 0) == (other == 0))
        try:
            given = [*self.machine.facts, *self.definitions]
            prove(goal, "sums fold to the same number", given, self.machine.timeout_ms)
        except Refuted:
            return False
        return True

    def _residue(self, total: Term) -> frozenset[tuple[int, int]]:
        reduced = {unknown: factor % MODULUS for unknown, factor in self._expanded(total, exactly=False).items()}
        return frozenset((unknown, factor) for unknown, factor in reduced.items() if factor)

    def _expanded(self, total: Term, *, exactly: bool) -> Linear:
        """A sum without folded ones in it: each is what it was folded from, less the carries, a multiple of 0xffff."""
        found = self._linear(total)
        for low, high, carries, inner in reversed(self._parts):
            factor = found.get(low.get_id(), 0)
            if factor and (found.get(high.get_id(), 0) - 256 * factor) % MODULUS == 0:
                del found[low.get_id()]
                self._add(found, high, -256 * factor)
                for unknown, inner_factor in self._linear(inner).items():
                    self._add(found, self._unknowns[unknown], factor * inner_factor)
                if exactly:
                    self._add(found, carries, -MODULUS * factor)
        return found

    def _linear(self, term: Term) -> Linear:
        """A linear term as coefficients; parts that are not linear count as unknowns."""
        found: Linear = {}
        waiting = [(term, 1)]
        while waiting:
            part, factor = waiting.pop()
            kind = part.decl().kind()
            if kind == z3.Z3_OP_ANUM:
                self._add(found, _ONE, factor * part.as_long())
            elif kind == z3.Z3_OP_ADD:
                waiting += [(child, factor) for child in part.children()]
            elif kind == z3.Z3_OP_SUB:
                first, *others = part.children()
                waiting += [(first, factor), *((child, -factor) for child in others)]
            elif kind == z3.Z3_OP_MUL and part.num_args() == 2 and z3.is_int_value(part.arg(0)):
                waiting.append((part.arg(1), factor * part.arg(0).as_long()))
            elif kind == z3.Z3_OP_MUL and part.num_args() == 2 and z3.is_int_value(part.arg(1)):
                waiting.append((part.arg(0), factor * part.arg(1).as_long()))
            else:
                self._add(found, part, factor)
        return found

    def _add(self, sums: Linear, unknown: Term, factor: int) -> None:
        """Add a multiple of an unknown, which is kept, so that its number stays its own."""
        number = unknown.get_id()
        self._unknowns[number] = unknown
        sums[number] = sums.get(number, 0) + factor


def same_residue_folds_alike() -> tuple[Term, Mapping[str, Term]]:
    """The lemma behind `Folds`: its statement, over the unknowns given by name."""
    names = ("one", "other", "folded", "folded other", "carries", "carries other", "quotient")
    unknowns = {name: z3.Int(name) for name in names}
    one, other, first, second, carries, others, quotient = unknowns.values()
    given = z3.And(
        one >= 0,
        other >= 0,
        *(z3.And(value >= 0, value <= MODULUS) for value in (first, second)),
        one == first + MODULUS * carries,
        other == second + MODULUS * others,
        (first == 0) == (one == 0),
        (second == 0) == (other == 0),
        one - other == MODULUS * quotient,
        (one == 0) == (other == 0),
    )
    return z3.Implies(given, first == second), unknowns
