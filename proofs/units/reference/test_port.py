"""The port: lifecycle, the three tiers, connections, ARP, reconfiguration."""

from collections.abc import Callable

import pytest

from proofs.units.reference.scene import (
    FIRST_PORT,
    LAST_PORT,
    NEIGHBOUR_IP,
    SNAT_IP,
    Scene,
    arp_request,
    from_internet,
    from_neighbour,
    inner,
    packed,
    snat_config,
    tcp,
    udp,
    udp_flow,
    vpc_config,
)
from proofs.units.reference_packet.frames import GATEWAY_MAC, GUEST_IP, ICMP, REMOTE_IP, TCP, UDP, ipv4
from reference import (
    BadState,
    DenyReason,
    Drop,
    DropCause,
    ExternalIps,
    Hairpin,
    InvalidIpConfig,
    LayerDrop,
    LayerNotFound,
    Mappings,
    Modified,
    ParseError,
    Port,
    PortState,
    ProcessError,
    TableLimits,
)
from reference.address import Cidr
from reference.direction import Direction
from reference.hairpin.options import DhcpOptions
from reference.tcp import TcpState

REPLY = UDP(sport=53, dport=LAST_PORT) / b"answer"
FLOW = udp_flow(5000, protocol=6)._replace(destination_port=80)


def test_a_port_processes_packets_only_while_running() -> None:
    port = Port(vpc_config(), mappings=Mappings())
    frame = bytes(udp())
    assert port.process(Direction.OUT, frame, 0) == ProcessError("BadState(Ready)")
    port.start()
    assert isinstance(port.process(Direction.OUT, frame, 0), Drop)
    port.pause()
    assert port.process(Direction.OUT, frame, 0) == ProcessError("BadState(Paused)")


def test_a_malformed_frame_never_reaches_the_port() -> None:
    scene = Scene()
    before = scene.port.snapshot()
    verdict = scene.port.process(Direction.OUT, bytes(udp())[:20], 0)
    assert verdict == ParseError("IngotError", {"header": "inner_l3", "why": "TooSmall"})
    assert scene.port.snapshot() == before


def test_a_header_across_two_buffers_is_refused() -> None:
    verdict = Scene().port.process(Direction.OUT, bytes(udp()), 0, segments=(20,))
    assert verdict == ParseError("IngotError", {"header": "inner_l3", "why": "StraddledHeader"})


def test_the_packet_handed_over_is_left_as_it_is() -> None:
    scene = Scene()
    frame = bytearray(bytes(udp()))
    before = bytes(frame)
    scene.port.process(Direction.OUT, frame, 0)
    assert bytes(frame) == before


def test_the_first_packet_of_a_flow_misses_and_the_second_hits() -> None:
    scene = Scene()
    assert isinstance(scene.send(udp()), Modified)
    assert isinstance(scene.send(udp()), Modified)
    assert (scene.counter("out_uft_miss"), scene.counter("out_uft_hit"), scene.counter("out_modified")) == (1, 1, 2)


def test_hit_and_miss_do_the_same_to_a_packet() -> None:
    scene = Scene()
    first, second = scene.send(udp()), scene.send(udp())
    assert isinstance(first, Modified)
    assert isinstance(second, Modified)
    assert first.packet == second.packet


def test_a_reply_finds_its_way_back_to_the_guest() -> None:
    scene = Scene()
    sent = inner(scene.send(udp(5000)))
    assert (sent.flow.source, sent.flow.source_port) == (packed(SNAT_IP), LAST_PORT)
    answered = inner(scene.receive(from_internet(REPLY)))
    assert (answered.flow.destination, answered.flow.destination_port) == (packed(GUEST_IP), 5000)


def test_traffic_that_nobody_asked_for_is_dropped() -> None:
    verdict = Scene().receive(from_internet(REPLY))
    assert verdict == Drop(LayerDrop("firewall", DenyReason.DEFAULT))


