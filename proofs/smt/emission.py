"""The frame that a compiled transform leaves in memory, and the frame that the reference emits, for any packet.

The reference's side is `reference.Port` as it processes a hit, from the packet that its parser makes to the finished
frame, run once for each path. On each path `fastpath.compile_flow` makes the words of the transform, and
`fastpath.transform.apply` is executed with them on the same bytes. What both start from, the places of the headers and
the flow id, is what both parsers find (claim C2).
"""

import ast
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import z3

from fastpath import checksum, transform
from fastpath.interpreted import Rewrite
from fastpath.layout import (
    DESCRIPTOR_WORDS,
    FRAME_FLAGS,
    FRAME_L4_HASH,
    FRAME_LENGTH,
    FRAME_OFFSET,
    FRAME_VERDICT,
    TRANSFORM_WORDS,
    TRANSFORMS_AT,
    VERDICT_MODIFIED,
    WORK_ENCAPSULATION,
    WORK_KEY,
    WORK_NETWORK,
    WORK_TRANSPORT,
    WORK_WORDS,
)
from fastpath.policy import NO_OLD_WAYS
from proofs.smt.emission_scene import ETHERNET, Scene, scene_of
from proofs.smt.executor import Executor
from proofs.smt.machine import Machine, Obligation
from proofs.smt.module_copies import ModuleCopies
from proofs.smt.octets import MEMORY
from proofs.smt.proxies import UnknownInt, integer, term_of
from proofs.smt.reference_frames import (
    MEANINGS,
    Buffer,
    Finished,
    Octets,
    StructModule,
    numbers_as_they_are,
    octet_terms,
)
from proofs.smt.solver import Refuted
from proofs.smt.source import source_of
from proofs.smt.theory import Demand
from proofs.smt.transform_shapes import Shape
from proofs.smt.values import Cells, Kind, Number, Term, Value
from proofs.smt.written_frames import FRAME_ACCESSORS, WrittenFrame
from reference.packet.protocol import IpProtocol
from reference.semantics import Semantics

COPIED = (
    "fastpath.compile_flow",
    "reference.packet.checksum",
    "reference.packet.emit",
    "reference.packet.flow",
    "reference.packet.headers",
    "reference.packet.modify",
    "reference.packet.packet",
    "reference.packet.parse",
    "reference.port",
    "reference.slow_path",
    "reference.transform",
)

ARENA_AT, RECORD = 64, 2
"""Where transform records begin in the arena of the proof, and which one is in use."""


def _smaller(machine: Machine, _: Demand, one: Value, other: Value) -> Value:
    """What a call of `min` gives."""
    return machine.choose(machine.compare(ast.Lt, other, one), other, one)


# --- the reference ---


