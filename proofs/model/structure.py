"""A model that z3 has found, as a state of the protocol over a few elements.

Its elements are those that have a name, and all to which words lead from there: so every word of an element of the
state has a value in the state. Each has a term by which z3 knows it.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import z3

from model.protocols.finite import NONE, Compiled, Element, Finite, State
from model.protocols.terms import NUMBER, TRUTH, Sort, Word
from proofs.ledger import Unknown
from proofs.model.vocabulary import Vocabulary
from proofs.smt.values import Term as Formula

MOST_ELEMENTS = 60
"""Of one sort. A structure with more is not looked at."""


class Structure:
    """A state over a few elements, and a term for each of them."""

    def __init__(
        self, code: Compiled, vocabulary: Vocabulary, model: z3.ModelRef, named: Mapping[Sort, Sequence[Formula]]
    ) -> None:
        protocol = code.protocol
        self._model = model
        self._vocabulary = vocabulary
        self._terms: dict[Sort, list[Formula]] = {sort: [] for sort in protocol.sorts}
        self._numbers: dict[Sort, dict[Any, Element]] = {sort: {} for sort in protocol.sorts}
        for sort in protocol.sorts:
            if sort.nothing:
                self._numbers[sort][self._value(vocabulary.nothing(sort))] = NONE
            for element in named.get(sort, ()):
                self._add(sort, element)
        self._values: dict[tuple[Word, tuple[Element, ...]], Any] = {}
        words = [word for word in protocol.words if word.sort in self._terms]
        while sum(self._follow(word) for word in words):
            pass
        self.finite = Finite(protocol, {sort: len(terms) for sort, terms in self._terms.items()}, compiled=code)
        self.state: State = self.finite.state({word: self._table(word) for word in protocol.words})

    def term(self, sort: Sort, element: Element) -> Formula:
        """The term for an element."""
        return self._vocabulary.nothing(sort) if element == NONE else self._terms[sort][element]

    def terms(self, sort: Sort) -> list[Formula]:
        """The terms for all elements of a sort but the one that is none."""
        return self._terms[sort]

    def number(self, sort: Sort, term: Formula) -> Element:
        """The element that a term stands for."""
        return self._numbers[sort][self._value(term)]

    def _add(self, sort: Sort, term: Formula, value: Any = None) -> bool:
        value = self._value(term) if value is None else value
        if value in self._numbers[sort]:
            return False
        if len(self._terms[sort]) == MOST_ELEMENTS:
            raise Unknown(f"words lead to more than {MOST_ELEMENTS} elements of {sort.name}")
        self._numbers[sort][value] = len(self._terms[sort])
        self._terms[sort].append(term)
        return True

    def _follow(self, word: Word) -> bool:
        """Whether a word leads from known elements to others."""
        leads = False
        for place in product(*(self._elements(sort) for sort in word.arguments)):
            if (word, place) not in self._values:
                term, value = self._look(word, place)
                leads |= self._add(word.sort, term, value)
        return leads

    def _elements(self, sort: Sort) -> list[Element]:
        return [*range(len(self._terms[sort])), *([NONE] if sort.nothing else [])]

    def _look(self, word: Word, place: tuple[Element, ...]) -> tuple[Formula, Any]:
        """What a word says of some elements: as a term, and its value in the model."""
        terms = [self.term(sort, element) for sort, element in zip(word.arguments, place, strict=True)]
        term = self._vocabulary.before(word, terms)
        value = self._values[word, place] = self._value(term)
        return term, value

    def _table(self, word: Word) -> Any:
        def look(*place: Element) -> Any:
            value = self._values[word, place] if (word, place) in self._values else self._look(word, place)[1]
            if word.sort is NUMBER:
                return value.as_long()
            if word.sort is TRUTH:
                return z3.is_true(value)
            return str(value) if word.sort.values else self._numbers[word.sort][value]

        return look

    def _value(self, term: Formula) -> Any:
        return self._model.eval(term, model_completion=True)
