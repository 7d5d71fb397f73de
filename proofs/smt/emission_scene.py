"""The packets of one shape of transform: any bytes, headers at known places, any values of what the transform sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import z3

from fastpath.layout import HEADROOM
from proofs.smt.folds import Folds
from proofs.smt.machine import Machine
from proofs.smt.octet_integers import OctetIntegers
from proofs.smt.proxies import UnknownInt, term_of
from proofs.smt.reexecution import Exploration
from proofs.smt.reference_frames import Octets
from proofs.smt.theory import Demand
from proofs.smt.transform_shapes import Shape
from proofs.smt.values import TRUE, WORD_LIMIT, Kind, Number, Term, Value
from proofs.smt.written_frames import WrittenFrame, theory_of
from reference.direction import Direction
from reference.packet.protocol import IpProtocol

ETHERNET, IPV6, OUTER = 14, 40, 70
"""Bytes of an Ethernet, an IPv6 and an outer header without options."""
FRAMES = 1 << 40
"""Limit on offsets in the array of frames."""
LONGEST = 1 << 32
"""Limit on the length of a frame."""
PATIENCE_MS = 60_000
"""For one question: seconds of an idle machine, and several times as many of one that does much else."""
LENGTHS = {IpProtocol.TCP: 20, IpProtocol.UDP: 8, IpProtocol.ICMP: 8, IpProtocol.ICMPV6: 8}


@dataclass(frozen=True)
class Scene:
    """One shape's packets: the bytes, the places of the headers, and what the transform sets.

    Attributes:
        shape: the transform's shape.
        header: bytes of the inner network header.
        start, length: of the frame.
        encapsulation: bytes in front of the inner frame.
        parameters: what the fields are set to, by name: bytes or numbers.
        folds: sums that were folded.
    """

    shape: Shape
    header: int
    exploration: Exploration
    start: Number
    length: Number
    encapsulation: Value
    parameters: Mapping[str, Any]
    folds: Folds

    @property
    def machine(self) -> Machine:
        """The machine with all unknowns."""
        return self.exploration.machine

    @property
    def inner(self) -> Term:
        """Offset of the inner frame, from which distances count."""
        return z3.simplify(self.start.term + term_of(self.encapsulation))

    @property
    def flow_hash(self) -> UnknownInt:
        """The hash of the flow."""
        term = theory_of(self.machine).compose(_octets(self.exploration, "L4 hash", 4).terms)
        return UnknownInt(self.exploration, term)

    @property
    def demand(self) -> Demand:
        """Of what is run one path at a time."""
        return self.machine.demand_under(TRUE)

    def word(self, value: Any) -> Value:
        """The word that has the value of a number of the reference's, of which it is demanded that it fits."""
        word = self.machine.as_word(Number(term_of(value), Kind.INTEGER), self.demand)
        return np.uint64(word.term.as_long() % WORD_LIMIT) if z3.is_int_value(word.term) else word

    def fold(self, machine: Machine, demand: Demand, total: Value) -> Value:
        """What a call of `fold` gives."""
        return Number(self.folds.folded(machine.term(total, Kind.WORD), demand), Kind.WORD)

    def frame(self) -> WrittenFrame:
        """The frame as it arrives, with the room that its slot has in front."""
        sure = _headers(self.shape, self.header)
        frame = WrittenFrame(self.machine, self.start.term, self.length.term, self.inner, sure, HEADROOM)
        if self.shape.family == 4:
            frame.written[ETHERNET] = z3.IntVal(0x40 | self.header // 4)
        return frame


def _headers(shape: Shape, header: int) -> int:
    """Bytes of the inner headers, options of TCP left out."""
    return ETHERNET + header + LENGTHS[IpProtocol(shape.protocol)]


def scene_of(shape: Shape, header_words: int) -> Scene:
    """The packets of a shape, with an IPv4 header of so many words of 4 bytes."""
    machine = Machine(OctetIntegers(), timeout_ms=PATIENCE_MS)
    header = 4 * header_words if shape.family == 4 else IPV6
    start = machine.word("offset", FRAMES)
    machine.assume(start.term >= HEADROOM)
    length = machine.word("length", LONGEST)
    encapsulation: Value = np.uint64(0)
    if shape.direction is Direction.IN:
        options = machine.word("option words", 64)
        encapsulation = Number(OUTER + 4 * options.term, Kind.WORD)
    inner_length = length.term - term_of(encapsulation)
    machine.assume(inner_length >= _headers(shape, header))
    exploration = Exploration(machine)
    parameters: dict[str, Any] = {field: _parameter(exploration, shape, field) for field in shape.fields}
    if shape.options is not None:
        sizes = {"ethernet_destination": 6, "source": 16, "destination": 16, "vni": 3, "source_port": 2}
        for name, size in {**sizes, "options": shape.options}.items():
            octets = _octets(exploration, f"outer {name}", size)
            parameters[f"outer {name}"] = octets.number() if name in ("vni", "source_port") else octets
    return Scene(shape, header, exploration, start, length, encapsulation, parameters, Folds(machine))


def _parameter(exploration: Exploration, shape: Shape, field: str) -> Any:
    if field.startswith("ether"):
        return _octets(exploration, field, 6)
    if field.startswith("ip_"):
        return _octets(exploration, field, 4 if shape.family == 4 else 16)
    return _octets(exploration, field, 2).number()


def _octets(exploration: Exploration, name: str, count: int) -> Octets:
    numbers = [exploration.machine.integer(f"{name} {place}", 256) for place in range(count)]
    return Octets(exploration, [number.term for number in numbers])
