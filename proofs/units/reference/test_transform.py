"""Transforms: applying, joining and compiling them."""

from proofs.units.reference.scene import outbound_packet, packed, udp
from proofs.units.reference_packet.frames import GUEST_IP, ICMP, ipv4
from reference.packet.emit import Encapsulation
from reference.packet.packet import Packet
from reference.transform import (
    BodyTransform,
    HeaderTransform,
    InnerModification,
    compile_transform,
    outer_outcome,
)

PUSH = Encapsulation(bytes(6), packed("fd00::1"), packed("fd00::2"), 99, 0x1234)
DECAP = HeaderTransform("decap", pop=True)
ENCAP = HeaderTransform("encap", InnerModification(ether_destination=b"\x02" * 6), push=PUSH)
SNAT = HeaderTransform("SNAT", InnerModification(ip_source=packed("10.0.0.1"), source_port=77))
REWRITE_MAC = HeaderTransform("", InnerModification(ether_source=b"\x04" * 6))


class Reverse(BodyTransform):
    """Turns the body round."""

    def apply(self, packet: Packet) -> None:
        packet.buffer[packet.body_offset :] = packet.body[::-1]

    def __str__(self) -> str:
        return "reverse"


def test_a_modification_rewrites_its_fields_and_no_others() -> None:
    packet = outbound_packet(udp(5000))
    InnerModification(ip_source=packed("10.0.0.1"), destination_port=99).apply(packet)
    assert packet.flow.source == packed("10.0.0.1")
    assert packet.flow.destination_port == 99
    assert packet.flow.source_port == 5000


def test_ports_do_not_apply_to_icmp_nor_identifiers_to_ports() -> None:
    echo, datagram = outbound_packet(ipv4() / ICMP(id=7)), outbound_packet(udp(5000))
    change = InnerModification(source_port=9, icmp_identifier=8)
    change.apply(echo)
    change.apply(datagram)
    assert (echo.flow.icmp_identifier, echo.flow.icmp_type) == (8, 8)
    assert datagram.flow.source_port == 9


def test_layers_that_touch_different_headers_compile_into_one_pass() -> None:
    compiled = compile_transform([SNAT, ENCAP], [], internal_destination=True).compiled
    assert compiled is not None
    assert compiled.push is PUSH
    assert compiled.inner == InnerModification(
        ether_destination=b"\x02" * 6, ip_source=packed("10.0.0.1"), source_port=77
    )
    assert compiled.checksums_dirty
    assert compiled.internal_destination


def test_decapsulation_compiles_to_a_pop() -> None:
    compiled = compile_transform([DECAP, REWRITE_MAC], [], internal_destination=False).compiled
    assert compiled is not None
    assert compiled.push is None
    assert not compiled.checksums_dirty


def test_two_changes_of_one_header_do_not_compile() -> None:
    assert compile_transform([SNAT, SNAT], [], internal_destination=False).compiled is None


def test_a_body_transformation_does_not_compile() -> None:
    assert compile_transform([SNAT], [Reverse()], internal_destination=False).compiled is None


def test_the_compiled_pass_does_what_the_list_does() -> None:
    transform = compile_transform([SNAT, REWRITE_MAC, ENCAP], [], internal_destination=False)
    assert transform.compiled is None
    transform = compile_transform([SNAT, ENCAP], [], internal_destination=False)
    assert transform.compiled is not None
    by_list, in_one_pass = outbound_packet(udp(5000)), outbound_packet(udp(5000))
    transform.apply(by_list)
    transform.compiled.inner.apply(in_one_pass)
    assert by_list.buffer == in_one_pass.buffer


def test_bodies_are_transformed_after_headers() -> None:
    packet = outbound_packet(udp(5000, payload=b"abc"))
    compile_transform([SNAT], [Reverse()], internal_destination=False).apply(packet)
    assert packet.body == b"cba"
    assert packet.flow.source != packed(GUEST_IP)


def test_the_last_word_about_the_encapsulation_counts() -> None:
    assert outer_outcome([]) == (None, False)
    assert outer_outcome([ENCAP]) == (PUSH, True)
    assert outer_outcome([ENCAP, DECAP]) == (None, True)


def test_a_flow_is_summed_up_by_the_names_of_its_transformations() -> None:
    transform = compile_transform([DECAP, SNAT, REWRITE_MAC], [Reverse()], internal_destination=False)
    assert str(transform) == "hdr: decap,SNAT,, body: reverse"
