"""The definition language: steps belong to locations, guards block, programs are put together."""

from model.language import Program
from proofs.units.model.toys import At, Counter, Raiser, raiser


def test_a_step_is_named_after_its_function() -> None:
    (step,) = raiser.steps(At.STORE)
    assert step.name == "store one more"


def test_a_step_without_a_guard_is_always_enabled() -> None:
    (step,) = raiser.steps(At.LOAD)
    assert step.guard(Counter(), Raiser())


def test_a_location_without_steps_of_its_own_is_a_place_to_rest() -> None:
    assert raiser.rests(At.DONE)
    assert not raiser.rests(At.LOAD)


def test_several_steps_of_one_location_are_a_choice() -> None:
    program: Program[Counter, Raiser] = Program(raiser)
    program.at(At.LOAD)(lambda counter, me: (counter, me))
    assert len(program.steps(At.LOAD)) == 2
    assert len(raiser.steps(At.LOAD)) == 1


def test_a_step_of_anywhere_belongs_to_every_location_and_keeps_nobody_from_resting() -> None:
    program: Program[Counter, Raiser] = Program(raiser)
    program.anywhere(when=lambda counter, _: counter.value > 0)(lambda counter, me: (counter._replace(value=0), me))
    assert [len(program.steps(location)) for location in (At.LOAD, At.DONE)] == [2, 1]
    assert program.rests(At.DONE)


def test_programs_put_together_have_the_steps_of_all() -> None:
    other: Program[Counter, Raiser] = Program()
    other.at(At.DONE)(lambda counter, me: (counter, me._replace(at=At.LOAD)))
    both = Program(raiser, other)
    assert [len(both.steps(location)) for location in (At.LOAD, At.STORE, At.DONE)] == [1, 1, 1]
