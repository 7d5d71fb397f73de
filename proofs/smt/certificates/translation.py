"""From conditions, as z3 terms, to clauses: which are contradictory only if the conditions are.

Bit-vectors become bits. Integers become numbers in two's complement with as many bits as their bounds ask for: no sum
ever wraps around. A function of integers is an unknown for each of its arguments, and *congruence*, that equal
arguments give equal values, is stated for those pairs that are asked for. Every assignment that meets the conditions
therefore meets the clauses; stating less congruence, or wider bounds, only adds assignments.

z3 has no part in this beyond the terms themselves, as it has built, simplified and substituted them before: here
nothing is simplified by it, and no tactic of it is used.
"""

import math
from collections.abc import Iterable, Sequence, Set

import z3

from proofs.smt.certificates.bit_vector_terms import BIT_VECTORS
from proofs.smt.certificates.bounds import Bounds, Interval, comparisons, differences
from proofs.smt.certificates.cases import conjuncts, decided, that_matter
from proofs.smt.certificates.circuit import FALSE, TRUE, Bits, Circuit, Literal, constant, extended
from proofs.smt.certificates.linear import (
    Application,
    Choice,
    Fraction,
    Integers,
    Linear,
    Quotient,
    Untranslatable,
    parts_first,
)
from proofs.smt.values import Term

COMPARISONS = frozenset(
    {z3.Z3_OP_EQ, z3.Z3_OP_DISTINCT, z3.Z3_OP_LE, z3.Z3_OP_LT, z3.Z3_OP_GE, z3.Z3_OP_GT},
)