def test_traffic_inside_the_vpc_keeps_its_addresses_and_may_be_jumbo() -> None:
    scene = Scene()
    verdict = scene.send(udp(5000, remote=NEIGHBOUR_IP))
    assert isinstance(verdict, Modified)
    assert verdict.mtu_unrestricted
    assert inner(verdict).flow.source == packed(GUEST_IP)
    assert isinstance(scene.receive(from_neighbour(UDP(sport=9, dport=9))), Modified)


def test_a_change_of_rules_makes_the_layers_decide_anew() -> None:
    scene = Scene()
    scene.send(udp())
    scene.set_rules("dir=out action=deny priority=1 protocol=udp")
    assert scene.send(udp()) == Drop(LayerDrop("firewall", DenyReason.RULE))
    assert scene.sizes("uft") == {"in": 0, "out": 0}


def test_a_stale_entry_does_not_give_its_flow_the_port_it_had() -> None:
    scene = Scene()
    scene.send(udp(5000))
    scene.port.clear_lft("nat")
    scene.port.clear_lft("firewall")
    scene.set_rules()
    assert inner(scene.send(udp(5000))).flow.source_port == LAST_PORT - 1
    assert inner(scene.send(udp(5001))).flow.source_port == LAST_PORT


@pytest.mark.parametrize(
    ("script", "state"),
    [
        (["S"], TcpState.SYN_SENT),
        (["S", "<SA"], TcpState.ESTABLISHED),
        (["S", "<SA", "A", "FA"], TcpState.FIN_WAIT_1),
        (["S", "<SA", "A", "FA", "<FA"], TcpState.TIME_WAIT),
        (["S", "<SA", "A", "<FA"], TcpState.CLOSE_WAIT),
        (["S", "<SA", "A", "<FA", "FA"], TcpState.LAST_ACK),
        (["S", "<SA", "R"], None),
        (["S", "<R"], None),
    ],
)
def test_connections_are_tracked_from_the_first_segment(script: list[str], state: TcpState | None) -> None:
    scene = Scene()
    for step in script:
        if step.startswith("<"):
            segment = TCP(sport=80, dport=LAST_PORT, flags=step[1:], ack=77)
            assert isinstance(scene.receive(from_internet(segment)), Modified)
        else:
            assert isinstance(scene.send(tcp(step, seq=500)), Modified)
    assert scene.port.tcp_state(FLOW) == state


def test_closing_a_connection_removes_both_halves() -> None:
    scene = Scene()
    scene.send(tcp("S"))
    scene.receive(from_internet(TCP(sport=80, dport=LAST_PORT, flags="SA")))
    assert scene.sizes("uft") == {"in": 1, "out": 1}
    scene.send(tcp("R"))
    assert scene.sizes("uft") == {"in": 0, "out": 0}
    assert scene.sizes("tcp") == 0


def test_a_segment_that_begins_nothing_is_a_tcp_error() -> None:
    scene = Scene()
    assert scene.send(tcp("F")) == Drop(DropCause.TCP_ERROR)
    assert scene.counter("out_drop_tcp_err") == 1


def test_a_syn_on_a_cached_flow_begins_a_new_connection() -> None:
    scene = Scene()
    scene.send(tcp("A"))
    scene.send(tcp("S"))
    assert scene.port.tcp_state(FLOW) == TcpState.SYN_SENT
    assert (scene.counter("out_uft_hit"), scene.counter("out_uft_miss")) == (1, 2)


def test_a_connection_that_expired_is_picked_up_again_by_its_cached_flow() -> None:
    scene = Scene()
    scene.send(tcp("S"), 0)
    scene.port.expire(5_000)
    assert scene.sizes("tcp") == 0
    assert scene.sizes("uft")["out"] == 1
    assert isinstance(scene.send(tcp("A"), 6_000), Modified)
    assert scene.port.tcp_state(FLOW) == TcpState.ESTABLISHED


