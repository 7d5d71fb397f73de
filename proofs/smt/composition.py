"""The words that a compiled miss composes, and the words that the reference's transform is compiled to, for any flow.

`fastpath.compose` reads a passage: what the layers' actions have left of the packet's flow, and what they have noted.
Here the passage says what the reference's transform sets, whatever that is: every address, port, VNI and hash is
unknown. The reference's side is `fastpath.compile_flow`, which is proved to emit what the reference emits
(`proofs.smt.emission`).

How checksums change is known of each word by what `test_composition` proves: modulo 0xffff, by as much as the word. The
two sides add different words up, so that their sums are equal modulo 0xffff only, which is all that an update asks for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import z3

from fastpath import compose
from fastpath.layout import INBOUND, OUTBOUND, TRANSFORM_WORDS
from fastpath.native import NO_NAT, ONE_TO_ONE_NAT, SOURCE_NAT
from fastpath.passage import PLACE, PLACE_HASH, SOURCE_MAC
from fastpath.rule_layout import (
    PASSAGE_DESTINATION,
    PASSAGE_INTERNAL,
    PASSAGE_META,
    PASSAGE_SOURCE,
    PASSAGE_WORDS,
    RULES_PHYSICAL,
)
from proofs.smt.emission import ReferenceSide
from proofs.smt.emission_scene import Scene, scene_of
from proofs.smt.executor import Executor
from proofs.smt.machine import Machine
from proofs.smt.octets import MEMORY
from proofs.smt.proxies import integer, term_of
from proofs.smt.reference_frames import Octets
from proofs.smt.solver import Refuted
from proofs.smt.source import source_of
from proofs.smt.theory import Demand
from proofs.smt.transform_shapes import EVERY_SHAPE, Shape
from proofs.smt.values import Cells, Kind, Number, Term, Value
from proofs.smt.written_frames import theory_of
from reference.direction import Direction
from reference.packet.geneve import OxideOption, encode_option
from reference.packet.protocol import IpProtocol
from reference.semantics import Semantics

AT, KEY, CONTENT = 0, PASSAGE_WORDS, PASSAGE_WORDS + 16
"""Where the passage, the key and the transform are in the work array of the proof."""

CODES = {Direction.IN: INBOUND, Direction.OUT: OUTBOUND}
MODULUS = 0xFFFF
MSS = encode_option(OxideOption.MSS, bytes(4))
ANY_WORD, PORTS = bytes(8), bytes(4)
CHANGE = z3.Function("change", z3.IntSort(), z3.IntSort(), z3.IntSort())
MULTIPLE = z3.Function("multiple", z3.IntSort(), z3.IntSort(), z3.IntSort())

COMPOSED: tuple[Shape, ...] = tuple(
    shape for shape in EVERY_SHAPE if not shape.options or shape.protocol == IpProtocol.TCP
)
"""What compiled misses compose: every shape of `EVERY_SHAPE` but those of groups."""


@dataclass(frozen=True)
class Given:
    """What a miss composes from: the half's key, its passage, and this host's address."""

    key: list[Value]
    passage: list[Value]
    physical: list[Value]


class Departure(Refuted):
    """The kernels compose something else, from what is `given`, than the reference does in the scene."""

    def __init__(self, what: str, scene: Scene, given: Given, counterexample: z3.ModelRef) -> None:
        super().__init__(what, counterexample)
        self.scene = scene
        self.given = given


@dataclass(frozen=True)
class Composed:
    """What both sides make of one flow: the words of the transform, the rewrite word, and the sum of changes."""

    transform: list[Term]
    rewrite: Term
    changes: Term


class _Changes:
    """In place of `delta_of_words` and `fold`: a change is known modulo 0xffff, and the sum of changes is kept."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.total: Term = z3.IntVal(0)
        self.delta = Octets(scene.exploration, [scene.machine.integer(f"delta {place}", 256).term for place in (0, 1)])

    def change(self, old: Term, new: Term) -> Term:
        """By how much a word changes a sum: what the lemma says of it, and no more than is of use."""
        found, multiple = CHANGE(old, new), MULTIPLE(old, new)
        define = self.scene.machine.define
        define(z3.And(found >= 0, found <= MODULUS))
        define(z3.Implies(old == new, found == MODULUS * multiple))
        if max(len(theory_of(self.scene.machine).octets(word) or ANY_WORD) for word in (old, new)) <= len(PORTS):
            define(found == new - old + MODULUS * multiple)
        return found

    def folded(self, total: Term) -> Term:
        """One unknown of 16 bits for both sides: what they have added up is looked at apart."""
        self.total = total
        return self.delta.number().term

    def of_kernel(self, machine: Machine, _: Demand, old: Value, new: Value) -> Value:
        """A call of `delta_of_words`. Nothing overflows: each change is below 2**16."""
        return Number(self.change(machine.term(old, Kind.WORD), machine.term(new, Kind.WORD)), Kind.WORD)

    def fold_of_kernel(self, machine: Machine, _: Demand, total: Value) -> Value:
        """A call of `fold`."""
        return Number(self.folded(machine.term(total, Kind.WORD)), Kind.WORD)


