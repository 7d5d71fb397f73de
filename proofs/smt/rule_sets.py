"""Compiled rule sets against the reference's tables, for a packet of which nothing is known but its family."""

from collections.abc import Mapping
from types import ModuleType, SimpleNamespace
from typing import Any, TypeAlias

import numpy as np
import z3

from fastpath import match
from fastpath.rule_layout import (
    ACTION_LEAVE,
    COUNT_TABLE_WORDS,
    KIND_ADDRESS,
    KIND_INTERNET_GATEWAY,
    KIND_SUBNET,
    PASSAGE_CLASS,
    PASSAGE_DESTINATION,
    PASSAGE_ETHER_DESTINATION,
    PASSAGE_ETHER_SOURCE,
    PASSAGE_META,
    PASSAGE_SOURCE,
    PASSAGE_TARGET,
    PASSAGE_VNI,
    RULE_ACTION,
    RULE_COUNTER,
)
from proofs.smt.bit_vectors import BitVectors
from proofs.smt.executor import Executor
from proofs.smt.machine import Machine
from proofs.smt.octets import MEMORY
from proofs.smt.symbolic_packet import ReferenceView
from proofs.smt.values import FALSE, Cells, Kind, Number, Term, Value
from proofs.units.fastpath.rule_engines import Rules
from reference.direction import Direction
from reference.packet.flow import FlowId
from reference.vpc.firewall import VNI_TAG
from reference.vpc.router import TARGET_CLASS_TAG, TARGET_TAG, TargetKind

Verdicts: TypeAlias = tuple[int | None, int | None]
"""Positions of the rules that compiled code and reference find; None for none."""

PASSAGE_WORDS = 16
WIDTHS = {
    "protocol": 8,
    "source_port": 16,
    "destination_port": 16,
    "ether_source": 48,
    "ether_destination": 48,
    "vni": 25,
    "target": 16,
    "target_class": 2,
}
"""Bits of what is not known; the VNI is one more than the number, 0 for none, a target is its number."""
CLASSES: Mapping[str, int] = {
    TargetKind.INTERNET_GATEWAY.value: int(KIND_INTERNET_GATEWAY),
    TargetKind.IP.value: int(KIND_ADDRESS),
    TargetKind.SUBNET.value: int(KIND_SUBNET),
}


class Packet:
    """A packet of a family, its fields unknown: as a passage, and as the reference sees it."""

    def __init__(self, machine: Machine, family: int) -> None:
        bits = 32 if family == 4 else 128
        widths = {**WIDTHS, "source": bits, "destination": bits}
        self.family = family
        self.fields = SimpleNamespace(**{name: z3.BitVec(name, width) for name, width in widths.items()})
        for name in widths:
            self._note(machine, name)

    def _note(self, machine: Machine, name: str) -> None:
        """Let counterexamples tell the field, in words of 64 bits."""
        term = getattr(self.fields, name)
        for low in range(0, term.size(), 64):
            part = z3.Extract(min(low + 63, term.size() - 1), low, term)
            machine.unknowns[f"{name} {low}"] = Number(_word(part), Kind.WORD)

    def passage(self, machine: Machine) -> Cells:
        """The words that rules look at."""
        fields, words = self.fields, [machine.word(f"passage {at}") for at in range(PASSAGE_WORDS)]
        family = z3.BitVecVal(self.family, 8)
        meta = z3.Concat(family, fields.protocol, fields.source_port, fields.destination_port)
        for at, term in (
            (PASSAGE_META, meta),
            (PASSAGE_ETHER_SOURCE, fields.ether_source),
            (PASSAGE_ETHER_DESTINATION, fields.ether_destination),
            (PASSAGE_VNI, fields.vni),
            (PASSAGE_TARGET, fields.target),
            (PASSAGE_CLASS, fields.target_class),
        ):
            words[at] = Number(_word(term), Kind.WORD)
        for at, address in ((PASSAGE_SOURCE, fields.source), (PASSAGE_DESTINATION, fields.destination)):
            whole = z3.ZeroExt(128 - address.size(), address)
            words[at] = Number(z3.simplify(z3.Extract(127, 64, whole)), Kind.WORD)
            words[at + 1] = Number(z3.simplify(z3.Extract(63, 0, whole)), Kind.WORD)
        return Cells(list(words))

    def tag(self, rules: Rules, name: str, value: str) -> Term:
        """The condition that the packet has a tag: what the layers note, as the passage has it."""
        fields = self.fields
        if (
            name == VNI_TAG
            and value.isascii()
            and value.isdigit()
            and value == str(int(value))
            and int(value) < 1 << 24
        ):
            return fields.vni == int(value) + 1
        if name == TARGET_TAG:
            number = route_numbers(rules).number_of_text(value)
            return fields.target == number if number else FALSE
        if name == TARGET_CLASS_TAG and value in CLASSES:
            return fields.target_class == CLASSES[value]
        return FALSE


