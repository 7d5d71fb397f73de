"""The command line: exit codes, schedules that can be replayed, results as JSON."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proofs.interleavings.__main__ import application
from proofs.interleavings.compiled.switch import why_unavailable

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
    assert f"under schedule {result['schedule']}" in output
    code, output = invoke("replay", SCENARIO, result["schedule"], "--fault", FAULT)
    assert code == 1
    assert "NotLinearizableError" in output
    assert invoke("replay", SCENARIO, result["schedule"][:1])[0] == 0


@pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))
def test_both_engines_say_the_same_of_a_scenario_and_of_a_fault() -> None:
    for fault in ((), ("--fault", FAULT)):
        plain, compiled = (invoke("run", SCENARIO, *fault, *engine) for engine in ((), ("--compiled",)))
        assert plain[0] == compiled[0] == bool(fault)
        assert plain[1].split(",")[0] == compiled[1].split(",")[0]


@pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))
def test_measures_the_speed_of_both_engines() -> None:
    code, output = invoke("speed", "--runs", "500")
    assert code == 0
    assert output.count("schedules a second") == 6


@pytest.mark.parametrize("memory", ["sc", "tso", "ra"])
def test_a_memory_model_is_chosen_by_its_name(memory: str, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    code, output = invoke("run", "thaw hands over", "--memory", memory, "--json", str(file))
    assert code == 0
    assert "holds in all interleavings" in output
    assert json.loads(file.read_text())["memory"] == memory


@pytest.mark.parametrize("memory", ["tso", "ra"])
def test_the_compiled_engine_refuses_weak_memory(memory: str) -> None:
    code, output = invoke("run", SCENARIO, "--compiled", "--memory", memory)
    assert code == 2
    assert output == f"the compiled engine knows --memory sc alone, not {memory}\n"


def test_a_search_without_time_is_unknown() -> None:
    _, output = invoke("run", SCENARIO, "--seconds", "0")
    assert "UNKNOWN" in output


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "no such scenario"),
        ("run", SCENARIO, "--fault", "no such fault"),
        ("run", SCENARIO, "--design", "mutex"),
        ("run", "look-up beside reinstall", "--compiled"),
        ("replay", SCENARIO, "4a"),
        ("replay", SCENARIO, "a2z"),
    ],
)
def test_names_that_make_no_sense_exit_with_2(arguments: tuple[str, ...]) -> None:
    code, output = invoke(*arguments)
    assert code == 2
    assert "Traceback" not in output
