"""Kernels are compiled once: what is inlined with its callers, what is called by itself and found by its content."""
# mypy: disallow-untyped-calls=False

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba.core.types import int64, literal, uint64

from fastpath.compiler import OPTIONS, called_kernel, cold_kernel, entry_point, kernel
from fastpath.dispatcher import Standing, code_of
from fastpath.memory import Words

ONE = np.uint64(1)


@kernel
def increased(value: np.uint64, by: int) -> np.uint64:
    return value + np.uint64(by)


@kernel
def increased_twice(value: np.uint64) -> np.uint64:
    return increased(increased(value, 2), 3)


@cold_kernel
def squared(value: np.uint64) -> np.uint64:
    return increased_twice(value) * increased_twice(value)


@entry_point
def one_caller(value: np.uint64) -> np.uint64:
    return squared(value) + increased(value, 4)


@entry_point
def other_caller(value: np.uint64) -> np.uint64:
    return squared(value) - increased_twice(value)


def code(dispatcher: Any) -> list[str]:
    """The code of an entry point, then of what it calls; each text with its wrapper for Python left out."""
    texts = [re.sub(r"(?ms)^define [^\n]*cpython.*?^}\n", "", text) for text in code_of(dispatcher)]
    assert all(text.count("\ndefine ") == 1 for text in texts)
    return texts


def test_what_is_inlined_leaves_no_call_and_what_is_cold_leaves_one() -> None:
    assert one_caller(ONE) == 41
    caller, callee = code(one_caller)
    assert re.findall(r"call [^@]*@\w*?(squared|increased\w*)B", caller) == ["squared"]
    assert re.search(r"^declare [^\n]*squared", caller, flags=re.MULTILINE)
    assert not re.search(r"call [^@]*@_ZN", callee)


def test_two_callers_run_the_same_code_of_a_cold_kernel() -> None:
    assert one_caller(ONE) == 41
    assert other_caller(ONE) == 30
    assert code(one_caller)[1] == code(other_caller)[1]


def test_the_code_of_a_callee_is_found_also_among_its_likes_that_nobody_has_called() -> None:
    def defined() -> list[str]:
        return re.findall(r"^define [^@\n]*@([^(\n]+)", "\n".join(code(one_caller)), flags=re.MULTILINE)

    assert one_caller(ONE) == 41
    expected = defined()
    likes = [cold_kernel(squared.py_func) for _ in range(8)]  # type: ignore[attr-defined]
    assert len(expected) == 2
    assert defined() == expected
    assert all(like.identity == likes[0].identity for like in likes)


@called_kernel
def sum_of(words: Words, first: int, count: int) -> np.uint64:
    total = ONE - ONE
    for place in range(first, first + count):
        total += words[place]
    return total


@entry_point
def three_sums(words: Words, first: int) -> np.uint64:
    return sum_of(words, first, 3) + sum_of(words, first + 1, 4) + sum_of(words, first + 2, 5)


def test_what_stays_a_call_within_its_caller_takes_only_what_it_looks_at() -> None:
    words = np.arange(16, dtype=np.uint64)
    assert three_sums(words, 2) == sum_of(words, 2, 3) + sum_of(words, 3, 4) + sum_of(words, 4, 5)
    (caller,) = code_of(three_sums)
    (parameters,) = re.findall(r"^define internal [^\n]*?@\w*?sum_of\w*\(([^\n]*)\)", caller, flags=re.MULTILINE)
    assert len(parameters.split(",")) < 7
    assert not re.search(r"^define (?!internal)[^\n]*sum_of", caller, flags=re.MULTILINE)


def word_at(words: Words, place: int) -> np.uint64:
    word: np.uint64 = words[place]
    return word


def put_word(words: Words, place: int) -> None:
    words[place] = ONE


@pytest.mark.parametrize("function", [word_at, put_word])
def test_kernels_do_not_ask_whether_an_index_counts_from_the_end(function: Any) -> None:
    def asks(dispatcher: Any) -> bool:
        dispatcher(np.ones(4, np.uint64), 2)
        return "select" in "".join(code_of(dispatcher))

    assert not asks(entry_point(function))
    as_numba_does: Any = numba.njit(**OPTIONS)(function)
    as_numba_does(np.ones(4, np.uint64), 2)
    (module,) = as_numba_does.inspect_llvm().values()
    assert "select" in module


