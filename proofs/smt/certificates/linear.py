"""Integer terms as sums of multiples of atoms.

An atom is what linear arithmetic does not look into: an unknown, a function's value, a quotient, an if-then-else. A
remainder is a difference, `t mod k = t - k * (t div k)`, so that a quotient and its remainder never disagree.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import z3

from proofs.smt.certificates.cases import decided
from proofs.smt.values import Term


class Untranslatable(Exception):
    """A term that has no translation, or an integer for which no bounds are found.

    Attributes:
        choices: conditions on which it depends which number has to be bounded.
    """

    def __init__(self, why: str, choices: Sequence[Term] = ()) -> None:
        super().__init__(why)
        self.choices = choices


@dataclass(frozen=True)
class Linear:
    """`constant` plus the sum of `factor * atom` over `factors`; atoms by number, ascending; no factor is 0."""

    constant: int
    factors: tuple[tuple[int, int], ...] = ()

    def plus(self, other: "Linear", times: int = 1) -> "Linear":
        """The sum of this one and a multiple of another one."""
        factors = dict(self.factors)
        for atom, factor in other.factors:
            factors[atom] = factors.get(atom, 0) + times * factor
        kept = sorted((atom, factor) for atom, factor in factors.items() if factor)
        return Linear(self.constant + times * other.constant, tuple(kept))

    def times(self, factor: int) -> "Linear":
        """A multiple."""
        return Linear(0).plus(self, factor)

    def divided(self, divisor: int) -> "Linear":
        """Divided by what all factors are multiples of, rounded down: below zero exactly where the form is."""
        return Linear(self.constant // divisor, tuple((atom, factor // divisor) for atom, factor in self.factors))


@dataclass(frozen=True)
class Unknown:
    """An integer constant."""

    name: str


@dataclass(frozen=True)
class Freed(Unknown):
    """An unknown of ours, which stands for a quotient."""


@dataclass(frozen=True)
class Application:
    """What an uninterpreted function gives for integers."""

    function: str
    arguments: tuple[Linear, ...]


@dataclass(frozen=True)
class Quotient:
    """A number divided by a positive one, rounded down."""

    dividend: Linear
    divisor: int


@dataclass(frozen=True)
class Choice:
    """One of two numbers; the condition is a term's number in `Integers.conditions`."""

    condition: int
    then: Linear
    otherwise: Linear


@dataclass(frozen=True)
class Fraction:
    """`(dividend mod modulus) div divisor`, where the divisor divides the modulus."""

    dividend: Linear
    modulus: int
    divisor: int

    @property
    def limit(self) -> int:
        """What it stays below."""
        return self.modulus // self.divisor


