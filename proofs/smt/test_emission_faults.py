"""A fault in what finishes frames is refuted by a frame on which the faulty code fails and the real code does not."""

from collections.abc import Mapping
from types import ModuleType

import pytest

from fastpath import compile_flow, transform
from fastpath.interpreted import Rewrite, interpreted, replace_once
from proofs.smt.emission import prove_scene
from proofs.smt.emission_replay import Example, assume_accepted, example_of
from proofs.smt.emission_scene import scene_of
from proofs.smt.solver import Refuted
from proofs.smt.source import broken
from proofs.smt.transform_shapes import EVERY_SHAPE, Shape
from proofs.units.fastpath.packets import Trespass
from reference.semantics import Semantics

pytestmark = pytest.mark.slow

UNCOMPILED = interpreted("fastpath.transform")


def shape_named(text: str) -> Shape:
    """The first shape whose text begins like this."""
    return next(shape for shape in EVERY_SHAPE if str(shape).startswith(text))


def counterexample(
    shape: Shape, module: ModuleType, rewrites: Mapping[str, Rewrite] | None = None, message: str | None = None
) -> Example:
    """A frame for which the kernels, or what compiles flows for them, depart from the reference."""
    scene = scene_of(shape, 5)
    assume_accepted(scene)
    with pytest.raises(Refuted, match=message) as refuted:
        prove_scene(scene, module, Semantics.CORRECT, rewrites)
    return example_of(scene, refuted.value.counterexample, Semantics.CORRECT)


PUSHING = "out IPv4 TCP: ether_destination,"
KERNEL_FAULTS = [
    ("out IPv4 TCP: ether", "(frames, ethernet + 4, address)", "(frames, ethernet + 3, address)"),
    ("in IPv4 TCP: ether", "(frames, ethernet + 6, address >>", "(frames, ethernet + 5, address >>"),
    ("out IPv4 TCP: ether_destination+ip", "12, load_plain(words, transform + IP_SOURCE + 1)", "12, flags"),
    ("in IPv6 TCP: ether_source+ip", "transform + IP_DESTINATION))", "transform + IP_DESTINATION + 1))"),
    ("out IPv6 UDP: ether_destination+ip_source+s", "(frames, transport, rewrite", "(frames, transport + 2, rewrite"),
    ("in IPv6 UDP: ether_source+ip_destination+d", "(frames, transport + 2, rewrite)", "(frames, transport, rewrite)"),
    ("in IPv4 ICMP: ether_source+ip", "(frames, transport + 4, rewrite)", "(frames, transport + 6, rewrite)"),
    ("in IPv6 TCP: ether_source+ip", "update(load_be16(frames, transport + 16), delta)", "delta"),
    ("in IPv6 UDP: ether_source+ip", "update_udp(load_be16(frames, transport + 6), delta, ones)", "delta"),
    ("in IPv4 UDP: ether_source+ip", "ones = flags & TRANSFORM_UDP_ONES != _NOTHING", "ones = False"),
    ("out IPv4 TCP: ether_destination+ip", "rewrite >> REWRITE_CHECKSUM_SHIFT", "rewrite >> REWRITE_OUTER_PORT_SHIFT"),
    ("in IPv4 TCP: ether_source+ip", "    store_be16(frames, network + 10, _NOTHING)\n", ""),
    ("in IPv4 TCP: ether_source,", "start += encapsulation", "start += 70"),
    ("in IPv4 TCP: ether_source,", "length -= encapsulation", "length -= 70"),
    (PUSHING, "min(pushed - OUTER_TRANSPORT + length, GREATEST_LENGTH)", "pushed + length - 54"),
    (PUSHING, "outer + OUTER_TRANSPORT + 4, payload", "outer + OUTER_TRANSPORT + 6, payload"),
    (PUSHING, "rewrite >> REWRITE_OUTER_PORT_SHIFT", "rewrite >> REWRITE_SOURCE_PORT_SHIFT"),
    ("out IPv4 TCP: ether_destination, push with 8", "flags & TRANSFORM_INTERNAL", "flags & TRANSFORM_POP"),
    ("in IPv4 TCP: ether_source,", "else action & LOW_32", "else action >> SHIFT_32"),
    ("out IPv4 UDP: ether_destination,", "word_count = (pushed + 7) // 8", "word_count = pushed // 8"),
    ("in IPv6 ICMPV6: ether_source+ip", "protocol == ICMP or protocol == ICMPV6", "protocol == ICMP"),
]


