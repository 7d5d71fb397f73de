"""Inductive invariants: a protocol keeps its sentences, for any number of elements of every open sort.

Two obligations: the sentences hold at the beginning, and each step keeps them. z3 is never asked a question with a
quantifier. A sentence that is to be refuted is about elements that have names, and so is the step. What may be assumed
of all elements is assumed of none at first. If no state is left, the step keeps the sentence: assuming less than may
be assumed is sound. Otherwise z3 has found a state, with finitely many elements to look at (`structure.py`).
In it the assumptions may fail for some of these; they are assumed of those then, and z3 is asked again. If they hold
for all, that state is a counterexample to induction: not a riddle of the solver, but a state of the protocol over a few
elements, in which `model.protocols.finite` takes the step, and finds the sentence broken.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import z3

from model.protocols.finite import Compiled, Element, Finite, State, described
from model.protocols.protocol import Protocol, Sentence, Step
from model.protocols.terms import Op, Sort, Term, Word, words_in
from model.search import Move
from model.trace import changes, words
from proofs.ledger import Unknown
from proofs.model.structure import Structure
from proofs.model.vocabulary import Environment, Reading, Vocabulary
from proofs.smt.solver import bear_witness
from proofs.smt.values import Term as Formula

TIMEOUT_MS = 60_000
MOST_INSTANCES = 8
"""So often at most an assumption is added in one round."""
MOST_ROUNDS = 200
"""So often an obligation is asked for with further assumptions. More, and it is unknown."""

Named: TypeAlias = Mapping[Sort, Sequence[Formula]]
"""Elements that have names."""


@dataclass(frozen=True)
class Failure:
    """An obligation that does not hold, and the state that shows it.

    Attributes:
        sentence: what is not kept.
        step: the step that does not, with its elements; empty for the beginning.
        before: the state in which it is taken; at the beginning, the state that breaks the sentence.
        after: the state that it leads to.
    """

    sentence: Sentence
    step: str
    before: State
    after: State

    def __str__(self) -> str:
        said = f"{self.sentence.name!r}: {self.sentence.text}"
        state = "; ".join(f"{name} {words(value)}" for name, value in self.before._asdict().items())
        if not self.step:
            return f"at the beginning there need not hold {said}\n  {state}"
        changed = "; ".join(changes(Move("", self.step, (self.before, self.after), ((), ()))))
        return f"{self.step}\n  does not keep {said}\n  in the state {state}\n  it makes {changed}"


@dataclass(frozen=True)
class _Assumption:
    """What holds for all elements: an `EVERY` term whose free variables are parameters of the step."""

    term: Term
    parameters: Sequence[Term] = ()


class Induction:
    """The obligations of a protocol, each decided by z3."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self._vocabulary = Vocabulary(protocol)
        self._code = Compiled(protocol)
        self._spare = self._named("", [sentence.term.bound for sentence in protocol.sentences])
        self._acting = self._named("acting ", [step.parameters for step in protocol.steps.values()])
        self._sentences = [_Assumption(sentence.term) for sentence in protocol.sentences]
        self.rounds = 0

    def failures(self) -> list[Failure]:
        """What cannot be proved: of the beginning, and of each step the first sentence that it does not keep.

        Raises:
            Unknown: z3 could not decide.
        """
        kept = (self.not_kept(step) for step in self.protocol.steps.values())
        return [failure for failure in (self.not_there_at_the_beginning(), *kept) if failure is not None]

    def not_there_at_the_beginning(self) -> Failure | None:
        """The first sentence that need not hold at the beginning."""
        starts = [_Assumption(start) for start in self.protocol.initially]
        found = self._refute(self.protocol.sentences, [], starts, self._vocabulary.before, {}, {})
        if found is None:
            return None
        broken = found.finite.broken(found.state)
        assert broken is not None
        return Failure(broken, "", found.state, found.state)

    def not_kept(self, step: Step) -> Failure | None:
        """The first sentence that a step, of this protocol or a variant of one, does not keep; None if it keeps all."""
        environment = self._chosen(step.parameters, self._acting)
        guards = [guard for guard in step.guards.values() if guard.op is not Op.EVERY]
        given = [self._vocabulary.formula(guard, environment, self._vocabulary.before) for guard in guards]
        assumed = [_Assumption(guard, step.parameters) for guard in step.guards.values() if guard.op is Op.EVERY]
        acting = {
            sort: [e for e in es if any(e is v for v in environment.values())] for sort, es in self._acting.items()
        }
        changed = {change.word for change in step.changes}
        # All others say after the step what they said before.
        concerned = [one for one in self.protocol.sentences if not changed.isdisjoint(words_in([one.term]))]
        after = self._after(step, environment)
        found = self._refute(concerned, given, [*self._sentences, *assumed], after, environment, acting)
        return None if found is None else self._taken(step, found, environment)

    def satisfiable(self) -> bool:
        """Whether some state has all sentences."""
        return self._search([], self._sentences, {}, self._spare) is not None

    def _taken(self, step: Step, found: Structure, environment: Environment) -> Failure:
        """The step that a state is a counterexample to, as the finite protocol takes it."""
        chosen = [found.number(parameter.sort, environment[id(parameter)]) for parameter in step.parameters]
        taken = replace(self.protocol, steps={**self.protocol.steps, step.name: step})
        finite = Finite(taken, found.finite.sizes)
        after = finite.after(step.name, found.state, *chosen)
        broken = finite.broken(after)
        assert finite.broken(found.state) is None
        assert not finite.refused(step.name, found.state, *chosen)
        assert broken is not None, "z3 and the finite protocol disagree"
        return Failure(broken, described(step, chosen), found.state, after)

    # --- asking z3 ---

    def _refute(
        self,
        concerned: Sequence[Sentence],
        given: Sequence[Formula],
        assumptions: Sequence[_Assumption],
        reading: Reading,
        environment: Environment,
        acting: Named,
    ) -> Structure | None:
        """A state with what is given and assumed, from which `reading` reads one that breaks a sentence."""
        for sentence in concerned:
            spare = self._chosen(sentence.term.bound, self._spare)
            body = self._vocabulary.formula(sentence.term.parts[0], spare, reading)
            named = {
                sort: [*acting.get(sort, ()), *(spare[id(v)] for v in sentence.term.bound if v.sort == sort)]
                for sort in self.protocol.sorts
            }
            if found := self._search([*given, z3.Not(body)], assumptions, environment, named):
                return found
        return None

    def _search(
        self, given: Iterable[Formula], assumptions: Sequence[_Assumption], environment: Environment, named: Named
    ) -> Structure | None:
        """A state with what is given, and what is assumed of all its elements; None if there is none."""
        solver = z3.Solver()
        solver.set("timeout", TIMEOUT_MS)
        solver.add(*given)
        known = {sort: [*named.get(sort, ()), *self._vocabulary.nothings(sort)] for sort in self.protocol.sorts}
        closed = z3.Bool("closed 0")
        for attempt in range(MOST_ROUNDS):
            self.rounds += 1
            # A state in which words lead to no further elements is preferred: there is less of it to look at.
            answer = solver.check(closed)
            if answer == z3.unsat:
                answer, closed = solver.check(), z3.Bool(f"closed {attempt + 1}")
                widen = True
            else:
                widen = False
            if answer == z3.unsat:
                bear_witness(self.protocol.name, solver.assertions())
                return None
            if answer == z3.unknown:
                raise Unknown(f"{self.protocol.name}: z3 says {solver.reason_unknown()}")
            found = Structure(self._code, self._vocabulary, solver.model(), named)
            further = [one for assumption in assumptions for one in self._violated(found, assumption, environment)]
            if not further:
                return found
            solver.add(*further)
            for sort, terms in known.items():
                reached = found.terms(sort)
                if widen:
                    terms += [term for term in reached if not any(term.eq(one) for one in terms)]
                solver.add(*(z3.Implies(closed, z3.Or([term == one for one in terms])) for term in reached))
        raise Unknown(f"{self.protocol.name}: no end after {MOST_ROUNDS} rounds")

    def _violated(self, found: Structure, assumption: _Assumption, environment: Environment) -> list[Formula]:
        """What an assumption says of elements of a state for which it fails there."""
        chosen = [found.number(variable.sort, environment[id(variable)]) for variable in assumption.parameters]
        term = assumption.term
        places = found.finite.violations(term, found.state, assumption.parameters, chosen)
        return [self._instance(term, found, place, environment) for place in places[:MOST_INSTANCES]]

    def _instance(self, term: Term, found: Structure, place: Sequence[Element], environment: Environment) -> Formula:
        inner = {id(v): found.term(v.sort, element) for v, element in zip(term.bound, place, strict=True)}
        return self._vocabulary.formula(term.parts[0], {**environment, **inner}, self._vocabulary.before)

    # --- names, and the state after a step ---

    def _named(self, prefix: str, needed: Sequence[Sequence[Term]]) -> Named:
        """Enough names of each open sort for any of these lists of variables."""
        return {
            sort: [self._vocabulary.element(sort, f"{prefix}{sort.name} {number + 1}") for number in range(most)]
            for sort in self.protocol.sorts
            if (most := max(sum(variable.sort == sort for variable in variables) for variables in needed))
        }

    def _chosen(self, variables: Sequence[Term], named: Named) -> dict[int, Formula]:
        """A name for each variable."""
        left = {sort: list(elements) for sort, elements in named.items()}
        return {id(variable): left[variable.sort].pop(0) for variable in variables}

    def _after(self, step: Step, environment: Environment) -> Reading:
        """The value of a word after a step."""
        changed = {change.word: change for change in step.changes}
        before: Callable[[Word, Sequence[Formula]], Formula] = self._vocabulary.before

        def after(word: Word, arguments: Sequence[Formula]) -> Formula:
            if word not in changed:
                return before(word, arguments)
            change = changed[word]
            inner = {**environment, **{id(v): a for v, a in zip(change.bound, arguments, strict=True)}}
            return self._vocabulary.formula(change.value, inner, before)

        return after
