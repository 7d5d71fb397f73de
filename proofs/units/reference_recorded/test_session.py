"""A session does what a step asks for, and refuses what is no step before anything has happened."""

from typing import Any

import pytest

import reference
from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.inputs import header_inputs
from proofs.conformance.recording import read_header
from reference.recorded.session import Malformed, Session
from reference.semantics import Semantics
from reference.vpc.config import TableLimits, VpcConfig
from reference.vpc.mappings import Mappings

HEADER = header_inputs(read_header(RECORDINGS / "public" / "5_gateway_v4.jsonl.gz"))


def make_port(config: VpcConfig, limits: TableLimits, mappings: Mappings) -> reference.Port:
    return reference.Port(config, limits, mappings, Semantics.UPSTREAM)


def step(operation: str, **arguments: Any) -> dict[str, Any]:
    return {"i": 0, "t_ms": 1_000_000, "port": "g1", "op": operation} | arguments


@pytest.fixture(name="session")
def session_with_a_running_port() -> Session:
    session = Session(HEADER, make_port)
    session.do(step("start"))
    return session


@pytest.mark.parametrize(
    ("malformed", "fault"),
    [
        ({}, "the member 'op' is missing"),
        (step("fly"), "no operation is called 'fly'"),
        (step("expire", port="g9"), "port 'g9' is not in the header"),
        ({"op": "expire"}, "the member 'port' is missing"),
        (step("process", dir="up", pkt=""), "'up' is not a valid Direction"),
        (step("process", dir="in", pkt="0g"), "Non-hexadecimal digit found"),
        (step("process", dir="in"), "the member 'pkt' is missing"),
        (step("attach_subnet", cidr="10.0.0.0/99", is_external=True), "Invalid IP CIDR"),
        (step("set_v2p", ip="172.30.0.9", phys=None), "'NoneType' object is not subscriptable"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused_and_changes_nothing(
    session: Session, malformed: dict[str, Any], fault: str
) -> None:
    before = session.ports["g1"].snapshot()
    with pytest.raises(Malformed, match=fault):
        session.do(malformed)
    assert session.ports["g1"].snapshot() == before


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"ports": None}, "not iterable"),
        ({"ports": [{}]}, "the member 'name' is missing"),
        ({"v2p": [{"ip": "1.2.3"}]}, "Invalid IP address"),
        ({"m2p": [{"group": "224.1.1.1", "underlay": "ff05::1"}]}, "admin-scoped"),
    ],
)
def test_a_header_that_describes_no_ports_is_refused(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(Malformed, match=fault):
        Session(HEADER | change, make_port)


def test_a_route_of_the_set_up_that_the_port_refuses_is_a_fault_of_the_header() -> None:
    [port] = HEADER["ports"]
    setup = {"router": [{"dest": "10.0.0.0/8", "target": "ip6=fd00::1", "class": "system"}]}
    with pytest.raises(Malformed, match="InvalidRouterEntry"):
        Session(HEADER | {"ports": [port | {"setup": setup}]}, make_port)


def test_what_is_observed_is_what_a_snapshot_shows(session: Session) -> None:
    snapshot = session.ports["g1"].snapshot()
    assert session.observe() == {
        "g1": {member: snapshot[member] for member in ("epoch", "port_state", "stats", "flows")}
    }
    assert [layer["name"] for layer in session.observe_setup()["g1"]["layers"]] == [
        layer["name"] for layer in snapshot["layers"]
    ]
