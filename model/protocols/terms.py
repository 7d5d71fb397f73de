"""The language in which protocols are written: sorts, words that change, and terms over them.

A protocol talks about elements of sorts (threads, buckets, entries, ...), of which there may be any number, and about
*words*: functions from elements to values, such as the version of each bucket. A term is a piece of first-order logic
over them. It means nothing by itself: `model.protocols.finite` evaluates it over a few elements of each sort, and a
prover reads the same term for any number of them.

    version = Word("version", (BUCKET,), NUMBER)
    odd(version(bucket)) | (owner(bucket) == BUCKET.nobody)

Operators build terms; `==` does, too, so terms are compared with `is`.
"""

import enum
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field


class Op(enum.Enum):
    """What a term is, by its outermost part."""

    VARIABLE = "variable"
    CONSTANT = "constant"
    APPLY = "apply"
    EQUAL = "equal"
    NOT = "not"
    AND = "and"
    OR = "or"
    IMPLIES = "implies"
    LESS = "less"
    ADD = "add"
    ODD = "odd"
    CHOOSE = "choose"
    EVERY = "every"


@dataclass(frozen=True)
class Sort:
    """A kind of value.

    Attributes:
        name: for a reader.
        nothing: name of the one element that stands for none of them; empty if there is no such element.
        values: for a closed set, its values.
    """

    name: str
    nothing: str = ""
    values: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether there may be any number of elements."""
        return not self.values and self not in (NUMBER, TRUTH)

    @property
    def none(self) -> "Term":
        """The element that is none of the others."""
        if not self.nothing:
            raise ValueError(f"the sort {self.name} has no element for nothing")
        return Term(Op.CONSTANT, self, value=None)

    def value(self, name: str) -> "Term":
        """A value of a closed set."""
        if name not in self.values:
            raise ValueError(f"{self.name} has no value {name!r}")
        return Term(Op.CONSTANT, self, value=name)


NUMBER = Sort("number")
TRUTH = Sort("truth")


@dataclass(frozen=True)
class Word:
    """Something that has a value for each combination of elements.

    Attributes:
        name: of the word, also in traces.
        arguments: whose elements it belongs to.
        sort: of its value.
        constant: it never changes.
        ghost: no word of the machine: what the proof remembers.
    """

    name: str
    arguments: tuple[Sort, ...]
    sort: Sort
    constant: bool = False
    ghost: bool = False

    def __call__(self, *arguments: "Term") -> "Term":
        """The value for these elements."""
        sorts = tuple(argument.sort for argument in arguments)
        if sorts != self.arguments:
            raise TypeError(f"{self.name} takes {[sort.name for sort in self.arguments]}, not {sorts}")
        return Term(Op.APPLY, self.sort, arguments, word=self)


Operand = "Term | int | bool"


@dataclass(frozen=True, eq=False)
class Term:
    """A piece of first-order logic.

    Attributes:
        op: its outermost part.
        sort: of its value.
        parts: what it is made of; of `EVERY`, the body.
        word: of `APPLY`.
        name: of `VARIABLE`.
        value: of `CONSTANT`: a number, a truth, the name of a value, or None for the element that is none.
        bound: of `EVERY`, the variables.
    """

    op: Op
    sort: Sort
    parts: tuple["Term", ...] = ()
    word: Word | None = None
    name: str = ""
    value: int | bool | str | None = None
    bound: tuple["Term", ...] = field(default=())

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> "Term":  # type: ignore[override]
        """The term that says that both have one value."""
        return Term(Op.EQUAL, TRUTH, _alike(self, other))

    def __ne__(self, other: object) -> "Term":  # type: ignore[override]
        """The term that says that they have not."""
        return ~Term(Op.EQUAL, TRUTH, _alike(self, other))

    def __and__(self, other: "Term") -> "Term":
        return both(self, other)

    def __or__(self, other: "Term") -> "Term":
        return Term(Op.OR, TRUTH, (self, other))

    def __invert__(self) -> "Term":
        return Term(Op.NOT, TRUTH, (self,))

    def __rshift__(self, other: "Term") -> "Term":
        """If this, then the other."""
        return Term(Op.IMPLIES, TRUTH, (self, other))

    def __lt__(self, other: "Term | int") -> "Term":
        return Term(Op.LESS, TRUTH, _alike(self, other))

    def __le__(self, other: "Term | int") -> "Term":
        mine, others = _alike(self, other)
        return ~Term(Op.LESS, TRUTH, (others, mine))

    def __add__(self, other: "Term | int") -> "Term":
        return Term(Op.ADD, NUMBER, _alike(self, other))

    def __bool__(self) -> bool:
        raise TypeError("a term is neither true nor false before it is interpreted")


def _alike(one: Term, other: object) -> tuple[Term, Term]:
    """Two terms of one sort, the second perhaps given as a plain value."""
    if not isinstance(other, Term):
        if not isinstance(other, int):
            raise TypeError(f"{other!r} is no term")
        other = Term(Op.CONSTANT, TRUTH if isinstance(other, bool) else NUMBER, value=other)
    if one.sort != other.sort:
        raise TypeError(f"a {one.sort.name} is compared with a {other.sort.name}")
    return one, other


def variable(name: str, sort: Sort) -> Term:
    """A variable, to be bound by a step's parameters or by `every`."""
    return Term(Op.VARIABLE, sort, name=name)


def constant(value: int | bool) -> Term:
    """A number, or a truth."""
    return Term(Op.CONSTANT, TRUTH if isinstance(value, bool) else NUMBER, value=value)


def both(*parts: Term) -> Term:
    """All of them."""
    return Term(Op.AND, TRUTH, parts)


def conjuncts(term: Term) -> list[Term]:
    """The conditions that a term says hold all at once; itself if it is not of that kind."""
    return [one for part in term.parts for one in conjuncts(part)] if term.op is Op.AND else [term]


def either(*parts: Term) -> Term:
    """At least one of them."""
    return Term(Op.OR, TRUTH, parts)


def odd(number: Term) -> Term:
    """Whether a number is odd."""
    return Term(Op.ODD, TRUTH, (number,))


def choose(condition: Term, this: Term, that: Term | int) -> Term:
    """`this` where the condition holds, else `that`."""
    this, that = _alike(this, that)
    return Term(Op.CHOOSE, this.sort, (condition, this, that))


_fresh = itertools.count()


def every(sorts: Sequence[Sort], body: Callable[..., Term]) -> Term:
    """What holds for all elements of these sorts: `body` of a variable for each."""
    bound = tuple(variable(f"{sort.name}{next(_fresh)}", sort) for sort in sorts)
    return Term(Op.EVERY, TRUTH, (body(*bound),), bound=bound)


def words_in(terms: Iterable[Term]) -> set[Word]:
    """All words that occur in some terms."""
    found: set[Word] = set()
    waiting = list(terms)
    while waiting:
        term = waiting.pop()
        if term.word is not None:
            found.add(term.word)
        waiting += term.parts
    return found