class ReferenceSide:
    """The reference and `compile_flow`, on one scene."""

    def __init__(self, scene: Scene, semantics: Semantics, rewrites: Mapping[str, Rewrite] | None = None) -> None:
        self.scene = scene
        self.semantics = semantics
        exploration = scene.exploration
        kernels = Executor(scene.machine, {checksum.fold: scene.fold})
        known: dict[tuple[Any, ...], tuple[list[Value], Any, list[Obligation]]] = {}

        def by_executor(function: Any) -> Any:
            """The function, executed once for the same arguments; what it demands is demanded on every path.

            The terms of arguments are kept, so that the numbers of these stay theirs.
            """

            def call(*arguments: Any) -> Any:
                machine = scene.machine
                words = [scene.word(argument) for argument in arguments]
                terms = [machine.term(word, Kind.WORD) for word in words]
                key = (function, *(term.get_id() for term in terms))
                if key not in known:
                    before = len(machine.obligations)
                    result = kernels.call(function, *words)
                    number = integer(exploration, machine.term(result, Kind.WORD))
                    known[key] = terms, number, machine.obligations[before:]
                    del machine.obligations[before:]
                _, number, obligations = known[key]
                machine.obligations += obligations
                return number

            return call

        substitutes = {
            "struct": StructModule(exploration),
            "numpy": numbers_as_they_are(self._uint64, self._words),
            "fastpath.checksum": SimpleNamespace(
                delta_of_words=by_executor(checksum.delta_of_words), fold=by_executor(checksum.fold)
            ),
        }
        self.copies = ModuleCopies(COPIED, MEANINGS, substitutes, rewrites)
        vars(self.copies.module("reference.packet.checksum"))["fold"] = self._fold

    def _fold(self, total: Any) -> Any:
        return integer(self.scene.exploration, self.scene.folds.folded(term_of(total), self.scene.demand))

    def _uint64(self, value: Any) -> Any:
        self.scene.word(value)
        return value if isinstance(value, UnknownInt) else int(value)

    def _words(self, buffer: Any, layout: str) -> list[Any]:
        assert layout == "<u8"
        octets = Octets(self.scene.exploration, octet_terms(buffer))
        return [octets[at : at + 8][::-1].number() for at in range(0, len(octets), 8)]

    def packet(self) -> Any:
        """The packet that the parser makes of the frame."""
        scene, part = self.scene, self.copies.module
        buffer = Buffer(scene.exploration, scene.frame())
        headers, parse = part("reference.packet.headers"), part("reference.packet.parse")
        inner = integer(scene.exploration, term_of(scene.encapsulation))
        ethernet = headers.Ethernet(buffer, inner)
        network = (headers.Ipv4 if scene.shape.family == 4 else headers.Ipv6)(buffer, inner + ETHERNET)
        kinds = {IpProtocol.TCP: headers.Tcp, IpProtocol.UDP: headers.Udp}
        kind = kinds.get(IpProtocol(scene.shape.protocol), headers.Icmp)
        transport = kind(buffer, inner + ETHERNET + scene.header)
        flow = parse._flow_id(network, transport, scene.shape.protocol)
        body = inner + ETHERNET + scene.header + kind.LENGTH
        packet = part("reference.packet.packet").Packet
        return packet(scene.shape.direction, buffer, None, ethernet, network, transport, body, flow)

    def transform(self) -> Any:
        """The flow's transform."""
        scene = self.scene
        module = self.copies.module("reference.transform")
        inner = module.InnerModification(**{field: scene.parameters[field] for field in scene.shape.fields})
        push = None
        if scene.shape.options is not None:
            names = ("ethernet_destination", "source", "destination", "vni", "source_port", "options")
            outer = self.copies.module("reference.packet.emit").Encapsulation
            push = outer(**{name: scene.parameters[f"outer {name}"] for name in names})
        header = module.HeaderTransform(inner=inner, push=push, pop=push is None)
        return module.compile_transform([header], [], scene.shape.internal)

    def run(self) -> "ReferenceRun":
        """What the reference makes of the packet, and the words of its flow."""
        packet, flow_transform = self.packet(), self.transform()
        compile_flow = self.copies.module("fastpath.compile_flow")
        zero_as_ones = self.semantics.udp_zero_as_ones
        compiled = compile_flow.compile_flow(packet.flow, flow_transform.compiled, zero_as_ones)
        key = compile_flow.key_words(self.scene.shape.direction, packet.flow)
        verdict = self._hit(packet, flow_transform)
        return ReferenceRun(key, compiled.transform, compiled.rewrite, verdict)

    def _hit(self, packet: Any, flow_transform: Any) -> Any:
        """The port's verdict about a hit of a flow whose connection is not tracked."""
        counters = SimpleNamespace(uft_hit=0, modified=0)
        port = SimpleNamespace(
            data=SimpleNamespace(statistics=SimpleNamespace(of=lambda _: counters)), semantics=self.semantics
        )
        entry = SimpleNamespace(
            hit=lambda _: None, tcp_flow=None, transform=flow_transform, l4_hash=self.scene.flow_hash
        )
        return self.copies.module("reference.port").Port._process_hit(port, entry, packet, 0)


@dataclass(frozen=True)
class ReferenceRun:
    """What the reference says on one path: the half's key, the compiled words, and the verdict."""

    key: tuple[Any, ...]
    transform: tuple[Any, ...]
    rewrite: Any
    verdict: Any


# --- the kernels ---


@dataclass(frozen=True)
class KernelRun:
    """What the kernels leave behind: the frame, and its descriptor."""

    frame: WrittenFrame
    descriptor: list[Value]


def apply_kernels(scene: Scene, reference: ReferenceRun, module: ModuleType) -> KernelRun:
    """Execute `apply` of a module on the frame, with the words that the flow was compiled to."""
    arena: list[Value] = [np.uint64(0)] * (ARENA_AT + (RECORD + 1) * TRANSFORM_WORDS)
    arena[TRANSFORMS_AT] = np.uint64(ARENA_AT)
    arena[ARENA_AT + RECORD * TRANSFORM_WORDS :] = map(scene.word, reference.transform)
    descriptor: list[Value] = [np.uint64(0)] * DESCRIPTOR_WORDS
    descriptor[FRAME_OFFSET], descriptor[FRAME_LENGTH] = scene.start, scene.length
    work: list[Value] = [np.uint64(0)] * WORK_WORDS
    work[WORK_KEY : WORK_KEY + len(reference.key)] = map(scene.word, reference.key)
    network = scene.inner + ETHERNET
    work[WORK_NETWORK] = Number(z3.simplify(network), Kind.WORD)
    work[WORK_TRANSPORT] = Number(z3.simplify(network + scene.header), Kind.WORD)
    work[WORK_ENCAPSULATION] = scene.encapsulation
    frame = scene.frame()
    folds = source_of(module.finish).surroundings["fold"]
    meanings = {**MEMORY, **FRAME_ACCESSORS, folds: scene.fold, min: _smaller}
    action = scene.word(scene.flow_hash | RECORD << 32)
    arrays = Cells(arena), frame, Cells(descriptor), 0, Cells(work), 0
    Executor(scene.machine, meanings).call(module.apply, *arrays, action, scene.word(reference.rewrite), NO_OLD_WAYS)
    return KernelRun(frame, descriptor)


