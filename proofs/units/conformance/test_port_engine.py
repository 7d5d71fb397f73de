"""The adapter: every operation reaches the port, and what it answers is in the recordings' terms."""

from typing import Any

import msgspec
import pytest

import reference
from proofs.conformance import steps
from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.port_engine import PortEngine, plain_verdict
from proofs.conformance.recording import find, read_header
from proofs.conformance.steps import Operation, Plain, Step
from reference.recorded.lines import numbered_lines
from reference.recorded.operations import MAPPING_OPERATIONS, PORT_OPERATIONS
from reference.semantics import Semantics
from reference.verdict import (
    DenyReason,
    Drop,
    DropCause,
    Hairpin,
    LayerDrop,
    Modified,
    ParseError,
    ProcessError,
    Verdict,
)
from reference.vpc.config import TableLimits, VpcConfig
from reference.vpc.mappings import Mappings

HEADER = read_header(RECORDINGS / "public" / "5_gateway_v4.jsonl.gz")
HANDLED = PORT_OPERATIONS.keys() | MAPPING_OPERATIONS.keys()
"""The operations that there is a call for."""
FLOW = {"proto": 6, "src": "172.30.0.5", "dst": "172.30.0.6", "sport": 1, "dport": 2}


def operation_name_of(kind: type[Step]) -> object:
    return kind.__struct_config__.tag


def make_port(config: VpcConfig, limits: TableLimits, mappings: Mappings) -> reference.Port:
    return reference.Port(config, limits, mappings, Semantics.UPSTREAM)


@pytest.fixture
def engine() -> PortEngine:
    """An engine with one running port."""
    engine = PortEngine(make_port)
    engine.setup(HEADER)
    done(engine, "start")
    return engine


def done(engine: PortEngine, operation: str, **arguments: Any) -> Plain:
    """The result of one operation."""
    plain = {"i": 0, "t_ms": 1_000_000, "port": "g1", "op": operation, "result": {}} | arguments
    step: Step = msgspec.convert(plain, Operation)
    return engine.step(step).result


@pytest.mark.parametrize(
    ("verdict", "plain"),
    [
        (Modified(b"\x01", 7, True), {"kind": "modified", "pkt": "01", "l4_hash": 7, "mtu_unrestricted": True}),
        (Hairpin(b"\xff"), {"kind": "hairpin", "pkt": "ff"}),
        (Drop(DropCause.TCP_ERROR), {"kind": "drop", "reason": "tcp_err"}),
        (Drop(LayerDrop("nat", DenyReason.ACTION)), {"kind": "drop", "reason": {"layer": "nat", "why": "action"}}),
        (ProcessError("BadState(Ready)"), {"kind": "error", "error": "BadState(Ready)"}),
        (
            ParseError("IngotError", {"header": "inner_l3", "why": "TooSmall"}),
            {"kind": "parse_error", "error": "IngotError", "header": "inner_l3", "why": "TooSmall"},
        ),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else None,
)
def test_verdicts_are_written_as_recorded(verdict: Verdict, plain: Plain) -> None:
    assert plain_verdict(verdict) == plain


def test_the_set_up_shows_what_a_header_shows() -> None:
    observed = PortEngine(make_port).setup(HEADER)
    assert set(observed["g1"]) == {"epoch", "port_state", "stats", "flows", "layers"}
    assert observed["g1"]["port_state"] == "ready"


def test_every_operation_has_a_call() -> None:
    operations = {kind for kind in vars(steps).values() if isinstance(kind, type) and issubclass(kind, Step)}
    abstract = {steps.Step, steps.PortStep, steps.MappingStep, steps.RouterStep}
    assert {operation_name_of(kind) for kind in operations - abstract} == HANDLED


class Named(msgspec.Struct):
    """A line's operation; a header has none."""

    op: str | None = None


@pytest.mark.slow
def test_the_recordings_use_every_operation() -> None:
    lines = (line for path in find([RECORDINGS / "public"]) for _, line in numbered_lines(path))
    assert {msgspec.json.decode(line, type=Named).op for line in lines} == HANDLED | {None}


@pytest.mark.parametrize(
    ("operation", "arguments", "error"),
    [
        ("pause", {}, 'BadState("ready")'),
        ("add_fw_rule", {"rule": "dir=in"}, "rule text: missing 'action' key"),
        ("set_fw_rules", {"rules": ["dir=up action=allow priority=1"]}, "rule text: invalid direction: up"),
        (
            "add_router_entry",
            {"dest": "10.0.0.0/8", "target": "moon", "class": "system"},
            "target text: malformed router target: moon",
        ),
        ("rem_fw_rule", {"dir": "in", "id": 77}, "RuleNotFound(77)"),
    ],
)
def test_a_refusal_is_an_error_with_the_recorded_text(operation: str, arguments: Plain, error: str) -> None:
    engine = PortEngine(make_port)
    engine.setup(HEADER)
    assert done(engine, operation, **arguments) == {"kind": "error", "error": error}


def test_finding_and_not_finding_are_told_apart(engine: PortEngine) -> None:
    route = {"dest": "10.9.0.0/16", "target": "drop", "class": "custom"}
    assert done(engine, "add_router_entry", **route) == {"kind": "ok"}
    assert done(engine, "del_router_entry", **route) == {"kind": "ok", "value": "Ok"}
    assert done(engine, "del_router_entry", **route) == {"kind": "ok", "value": "NotFound"}


def test_mapping_operations_answer_with_what_was_there(engine: PortEngine) -> None:
    phys = {"ether": "A8:40:25:F0:01:01", "ip": "fd00::f7:1:0:0:0:1", "vni": 7}
    assert done(engine, "set_v2p", ip="172.30.0.99", phys=phys) == {"kind": "ok"}
    assert done(engine, "clear_v2p", ip="172.30.0.99", phys=phys) == {"kind": "ok", "value": phys}
    assert done(engine, "clear_v2p", ip="172.30.0.99", phys=phys) == {"kind": "ok", "value": None}
    assert done(engine, "set_m2p", group="224.1.1.1", underlay="ff04::1") == {"kind": "ok", "value": None}
    assert done(engine, "clear_m2p", group="224.1.1.1") == {"kind": "ok", "value": "ff04::1"}


def test_the_state_of_an_unknown_connection_is_null(engine: PortEngine) -> None:
    assert done(engine, "tcp_state", flow=FLOW) == {"kind": "ok", "value": None}


def test_external_addresses_by_gateway_reach_the_port(engine: PortEngine) -> None:
    gateway = "1d9a5d6e-2f3c-4c4b-8a8d-5c1de5b3c9aa"
    result = done(
        engine,
        "set_external_ips",
        external_ips_v4={"ephemeral_ip": "10.60.1.20"},
        external_ips_v6=None,
        inet_gw_map=[{"ip": "10.60.1.20", "gateways": [gateway]}],
    )
    assert result == {"kind": "ok"}
    [nat] = [layer for layer in done(engine, "dump")["layers"] if layer["name"] == "nat"]
    assert any(gateway in predicate for rule in nat["rules_out"] for predicate in rule["predicates"])
