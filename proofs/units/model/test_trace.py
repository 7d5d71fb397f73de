"""Traces read as sentences: who did what, and what it changed."""

from model.catalogue import FAULTS
from model.search import Move, search
from model.trace import changes, numbers, report, words
from proofs.units.model.toys import NOTHING_LOST, At, Counter, Raiser, counter


def test_a_changed_word_is_shown_with_its_way_and_both_values() -> None:
    move = Move("process", "store", (Counter(1, 1), Counter(2, 2)), (Raiser(At.STORE, 1), Raiser(At.DONE, 1)))
    assert list(changes(move)) == ["value: 1 -> 2", "raised: 1 -> 2"]


def test_a_register_is_shown_when_it_is_set_and_not_when_it_is_forgotten() -> None:
    same = (Counter(7), Counter(7))
    assert list(changes(Move("process", "load", same, (Raiser(), Raiser(At.STORE, 7))))) == ["seen = 7"]
    assert list(changes(Move("process", "forget", same, (Raiser(At.STORE, 7), Raiser())))) == []


def test_values_are_written_for_a_reader() -> None:
    assert words((True, None, -1, Counter(3))) == "(yes, none, none, (value 3, raised 0))"


def test_the_numbers_fit_a_line() -> None:
    line = numbers("counter", search(counter(2)))
    assert line.split()[:4] == ["counter", "held", "13", "states"]


def test_a_report_tells_the_finding_and_numbers_the_steps() -> None:
    lines = report(search(counter(2, NOTHING_LOST))).splitlines()
    assert lines[1] == "broken: nothing lost: the number is as high as it was raised"
    assert lines[2] == "A shortest trace, 4 steps:"
    assert lines[-1] == "   4  process 1  store one more  raised: 1 -> 2"


def test_the_trace_of_a_seeded_fault_names_the_words_of_the_protocol() -> None:
    text = report(search(FAULTS["orphan-hit"].system))
    assert "refresh the life word" in text
    assert "entries[0].life.last: 0 -> 1" in text
