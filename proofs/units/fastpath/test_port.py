"""The fast port: the reference's surface, hits beside it, usable after a fault, and seats for its threads."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import fastpath
import reference
from fastpath.designs import Design, UnknownDesign
from fastpath.frames import Undecided
from fastpath.seats import NoSeat
from proofs.equivalence import vpc
from proofs.equivalence.frames import ACK, TCP, Content
from proofs.units.fastpath.ports import (
    IN,
    LIMITS,
    NOW,
    OUT,
    elsewhere,
    fast_port,
    flow,
    handshake,
    inbound,
    is_hit,
    outbound,
    reference_port,
    without_misses,
)
from reference.direction import Direction
from reference.errors import BadState, LayerNotFound
from reference.flow_table import FLOW_TIME_TO_LIVE_MS
from reference.port_data import PortState
from reference.semantics import Semantics
from reference.tcp import TcpState
from reference.verdict import Drop, Modified, ParseError, ProcessError

OF_MAPPINGS = {"follow_mappings", "is_behind_mappings", "mappings_seen"}
REFERENCE_ONLY = {"data", "network", "semantics", "tcp_flows", "uft"} | OF_MAPPINGS
"""What lies open in the reference for those who look inside: tables, configuration, what it knows of mappings."""
FAST_ONLY = {"design", "policy", "process_batch", "refused", "rules", "seat", "ticket", "wait_for_turn", "words"}
"""What only a fast port has."""

every_design = pytest.mark.parametrize("design", Design, ids=lambda design: design.value)


def public(thing: object) -> set[str]:
    """Public names of an object."""
    return {name for name in dir(thing) if not name.startswith("_")}


def shape(function: Callable[..., object]) -> list[tuple[str, Any, Any]]:
    """Names, kinds and defaults of parameters."""
    parameters = inspect.signature(function).parameters.values()
    return [(parameter.name, parameter.kind, parameter.default) for parameter in parameters]


def test_a_fast_port_has_the_surface_of_the_reference_and_what_is_named_here() -> None:
    fast, standard = fast_port(), reference_port()
    assert public(fast) - public(standard) == FAST_ONLY
    assert public(standard) - public(fast) == REFERENCE_ONLY
    assert public(fast.router) == public(standard.router)


@pytest.mark.parametrize("name", sorted(public(reference.Port) - REFERENCE_ONLY))
def test_methods_take_the_same_arguments(name: str) -> None:
    fast, standard = (inspect.getattr_static(kind, name) for kind in (fastpath.Port, reference.Port))
    assert isinstance(fast, property) == isinstance(standard, property)
    if not isinstance(fast, property):
        assert shape(fast) == shape(standard)


@pytest.mark.parametrize("name", ["add", "delete", "replace"])
def test_routes_take_the_same_arguments(name: str) -> None:
    fast, standard = fast_port().router, reference_port().router
    assert shape(getattr(fast, name)) == shape(getattr(standard, name))


def test_a_fast_port_is_made_like_a_reference_port_and_may_be_told_more() -> None:
    fast, standard = shape(fastpath.Port.__init__), shape(reference.Port.__init__)
    assert fast[: len(standard)] == standard
    assert [name for name, _, _ in fast[len(standard) :]] == ["design", "threads", "seed", "policy"]


def test_a_port_is_ready_at_first_and_processes_nothing() -> None:
    port = fastpath.Port(vpc.config(), LIMITS, vpc.mappings())
    assert port.state is PortState.READY
    assert port.design is Design.FINE
    assert port.process(OUT, outbound(1), NOW) == ProcessError("BadState(Ready)")


@every_design
def test_a_design_may_be_given_by_name(design: Design) -> None:
    assert fastpath.Port(vpc.config(), design=design.value).design is design


def test_an_unknown_design_is_told_which_ones_there_are() -> None:
    with pytest.raises(UnknownDesign, match="mutex, pr585, rwlock, fine"):
        fastpath.Port(vpc.config(), design="coarse")


@every_design
def test_a_flow_is_served_by_compiled_code_from_its_second_packet_on(design: Design) -> None:
    port = fast_port(design)
    assert not is_hit(port, OUT, outbound(1))
    assert is_hit(port, OUT, outbound(1))
    assert is_hit(port, IN, inbound(1))
    assert port.refused == 0


@every_design
def test_single_packets_and_batches_give_the_verdicts_of_the_reference(design: Design) -> None:
    standard = reference_port()
    one_by_one, at_once = fast_port(design), fast_port(design)
    sights = [*handshake(1), (OUT, outbound(2)), (IN, inbound(2)), (OUT, b"rubbish"), (IN, inbound(3)), *handshake(4)]
    expected = [standard.process(*sight, NOW) for sight in sights]
    assert {type(verdict) for verdict in expected} == {Modified, ParseError}
    assert [one_by_one.process(*sight, NOW) for sight in sights] == expected
    batch = fastpath.FrameBatch(len(sights), 2_048)
    batch.load_all(sights)
    at_once.process_batch(batch, NOW)
    assert [batch.verdict(index) for index in range(batch.count)] == expected
    assert one_by_one.snapshot() == at_once.snapshot() == standard.snapshot()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_packet_may_be_any_kind_of_bytes_and_is_left_as_it_is(kind: Callable[[bytes], Any]) -> None:
    port = fast_port()
    packet = kind(outbound(1))
    assert isinstance(port.process(OUT, packet, NOW), Modified)
    assert isinstance(port.process(OUT, packet, NOW), Modified)
    assert bytes(packet) == outbound(1)


@pytest.mark.parametrize("length", [9_215, 9_216, 9_217, 20_000, 65_000])
def test_packets_of_any_length_are_processed_alike(length: int) -> None:
    fast, standard = fast_port(), reference_port()
    payload = bytes(length - len(outbound(1)))
    for _ in range(2):
        packet = outbound(1, Content(payload=payload))
        assert fast.process(OUT, packet, NOW) == standard.process(OUT, packet, NOW)
    assert fast.snapshot() == standard.snapshot()


def test_a_packet_in_several_buffers_is_judged_as_by_the_reference() -> None:
    fast, standard = fast_port(), reference_port()
    for segments in ([14], [20], [14, 20], []):
        packet = outbound(1)
        assert fast.process(OUT, packet, NOW, segments) == standard.process(OUT, packet, NOW, segments)
    assert fast.snapshot() == standard.snapshot()


@pytest.mark.parametrize(
    ("state", "name", "arguments"),
    [
        (PortState.READY, "pause", ()),
        (PortState.READY, "expire", (NOW,)),
        (PortState.READY, "clear_uft", ()),
        (PortState.PAUSED, "clear_uft", ()),
        (PortState.PAUSED, "clear_lft", ("firewall",)),
        (PortState.PAUSED, "expire", (NOW,)),
        (PortState.PAUSED, "pause", ()),
        (PortState.PAUSED, "set_firewall_rules", ([],)),
    ],
    ids=str,
)
@every_design
def test_what_a_state_does_not_allow_is_refused_and_the_port_goes_on(
    design: Design, state: PortState, name: str, arguments: tuple[Any, ...]
) -> None:
    port = fast_port(design)
    if state is PortState.READY:
        port.reset()
    else:
        port.pause()
    with pytest.raises(BadState):
        getattr(port, name)(*arguments)
    assert port.state is state
    port.start()
    assert isinstance(port.process(OUT, outbound(1), NOW), Modified)
    assert is_hit(port, OUT, outbound(1))


def test_an_unknown_layer_is_refused() -> None:
    with pytest.raises(LayerNotFound):
        fast_port().clear_lft("transport")


class Fault(Exception):
    """What goes wrong in a test."""


def break_reference(port: fastpath.Port, monkeypatch: pytest.MonkeyPatch, name: str, after: bool) -> None:
    """Let a method of the reference behind the port raise, before or after it has done its work."""
    inside = port._slow_path.port
    method = getattr(inside, name)

    def fail(*arguments: object) -> None:
        if after:
            method(*arguments)
        raise Fault

    monkeypatch.setattr(inside, name, fail)


@every_design
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("process", (OUT, outbound(7), NOW)),
        ("expire", (NOW + FLOW_TIME_TO_LIVE_MS - 1,)),
        ("expire", (NOW + FLOW_TIME_TO_LIVE_MS,)),
        ("set_firewall_rules", ([],)),
        ("clear_uft", ()),
        ("pause", ()),
        ("reset", ()),
        ("snapshot", ()),
        ("statistics", ()),
    ],
)
def test_a_call_that_raises_leaves_a_port_that_does_what_the_reference_does(
    design: Design, name: str, arguments: tuple[Any, ...], after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast, standard = fast_port(design, policy=without_misses(design)), reference_port()
    for port in (fast, standard):
        for sight in [*handshake(1), (OUT, outbound(2)), (IN, inbound(2))]:
            port.process(*sight, NOW)
    with monkeypatch.context() as patched:
        break_reference(fast, patched, name, after)
        with pytest.raises(Fault):
            getattr(fast, name)(*arguments)
    if after:
        getattr(standard, name)(*arguments)
    for port in (fast, standard):
        if port.state is not PortState.RUNNING:
            port.start()
    segment = Content(flags=ACK, sequence=1, acknowledgement=1)
    for _ in range(2):
        for sight in [(OUT, outbound(1, segment, TCP)), (IN, inbound(2)), (OUT, outbound(2)), (OUT, outbound(7))]:
            assert fast.process(*sight, NOW) == standard.process(*sight, NOW)
    assert fast.snapshot() == standard.snapshot()
    assert is_hit(fast, OUT, outbound(2))


def test_a_fault_in_the_middle_of_a_batch_leaves_verdicts_up_to_there(monkeypatch: pytest.MonkeyPatch) -> None:
    port = fast_port(policy=without_misses())
    port.process(OUT, outbound(1), NOW)
    batch = fastpath.FrameBatch(3, 2_048)
    batch.load_all([(OUT, outbound(1)), (OUT, outbound(2)), (OUT, outbound(1))])
    with monkeypatch.context() as patched:
        break_reference(port, patched, "process", after=False)
        with pytest.raises(Fault):
            port.process_batch(batch, NOW)
    assert isinstance(batch.verdict(0), Modified)
    for index in (1, 2):
        with pytest.raises(Undecided):
            batch.verdict(index)
    port.process(OUT, outbound(2), NOW)
    assert is_hit(port, OUT, outbound(2))


def test_an_empty_batch_is_nothing_to_do() -> None:
    port = fast_port()
    before = port.snapshot()
    port.process_batch(fastpath.FrameBatch(4), NOW)
    assert port.snapshot() == before


def test_more_threads_than_seats_are_told_to_ask_for_more() -> None:
    port = fast_port(threads=1)
    assert isinstance(port.process(OUT, outbound(1), NOW), Modified)
    refused = elsewhere(lambda: port.process(OUT, outbound(1), NOW))
    assert isinstance(refused, NoSeat)
    assert str(refused) == "all 1 seats are taken: make the port with a larger `threads`"
    assert isinstance(port.process(OUT, outbound(1), NOW), Modified)


def test_seats_come_back_when_threads_end() -> None:
    port = fast_port(threads=1)
    for number in range(4):
        assert isinstance(elsewhere(lambda: port.process(OUT, outbound(1), NOW)), Modified), f"thread {number}"
    assert port.seat() == 0


def test_every_thread_may_control_a_port_whose_seats_are_taken() -> None:
    port = fast_port(threads=1)
    port.process(OUT, outbound(1), NOW)
    assert elsewhere(port.snapshot) == port.snapshot()


def test_hits_of_threads_that_have_ended_stay_counted() -> None:
    port = fast_port(threads=2)
    port.process(OUT, outbound(1), NOW)
    for _ in range(3):
        elsewhere(lambda: port.process(OUT, outbound(1), NOW))
    assert port.statistics()["out_uft_hit"] == 3


def test_a_ticket_ranks_slow_operations_and_hits_have_none() -> None:
    port = fast_port(policy=without_misses())
    first = port.ticket
    batch = fastpath.FrameBatch(3, 2_048)
    batch.load_all([(OUT, outbound(1)), (OUT, outbound(1)), (OUT, outbound(2))])
    port.process_batch(batch, NOW)
    assert [batch.ticket(index) for index in range(3)] == [first + 1, 0, first + 2]
    assert port.ticket == first + 2
    assert elsewhere(lambda: port.ticket) == 0


@pytest.mark.parametrize("semantics", [Semantics.CORRECT, Semantics.UPSTREAM], ids=["correct", "upstream"])
def test_a_clock_that_goes_back_is_followed_as_by_the_reference(semantics: Semantics) -> None:
    fast = fast_port(semantics=semantics)
    standard = reference_port(semantics=semantics)
    for now_ms in (NOW, NOW + 10, NOW + 5, NOW + 7):
        for sight in ((OUT, outbound(1)), (IN, inbound(1))):
            assert fast.process(*sight, now_ms) == standard.process(*sight, now_ms)
        if semantics == Semantics.UPSTREAM:
            assert fast.snapshot() == standard.snapshot()
    assert fast.statistics() == standard.statistics()


def test_state_epoch_and_connections_can_be_asked_for() -> None:
    fast, standard = fast_port(), reference_port()
    for port in (fast, standard):
        for sight in handshake(1):
            port.process(*sight, NOW)
    assert (fast.state, fast.epoch) == (standard.state, standard.epoch)
    assert fast.tcp_state(flow(1, TCP)) is standard.tcp_state(flow(1, TCP)) is TcpState.ESTABLISHED
    assert fast.tcp_state(flow(2, TCP)) is None
    assert fast.flow_counts() == standard.flow_counts()


@every_design
def test_after_reset_nothing_is_left_and_after_pause_nothing_passes(design: Design) -> None:
    port = fast_port(design)
    port.process(OUT, outbound(1), NOW)
    port.pause()
    assert port.process(OUT, outbound(1), NOW) == ProcessError("BadState(Paused)")
    port.start()
    assert is_hit(port, OUT, outbound(1))
    port.reset()
    assert port.process(OUT, outbound(1), NOW) == ProcessError("BadState(Ready)")
    port.start()
    assert not is_hit(port, OUT, outbound(1))


@every_design
def test_expiry_counts_from_the_last_hit(design: Design) -> None:
    port = fast_port(design)
    port.process(OUT, outbound(1), NOW)
    assert is_hit(port, OUT, outbound(1), NOW + 1_000)
    port.expire(NOW + 1_000 + FLOW_TIME_TO_LIVE_MS - 1)
    assert is_hit(port, OUT, outbound(1), NOW + 1_000)
    port.expire(NOW + 1_000 + FLOW_TIME_TO_LIVE_MS)
    assert not is_hit(port, OUT, outbound(1), NOW + 1_000)


def test_two_ports_share_mappings_and_nothing_else() -> None:
    mappings = vpc.mappings()
    ports = [fastpath.Port(vpc.config(), LIMITS, mappings, threads=2) for _ in range(2)]
    vpc.set_up(ports[0])
    ports[0].process(OUT, outbound(1), NOW)
    assert ports[1].state is PortState.READY
    assert ports[1].flow_counts() != ports[0].flow_counts()


def test_a_direction_matters() -> None:
    port = fast_port()
    port.process(OUT, outbound(1), NOW)
    assert isinstance(port.process(Direction.IN, outbound(1), NOW), ParseError)
    verdict = port.process(Direction.OUT, inbound(1), NOW)
    assert isinstance(verdict, Drop)
