"""A protocol with a few elements of each sort: evaluated, stepped, and searched exhaustively.

Elements of an open sort are numbered from 0; -1 is the element that is none of them, which comes last in every domain,
so that a tuple of values is indexed by elements. A state is a named tuple with a field for each word. Terms are
translated into Python source once, the same terms that a prover reads.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from model.language import Process, Program, Property, System
from model.protocols.protocol import Change, Protocol, Sentence, Step
from model.protocols.terms import NUMBER, TRUTH, Op, Sort, Term, Word

State = Any
"""A named tuple: for each word its value, or a tuple of its values, nested once for each argument."""

Element = int
NONE: Element = -1

_PLAIN = {Op.EQUAL: "==", Op.LESS: "<", Op.ADD: "+"}


@dataclass(frozen=True)
class Still:
    """The one process of a finite protocol: all that it knows is in the words."""

    at: str = "anywhere"


class Compiled:
    """A protocol's terms as Python functions of a state, the domains of the sorts, and elements."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.place = {word: place for place, word in enumerate(protocol.words)}
        # By identity: each with what it was made of, so that nothing else comes to have that identity.
        self._kept: dict[tuple[int, ...], tuple[Callable[..., Any], object]] = {}
        self.type = namedtuple("State", [word.name for word in protocol.words])  # type: ignore[misc]

    def term(self, term: Term, parameters: Sequence[Term]) -> Callable[..., Any]:
        """A function for the value of a term, of state, domains, and an element for each parameter."""
        name = (id(term), *map(id, parameters))
        if name not in self._kept:
            function = _function(self._source(term, names := _Names(parameters)), names)
            self._kept[name] = function, (term, *parameters)
        return self._kept[name][0]

    def change(self, change: Change, parameters: Sequence[Term]) -> Callable[..., Any]:
        """A function for all values of a word after a step."""
        name = (id(change), *map(id, parameters))
        if name not in self._kept:
            names = _Names(parameters)
            for variable in change.bound:
                names.bind(variable)
            source = self._source(change.value, names)
            for variable in reversed(change.bound):
                source = f"tuple([{source} for {names[variable]} in {_domain(variable.sort)}])"
            self._kept[name] = _function(source, names), (change, *parameters)
        return self._kept[name][0]

    def _source(self, term: Term, names: "_Names") -> str:
        if term.op is Op.VARIABLE:
            return names[term]
        if term.op is Op.CONSTANT:
            return repr(NONE if term.value is None else term.value)
        if term.op is Op.EVERY:
            for variable in term.bound:
                names.bind(variable)
            ranges = " ".join(f"for {names[variable]} in {_domain(variable.sort)}" for variable in term.bound)
            body = self._source(term.parts[0], names)
            return f"all([{body} {ranges}])" if ranges else body
        parts = [self._source(part, names) for part in term.parts]
        if term.op is Op.APPLY:
            assert term.word is not None
            return f"s[{self.place[term.word]}]" + "".join(f"[{part}]" for part in parts)
        return _operation(term.op, parts)


def _function(source: str, names: "_Names") -> Callable[..., Any]:
    function: Callable[..., Any] = eval(f"lambda {', '.join(['s', 'every', *names.parameters])}: {source}")
    return function


def _domain(sort: Sort) -> str:
    return f"every[{sort.name!r}]"