# --- both ---


def differences(scene: Scene, reference: ReferenceRun, kernels: KernelRun) -> list[tuple[str, Term]]:
    """The claims that together say that frame and verdict are the same."""
    verdict, descriptor, machine = reference.verdict, kernels.descriptor, scene.machine
    finished = verdict.packet if isinstance(verdict.packet, Finished) else Finished([], verdict.packet)
    tail, headers = finished.tail, finished.headers
    word = functools.partial(machine.term, kind=Kind.WORD)
    begins = tail.first - len(headers)
    claims = [
        ("the frame begins elsewhere", word(descriptor[FRAME_OFFSET]) == scene.inner + begins),
        ("the frame has another length", word(descriptor[FRAME_LENGTH]) == len(headers) + tail.length),
        ("another hash", word(descriptor[FRAME_L4_HASH]) == term_of(verdict.l4_hash)),
        ("another verdict", word(descriptor[FRAME_VERDICT]) == int(VERDICT_MODIFIED)),
        ("another limit on the size", (word(descriptor[FRAME_FLAGS]) != 0) == z3.BoolVal(verdict.mtu_unrestricted)),
    ]
    emitted = dict(enumerate(headers, begins))
    places = sorted({place for place in (*tail.frame.written, *kernels.frame.written) if place >= tail.first})
    emitted |= {place: tail.frame.at(place) for place in places}
    found = [(f"byte {place - begins}", kernels.frame.at(place) == octet) for place, octet in emitted.items()]
    return [*claims, *((f"{what} is another", claim) for what, claim in found)]


def prove_emission(
    shape: Shape,
    header_words: int = 5,
    module: ModuleType = transform,
    semantics: Semantics = Semantics.CORRECT,
    rewrites: Mapping[str, Rewrite] | None = None,
) -> int:
    """Prove that the kernels leave the reference's frame, for any packet of a shape; how many paths can be taken.

    Raises:
        Refuted: they do not.
        Unknown: z3 could not decide.
    """
    scene = scene_of(shape, header_words)
    return prove_scene(scene, module, semantics, rewrites)


def prove_scene(
    scene: Scene, module: ModuleType, semantics: Semantics, rewrites: Mapping[str, Rewrite] | None = None
) -> int:
    """As `prove_emission`, for a scene about which more may be assumed."""
    machine, exploration = scene.machine, scene.exploration
    side = ReferenceSide(scene, semantics, rewrites)

    def both() -> tuple[ReferenceRun, KernelRun]:
        machine.obligations.clear()
        reference = side.run()
        return reference, apply_kernels(scene, reference, module)

    paths = 0
    for outcome in exploration.outcomes(both, ZeroDivisionError):
        reference, kernels = outcome.returned
        claims = differences(scene, reference, kernels)
        claims += [(obligation.what, obligation.holds) for obligation in machine.obligations]
        prove_claims(scene, claims)
        paths += exploration.possible(z3.BoolVal(True))
    return paths


def prove_claims(scene: Scene, claims: list[tuple[str, Term]]) -> None:
    """Prove all claims on the present path. Raises Refuted, which names one that fails, and Unknown."""
    open_claims = [(what, claim) for what, claim in claims if not z3.is_true(z3.simplify(claim))]
    goal = z3.And([claim for _, claim in open_claims])
    try:
        scene.exploration.prove(goal, "emission")
    except Refuted as refuted:
        # With all that is known of folded sums: either it holds after all, or the values are those that the code meets.
        # Asked one by one, first those that have just failed: about all at once z3 may search for minutes.
        model, known = refuted.counterexample, z3.And(scene.folds.definitions)
        holds = [z3.is_true(model.eval(claim, model_completion=True)) for _, claim in open_claims]
        for _, (what, claim) in sorted(zip(holds, open_claims, strict=True), key=lambda pair: pair[0]):
            scene.exploration.prove(z3.Implies(known, claim), what)