def nat_of(shape: Shape) -> np.uint64:
    """What NAT does to the flows of a shape."""
    if not shape.translates:
        return NO_NAT
    return SOURCE_NAT if shape.fields[-1] in ("source_port", "destination_port", "icmp_identifier") else ONE_TO_ONE_NAT


def _scene(shape: Shape) -> Scene:
    """The flows of a shape, whose outer headers are those that the overlay pushes towards one place."""
    scene = scene_of(shape, 5)
    if shape.options is not None:
        known = {"ethernet_destination": bytes(6), "options": MSS if shape.options else b""}
        assert len(known["options"]) == shape.options
        scene.parameters.update({f"outer {name}": octets for name, octets in known.items()})  # type: ignore[attr-defined]
    return scene


def _number(scene: Scene, octets: Sequence[Term]) -> Any:
    """The number that bytes are in network order."""
    return integer(scene.exploration, theory_of(scene.machine).compose(octets[::-1]))


def _halves(scene: Scene, address: Octets) -> list[Any]:
    octets = [z3.IntVal(0)] * (16 - len(address)) + list(address.terms)
    return [_number(scene, octets[at : at + 8]) for at in (0, 8)]


def _passage(scene: Scene, flow: Any) -> list[Value]:
    """The passage of a flow that was let through: the flow as NAT has left it, and what was noted."""
    shape, set_to = scene.shape, scene.parameters
    words: list[Any] = [0] * PASSAGE_WORDS
    source, destination = set_to.get("ip_source", flow.source), set_to.get("ip_destination", flow.destination)
    words[PASSAGE_SOURCE : PASSAGE_SOURCE + 2] = _halves(scene, source)
    words[PASSAGE_DESTINATION : PASSAGE_DESTINATION + 2] = _halves(scene, destination)
    source_port = set_to.get("source_port", flow.source_port)
    port = set_to.get("destination_port", set_to.get("icmp_identifier", flow.destination_port))
    words[PASSAGE_META] = flow.family << 40 | flow.protocol << 32 | source_port << 16 | port
    if shape.direction is Direction.IN:
        words[SOURCE_MAC] = _number(scene, [z3.IntVal(1), *set_to["ether_source"].terms])
        return [scene.word(word) for word in words]
    words[PASSAGE_INTERNAL] = int(shape.internal)
    words[PLACE] = set_to["ether_destination"].number()
    words[PLACE + 1 : PLACE + 3] = _halves(scene, set_to["outer destination"])
    words[PLACE + 3] = set_to["outer vni"]
    noise = [scene.machine.integer(f"hash {place}", 256).term for place in (0, 1)]
    low = theory_of(scene.machine).octets(term_of(set_to["outer source_port"]))
    words[PLACE_HASH] = _number(scene, [*noise, *(low or ())[::-1]])
    return [scene.word(word) for word in words]


def _given(scene: Scene, key: Any, flow: Any) -> Given:
    physical: list[Any] = [0, 0] if scene.shape.options is None else _halves(scene, scene.parameters["outer source"])
    return Given([scene.word(word) for word in key], _passage(scene, flow), [scene.word(word) for word in physical])


