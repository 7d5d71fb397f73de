"""A flow for which a miss composes other words than the reference's, as numbers: both sides are run on it for real."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import z3

from fastpath.compile_flow import compile_flow
from fastpath.layout import META_FAMILY_SHIFT, META_PROTOCOL_SHIFT, REWRITE_CHECKSUM_SHIFT, TRANSFORM_WORDS
from fastpath.rule_layout import PASSAGE_WORDS, RULES_PHYSICAL
from proofs.smt.composition import AT, CODES, CONTENT, KEY, MODULUS, Departure, nat_of
from proofs.smt.proxies import UnknownInt, term_of
from proofs.smt.reference_frames import Octets
from proofs.smt.transform_shapes import Shape
from proofs.smt.values import Number, Value
from reference.direction import Direction
from reference.packet.emit import Encapsulation
from reference.packet.flow import FlowId
from reference.semantics import Semantics
from reference.transform import CompiledTransform, HeaderTransform, InnerModification, compile_transform

OUTER = ("ethernet_destination", "source", "destination", "vni", "source_port", "options")
LOW = 0xFFFF


@dataclass(frozen=True)
class Example:
    """One flow: what a miss composes from, and the reference's flow and transform."""

    shape: Shape
    key: list[int]
    passage: list[int]
    physical: list[int]
    transform: CompiledTransform

    @property
    def flow(self) -> FlowId:
        """The flow whose half it is."""
        source, destination, meta = self.key[0] << 64 | self.key[1], self.key[2] << 64 | self.key[3], self.key[4]
        size = 4 if self.shape.family == 4 else 16
        assert meta >> int(META_FAMILY_SHIFT) & 0xFF == self.shape.family
        return FlowId(
            meta >> int(META_PROTOCOL_SHIFT) & 0xFF,
            self.shape.family,
            source.to_bytes(size),
            destination.to_bytes(size),
            meta >> 16 & LOW,
            meta & LOW,
        )

    def agrees(self, module: Any) -> bool:
        """Whether a module composes the reference's words, the checksum's change modulo 0xffff."""
        work = np.zeros(CONTENT + TRANSFORM_WORDS, np.uint64)
        work[AT : AT + PASSAGE_WORDS], work[KEY : KEY + len(self.key)] = self.passage, self.key
        work[CONTENT:] = ~np.uint64(0)
        rules = np.array([0] * RULES_PHYSICAL + self.physical, np.uint64)
        direction, nat = CODES[self.shape.direction], nat_of(self.shape)
        with np.errstate(over="ignore"):
            module.compose_transform(rules, work, AT, direction, nat, CONTENT)
            rewrite = int(module.compose_rewrite(work, AT, KEY, direction, nat))
        compiled = compile_flow(self.flow, self.transform, Semantics.CORRECT.udp_zero_as_ones)
        assert compiled is not None
        shift = int(REWRITE_CHECKSUM_SHIFT)
        changes = (compiled.rewrite >> shift & LOW) - (rewrite >> shift & LOW)
        same = compiled.rewrite & ~(LOW << shift) == rewrite & ~(LOW << shift)
        return same and changes % MODULUS == 0 and compiled.transform == tuple(map(int, work[CONTENT:]))


def example_of(departure: Departure) -> Example:
    """The flow of a counterexample."""
    scene, model = departure.scene, departure.counterexample

    def number(value: Any) -> int:
        term = term_of(value) if isinstance(value, Number | UnknownInt) else z3.IntVal(int(value))
        return int(model.eval(term, model_completion=True).as_long())

    def field(name: str) -> Any:
        value = scene.parameters[name]
        if isinstance(value, Octets):
            return bytes(int(model.eval(term, model_completion=True).as_long()) for term in value.terms)
        return value if isinstance(value, bytes) else number(value)

    inner = InnerModification(**{name: field(name) for name in scene.shape.fields})
    outbound = scene.shape.direction is Direction.OUT
    push = Encapsulation(**{name: field(f"outer {name}") for name in OUTER}) if outbound else None
    header = HeaderTransform(inner=inner, push=push, pop=not outbound)
    transform = compile_transform([header], [], scene.shape.internal).compiled
    assert transform is not None

    def numbers(values: list[Value]) -> list[int]:
        return [number(value) for value in values]

    given = departure.given
    return Example(scene.shape, numbers(given.key), numbers(given.passage), numbers(given.physical), transform)
