"""The slow path: order of the layers, hashes, pairing by the reply."""

from proofs.units.reference.scene import LAST_PORT, SNAT_IP, Scene, from_internet, packed, tcp, udp, udp_flow
from proofs.units.reference_packet.frames import TCP, UDP
from reference import Modified
from reference.packet.flow import l4_hash

TRANSLATED = udp_flow(LAST_PORT)._replace(source=packed(SNAT_IP))


def test_a_dropped_packet_is_seen_by_no_later_layer() -> None:
    scene = Scene(rules=("dir=out action=deny priority=1",))
    scene.send(udp())
    assert scene.counter("out_lft_miss", "gateway") == 1
    assert scene.counter("out_lft_miss", "router") == 0


def test_inbound_packets_meet_the_layers_from_the_overlay_on() -> None:
    scene = Scene()
    scene.receive(from_internet(UDP(sport=53, dport=9)))
    assert scene.counter("in_lft_miss", "overlay") == 1
    assert scene.counter("in_lft_miss", "gateway") == 0


def test_the_hash_of_a_miss_is_that_of_the_translated_flow_and_the_hash_of_a_hit_that_of_the_untranslated() -> None:
    scene = Scene()
    first, second = scene.send(udp()), scene.send(udp())
    assert isinstance(first, Modified)
    assert isinstance(second, Modified)
    assert first.l4_hash == l4_hash(TRANSLATED)
    assert second.l4_hash == l4_hash(udp_flow())


def test_only_the_half_at_hand_is_installed_and_the_reply_pairs_it() -> None:
    scene = Scene()
    scene.send(udp())
    outward = scene.port.uft.outbound.entries[udp_flow()]
    assert scene.sizes("uft") == {"in": 0, "out": 1}
    assert outward.pair is None
    scene.receive(from_internet(UDP(sport=53, dport=LAST_PORT)))
    assert outward.pair == TRANSLATED.mirror()
    assert scene.port.uft.inbound.entries[TRANSLATED.mirror()].pair == udp_flow()


def test_the_connection_and_the_entry_keep_the_layers_flow_alive() -> None:
    scene = Scene()
    scene.send(tcp("A"), 0)
    scene.port.expire(60_000)
    assert scene.sizes("uft")["out"] == 0
    assert scene.sizes("nat")["count"] == 1
    scene.port.expire(8_000_000)
    assert scene.sizes("nat")["count"] == 0


def test_the_expiring_entry_leaves_its_time_to_the_layers_flow() -> None:
    scene = Scene()
    scene.send(udp(), 0)
    scene.send(udp(), 30_000)
    scene.port.expire(90_000)
    assert scene.sizes("uft")["out"] == 0
    assert scene.sizes("nat")["count"] == 0
    scene.send(udp(), 100_000)
    scene.send(udp(), 130_000)
    scene.port.clear_uft()
    scene.port.expire(159_999)
    assert scene.sizes("nat")["count"] == 1


def test_an_inbound_reset_of_an_unknown_connection_passes_where_the_rules_allow_it() -> None:
    scene = Scene(rules=("dir=in action=allow priority=1",))
    scene.send(udp())
    reset = from_internet(TCP(sport=80, dport=22, flags="R"), destination="172.30.0.5")
    assert isinstance(scene.receive(reset), Modified)
    assert scene.sizes("tcp") == 0
    assert scene.sizes("uft")["in"] == 0