def _by_kernels(scene: Scene, given: Given, module: ModuleType) -> Composed:
    """What the kernels of a module compose."""
    changes = _Changes(scene)
    surroundings = source_of(module.checksum_delta).surroundings
    meanings = {
        **MEMORY,
        surroundings["delta_of_words"]: changes.of_kernel,
        surroundings["fold"]: changes.fold_of_kernel,
    }
    work: list[Value] = [np.uint64(0)] * (CONTENT + TRANSFORM_WORDS)
    work[AT : AT + PASSAGE_WORDS] = given.passage
    work[KEY : KEY + len(given.key)] = given.key
    work[CONTENT:] = [scene.machine.word(f"left behind {place}") for place in range(TRANSFORM_WORDS)]
    rules, cells = Cells([np.uint64(0)] * RULES_PHYSICAL + given.physical), Cells(work)
    executor, nat, direction = Executor(scene.machine, meanings), nat_of(scene.shape), CODES[scene.shape.direction]
    executor.call(module.compose_transform, rules, cells, AT, direction, nat, CONTENT)
    rewrite = executor.call(module.compose_rewrite, cells, AT, KEY, direction, nat)
    words = [scene.machine.term(word, Kind.WORD) for word in cells.members[CONTENT:]]
    return Composed(words, scene.machine.term(rewrite, Kind.WORD), changes.total)


def _by_reference(scene: Scene, side: ReferenceSide, flow: Any) -> Composed:
    """What the reference's transform is compiled to."""
    changes = _Changes(scene)

    def number(term: Term) -> Any:
        return integer(scene.exploration, term)

    compiler = side.copies.module("fastpath.compile_flow")
    kernels = SimpleNamespace(
        delta_of_words=lambda old, new: number(changes.change(term_of(old), term_of(new))),
        fold=lambda total: number(changes.folded(term_of(total))) if scene.shape.translates else 0,
    )
    vars(compiler).update(vars(kernels))
    compiled = compiler.compile_flow(flow, side.transform().compiled, Semantics.CORRECT.udp_zero_as_ones)
    return Composed([term_of(word) for word in compiled.transform], term_of(compiled.rewrite), changes.total)


def prove_composition(shape: Shape, module: ModuleType = compose) -> int:
    """Prove that a compiled miss composes the reference's words for any flow of a shape; how many paths were taken.

    Raises:
        Departure: it does not.
        Unknown: z3 could not decide.
    """
    scene = _scene(shape)
    exploration, machine = scene.exploration, scene.machine
    side = ReferenceSide(scene, Semantics.CORRECT)

    def both() -> tuple[Given, Composed, Composed] | None:
        machine.obligations.clear()
        flow = side.packet().flow
        is_echo = side.copies.module("reference.packet.flow").is_echo
        if shape.fields[-1] == "icmp_identifier" and not is_echo(flow.protocol, flow.source_port):
            return None
        key = side.copies.module("fastpath.compile_flow").key_words(shape.direction, flow)
        given = _given(scene, key, flow)
        return given, _by_reference(scene, side, flow), _by_kernels(scene, given, module)

    paths = 0
    for outcome in exploration.outcomes(both, ZeroDivisionError):
        if outcome.returned is not None:
            given, *sides = outcome.returned
            claims = [*_claims(*sides), *((demanded.what, demanded.holds) for demanded in machine.obligations)]
            for what, goal in claims:
                try:
                    exploration.prove(goal, what)
                except Refuted as refuted:
                    raise Departure(what, scene, given, refuted.counterexample) from refuted
            paths += exploration.possible(z3.BoolVal(True))
    return paths


def _claims(reference: Composed, kernels: Composed) -> list[tuple[str, Term]]:
    words = zip(reference.transform, kernels.transform, strict=True)
    claims = [(f"word {place} of the transform is another", one == other) for place, (one, other) in enumerate(words)]
    claims.append(("the rewrite word is another", reference.rewrite == kernels.rewrite))
    changes = reference.changes - kernels.changes
    return [*claims, ("the checksum changes by another amount", changes % MODULUS == 0)]