def test_the_gateway_answers_arp_for_itself_only() -> None:
    scene = Scene()
    verdict = scene.send(arp_request("172.30.0.1"))
    assert isinstance(verdict, Hairpin)
    assert verdict.packet[22:28] == bytes.fromhex(GATEWAY_MAC.replace(":", ""))
    assert scene.send(arp_request("172.30.0.99")) == Drop(DropCause.HANDLE_PACKET)
    assert (scene.counter("out_hairpin"), scene.counter("out_drop_handle_pkt")) == (1, 1)


def test_a_connection_takes_along_the_inbound_flow_that_was_seen_last() -> None:
    two_ways = ExternalIps(ephemeral_ip=packed("10.60.1.20"), floating_ips=(packed("10.60.1.21"),))
    scene = Scene(two_ways, rules=("dir=in action=allow priority=10 protocol=TCP",))

    def arrive(destination: str, flags: str) -> None:
        segment = TCP(sport=4000, dport=80, flags=flags, seq=1)
        assert isinstance(scene.receive(from_internet(segment, destination)), Modified)

    arrive("10.60.1.20", "S")
    arrive("10.60.1.21", "A")
    arrive("10.60.1.20", "A")
    assert scene.sizes("uft")["in"] == 2
    answer = ipv4(dst=REMOTE_IP) / TCP(sport=80, dport=4000, flags="A")
    assert isinstance(scene.send(answer), Modified)
    assert isinstance(scene.send(ipv4(dst=REMOTE_IP) / TCP(sport=80, dport=4000, flags="R")), Modified)
    [left] = scene.port.snapshot()["uft"]["in"]
    assert left["flow"]["dst"] == "10.60.1.21"


def test_a_broken_arp_frame_is_an_error() -> None:
    scene = Scene()
    frame = bytes(arp_request("172.30.0.1"))[:30]
    assert scene.send(frame) == ProcessError('HandlePkt("outbound ARP (parse)")')
    assert scene.counter("out_process_err") == 1


def test_icmp_without_a_body_on_a_flow_that_rewrites_bodies_is_an_error_that_no_counter_sees() -> None:
    scene = Scene(ExternalIps(ephemeral_ip=packed("10.60.1.20")))
    echo = ipv4(dst=REMOTE_IP) / ICMP(id=7)
    assert isinstance(scene.send(echo / b"body"), Modified)
    assert scene.send(echo) == ProcessError("BodyTransform(NoPayload)")
    assert (scene.counter("out_uft_hit"), scene.counter("out_process_err")) == (1, 0)


def test_icmp_without_a_body_passes_the_layers_as_it_is() -> None:
    scene = Scene(ExternalIps(ephemeral_ip=packed("10.60.1.20")))
    echo = ipv4(dst=REMOTE_IP) / ICMP(id=7)
    first = inner(scene.send(echo))
    scene.port.clear_uft()
    again = inner(scene.send(echo))
    assert first.buffer == again.buffer
    assert scene.counter("out_lft_hit", "nat") == 1


def test_a_full_unified_table_refuses_but_leaves_the_layers_flow() -> None:
    scene = Scene(limits=TableLimits(uft=1))
    scene.send(udp(5000))
    assert scene.send(udp(5001)) == ProcessError('FlowTableFull { kind: "UFT", limit: 1 }')
    assert scene.sizes("firewall")["count"] == 2


def test_expiry_frees_what_was_idle_for_a_minute() -> None:
    scene = Scene()
    scene.send(udp(), 1000)
    scene.port.expire(60_999)
    assert scene.sizes("uft")["out"] == 1
    scene.port.expire(61_000)
    assert scene.sizes("uft")["out"] == 0
    assert scene.sizes("nat") == {"in": 0, "out": 0, "count": 0}


def test_reset_forgets_all_flows_and_keeps_the_rules() -> None:
    scene = Scene()
    scene.send(tcp("S"))
    epoch = scene.port.epoch
    scene.port.reset()
    assert scene.port.state is PortState.READY
    assert (scene.sizes("uft"), scene.sizes("tcp")) == ({"in": 0, "out": 0}, 0)
    assert scene.port.epoch == epoch
    scene.port.start()
    assert isinstance(scene.send(tcp("S")), Modified)