def test_constants_in_a_call_do_not_make_another_kernel() -> None:
    dispatcher: Any = increased
    for constant in (2, 3):
        dispatcher.get_call_template([uint64, literal(constant)], {})
    assert dispatcher.signatures == [(uint64, int64)]


def test_python_calls_any_kernel() -> None:
    assert increased(ONE, 4) == 5
    assert increased_twice(ONE) == 6
    assert squared(ONE) == 36


def test_a_function_that_numba_compiles_calls_any_kernel() -> None:
    def outside(value: np.uint64) -> np.uint64:
        return one_caller(value) + increased_twice(value)

    assert numba.njit(**OPTIONS)(outside)(ONE) == 47


def test_code_whose_function_is_not_in_the_process_is_named() -> None:
    with pytest.raises(LookupError, match=r"fastpath\.nowhere\.missing"):
        Standing("fastpath.nowhere", "missing", "0", ())()


FAMILY = """
import sys
import numpy as np
from fastpath import dispatcher
from fastpath.compiler import cold_kernel, entry_point, kernel
compiled = []
compile_extra = dispatcher.compile_extra
def observed(*arguments, **options):
    compiled.append(arguments[2].__name__)
    return compile_extra(*arguments, **options)
dispatcher.compile_extra = observed
def member(factor):
    @kernel
    def scaled(value):
        return value * factor
    @cold_kernel
    def cold(value):
        return scaled(value) + np.uint64(1)
    @entry_point
    def caller(value):
        return cold(value) + np.uint64(1)
    @entry_point
    def later(value):
        return cold(value) + np.uint64(2)
    return caller, later
{fault}
members = [member(np.uint64(int(factor))) for factor in sys.argv[1:]]
print(*(function(np.uint64(10)) for functions in zip(*members) for function in functions), *compiled)
"""
NUMBERED = "dispatcher._Pipeline._compile_bytecode = dispatcher.Compiler._compile_bytecode"


def family(folder: Path, fault: str = "") -> Path:
    """A program that makes functions of the same names for each factor it is given, and prints what they return."""
    path = folder / "family.py"
    path.write_text(FAMILY.format(fault=fault))
    return path


def start(program: Path, *factors: int) -> subprocess.Popen[str]:
    environment = os.environ | {"LOCKSTEP_CACHE": str(program.parent / "cache"), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, str(program), *map(str, factors)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def result(process: subprocess.Popen[str]) -> list[str]:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return output.split()


def run(program: Path, *factors: int) -> list[str]:
    return result(start(program, *factors))


def test_a_second_process_compiles_neither_an_entry_point_nor_what_it_calls(tmp_path: Path) -> None:
    program = family(tmp_path)
    assert run(program, 2) == ["22", "23", "caller", "cold", "scaled", "later"]
    assert run(program, 2) == ["22", "23"]


def test_processes_that_compile_at_once_leave_code_that_a_third_one_loads(tmp_path: Path) -> None:
    program = family(tmp_path)
    for process in [start(program, 2, 3), start(program, 3, 2)]:
        result(process)
    assert run(program, 2, 3) == ["22", "32", "23", "33"]


@pytest.mark.parametrize(("fault", "last"), [("", ["23", "33"]), (NUMBERED, ["33", "33"])], ids=["named", "numbered"])
def test_functions_of_one_name_from_the_cache_keep_apart(tmp_path: Path, fault: str, last: list[str]) -> None:
    program = family(tmp_path, fault)
    run(program, 2)
    run(program, 3)
    assert run(program, 2, 3) == ["22", "32", *last]


def test_what_a_caller_from_the_cache_calls_is_compiled_when_it_is_lost(tmp_path: Path) -> None:
    program = family(tmp_path)
    run(program, 2)
    lost = [path for path in (tmp_path / "cache").rglob("*.nb?") if ".cold-" in path.name]
    assert lost
    for path in lost:
        path.unlink()
    assert run(program, 2) == ["22", "23", "cold", "scaled"]
