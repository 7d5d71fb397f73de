"""Code that is run on unknown numbers and bytes does what it does on known ones."""

from typing import Any

import z3
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether

from proofs.smt.frames import SymbolicFrame
from proofs.smt.integers import Integers
from proofs.smt.machine import Machine
from proofs.smt.module_copies import ModuleCopies
from proofs.smt.proxies import BUILTINS, UnknownBytes, UnknownInt, searchable, term_of
from proofs.smt.reexecution import Exploration
from proofs.smt.test_parsers import EXPLORED, STANDARD_LIBRARY
from reference.direction import Direction
from reference.packet.errors import ParseError
from reference.packet.parse import parse

FRAMES = [
    bytes(Ether() / packet)
    for packet in (
        IP(options=b"\1\1\1\0") / TCP(flags="SA", seq=7, options=[("MSS", 1460)]) / b"data",
        IP() / UDP(sport=5, dport=6) / b"data",
        IP() / ICMP(id=9),
        IPv6() / TCP(),
        IPv6() / ICMPv6EchoRequest(id=9),
    )
]
COPIES = ModuleCopies(EXPLORED, BUILTINS, STANDARD_LIBRARY)


def known(value: Any) -> Any:
    """What a value is, all of whose bytes were known."""
    if isinstance(value, UnknownInt):
        return z3.simplify(value.term).as_long()
    if isinstance(value, UnknownBytes):
        return bytes(known(value[position]) for position in range(z3.simplify(value.length).as_long()))
    return value


def explored(frame: bytes) -> Any:
    """The flow id that the reference finds, or the refusal, when it is run on bytes that only z3 knows."""
    exploration = Exploration(Machine(Integers()))
    symbolic = SymbolicFrame(lambda offset: z3.IntVal(frame[z3.simplify(offset).as_long()]), z3.IntVal(len(frame)))
    octets = UnknownBytes(exploration, symbolic, z3.IntVal(0), z3.IntVal(len(frame)))
    run = COPIES.module("reference.packet.parse").parse
    (outcome,) = exploration.outcomes(lambda: run(Direction.OUT, octets), ParseError)
    if outcome.raised is not None:
        return type(outcome.raised), str(outcome.raised).partition(",")[0]
    return tuple(known(member) for member in outcome.returned.flow)


def run_for_real(frame: bytes) -> Any:
    """The same in plain Python."""
    try:
        return tuple(parse(Direction.OUT, frame).flow)
    except ParseError as refusal:
        return type(refusal), str(refusal).partition(",")[0]


@given(
    frame=st.sampled_from(FRAMES),
    changes=st.lists(st.tuples(st.integers(12, 60), st.integers(0, 255)), max_size=3),
    cut=st.integers(0, 30),
)
def test_the_reference_parses_unknown_bytes_as_it_parses_known_ones(
    frame: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    octets = bytearray(frame)
    for position, value in changes:
        octets[position % len(octets)] = value
    octets = octets[: len(octets) - cut]
    assert explored(bytes(octets)) == run_for_real(bytes(octets))


def clamp(number: Any, limits: dict[int, int]) -> Any:
    """A branch, a look-up and an early return."""
    if number in limits:
        return limits[number]
    return number if number > 3 else 3 - number


def test_every_path_is_taken_once_and_no_other() -> None:
    machine = Machine(Integers())
    exploration = Exploration(machine)
    number = UnknownInt(exploration, machine.integer("number", below=6).term)
    found = []
    for outcome in exploration.outcomes(
        lambda: clamp(number, searchable({1: 10})) if number != 5 else None, ValueError
    ):
        if outcome.returned is not None:
            exploration.prove(z3.And(term_of(outcome.returned) >= 0, term_of(outcome.returned) <= 10), "bounds")
        found.append(str(outcome.returned if outcome.returned is None else term_of(outcome.returned)))
    assert sorted(found) == sorted(["None", "10", "number", "3 - number"])