def agreement(
    rules: Rules, layer: str, direction: Direction, family: int, module: ModuleType = match
) -> tuple[Machine, Term, Packet]:
    """The claim that compiled and reference rules find the same rule, whatever the packet.

    A rule that is left to the reference may stand in front of the one that the reference finds.
    """
    machine = Machine(BitVectors(), "QF_BV")
    packet = Packet(machine, family)
    view = ReferenceView(packet.fields, family, lambda name, value: packet.tag(rules, name, value))
    numbered = rules.port.data.layer(layer).side(direction).rules.rules
    decides = view.position([one.rule for one in numbered])
    executor = Executor(machine, MEMORY)
    found = executor.call(module.match_rule, rules.words, rules.table(layer, direction), packet.passage(machine), 0)
    goals = [z3.Implies(_is(found, 0), decides[-1])]
    places = [0]
    for rule in rules.of(layer, direction):
        position = int(rules.words[rule + RULE_COUNTER]) - COUNT_TABLE_WORDS
        left = rules.words[rule + RULE_ACTION] == ACTION_LEAVE
        goals.append(z3.Implies(_is(found, rule), z3.Or(decides[position:] if left else [decides[position]])))
        places.append(rule)
    goals.append(z3.Or([_is(found, place) for place in places]))
    return machine, z3.And(goals), packet


def _is(found: Value, place: int) -> Term:
    if isinstance(found, Number):
        return found.term == place
    return z3.BoolVal(int(found) == place)


def _word(term: Any) -> Term:
    return z3.ZeroExt(64 - term.size(), term) if term.size() < 64 else term


def route_numbers(rules: Rules) -> Any:
    """Which router targets the rule set tells apart, by number."""
    return vars(rules.compiler)["_words"].routes


# --- one packet, for real ---


def found_for_real(rules: Rules, layer: str, direction: Direction, family: int, values: Mapping[str, Any]) -> Verdicts:
    """What compiled code and reference find for the packet of a counterexample."""
    machine = Machine(BitVectors())
    cells = Packet(machine, family).passage(machine)
    known = [(number.term, z3.BitVecVal(values[name], 64)) for name, number in machine.unknowns.items()]
    fields = _fields(family, values)
    known += [(z3.BitVec(name, term.size()), term) for name, term in fields.items()]
    words = [z3.simplify(z3.substitute(cell.term, *known)).as_long() for cell in cells.members]
    rule = int(rules.engine.match.match_rule(rules.words, rules.table(layer, direction), np.array(words, np.uint64), 0))
    position = int(rules.words[rule + RULE_COUNTER]) - COUNT_TABLE_WORDS if rule else None
    table = rules.port.data.layer(layer).side(direction).rules
    expected = table.match(*_real_packet(rules, family, {name: term.as_long() for name, term in fields.items()}))
    return position, None if expected is None else table.rules.index(expected)


def _fields(family: int, values: Mapping[str, Any]) -> dict[str, Any]:
    bits = 32 if family == 4 else 128
    fields = {}
    for name, width in {**WIDTHS, "source": bits, "destination": bits}.items():
        number = sum(values[f"{name} {low}"] << low for low in range(0, width, 64))
        fields[name] = z3.BitVecVal(number, width)
    return fields


def _real_packet(rules: Rules, family: int, fields: Mapping[str, int]) -> tuple[Any, Any]:
    """A packet and what was noted about it, as far as predicates ask for it."""
    size = 4 if family == 4 else 16
    source, destination = (fields[name].to_bytes(size) for name in ("source", "destination"))
    flow = FlowId(fields["protocol"], family, source, destination, fields["source_port"], fields["destination_port"])
    ethernet = SimpleNamespace(
        source=fields["ether_source"].to_bytes(6), destination=fields["ether_destination"].to_bytes(6)
    )
    tags = {}
    if fields["vni"]:
        tags[VNI_TAG] = str(fields["vni"] - 1)
    texts = {number: text for text, number in vars(route_numbers(rules))["_numbers"].items()}
    tags[TARGET_TAG] = texts.get(fields["target"], "")
    tags[TARGET_CLASS_TAG] = {code: text for text, code in CLASSES.items()}.get(fields["target_class"], "")
    ether_type = 0x0800 if family == 4 else 0x86DD
    packet = SimpleNamespace(flow=flow, network=object(), ethertype=ether_type, ethernet=ethernet)
    return packet, SimpleNamespace(tags=tags)
