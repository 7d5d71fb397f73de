"""What a protocol is: words, steps with named guards, invariants, and what is to be shown of it.

A *step* has parameters (which thread, which bucket), guards under which it may be taken, and changes of words. Guards
and changes have names, so that each can be left out to see whether it is needed: `Protocol.without`. A step is named
after the access of the kernel for which it stands, and says in `source` where that is.

*Safety* is what is promised. An *invariant* is what the proof needs besides: together with safety it must hold at the
beginning and be kept by every step, for any number of elements of every open sort.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from model.protocols.terms import Sort, Term, Word, both, choose, conjuncts, constant, every, variable

Body = Callable[..., tuple[Mapping[str, Term], Sequence["Change"]]]


@dataclass(frozen=True)
class Change:
    """One word has another value after a step, for all elements: `value` of the bound variables."""

    name: str
    word: Word
    bound: tuple[Term, ...]
    value: Term


def set_at(word: Word, arguments: Sequence[Term], value: Term | int | bool, name: str = "") -> Change:
    """The word has `value` for these elements; for others it stays as it is."""

    def changed(*bound: Term) -> Term:
        here = both(*(own == given for own, given in zip(bound, arguments, strict=True)))
        return choose(here, _term(value), word(*bound))

    return set_all(word, changed, name)


def set_all(word: Word, value: Callable[..., Term], name: str = "") -> Change:
    """The word has, for all elements, what `value` makes of them."""
    bound = tuple(variable(f"{word.name}'{place}", sort) for place, sort in enumerate(word.arguments))
    return Change(name or f"{word.name} changes", word, bound, value(*bound))


def _term(value: Term | int | bool) -> Term:
    return value if isinstance(value, Term) else constant(value)


@dataclass(frozen=True)
class Step:
    """One transition.

    Attributes:
        name: what happens.
        source: the kernel and the access in it that this stands for; empty for what the proof alone notes.
        parameters: variables that stand for the elements concerned.
        guards: by name, under which conditions it may be taken.
        changes: what is different afterwards.
    """

    name: str
    source: str
    parameters: tuple[Term, ...]
    guards: Mapping[str, Term]
    changes: Sequence[Change]


@dataclass(frozen=True)
class Sentence:
    """A named sentence about all elements of some sorts.

    Attributes:
        name: short.
        text: what it says.
        term: without free variables.
        safety: whether it is promised, or only helps to prove what is.
    """

    name: str
    text: str
    term: Term
    safety: bool


@dataclass(frozen=True)
class Protocol:
    """A parameterised transition system.

    Attributes:
        name: for a reader.
        text: what it does.
        words: all of them.
        initially: what holds at the beginning, without free variables.
        steps: by name.
        sentences: invariants and safety.
    """

    name: str
    text: str
    words: Sequence[Word]
    initially: list[Term] = field(default_factory=list)
    steps: dict[str, Step] = field(default_factory=dict)
    sentences: list[Sentence] = field(default_factory=list)

    @property
    def sorts(self) -> list[Sort]:
        """The open sorts."""
        every_sort = [sort for word in self.words for sort in (*word.arguments, word.sort)]
        every_sort += [parameter.sort for step in self.steps.values() for parameter in step.parameters]
        return sorted({sort for sort in every_sort if sort.is_open}, key=lambda sort: sort.name)

    def starts(self, *sorts: Sort) -> Callable[[Callable[..., Term]], None]:
        """The decorated function says what holds at the beginning, for all elements of these sorts."""
        return lambda body: self.initially.append(every(sorts, body))

    def step(self, source: str, *sorts: Sort) -> Callable[[Body], Body]:
        """The decorated function gives guards and changes for its parameters, which are of these sorts."""

        def add(body: Body) -> Body:
            parameters = tuple(
                variable(name, sort) for name, sort in zip(inspect.signature(body).parameters, sorts, strict=True)
            )
            guards, changes = body(*parameters)
            name = body.__name__.strip("_").replace("_", " ")
            self.steps[name] = Step(name, source, parameters, guards, changes)
            return body

        return add

    def always(self, *sorts: Sort, promised: bool = False) -> Callable[[Callable[..., Term]], None]:
        """The decorated function is an invariant about all elements of these sorts; `promised` if it is safety.

        Its name is the sentence's, its docstring the text.
        """

        def add(body: Callable[..., Term]) -> None:
            name = body.__name__.strip("_").replace("_", " ")
            text = (inspect.getdoc(body) or "").replace("\n", " ")
            self.sentences.append(Sentence(name, text, every(sorts, body), promised))

        return add

    def parts(self) -> list[tuple[str, str]]:
        """All that can be left out of the steps, as step and name: guards, single conditions of guards, changes.

        The conditions of a guard are numbered: the second is `GUARD (2)`.
        """
        return [
            (step.name, part)
            for step in self.steps.values()
            for part in (*step.guards, *_conditions(step), *(change.name for change in step.changes))
        ]

    def without(self, step: str, part: str) -> "Protocol":
        """The protocol with one guard, one condition of a guard, or one change, of one step left out.

        Raises:
            LookupError: there is none of that name, or more than one.
        """
        whole = self.steps[step]
        guards = {name: guard for name, guard in whole.guards.items() if name != part}
        changes = [change for change in whole.changes if change.name != part]
        left_out = len(whole.guards) + len(whole.changes) - len(guards) - len(changes)
        if part in (conditions := _conditions(whole)):
            guard, rest = conditions[part]
            guards[guard] = rest
            left_out += 1
        if left_out != 1:
            raise LookupError(f"{step}: {part!r} is not the name of one guard, condition or change")
        broken = replace(whole, guards=guards, changes=changes)
        return replace(self, name=f"{self.name}, {step} without: {part}", steps={**self.steps, step: broken})


def _conditions(step: Step) -> dict[str, tuple[str, Term]]:
    """The conditions of guards that have several, by name: of which guard, and what is left of it without this one."""
    found = {}
    for name, guard in step.guards.items():
        several = conjuncts(guard)
        for number in range(len(several)) if len(several) > 1 else ():
            left = several[:number] + several[number + 1 :]
            found[f"{name} ({number + 1})"] = name, left[0] if len(left) == 1 else both(*left)
    return found
