"""The terms that the executor makes have the values that CPython and the compiled code compute."""

import textwrap
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
import z3
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from proofs.smt.bit_vectors import BitVectors
from proofs.smt.concrete import on_numbers
from proofs.smt.contracts import Contract
from proofs.smt.executor import Executor
from proofs.smt.integers import Integers
from proofs.smt.machine import Machine
from proofs.smt.solver import Refuted, value_of
from proofs.smt.source import SOURCE_TEXT, UnsupportedConstruct
from proofs.smt.values import WORD_LIMIT, Number
from proofs.units.smt import specimens
from proofs.units.smt.specimens import SPECIMENS

SYMBOLIC: dict[Any, tuple[Machine, Any]] = {}

words = st.one_of(st.integers(0, 20), st.integers(0, WORD_LIMIT - 1), st.integers(WORD_LIMIT - 9, WORD_LIMIT - 1))


def symbolic(function: Callable[..., Any], theory: Any = BitVectors) -> tuple[Machine, Any]:
    """The machine and the value of `function(a, b)`, executed once."""
    key = (function, theory)
    if key not in SYMBOLIC:
        machine = Machine(theory())
        SYMBOLIC[key] = machine, Executor(machine).call(function, machine.word("a"), machine.word("b"))
    return SYMBOLIC[key]


def evaluated(machine: Machine, value: Any, **inputs: int) -> Any:
    """What a value becomes for known inputs."""
    if isinstance(value, tuple):
        return tuple(evaluated(machine, member, **inputs) for member in value)
    if not isinstance(value, Number):
        return int(value)
    return machine.theory.number(substituted(machine, value.term, inputs), value.kind)


def substituted(machine: Machine, term: Any, inputs: dict[str, int]) -> Any:
    """A term with known inputs."""
    known = {machine.unknowns[name]: value for name, value in inputs.items()}
    return value_of(
        term, {unknown.term: machine.term(np.uint64(value), unknown.kind) for unknown, value in known.items()}
    )


def exact(machine: Machine, **inputs: int) -> bool:
    """Whether every obligation holds for known inputs."""
    return all(z3.is_true(substituted(machine, part.holds, inputs)) for part in machine.obligations)


def in_python(function: Callable[..., Any], a: int, b: int) -> Any:
    """What CPython computes on `np.uint64`, which wrap around."""
    with np.errstate(over="ignore"):
        return on_numbers(function)(a, b)


@pytest.mark.parametrize("function", SPECIMENS, ids=[function.__name__ for function in SPECIMENS])
@given(a=words, b=words)
def test_terms_over_bit_vectors_have_the_values_that_python_computes(
    function: Callable[..., Any], a: int, b: int
) -> None:
    machine, value = symbolic(function)
    assert exact(machine, a=a, b=b)
    assert evaluated(machine, value, a=a, b=b) == in_python(function, a, b)


COMPILED = {function: numba.njit(error_model="numpy")(function) for function in SPECIMENS}


@pytest.mark.parametrize("function", SPECIMENS[:6], ids=[function.__name__ for function in SPECIMENS[:6]])
@given(a=words, b=words)
def test_terms_have_the_values_that_compiled_code_computes(function: Callable[..., Any], a: int, b: int) -> None:
    machine, value = symbolic(function)
    assert evaluated(machine, value, a=a, b=b) == on_numbers(COMPILED[function])(a, b)


LINEAR = (specimens.returns_early, specimens.loops_over_a_range, specimens.swaps, specimens.calls_others)


@pytest.mark.parametrize("function", LINEAR, ids=[function.__name__ for function in LINEAR])
@given(a=words, b=words)
def test_terms_over_integers_have_the_values_that_python_computes_wherever_nothing_wraps(
    function: Callable[..., Any], a: int, b: int
) -> None:
    machine, value = symbolic(function, Integers)
    assume(exact(machine, a=a, b=b))
    assert evaluated(machine, value, a=a, b=b) == in_python(function, a, b)


# --- programs made up by chance ---

OPERATORS = st.sampled_from(["+", "-", "*", "&", "|", "^", "//", "%", "<<", ">>"])
ATOMS = st.sampled_from(["a", "b", "c", "ZERO", "ONE", "SEVEN"])
COMPARISONS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])


def expressions() -> st.SearchStrategy[str]:
    """Arithmetic without undefined cases: divisors are odd, shift counts below 64."""

    def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.builds(_operation, inner, OPERATORS, inner) | st.builds("(~{})".format, inner)

    return st.recursive(ATOMS, compound, max_leaves=4)


def _operation(left: str, operator: str, right: str) -> str:
    if operator in ("//", "%"):
        right = f"({right} | ONE)"
    if operator in ("<<", ">>"):
        right = f"({right} & LOW_BITS)"
    return f"({left} {operator} {right})"


def conditions() -> st.SearchStrategy[str]:
    """Comparisons, joined by `and`, `or` and `not`."""
    simple = st.builds("{} {} {}".format, expressions(), COMPARISONS, expressions())
    return st.recursive(
        simple,
        lambda inner: (
            st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
            | st.builds("not ({})".format, inner)
        ),
        max_leaves=3,
    )