def test_pausing_keeps_flows() -> None:
    scene = Scene()
    scene.send(udp())
    scene.port.pause()
    scene.port.start()
    scene.send(udp())
    assert scene.counter("out_uft_hit") == 1


def paused() -> Scene:
    scene = Scene()
    scene.port.pause()
    return scene


PREFIX = Cidr.parse("10.9.0.0/16")
OPERATIONS: dict[str, Callable[[Scene], None]] = {
    "pause": lambda scene: scene.port.pause(),
    "expire": lambda scene: scene.port.expire(0),
    "clear_uft": lambda scene: scene.port.clear_uft(),
    "clear_lft": lambda scene: scene.port.clear_lft("nat"),
    "set_firewall_rules": lambda scene: scene.set_rules(),
    "remove_firewall_rule": lambda scene: scene.port.remove_firewall_rule(Direction.IN, 0),
    "set_external_ips": lambda scene: scene.port.set_external_ips(None, None),
    "set_dhcp": lambda scene: scene.port.set_dhcp(DhcpOptions()),
    "attach_subnet": lambda scene: scene.port.attach_subnet(PREFIX, True),
    "allow_cidr": lambda scene: scene.port.allow_cidr(PREFIX, Direction.IN),
    "router.replace": lambda scene: scene.port.router.replace([]),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_paused_port_refuses_every_change(operation: Callable[[Scene], None]) -> None:
    scene = paused()
    with pytest.raises(BadState, match='BadState\\("paused"\\)'):
        operation(scene)


def test_a_layer_that_does_not_exist_cannot_be_cleared() -> None:
    with pytest.raises(LayerNotFound, match='LayerNotFound\\("nosuch"\\)'):
        Scene().port.clear_lft("nosuch")


def test_addresses_of_a_family_that_the_port_does_not_have_are_refused() -> None:
    port = Port(vpc_config(with_ipv6=False))
    with pytest.raises(InvalidIpConfig):
        port.set_external_ips(None, ExternalIps())
    with pytest.raises(InvalidIpConfig):
        port.attach_subnet(Cidr.parse("fd66::/32"), True)


def test_flows_keep_a_floating_address_as_long_as_the_guest_has_it() -> None:
    first, second = packed("10.60.1.21"), packed("10.60.1.22")
    scene = Scene(ExternalIps(floating_ips=(first,)))
    assert inner(scene.send(udp())).flow.source == first
    scene.port.set_external_ips(ExternalIps(floating_ips=(second, first)), None)
    assert inner(scene.send(udp())).flow.source == first
    scene.port.set_external_ips(ExternalIps(floating_ips=(second,)), None)
    assert inner(scene.send(udp())).flow.source == second


def test_dhcp_options_reach_the_rules() -> None:
    scene = Scene()
    epoch = scene.port.epoch
    scene.port.set_dhcp(DhcpOptions(hostname="other"))
    assert scene.port.epoch == epoch + 1
    assert scene.port.network.dhcp.hostname == "other"


def test_ports_run_out_and_return() -> None:
    scene = Scene()
    for number in range(LAST_PORT - FIRST_PORT + 1):
        assert inner(scene.send(udp(5000 + number))).flow.source_port == LAST_PORT - number
    exhausted = 'Layer(GenDesc(ResourceExhausted { name: "SNAT Pool (exhausted)" }))'
    assert scene.send(udp(6000)) == ProcessError(exhausted)
    scene.port.expire(60_000)
    assert isinstance(scene.send(udp(6000)), Modified)


def test_a_refresh_with_the_same_addresses_gives_source_nat_new_pools() -> None:
    scene = Scene()
    scene.send(udp(5000))
    scene.port.set_external_ips(snat_config(), None)
    assert inner(scene.send(udp(5001))).flow.source_port == LAST_PORT
