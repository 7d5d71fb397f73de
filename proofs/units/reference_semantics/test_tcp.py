"""Connections that close, open anew, come back or are attacked."""

import pytest

from proofs.units.reference.scene import Scene, tcp, udp_flow
from proofs.units.reference_semantics.stories import Story, departs_at
from reference.packet.flow import FlowId
from reference.semantics import Semantics

UPSTREAM = Semantics.UPSTREAM
FLOW: FlowId = udp_flow(5000, protocol=6)._replace(destination_port=80)


@pytest.mark.parametrize(
    ("story", "flag", "step"),
    [
        ("fin-with-payload_v4", "fin_ends_after_payload", 7),
        ("fin-with-payload-half-close_v4", "fin_ends_after_payload", 11),
        ("closewait-forever_v4", "guest_syn_reopens", 6),
        ("resurrected-established_v4", "fin_begins_closing", 10),
        ("blind-syn_v4", "remote_syn_keeps_established", 5),
    ],
)
def test_the_story_goes_as_recorded_until_the_flag_makes_the_difference(story: str, flag: str, step: int) -> None:
    assert departs_at(story, UPSTREAM) is None
    assert departs_at(story, Semantics.only(flag)) == step


def test_sequence_numbers_wrap_in_both_semantics() -> None:
    assert departs_at("sequence-edge_v4", UPSTREAM) is None
    assert departs_at("sequence-edge_v4", Semantics.only("fin_ends_after_payload")) is None


def test_the_acknowledgement_behind_the_fins_data_closes_the_connection() -> None:
    before, after = (Story("fin-with-payload_v4", semantics) for semantics in (UPSTREAM, Semantics.CORRECT))
    assert (before.tcp_states(7), after.tcp_states(7)) == (["LAST_ACK"], [])


def test_acknowledging_data_after_the_fin_does_not_move_the_fin() -> None:
    before, after = (Story("fin-with-payload-half-close_v4", each) for each in (UPSTREAM, Semantics.CORRECT))
    assert (before.tcp_states(10), after.tcp_states(10)) == (["FIN_WAIT_2"], ["TIME_WAIT"])


def test_a_guest_that_reuses_a_port_in_close_wait_has_a_connection_that_outlives_silence() -> None:
    before, after = (Story("closewait-forever_v4", semantics) for semantics in (UPSTREAM, Semantics.CORRECT))
    assert (before.tcp_states(11), after.tcp_states(11)) == (["CLOSE_WAIT"], ["ESTABLISHED"])
    assert (before.kind(16), after.kind(16)) == ("drop", "modified")


@pytest.mark.parametrize("flags", ["S", "SA"])
@pytest.mark.parametrize("leading_to", [("A", "FA"), ("A", "FA", "A"), ("A", "FA", "FA")])
def test_a_syn_of_the_guest_begins_anew_in_whatever_way_the_connection_is_closing(
    leading_to: tuple[str, ...], flags: str
) -> None:
    scene = Scene(semantics=Semantics.CORRECT)
    for one in leading_to:
        scene.send(tcp(one))
    scene.send(tcp(flags))
    state = scene.port.tcp_state(FLOW)
    assert state is not None
    assert state.text == {"S": "SYN_SENT", "SA": "SYN_RCVD"}[flags]


def test_a_repeated_fin_passes_and_its_connection_is_gone_with_the_next_sweep() -> None:
    before, after = (Story("resurrected-established_v4", semantics) for semantics in (UPSTREAM, Semantics.CORRECT))
    assert (before.kind(9), after.kind(9)) == ("modified", "modified")
    assert (before.tcp_states(9), after.tcp_states(9)) == (["ESTABLISHED"], ["FIN_WAIT_1"])
    assert (before.tcp_states(13), after.tcp_states(13)) == (["ESTABLISHED"], [])


@pytest.mark.parametrize("semantics", [UPSTREAM, Semantics.CORRECT])
def test_a_fin_without_acknowledgement_begins_nothing(semantics: Semantics) -> None:
    scene = Scene(semantics=semantics)
    scene.send(tcp("F"))
    assert scene.counter("out_drop_tcp_err") == 1
    assert scene.port.tcp_state(FLOW) is None


def test_a_forged_syn_passes_and_takes_nothing_from_the_connection() -> None:
    before, after = (Story("blind-syn_v4", semantics) for semantics in (UPSTREAM, Semantics.CORRECT))
    assert (before.kind(5), after.kind(5)) == ("modified", "modified")
    assert (before.tcp_states(8), after.tcp_states(8)) == (["LISTEN"], ["ESTABLISHED"])
    assert (before.kind(14), after.kind(14)) == ("drop", "modified")


def test_a_guest_that_has_forgotten_the_connection_itself_begins_a_new_one_by_answering() -> None:
    scene = Scene(semantics=Semantics.CORRECT)
    scene.send(tcp("A"))
    scene.send(tcp("SA"))
    state = scene.port.tcp_state(FLOW)
    assert state is not None
    assert state.text == "SYN_RCVD"