@pytest.mark.parametrize(
    ("shape", "old", "new"), KERNEL_FAULTS, ids=[f"{old} -> {new}" for _, old, new in KERNEL_FAULTS]
)
def test_a_fault_in_the_kernels_is_refuted_by_a_frame_that_comes_out_wrong(shape: str, old: str, new: str) -> None:
    faulty = broken(transform, old, new)
    example = counterexample(shape_named(shape), faulty)
    expected = example.by_reference()
    assert example.by_kernels(faulty) != expected
    assert example.by_kernels(UNCOMPILED) == expected
    assert example.by_kernels(transform) == expected


COMPILER_FAULTS = [
    ("in IPv4 ICMP: ether_source+ip", "if flow.protocol != IpProtocol.ICMP:", "if flow.protocol != IpProtocol.ICMPV6:"),
    ("in IPv6 UDP: ether_source+ip", "(flow.destination, inner.ip_destination)", "(flow.source, inner.ip_destination)"),
    ("in IPv4 ICMP: ether_source+ip", "if is_echo(flow.protocol, flow.source_port) else None", ""),
    (PUSHING, "shared[OUTER_TRANSPORT : OUTER_TRANSPORT + 2] = bytes(2)", "shared[0:2] = bytes(2)"),
]


@pytest.mark.parametrize(("shape", "old", "new"), COMPILER_FAULTS, ids=[old for _, old, _ in COMPILER_FAULTS])
def test_a_fault_in_what_compiles_flows_is_refuted_by_a_frame_that_comes_out_wrong(
    shape: str, old: str, new: str
) -> None:
    name, rewrite = compile_flow.__name__, replace_once(old, new)
    example = counterexample(shape_named(shape), transform, {name: rewrite})
    expected = example.by_reference()
    assert example.by_kernels(transform, interpreted(name, {name: rewrite})) != expected
    assert example.by_kernels(transform) == expected


FAR = "a folded sum is one about which fold is proved"
WIDE = "an integer made a word fits it"
COMPILER_OVERFLOWS = [
    (PUSHING, "rewrite | ports)", "rewrite | ports | 1 << 70)"),
    (PUSHING, "flags | port_flags\n", "flags | port_flags | 1 << 64\n"),
    (PUSHING, "        | flow.destination_port\n", "        | flow.destination_port | 1 << 64\n"),
    (PUSHING, "fold(np.uint64(total))", "fold(np.uint64(total - 1))"),
]


@pytest.mark.parametrize(("shape", "old", "new"), COMPILER_OVERFLOWS, ids=[new for _, _, new in COMPILER_OVERFLOWS])
def test_a_number_that_does_not_fit_a_word_is_refuted_by_a_flow_that_cannot_be_compiled(
    shape: str, old: str, new: str
) -> None:
    name, rewrite = compile_flow.__name__, replace_once(old, new)
    example = counterexample(shape_named(shape), transform, {name: rewrite}, WIDE)
    with pytest.raises(OverflowError):
        example.by_kernels(transform, interpreted(name, {name: rewrite}))
    assert example.by_kernels(transform) == example.by_reference()


def test_a_sum_of_the_compiler_beyond_what_is_proved_of_folds_is_refuted() -> None:
    rewrites = {compile_flow.__name__: replace_once("fold(np.uint64(total))", "fold(np.uint64(total << 32))")}
    counterexample(shape_named("out IPv4 TCP: ether_destination+ip"), transform, rewrites, FAR)


def test_a_sum_of_the_reference_beyond_what_is_proved_of_folds_is_refuted() -> None:
    name = "reference.packet.checksum"
    rewrites = {name: replace_once("complement(fold(total))", "complement(fold(total << 48))")}
    counterexample(shape_named("in IPv4 TCP: ether_source+ip"), transform, rewrites, FAR)


def test_a_shift_by_all_bits_of_a_word_is_refuted_though_numpy_makes_0_of_it() -> None:
    target = "target = start - 8 * word_count"
    faulty = broken(transform, target, f"{target} + np.int64(rewrite >> np.uint64(64))")
    counterexample(shape_named(PUSHING), faulty, message="the shift count is below 64")


def test_a_kernel_that_writes_in_front_of_the_slot_is_refuted_and_does_so_on_the_frame_found() -> None:
    line = "    outer = start - pushed\n"
    faulty = broken(transform, line + "    payload", line + "    store_be16(frames, start - 130, rewrite)\n    payload")
    scene = scene_of(shape_named(PUSHING), 5)
    assume_accepted(scene)
    with pytest.raises(Refuted, match="the bytes written are inside the frame or the room in front of it") as refuted:
        prove_scene(scene, faulty, Semantics.CORRECT, None)
    example = example_of(scene, refuted.value.counterexample, Semantics.CORRECT)
    with pytest.raises(Trespass):
        example.by_kernels(faulty, watched=True)
    assert example.by_kernels(UNCOMPILED, watched=True) == example.by_reference()