class Integers:
    """Reads integer terms; the same atom gets the same number, whichever term it is found in.

    Attributes:
        atoms: by number.
        conditions: of if-then-elses, by the number that z3 gives the term.
        freed: unknowns that stand for quotients (`solve`), with dividend and divisor.
    """

    def __init__(self) -> None:
        self.atoms: list[Unknown | Application | Quotient | Choice] = []
        self.conditions: dict[int, Term] = {}
        self._numbers: dict[object, int] = {}
        self.freed: list[tuple[Linear, Linear, int]] = []
        self._solved: dict[int, Linear] = {}
        self._renewed: dict[int, Linear] = {}
        self._read: dict[int, tuple[Term, Linear]] = {}

    def read(self, term: Term) -> Linear:
        """A term as a linear form. Raises Untranslatable."""
        for part in parts_first(term, lambda part: part.get_id() in self._read or not z3.is_int(part)):
            if z3.is_int(part):
                self._read[part.get_id()] = part, self._linear(part)
        return self._read[term.get_id()][1]

    def atom(self, atom: Unknown | Application | Quotient | Choice) -> Linear:
        """An atom as a linear form."""
        if atom not in self._numbers:
            self._numbers[atom] = len(self.atoms)
            self.atoms.append(atom)
        return Linear(0, ((self._numbers[atom], 1),))

    def _linear(self, term: Term) -> Linear:
        if not z3.is_app(term):
            raise Untranslatable(f"{term} is bound by a quantifier")
        kind = term.decl().kind()
        if z3.is_int_value(term):
            return Linear(term.as_long())
        if kind == z3.Z3_OP_ITE:
            condition, then, otherwise = term.children()
            known = decided(condition)
            if known is not None:
                return self._known(then if known else otherwise)
            self.conditions[condition.get_id()] = condition
            return self.atom(Choice(condition.get_id(), self._known(then), self._known(otherwise)))
        if any(not z3.is_int(child) for child in term.children()):
            raise Untranslatable(f"{term.decl()} of what is no integer")
        operands = [self._known(child) for child in term.children()]
        if kind == z3.Z3_OP_UNINTERPRETED:
            name = term.decl().name()
            atom = self.atom(Application(name, tuple(operands)) if operands else Unknown(name))
            return self._solved.get(atom.factors[0][0], atom)
        if kind not in _OPERATIONS:
            raise Untranslatable(f"{term.decl()} of integers")
        return _OPERATIONS[kind](self, operands)

    def solve(self, zero: Linear, functions: bool = False, frees: bool = False) -> None:
        """Use that a form is zero to say one of its atoms by the others, from now on, where that is possible.

        That is an unknown, or with `functions` else what a function gives. If every such unknown is part of a quotient
        as well, with `frees` the quotient is freed: a new unknown stands for it.
        """
        zero = self.current(zero)
        single = [number for number, factor in zero.factors if abs(factor) == 1]
        unknowns = [number for number in single if isinstance(self.atoms[number], Unknown)]
        given = [number for number in single if functions and isinstance(self.atoms[number], Application)]
        for number in (*unknowns, *given):
            if not self._around(number, zero):
                self._take(number, zero)
                return
        for number in unknowns if frees else ():
            around = self._around(number, zero)
            if all(isinstance(self.atoms[other], Quotient) for other in around):
                for other in around:
                    zero = _replaced(zero, other, self._free(other))
                self._take(number, zero)
                return

    def _take(self, number: int, zero: Linear) -> None:
        factor = dict(zero.factors)[number]
        rest = zero.plus(Linear(0, ((number, factor),)), -1).times(-factor)
        self._solved[number] = rest
        self._read.clear()
        self._renewed.clear()
        for other, form in self._solved.items():
            self._solved[other] = self.current(form)
        self._renewed.clear()

    def _free(self, number: int) -> Linear:
        quotient = self.atoms[number]
        assert isinstance(quotient, Quotient)
        unknown = self.atom(Freed(f"quotient {number}"))
        self.freed.append((unknown, quotient.dividend, quotient.divisor))
        return unknown

    def current(self, form: Linear) -> Linear:
        """A form in which what has been solved meanwhile is replaced, also inside its atoms."""
        renewed = Linear(form.constant)
        for number, factor in form.factors:
            renewed = renewed.plus(self._current(number), factor)
        return renewed

    def _current(self, number: int) -> Linear:
        if number not in self._renewed:
            self._renewed[number] = self._solved.get(number) or self._rebuilt(self.atoms[number])
        return self._renewed[number]

    def _rebuilt(self, atom: Unknown | Application | Quotient | Choice) -> Linear:
        if isinstance(atom, Quotient):
            return self.quotient(self.current(atom.dividend), Linear(atom.divisor))
        if isinstance(atom, Choice):
            return self.atom(Choice(atom.condition, self.current(atom.then), self.current(atom.otherwise)))
        if isinstance(atom, Application):
            atom = Application(atom.function, tuple(map(self.current, atom.arguments)))
        found = self.atom(atom)
        return self._solved.get(found.factors[0][0], found)

    def _around(self, number: int, zero: Linear) -> list[int]:
        """The other atoms of a form that have an atom somewhere inside."""
        return [other for other, _ in zero.factors if other != number and self._contains(other, number)]

    def solution(self, number: int) -> Linear | None:
        """What an atom is, if that has been solved."""
        return self._solved.get(number)

    def solved_functions(self) -> Iterator[int]:
        """What functions give for arguments that have not been solved since, where there is a solution for it."""
        for number in self._solved:
            atom = self.atoms[number]
            if isinstance(atom, Application) and all(self.current(form) == form for form in atom.arguments):
                yield number

    def _contains(self, container: int, number: int) -> bool:
        """Whether an atom is another one, or has it somewhere inside."""
        atom = self.atoms[container]
        if container == number or isinstance(atom, Choice):
            return True  # the condition of a choice may ask for anything
        forms = [form for form in (self.solution(container),) if form is not None]
        forms += atom.arguments if isinstance(atom, Application) else ()
        forms += [atom.dividend] if isinstance(atom, Quotient) else []
        return any(self._contains(inner, number) for form in forms for inner, _ in form.factors)

    def _known(self, term: Term) -> Linear:
        return self._read[term.get_id()][1]

    def quotient(self, dividend: Linear, divisor: Linear) -> Linear:
        """A number divided by a known, positive one."""
        if divisor.factors or divisor.constant <= 0:
            raise Untranslatable("division by what is no positive constant")
        whole, dividend = _multiples(dividend, divisor.constant)
        if not dividend.factors:
            return whole.plus(Linear(dividend.constant // divisor.constant))
        quotient = self._alone(dividend)
        if isinstance(quotient, Quotient):
            return whole.plus(self.quotient(quotient.dividend, Linear(quotient.divisor * divisor.constant)))
        return whole.plus(self.atom(Quotient(dividend, divisor.constant)))

    def fractions(self, form: Linear) -> tuple[Linear, list[tuple[int, Fraction]]]:
        """A form as the sum of a simpler one and multiples of fractions, which it contains as differences."""
        found = []
        for number, factor in form.factors:
            atom = self.atoms[number]
            if not isinstance(atom, Quotient):
                continue
            for divisor, part in self._within(form, atom):
                times, left = divmod(-factor, atom.divisor // divisor)
                difference = part.plus(Linear(0, ((number, 1),)), -(atom.divisor // divisor))
                rest = form.plus(difference, -times)
                if not left and len(rest.factors) < len(form.factors):
                    form = rest
                    found.append((times, Fraction(atom.dividend, atom.divisor, divisor)))
                    break
        return form, found

    def _within(self, form: Linear, quotient: Quotient) -> Iterator[tuple[int, Linear]]:
        """Of what a quotient is a quotient: of its dividend, and of other quotients of that in the form."""
        yield 1, quotient.dividend
        for number, _ in form.factors:
            other = self.atoms[number]
            if not isinstance(other, Quotient) or other == quotient:
                continue
            if other.dividend == quotient.dividend and quotient.divisor % other.divisor == 0:
                yield other.divisor, Linear(0, ((number, 1),))

    def _alone(self, form: Linear) -> object:
        """The atom that a form consists of; None if there is more to it."""
        if form.constant or len(form.factors) != 1 or form.factors[0][1] != 1:
            return None
        return self.atoms[form.factors[0][0]]


def _multiples(form: Linear, divisor: int) -> tuple[Linear, Linear]:
    """How often a number is contained in a form, as far as its factors tell, and the rest, of small factors."""

    def rest(factor: int) -> int:
        return (factor + divisor // 2) % divisor - divisor // 2

    small = tuple((atom, rest(factor)) for atom, factor in form.factors if rest(factor))
    whole = tuple((atom, (factor - rest(factor)) // divisor) for atom, factor in form.factors if rest(factor) != factor)
    constant = form.constant // divisor
    return Linear(constant, whole), Linear(form.constant - constant * divisor, small)


def parts_first(
    term: Term, skip: Callable[[Term], bool], parts: Callable[[Term], list[Term]] = lambda term: term.children()
) -> Iterator[Term]:
    """The terms that a term consists of, each after its own parts and once, and the term at last.

    What `skip` says is left out. `parts` gives those of a term.
    """
    seen: set[int] = set()
    waiting = [(term, False)]
    while waiting:
        part, ready = waiting.pop()
        if ready:
            yield part
        elif part.get_id() not in seen and not skip(part):
            seen.add(part.get_id())
            waiting.append((part, True))
            waiting += [(child, False) for child in parts(part)]


def _replaced(form: Linear, atom: int, by: Linear) -> Linear:
    """A form in which an atom is replaced, where it stands openly."""
    factor = dict(form.factors).get(atom, 0)
    return form.plus(Linear(0, ((atom, factor),)), -1).plus(by, factor)


def _product(_: Integers, operands: list[Linear]) -> Linear:
    result = Linear(1)
    for operand in operands:
        if result.factors and operand.factors:
            raise Untranslatable("a product of two unknowns")
        result = operand.times(result.constant) if operand.factors else result.times(operand.constant)
    return result


def _sum(_: Integers, operands: list[Linear]) -> Linear:
    first, *others = operands
    for other in others:
        first = first.plus(other)
    return first


def _difference(_: Integers, operands: list[Linear]) -> Linear:
    first, *others = operands
    for other in others:
        first = first.plus(other, -1)
    return first


def _remainder(reader: Integers, operands: list[Linear]) -> Linear:
    dividend, divisor = operands
    return dividend.plus(reader.quotient(dividend, divisor), -divisor.constant)


_OPERATIONS: Mapping[int, Callable[[Integers, list[Linear]], Linear]] = {
    z3.Z3_OP_ADD: _sum,
    z3.Z3_OP_SUB: _difference,
    z3.Z3_OP_UMINUS: lambda _, operands: operands[0].times(-1),
    z3.Z3_OP_MUL: _product,
    z3.Z3_OP_IDIV: lambda reader, operands: reader.quotient(*operands),
    z3.Z3_OP_MOD: _remainder,
}
