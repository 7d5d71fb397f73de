"""A counterexample of `proofs.smt.emission` as a real frame, taken through the code that runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import z3

from fastpath import compile_flow, parse
from fastpath.layout import FRAME_FLAGS, FRAME_L4_HASH, HEADROOM, TRANSFORM_WORDS, TRANSFORMS_AT, WORK_KEY
from proofs.equivalence.frames import Tunnel
from proofs.smt.emission import ARENA_AT, RECORD
from proofs.smt.emission_scene import ETHERNET, LENGTHS, Scene
from proofs.smt.proxies import UnknownInt
from proofs.smt.reference_frames import Octets
from proofs.smt.written_frames import BYTE_AT
from proofs.units.fastpath.packets import Guarded, Slot
from reference.direction import Direction
from reference.packet.emit import Encapsulation
from reference.packet.parse import parse as parse_by_reference
from reference.packet.protocol import EtherType, IpProtocol
from reference.semantics import Semantics
from reference.slow_path import finish
from reference.transform import FlowTransform, HeaderTransform, InnerModification, compile_transform

LONGEST = {Direction.IN: 1_500, Direction.OUT: 70_000}
"""Limit on inner frames among which a counterexample is sought."""

NEIGHBOUR = 512
"""Bytes before and behind the slot."""

_UNDERLAY = bytes(range(16))
_LONGEST_OPTION = 32
"""Words of the longest Geneve option, its header included."""


class Emitted(NamedTuple):
    """A finished frame and what goes with it."""

    frame: bytes
    l4_hash: int
    mtu_unrestricted: bool


@dataclass(frozen=True)
class Example:
    """A frame, and the transform of its flow.

    Attributes:
        direction: the way of the frame.
        frame: its bytes.
        transform: what the flow does.
        l4_hash: of the flow.
        semantics: of the port.
    """

    direction: Direction
    frame: bytes
    transform: FlowTransform
    l4_hash: int
    semantics: Semantics

    def by_reference(self) -> Emitted:
        """What the reference makes of the frame."""
        packet = parse_by_reference(self.direction, self.frame)
        compiled = self.transform.compiled
        assert compiled is not None
        compiled.inner.apply(packet)
        verdict = finish(packet, self.transform, self.l4_hash, compiled.internal_destination, self.semantics)
        return Emitted(verdict.packet, verdict.l4_hash, verdict.mtu_unrestricted)

    def by_kernels(self, kernels: ModuleType, compiler: ModuleType = compile_flow, *, watched: bool = False) -> Emitted:
        """What kernels make of the frame; the flow's words are by `compiler`.

        Watched, kernels without the compiler raise `Trespass` when they write outside the slot.
        """
        single_pass = self.transform.compiled
        assert single_pass is not None
        flow = parse_by_reference(self.direction, self.frame).flow
        compiled = compiler.compile_flow(flow, single_pass, self.semantics.udp_zero_as_ones)
        words = np.zeros(ARENA_AT + (RECORD + 1) * TRANSFORM_WORDS, np.uint64)
        words[TRANSFORMS_AT] = ARENA_AT
        words[ARENA_AT + RECORD * TRANSFORM_WORDS :] = compiled.transform
        slot = Slot.holding(self.direction, self.frame, bytes(NEIGHBOUR + HEADROOM), bytes(NEIGHBOUR))
        assert parse.parse(slot.frames, slot.descriptors, 0, slot.work, 0), "the parser leaves the frame alone"
        slot.work[WORK_KEY : WORK_KEY + 5] = compiler.key_words(self.direction, flow)
        action = np.uint64(RECORD << 32 | self.l4_hash)
        end = slot.start + len(self.frame)
        frames = Guarded(slot.frames, range(slot.start, end), range(NEIGHBOUR, end)) if watched else slot.frames
        with np.errstate(over="ignore"):
            kernels.apply(words, frames, slot.descriptors, 0, slot.work, 0, action, np.uint64(compiled.rewrite))
        return Emitted(slot.frame(), int(slot.descriptors[FRAME_L4_HASH]), bool(slot.descriptors[FRAME_FLAGS]))


def assume_accepted(scene: Scene) -> None:
    """Let the frame be one that both parsers accept, and not too long to be made."""
    shape, machine = scene.shape, scene.machine
    inner_length = scene.length.term - (scene.inner - scene.start.term)
    machine.assume(inner_length <= LONGEST[shape.direction])
    transport = ETHERNET + scene.header
    ether_type = EtherType.IPV4 if shape.family == 4 else EtherType.IPV6
    known = {12: ether_type >> 8, 13: ether_type & 0xFF, ETHERNET + (9 if shape.family == 4 else 6): shape.protocol}
    if shape.family == 6:
        known[ETHERNET] = 0x60
    if shape.protocol == IpProtocol.TCP:
        known[transport + 12] = 0x50
    for distance, octet in known.items():
        machine.assume(BYTE_AT(z3.IntVal(distance)) == int(octet))
    whole = LENGTHS[IpProtocol(shape.protocol)] + (scene.header if shape.family == 4 else 0)
    machine.assume(_word(ETHERNET + (2 if shape.family == 4 else 4)) == whole)
    if shape.protocol == IpProtocol.UDP:
        machine.assume(_word(transport + 4) == LENGTHS[IpProtocol.UDP])
    machine.assume(z3.And([z3.And(BYTE_AT(place) >= 0, BYTE_AT(place) < 256) for place in range(transport + 20)]))
    scene.exploration.solver.add(*machine.assumptions)


def _word(distance: int) -> Any:
    return 256 * BYTE_AT(z3.IntVal(distance)) + BYTE_AT(z3.IntVal(distance + 1))


def example_of(scene: Scene, model: z3.ModelRef, semantics: Semantics) -> Example:
    """The frame and the transform of a counterexample."""
    shape = scene.shape

    def value(term: Any) -> int:
        return int(model.eval(term, model_completion=True).as_long())

    def real(parameter: Any) -> Any:
        if isinstance(parameter, Octets):
            return bytes(value(octet) for octet in parameter.terms)
        return value(parameter.term) if isinstance(parameter, UnknownInt) else parameter

    encapsulation = value(scene.inner - scene.start.term)
    headers = scene.frame()
    inner_length = value(scene.length.term) - encapsulation
    looked_at = min(inner_length, headers.sure)
    inner = bytes(value(headers.at(place)) for place in range(looked_at)) + bytes(inner_length - looked_at)
    frame = inner if shape.direction is Direction.OUT else _tunnel(encapsulation).wrap(inner)
    parameters = {name: real(parameter) for name, parameter in scene.parameters.items()}
    l4_hash = sum(value(z3.Int(f"L4 hash {place}")) << 8 * place for place in range(4))
    return Example(shape.direction, frame, _transform(shape.internal, parameters), l4_hash, semantics)


def _tunnel(encapsulation: int) -> Tunnel:
    """Outer headers of so many bytes, with options of any kind."""
    words, options = (encapsulation - 70) // 4, b""
    while words:
        size = min(words, _LONGEST_OPTION)
        options += bytes((0x01, 0x29, 0x7F, size - 1)) + bytes(4 * size - 4)
        words -= size
    return Tunnel(_UNDERLAY, _UNDERLAY, 7, options)


def _transform(internal: bool, parameters: Mapping[str, Any]) -> FlowTransform:
    outer = {name.removeprefix("outer "): parameters[name] for name in parameters if name.startswith("outer ")}
    fields = {name: parameters[name] for name in parameters if not name.startswith("outer ")}
    push = Encapsulation(**outer) if outer else None
    header = HeaderTransform(inner=InnerModification(**fields), push=push, pop=push is None)
    return compile_transform([header], [], internal)