@st.composite
def blocks(draw: st.DrawFn, depth: int = 2, in_loop: bool = False) -> str:
    """A few statements."""
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        kinds = [
            "assign",
            "assign",
            "return",
            *(["if", "loop"] if depth else []),
            *(["break", "continue"] if in_loop else []),
        ]
        kind = draw(st.sampled_from(kinds))
        if kind == "assign":
            lines.append(f"{draw(st.sampled_from('abc'))} = {draw(expressions())}")
        elif kind == "return":
            lines.append(f"if {draw(conditions())}:\n    return {draw(expressions())}")
        elif kind == "if":
            then, otherwise = (textwrap.indent(draw(blocks(depth - 1, in_loop)), "    ") for _ in range(2))
            lines.append(f"if {draw(conditions())}:\n{then}\nelse:\n{otherwise}")
        elif kind == "loop":
            body = textwrap.indent(draw(blocks(depth - 1, True)), "    ")
            rounds = f"round_{depth}"
            lines.append(f"{rounds} = ZERO\nwhile {rounds} < THREE:\n    {rounds} += ONE\n{body}")
        else:
            lines.append(f"if {draw(conditions())}:\n    {kind}")
    return "\n".join(lines)


@settings(max_examples=50)
@given(body=blocks(), a=words, b=words)
def test_programs_made_up_by_chance_have_the_values_that_python_computes(body: str, a: int, b: int) -> None:
    text = "def program(a, b):\n    c = ONE\n" + textwrap.indent(body, "    ") + "\n    return a ^ b ^ c\n"
    scope = {**vars(specimens), "THREE": np.uint64(3), SOURCE_TEXT: text}
    exec(compile(text, "<program>", "exec"), scope)
    machine, value = symbolic(scope["program"])
    assert exact(machine, a=a, b=b)
    assert evaluated(machine, value, a=a, b=b) == in_python(scope["program"], a, b)


# --- what must not pass ---


def mixes_kinds(a: np.uint64, b: np.uint64) -> np.uint64:
    return a + 1 + b


def uses_a_dictionary(a: np.uint64, b: np.uint64) -> dict[str, np.uint64]:
    return {"a": a, "b": b}


def may_lack_a_value(a: np.uint64, b: np.uint64) -> np.uint64:
    if a == b:
        c = a
    return c


def returns_a_number_or_nothing(a: np.uint64, b: np.uint64) -> np.uint64 | None:
    return a if a == b else None


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (mixes_kinds, r"mixes_kinds, line \d+: arithmetic on .* in `a \+ 1`"),
        (uses_a_dictionary, r"uses_a_dictionary, line \d+: Dict is not supported"),
        (may_lack_a_value, r"c may have no value here"),
        (returns_a_number_or_nothing, r"no common kind"),
    ],
)
def test_what_the_executor_does_not_know_is_refused_by_name_and_line(
    function: Callable[..., Any], message: str
) -> None:
    machine = Machine(BitVectors())
    with pytest.raises(UnsupportedConstruct, match=message):
        Executor(machine).call(function, machine.word("a"), machine.word("b"))


def shifts_too_far(a: np.uint64, b: np.uint64) -> np.uint64:
    return a << b


def never_ends(a: np.uint64, b: np.uint64) -> np.uint64:
    while a != b:
        a = a ^ specimens.ZERO
    return a


@pytest.mark.parametrize(
    ("function", "obligation"), [(shifts_too_far, "the shift count is below 64"), (never_ends, "at most 8 rounds")]
)
def test_what_may_go_wrong_is_an_obligation_that_cannot_be_proved(
    function: Callable[..., Any], obligation: str
) -> None:
    machine = Machine(BitVectors())
    Executor(machine, maximum_rounds=8).call(function, machine.word("a"), machine.word("b"))
    with pytest.raises(Refuted, match=obligation):
        machine.prove_obligations()


def counts_down(a: np.uint64, b: np.uint64) -> np.uint64:
    while a > specimens.ONE:
        a -= specimens.TWO
        b = b + specimens.ZERO
    return a


def contract(invariant: Callable[[Any, Any], Any], variant: Callable[[Any], Any]) -> Contract:
    """A contract without a ghost."""
    return Contract(lambda before, now, _: invariant(before, now), variant)


@pytest.mark.parametrize(
    ("false", "obligation"),
    [
        (contract(lambda _, now: now["a"] == 0, lambda now: now["a"]), "before the loop"),
        (contract(lambda before, now: now["b"] + now["a"] == before["b"] + before["a"], lambda now: now["a"]), "kept"),
        (contract(lambda _, __: z3.BoolVal(True), lambda now: now["b"]), "becomes smaller"),
    ],
)
def test_a_contract_that_the_loop_does_not_keep_is_refuted(false: Contract, obligation: str) -> None:
    machine = Machine(Integers())
    executor = Executor(machine, contracts={counts_down: false})
    executor.call(counts_down, machine.word("a"), machine.word("b"))
    with pytest.raises(Refuted, match=obligation):
        machine.prove_obligations()


def goes_up_to(a: np.uint64, b: np.uint64) -> np.uint64:
    while a < b:
        a += specimens.TWO
    return a


def test_the_end_of_a_loop_is_not_taken_for_granted_on_the_way_there() -> None:
    # That `a` meets `b` exactly is wrong for odd distances, but it would follow from itself.
    meets = Contract(
        lambda before, now, rounds: z3.And(now["a"] == before["a"] + 2 * rounds, now["a"] <= now["b"]),
        lambda now: now["b"] - now["a"],
        lambda _, rounds: rounds + 1,
    )
    machine = Machine(Integers())
    a, b = machine.word("a", below=1000), machine.word("b", below=1000)
    machine.assume(a.term <= b.term)
    Executor(machine, contracts={goes_up_to: meets}).call(goes_up_to, a, b)
    with pytest.raises(Refuted, match="the invariant is kept"):
        machine.prove_obligations()