class Translation:
    """The clauses of some conditions.

    Attributes:
        circuit: holds the clauses.
        left_out: conditions that no clause says anything of.
        integers, bounds: what its integers are made of, and between what they lie.
    """

    def __init__(self, conditions: Sequence[Term], leave_out: bool = False) -> None:
        """Translate; with `leave_out`, conditions that cannot be are left out. Raises Untranslatable."""
        self.circuit = Circuit()
        self.left_out: list[Term] = []
        self.integers = Integers()
        self.conditions = conditions
        self._terms: dict[int, tuple[Term, Bits]] = {}
        self._atoms: dict[int, Bits] = {}
        self._divisions: dict[tuple[Linear, int], tuple[Bits, Bits]] = {}
        self._divided_by: dict[int, list[tuple[Bits, Bits]]] = {}
        self.bounds = Bounds(self.integers, ())
        self._read_integers(frees=True)
        if any(None in self.bounds.of(self.integers.current(unknown)) for unknown, _, _ in self.integers.freed):
            self.integers = Integers()
            self._read_integers(frees=False)
        stated = [pair for condition in conditions for pair in conjuncts(condition)]
        self._stated = {part.get_id() for part, _ in stated}
        for part, true in stated:
            self._require(part, true, leave_out)
        for form in self._freed():
            self.circuit.require(self.is_negative(form.plus(Linear(-1)), self.bounds.of(form.plus(Linear(-1)))))
        if self.bounds.contradictory:
            self.circuit.require(FALSE)
        for number in sorted(self.bounds.learned):
            if self.bounds.closed(number):
                self._atom(number)

    def _require(self, condition: Term, true: bool, leave_out: bool) -> None:
        try:
            literal = self.truth(condition)
        except Untranslatable:
            if not leave_out:
                raise
            self.left_out.append(condition)
        else:
            self.circuit.require(literal if true else -literal)

    def _read_integers(self, frees: bool) -> None:
        """Read all integer terms, say as many unknowns by others as equations allow, and find bounds for the rest."""
        # Unknowns first: only then have the same values of a function the same arguments.
        for functions in (False, True):
            self._read_terms()
            for difference, equal in list(differences(self.conditions, self.integers)):
                if equal:
                    self.integers.solve(difference, functions, frees)
        self._read_terms()
        self.bounds = Bounds(self.integers, [*comparisons(self.conditions, self.integers), *self._freed()])

    def _freed(self) -> list[Linear]:
        """Forms that are not above zero, since some unknowns are quotients."""
        rests = [
            (self.integers.current(dividend.plus(unknown, -divisor)), divisor)
            for unknown, dividend, divisor in self.integers.freed
        ]
        return [form for rest, divisor in rests for form in (rest.times(-1), rest.plus(Linear(1 - divisor)))]

    def _read_terms(self) -> None:
        seen: set[int] = set()
        for condition in self.conditions:
            for part in parts_first(condition, lambda part: part.get_id() in seen):
                seen.add(part.get_id())
                if z3.is_int(part):
                    self.integers.read(part)

    # --- truth values and bit-vectors ---

    def truth(self, term: Term) -> Literal:
        """A condition as a literal."""
        return self.bits(term)[0]

    def bits(self, term: Term) -> Bits:
        """A bit-vector as its bits; a condition as one bit. Raises Untranslatable for any other sort."""
        for part in parts_first(term, lambda part: z3.is_int(part) or part.get_id() in self._terms, that_matter):
            self._terms[part.get_id()] = part, self._translated(part)
        return self._terms[term.get_id()][1]

    def _translated(self, term: Term) -> Bits:
        if not z3.is_app(term) or not (z3.is_bv(term) or z3.is_bool(term)):
            raise Untranslatable(f"no translation for a term of {term.sort()}: {term}")
        kind, operands = term.decl().kind(), that_matter(term)
        if decided(term) is not None:
            return [TRUE if decided(term) else FALSE]
        if kind == z3.Z3_OP_ITE and len(operands) == 1:
            return self._terms[operands[0].get_id()][1]
        if operands and z3.is_int(operands[0]):
            return [self._compared(term)]
        if kind == z3.Z3_OP_UNINTERPRETED and not operands:
            return [self.circuit.new() for _ in range(term.size() if z3.is_bv(term) else 1)]
        if kind not in BIT_VECTORS:
            raise Untranslatable(f"{term.decl()} of {term.sort()}")
        inputs = [self._terms[operand.get_id()][1] for operand in operands]
        return BIT_VECTORS[kind](self.circuit, term, inputs)

    # --- integers ---

    def _compared(self, term: Term) -> Literal:
        """A comparison of two integers."""
        kind = term.decl().kind()
        if term.num_args() != 2 or not (z3.is_bool(term) and kind in COMPARISONS):
            raise Untranslatable(f"{term.decl()} of integers")
        left, right = map(self.integers.read, term.children())
        difference = left.plus(right, -1)
        if kind in (z3.Z3_OP_LE, z3.Z3_OP_GT):
            difference = difference.times(-1)
        # What is stated must not follow from itself.
        bounds = self.bounds.of(difference) if term.get_id() in self._stated else self.bounds.of_whole(difference)
        if kind in (z3.Z3_OP_EQ, z3.Z3_OP_DISTINCT):
            equal = self.is_zero(difference, bounds)
            return equal if kind == z3.Z3_OP_EQ else -equal
        if kind in (z3.Z3_OP_LT, z3.Z3_OP_GE):
            below = self.is_negative(difference, bounds)
            return below if kind == z3.Z3_OP_LT else -below
        above = self.is_negative(difference, bounds)
        return above if kind == z3.Z3_OP_GT else -above

    def is_zero(self, form: Linear, bounds: Interval) -> Literal:
        """Whether a form within bounds is zero: both sides are compared, so that no borrow is needed."""
        common = math.gcd(*(factor for _, factor in form.factors))
        low, high = bounds
        if (low is not None and low > 0) or (high is not None and high < 0) or (common and form.constant % common):
            return FALSE
        left, right = self._sides(form.divided(common or 1))
        width = max(len(left), len(right))
        return self.circuit.equal(extended(left, width), extended(right, width))

    def is_negative(self, form: Linear, bounds: Interval) -> Literal:
        """Whether a form within bounds is below zero."""
        low, high = bounds
        if (low is not None and low >= 0) or (high is not None and high < 0):
            return FALSE if low is not None and low >= 0 else TRUE
        left, right = self._sides(form.divided(math.gcd(*(factor for _, factor in form.factors)) or 1))
        width = max(len(left), len(right))
        return self.circuit.below_signed(extended(left, width), extended(right, width))

    def _sides(self, form: Linear) -> tuple[Bits, Bits]:
        """Two numbers whose difference the form is, both without negative factors."""
        rest, fractions = self.integers.fractions(form)
        positive = tuple((atom, factor) for atom, factor in rest.factors if factor > 0)
        negative = tuple((atom, -factor) for atom, factor in rest.factors if factor < 0)
        return (
            self._sum(Linear(max(rest.constant, 0), positive), [one for one in fractions if one[0] > 0]),
            self._sum(
                Linear(max(-rest.constant, 0), negative), [(-times, part) for times, part in fractions if times < 0]
            ),
        )

    def number(self, form: Linear) -> Bits:
        """An integer in two's complement."""
        return self._sum(*self.integers.fractions(form))

    def _sum(self, rest: Linear, fractions: list[tuple[int, Fraction]]) -> Bits:
        low, high = self._closed(rest)
        low += sum(min(0, times * (part.limit - 1)) for times, part in fractions)
        high += sum(max(0, times * (part.limit - 1)) for times, part in fractions)
        width = width_of(low, high)
        terms = [(factor, self._atom(atom)) for atom, factor in rest.factors]
        terms += [(times, self._fraction(part)) for times, part in fractions]
        total = constant(rest.constant, width)
        for times, bits in terms:
            total = self.circuit.add(total, self.circuit.times(extended(bits, width), times))
        return total

    def _closed(self, form: Linear) -> tuple[int, int]:
        low, high = self.bounds.of(form)
        if low is None or high is None:
            open_atoms = [self.integers.atoms[atom] for atom, _ in form.factors if None in self.bounds.atoms[atom]]
            choices = [self.integers.conditions[atom.condition] for atom in open_atoms if isinstance(atom, Choice)]
            raise Untranslatable(f"no bounds are known for {open_atoms}", choices)
        return low, high

    def _atom(self, number: int) -> Bits:
        if number not in self._atoms:
            self._atoms[number] = self._new_atom(number)
        return self._atoms[number]

    def _new_atom(self, number: int) -> Bits:
        bits = self._atom_as_made(number)
        low, high = self.bounds.atoms[number]
        if number in self.bounds.learned and low is not None and high is not None:
            self._confine(bits, low, high)
            return extended(bits, min(len(bits), width_of(low, high)))
        return bits

    def _atom_as_made(self, number: int) -> Bits:
        atom = self.integers.atoms[number]
        if isinstance(atom, Choice):
            then, otherwise = self.number(atom.then), self.number(atom.otherwise)
            width = max(len(then), len(otherwise))
            condition = self.truth(self.integers.conditions[atom.condition])
            return self.circuit.choose_bits(condition, extended(then, width), extended(otherwise, width))
        if isinstance(atom, Quotient):
            return self._division(atom.dividend, atom.divisor)[0]
        solution = self.integers.solution(number)
        if solution is not None:
            return self.number(solution)
        return self._between(*self._closed(Linear(0, ((number, 1),))))

    def _between(self, low: int, high: int) -> Bits:
        """An unknown from one number to another."""
        width = width_of(low, high)
        bits = [self.circuit.new() for _ in range(width - 1)]
        bits.append(FALSE if low >= 0 else self.circuit.new())
        self._confine(bits, low, high)
        return bits

    def _confine(self, bits: Bits, low: int, high: int) -> None:
        """Require a number to lie between two others."""
        width = max(len(bits), width_of(low, high))
        bits = extended(bits, width)
        self.circuit.require(-self.circuit.below_signed(bits, constant(low, width)))
        self.circuit.require(-self.circuit.below_signed(constant(high, width), bits))

    def _division(self, dividend: Linear, divisor: int) -> tuple[Bits, Bits]:
        """Quotient, rounded down, and remainder."""
        key = dividend, divisor
        if key not in self._divisions:
            shift = divisor.bit_length() - 1
            if divisor == 1 << shift:
                bits = self.number(dividend)
                self._divisions[key] = bits[shift:] or bits[-1:], [*extended(bits, shift), FALSE]
            else:
                self._divisions[key] = self._divided(dividend, divisor)
        return self._divisions[key]

    def _divided(self, dividend: Linear, divisor: int) -> tuple[Bits, Bits]:
        """Unknowns that are quotient and remainder: there are always exactly two such numbers."""
        low, high = self._closed(dividend)
        quotient, remainder = self._between(low // divisor, high // divisor), self._between(0, divisor - 1)
        width = width_of(min(low, low // divisor * divisor), high + divisor)
        product = self.circuit.times(extended(quotient, width), divisor)
        total = self.circuit.add(product, extended(remainder, width))
        whole = extended(self.number(dividend), width)
        self.circuit.require(self.circuit.equal(total, whole))
        for other, bits in self._divided_by.setdefault(divisor, []):
            self._consistent(other, whole, bits, quotient)
        self._divided_by[divisor].append((whole, quotient))
        return quotient, remainder

    def _consistent(self, one: Bits, other: Bits, value: Bits, other_value: Bits) -> None:
        """What follows anyway, and helps: equal dividends have equal quotients."""
        width = max(len(one), len(other))
        equal = self.circuit.equal(extended(one, width), extended(other, width))
        width = max(len(value), len(other_value))
        self.circuit.require(-equal, self.circuit.equal(extended(value, width), extended(other_value, width)))

    def _fraction(self, fraction: Fraction) -> Bits:
        if fraction.divisor == 1:
            return self._division(fraction.dividend, fraction.modulus)[1]
        shift = fraction.divisor.bit_length() - 1
        if fraction.divisor != 1 << shift:
            raise Untranslatable("a fraction whose divisor is no power of two")
        return self._division(fraction.dividend, fraction.modulus)[1][shift:]

    # --- functions ---

    def congruence(self, pairs: Iterable[tuple[int, int]]) -> None:
        """State for pairs of values of a function that they are equal if their arguments are."""
        for one, other in pairs:
            first, second = self.integers.atoms[one], self.integers.atoms[other]
            assert isinstance(first, Application)
            assert isinstance(second, Application)
            arguments = zip(first.arguments, second.arguments, strict=True)
            same = [self._alike(left.plus(right, -1)) for left, right in arguments]
            equal = self._alike(Linear(0, ((one, 1),)).plus(Linear(0, ((other, 1),)), -1))
            self.circuit.require(-self.circuit.all(same), equal)

    def _alike(self, difference: Linear) -> Literal:
        difference = self.integers.current(difference)
        return self.is_zero(difference, self.bounds.of(difference))

    def reach_arguments(self) -> None:
        """Give bits to the arguments of every value of a function in use, so that an assignment says what they are."""
        for number in list(self.integers.solved_functions()):
            if self._is_bounded(number):
                self._atom(number)
        done: set[int] = set()
        while todo := [one for one in self._atoms if one not in done]:
            for number in todo:
                done.add(number)
                atom = self.integers.atoms[number]
                for argument in atom.arguments if isinstance(atom, Application) else ():
                    for inner, _ in argument.factors:
                        self._atom(inner)

    def _is_bounded(self, number: int) -> bool:
        """Whether there are bounds for the solution of a function's value, and for its arguments."""
        atom, solution = self.integers.atoms[number], self.integers.solution(number)
        assert isinstance(atom, Application)
        assert solution is not None
        inner = [part for form in (solution, *atom.arguments) for part, _ in form.factors]
        return all(self.bounds.closed(part) for part in inner)

    def incongruent(self, true: Set[int]) -> list[tuple[int, int]]:
        """Pairs of values of a function that differ under an assignment, although their arguments do not.

        `true` holds the variables that are true.
        """

        def value(form: Linear) -> int:
            return form.constant + sum(factor * _signed(self._atoms[atom], true) for atom, factor in form.factors)

        found: dict[tuple[object, ...], int] = {}
        pairs = []
        for number in sorted(self._atoms):
            atom = self.integers.atoms[number]
            if isinstance(atom, Application):
                first = found.setdefault((atom.function, *map(value, atom.arguments)), number)
                if _signed(self._atoms[first], true) != _signed(self._atoms[number], true):
                    pairs.append((first, number))
        return pairs


def _signed(bits: Bits, true: Set[int]) -> int:
    """A number in two's complement under an assignment."""
    ones = [(bit > 0) == (abs(bit) in true) for bit in bits]
    value = sum(one << place for place, one in enumerate(ones))
    return value - (ones[-1] << len(bits))


def width_of(low: int, high: int) -> int:
    """Bits that all numbers from one to another have room in, with a sign."""
    return max(low.bit_length() if low >= 0 else (-low - 1).bit_length(), high.bit_length()) + 1
