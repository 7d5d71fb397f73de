"""Snapshots: plain, complete, in the terms of recordings."""

import json

from proofs.units.reference.scene import LAST_PORT, Scene, from_internet, tcp, udp
from proofs.units.reference_packet.frames import TCP


def busy() -> Scene:
    scene = Scene()
    scene.send(udp(5001), 5)
    scene.send(tcp("S", seq=10), 7)
    scene.receive(from_internet(TCP(sport=80, dport=LAST_PORT, flags="SA", seq=70, ack=11)), 9)
    return scene


def test_a_snapshot_is_plain_and_two_equal_stories_have_equal_snapshots() -> None:
    assert json.loads(json.dumps(busy().port.snapshot())) == busy().port.snapshot()


def test_a_ready_port_refuses_to_dump_its_tables_as_upstream_does() -> None:
    scene = busy()
    scene.port.reset()
    snapshot = scene.port.snapshot()
    assert snapshot["uft"] == snapshot["tcp"] == {"error": 'BadState("ready")'}


def test_entries_stand_in_key_order() -> None:
    (first, second) = busy().port.snapshot()["uft"]["out"]
    assert (first["flow"]["proto"], second["flow"]["proto"]) == (6, 17)


def test_a_connection_is_shown_with_all_its_numbers() -> None:
    (connection,) = busy().port.snapshot()["tcp"]
    assert connection["tcp_state"] == "ESTABLISHED"
    assert (connection["guest_seq"], connection["guest_ack"]) == (10, None)
    assert (connection["remote_seq"], connection["remote_ack"]) == (70, 11)
    assert (connection["segs_out"], connection["segs_in"], connection["last_hit_ms"]) == (1, 1, 9)
    assert connection["bytes_out"] == len(bytes(tcp("S")))


def test_flows_are_summed_up_by_what_is_done_to_them() -> None:
    scene = busy()
    uft = scene.port.snapshot()["uft"]
    assert [entry["summary"] for entry in uft["out"]] == ["hdr: SNAT,encap, body: "] * 2
    assert [entry["summary"] for entry in uft["in"]] == ["hdr: decap,SNAT,, body: "]


def test_sizes_tell_apart_halves_present_and_the_layers_count() -> None:
    scene = busy()
    assert scene.port.flow_counts()["nat"] == {"in": 2, "out": 2, "count": 2}
    scene.port.data.layer("nat").outbound.table.clear()
    assert scene.port.flow_counts()["nat"] == {"in": 2, "out": 0, "count": 2}
