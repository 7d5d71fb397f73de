"""Paths of re-executed functions: what is asked about them is answered."""

import pytest
import z3

from proofs.smt.integers import Integers
from proofs.smt.machine import Machine
from proofs.smt.reexecution import Exploration
from proofs.smt.solver import Refuted


def test_what_one_solver_leaves_open_is_asked_once_more_apart_from_what_it_knows() -> None:
    exploration = Exploration(Machine(Integers()))
    exploration.solver.set("rlimit", 1)
    number, other = z3.Ints("number other")
    between = z3.And(number > 2 * other, number < 2 * other + 2)
    exploration.solver.push()
    exploration.solver.add(between)
    assert exploration.solver.check() == z3.unknown
    exploration.solver.pop()
    exploration.prove(z3.Implies(between, number % 2 == 1), "oddness")
    with pytest.raises(Refuted):
        exploration.prove(z3.Implies(between, number % 3 == 1), "a remainder")
