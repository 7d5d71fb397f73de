"""The command line: exit codes, schedules that can be replayed, results as JSON."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proofs.interleavings.__main__ import application
from proofs.interleavings.compiled.switch import why_unavailable
from proofs.interleavings.counterexamples import stored

SCENARIO, FAULT = "TCP word in both directions", "store without swap"


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(application, list(arguments))
    return result.exit_code, result.output


def test_lists_scenarios_and_faults() -> None:
    code, output = invoke("list")
    assert code == 0
    assert SCENARIO in output
    assert FAULT in output


def test_a_scenario_that_holds_exits_with_0() -> None:
    code, output = invoke("run", SCENARIO)
    assert code == 0
    assert "holds in all interleavings" in output


def test_a_fault_exits_with_1_and_its_schedule_replays(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    code, output = invoke("run", SCENARIO, "--fault", FAULT, "--json", str(file))
    result = json.loads(file.read_text())
    assert code == 1
    assert f"replay: {result['replay']}\n" in output
    assert result["replay"].startswith(f"{SCENARIO}+{FAULT}/fine/sc/")
    code, output = invoke("replay", result["replay"], "--json", str(file))
    assert code == 1
    assert "NotLinearizableError" in output
    assert json.loads(file.read_text())["steps"] == output.splitlines()


def test_a_schedule_is_replayed_without_its_fault_and_under_another_memory_model() -> None:
    schedule = f"{SCENARIO}+{FAULT}/fine/sc/b6a"
    assert invoke("replay", schedule)[0] == 1
    assert invoke("replay", schedule, "--production")[0] == 0
    assert invoke("replay", schedule, "--production", "--memory", "tso")[0] == 0


def test_a_failing_schedule_is_stored_as_data(tmp_path: Path) -> None:
    code, output = invoke("run", SCENARIO, "--fault", FAULT, "--store", str(tmp_path))
    assert code == 1
    (kept,) = stored(tmp_path)
    assert kept.failure == "NotLinearizableError"
    assert kept.run().failure is not None
    assert kept.name in output.replace("\n", "")


@pytest.mark.parametrize("schedule", ["random", "pct"])
def test_schedules_are_drawn_by_chance(schedule: str, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    options = ("--schedule", schedule, "--seed", "5", "--executions", "30", "--json", str(file))
    code, output = invoke("run", SCENARIO, *options)
    assert code == 0
    assert "no failure by chance in 30 executions" in output
    result = json.loads(file.read_text())
    assert (result["verdict"], result["executions"], result["seed"]) == ("not failed", 30, 5)
    code, output = invoke("run", SCENARIO, *options, "--fault", FAULT)
    assert code == 1
    assert "replay: " in output


def test_pct_states_its_bound() -> None:
    _, output = invoke("run", SCENARIO, "--schedule", "pct", "--depth", "2", "--executions", "20")
    assert "a fault of depth 2 is found by one run with probability at least 1/(2*" in output


def test_the_list_is_there_for_programs_too(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    assert invoke("list", "--design", "rwlock", "--json", str(file))[0] == 0
    listed = json.loads(file.read_text())
    assert listed
    assert all("rwlock" in (*each["designs"], *each["broken"]) for each in listed)


@pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))
def test_both_engines_say_the_same_of_a_scenario_and_of_a_fault() -> None:
    for fault in ((), ("--fault", FAULT)):
        plain, compiled = (
            invoke("run", SCENARIO, *fault, *engine) for engine in (("--search", "reduced"), ("--compiled",))
        )
        assert plain[0] == compiled[0] == bool(fault)
        assert plain[1].split(",")[0] == compiled[1].split(",")[0]


@pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))
def test_measures_the_speed_of_both_engines() -> None:
    code, output = invoke("speed", "--runs", "500")
    assert code == 0
    assert output.count("schedules a second") == 8


@pytest.mark.parametrize("memory", ["sc", "tso", "ra"])
def test_a_memory_model_is_chosen_by_its_name(memory: str, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    code, output = invoke("run", "thaw hands over", "--memory", memory, "--json", str(file))
    assert code == 0
    assert "holds in all interleavings" in output
    assert json.loads(file.read_text())["memory"] == memory


@pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))
def test_the_compiled_engine_refuses_store_buffers() -> None:
    code, output = invoke("run", SCENARIO, "--compiled", "--memory", "tso")
    assert code == 2
    assert output == "the compiled engine knows --memory sc and ra, not tso\n"


def test_states_are_refused_where_they_cannot_be_told_apart_and_a_whole_port_has_some() -> None:
    code, output = invoke("run", SCENARIO, "--compiled", "--search", "states")
    assert code == 2
    assert output == "the compiled engine tells no states apart: search plain or reduced\n"
    code, output = invoke("run", "port: hit beside pause", "--search", "states")
    assert code == 0
    assert " states, " in output


def test_a_search_without_time_is_unknown_and_exits_with_3() -> None:
    code, output = invoke("run", SCENARIO, "--seconds", "0")
    assert code == 3
    assert "UNKNOWN" in output


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "no such scenario"),
        ("run", SCENARIO, "--fault", "no such fault"),
        ("run", SCENARIO, "--design", "mutex"),
        ("run", "look-up beside reinstall", "--compiled"),
        ("replay", f"{SCENARIO}/fine/sc/4a"),
        ("replay", f"{SCENARIO}/fine/sc/a2z"),
        ("replay", f"{SCENARIO}/fine/a2"),
        ("replay", "no such scenario/fine/sc/a2"),
    ],
)
def test_names_that_make_no_sense_exit_with_2(arguments: tuple[str, ...]) -> None:
    code, output = invoke(*arguments)
    assert code == 2
    assert "Traceback" not in output