class Finite:
    """A protocol over so many elements of each open sort.

    `initial` gives for words what they are at the beginning: a value, or a function of the elements. All others are 0,
    false, none, or the first of the closed set. `within` says for which states the search goes on.
    """

    def __init__(
        self,
        protocol: Protocol,
        sizes: Mapping[Sort, int],
        initial: Mapping[Word, Any] | None = None,
        within: Term | None = None,
        compiled: Compiled | None = None,
    ) -> None:
        self.protocol = protocol
        self._code = compiled or Compiled(protocol)
        self.sizes = dict(sizes)
        self.domains = {sort: [*range(sizes[sort]), *([NONE] if sort.nothing else [])] for sort in protocol.sorts}
        self._every = {sort.name: domain for sort, domain in self.domains.items()}
        self._within = within
        self.initial = self.state(initial or {})

    def begins(self) -> bool:
        """Whether the initial state is one in which the protocol may begin."""
        return all(self._value(start, self.initial) for start in self.protocol.initially)

    def _value(
        self, term: Term, state: State, parameters: Sequence[Term] = (), elements: Sequence[Element] = ()
    ) -> Any:
        return self._code.term(term, parameters)(state, self._every, *elements)

    def state(self, given: Mapping[Word, Any]) -> State:
        """A state in which words have given values: plain ones, or functions of the elements."""
        return self._code.type(*(self._table(word, given.get(word)) for word in self.protocol.words))

    def violations(
        self, term: Term, state: State, parameters: Sequence[Term] = (), chosen: Sequence[Element] = ()
    ) -> list[tuple[Element, ...]]:
        """The elements of which something that is to hold for all of them does not; its parameters are `chosen`."""
        holds = self._code.term(term.parts[0], [*parameters, *term.bound])
        domains = [self.domains[variable.sort] for variable in term.bound]
        return [found for found in product(*domains) if not holds(state, self._every, *chosen, *found)]

    # --- one step ---

    def refused(self, step: str, state: State, *elements: Element) -> str:
        """The name of a guard that forbids a step for these elements; empty if it may be taken."""
        taken = self.protocol.steps[step]
        for name, guard in taken.guards.items():
            if not self._value(guard, state, taken.parameters, elements):
                return name
        return ""

    def after(self, step: str, state: State, *elements: Element) -> State:
        """The state after a step."""
        taken, values = self.protocol.steps[step], list(state)
        for change in taken.changes:
            new = self._code.change(change, taken.parameters)(state, self._every, *elements)
            values[self._code.place[change.word]] = new
        return self._code.type(*values)

    def broken(self, state: State, *, promised_only: bool = False) -> Sentence | None:
        """The first sentence that does not hold."""
        for sentence in self.protocol.sentences:
            if (sentence.safety or not promised_only) and not self._value(sentence.term, state):
                return sentence
        return None

    def elements(self, step: Step) -> list[tuple[Element, ...]]:
        """All choices of elements for the parameters of a step."""
        return list(product(*(self.domains[parameter.sort] for parameter in step.parameters)))

    # --- search ---

    def system(self, *, promised_only: bool = False) -> System[State, Still]:
        """The protocol as a system that `model.search` searches; each step must be possible somewhere.

        `promised_only`: safety alone is looked at. A state that breaks an invariant of the proof need not be a defect.
        """
        program: Program[State, Still] = Program()
        for step in self.protocol.steps.values():
            for chosen in self.elements(step):
                self._add(program, step, chosen)
        return System(
            name=self.protocol.name,
            sentence=self.protocol.text,
            shared=self.initial,
            processes=[Process("", program, Still())],
            invariants=[
                self._holds(sentence) for sentence in self.protocol.sentences if sentence.safety or not promised_only
            ],
            witnesses=[self._possible(step) for step in self.protocol.steps.values()],
        )

    def _add(self, program: Program[State, Still], step: Step, chosen: tuple[Element, ...]) -> None:
        def guard(state: State, _me: Still) -> bool:
            return (self._within is None or self._value(self._within, state)) and not self.refused(
                step.name, state, *chosen
            )

        def effect(state: State, me: Still) -> tuple[State, Still]:
            return self.after(step.name, state, *chosen), me

        effect.__name__ = described(step, chosen)
        program.anywhere(guard)(effect)

    def _holds(self, sentence: Sentence) -> Property[State, Still]:
        return Property(sentence.name, sentence.text, lambda state, _: bool(self._value(sentence.term, state)))

    def _possible(self, step: Step) -> Property[State, Still]:
        choices = self.elements(step)

        def possible(state: State, _me: Still) -> bool:
            return any(not self.refused(step.name, state, *chosen) for chosen in choices)

        return Property(step.name, f"somebody can {step.name}", possible)

    def _table(self, word: Word, given: Any) -> Any:
        def fill(arguments: tuple[Sort, ...], chosen: tuple[Element, ...]) -> Any:
            if not arguments:
                return given(*chosen) if callable(given) else _first(word.sort) if given is None else given
            return tuple(fill(arguments[1:], (*chosen, element)) for element in self.domains[arguments[0]])

        return fill(word.arguments, ())


def _operation(op: Op, parts: list[str]) -> str:
    match op:
        case Op.EQUAL | Op.LESS | Op.ADD:
            return f"({parts[0]} {_PLAIN[op]} {parts[1]})"
        case Op.NOT:
            return f"(not {parts[0]})"
        case Op.AND:
            return f"({' and '.join(parts)})" if parts else "True"
        case Op.OR:
            return f"({' or '.join(parts)})" if parts else "False"
        case Op.IMPLIES:
            return f"((not {parts[0]}) or {parts[1]})"
        case Op.ODD:
            return f"({parts[0]} % 2 == 1)"
        case Op.CHOOSE:
            return f"({parts[1]} if {parts[0]} else {parts[2]})"
    raise ValueError(f"{op} is no operation")


class _Names:
    """Python names for variables."""

    def __init__(self, parameters: Sequence[Term]) -> None:
        self._names: dict[int, str] = {}
        self.parameters = [self.bind(parameter) for parameter in parameters]

    def bind(self, variable: Term) -> str:
        """A new name for a variable."""
        return self._names.setdefault(id(variable), f"v{len(self._names)}")

    def __getitem__(self, variable: Term) -> str:
        return self._names[id(variable)]


def _first(sort: Sort) -> Any:
    if sort is NUMBER:
        return 0
    if sort is TRUTH:
        return False
    return sort.values[0] if sort.values else NONE if sort.nothing else 0


def described(step: Step, chosen: Sequence[Element]) -> str:
    """A step with its elements, for a trace."""
    who = ", ".join(
        f"{parameter.sort.name} {element}" if element != NONE else parameter.sort.nothing
        for parameter, element in zip(step.parameters, chosen, strict=True)
    )
    return f"{step.name}: {who}" if who else step.name
