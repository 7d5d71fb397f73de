"""What compiles rule sets and looks things up in them: as compiled, without the compiler, and with a fault."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from fastpath import destinations, match, rule_compiler
from fastpath.compile_flow import key_words
from fastpath.interpreted import Interpreted, Rewrite, replace_once
from fastpath.layout import INBOUND, OUTBOUND
from fastpath.memory import Words
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
    PASSAGE_WORDS,
    RULE_ACTION,
    RULE_COUNTER,
    TABLE_FIRST_RULE,
)
from reference import Port
from reference.action import ActionMeta
from reference.direction import Direction
from reference.packet.packet import Packet
from reference.vpc.firewall import VNI_TAG
from reference.vpc.router import RouterTarget, TargetKind

PASSAGE_AT = 5
"""Where the tests put a passage."""

DIRECTIONS = {Direction.IN: INBOUND, Direction.OUT: OUTBOUND}
LAYERS = ("gateway", "firewall", "router", "nat", "overlay")
THREADS = 3

_KINDS = {
    TargetKind.INTERNET_GATEWAY: KIND_INTERNET_GATEWAY,
    TargetKind.IP: KIND_ADDRESS,
    TargetKind.SUBNET: KIND_SUBNET,
}


class Engine(NamedTuple):
    """The modules to be tested, all from one set of copies."""

    compiler: Any
    match: Any
    destinations: Any


COMPILED = Engine(rule_compiler, match, destinations)


class Change(NamedTuple):
    """A change of the source: the module, what it says, and what it says instead."""

    module: str
    old: str
    new: str


def interpreted_engine(*changes: Change) -> Engine:
    """The same without the compiler, and with changes."""
    rewrites: dict[str, Rewrite] = {}
    for change in changes:
        name = f"fastpath.{change.module}"
        rewrites[name] = _then(rewrites.get(name, str), replace_once(change.old, change.new))
    copies = Interpreted(rewrites)
    return Engine(*[copies.module(f"fastpath.{name}") for name in ("rule_compiler", "match", "destinations")])


def _then(first: Rewrite, second: Rewrite) -> Rewrite:
    return lambda source: second(first(source))


INTERPRETED = interpreted_engine()
ENGINES = {"compiled": COMPILED, "uncompiled": INTERPRETED}


class Found(NamedTuple):
    """What compiled rules say: the position of the rule among those of its table, None for no rule; its action."""

    position: int | None
    action: int | None

    @property
    def is_left(self) -> bool:
        """Whether the reference is to decide."""
        return self.action == ACTION_LEAVE


class Rules:
    """The rule sets of a port, compiled by one engine, and what they say."""

    def __init__(self, engine: Engine, port: Port) -> None:
        self.engine = engine
        self.port = port
        self.compiler = engine.compiler.RuleCompiler()
        self.compile()

    def compile(self) -> None:
        """Follow changes of the port."""
        with np.errstate(over="ignore"):
            self.rule_set = self.compiler.compile(self.port, self.port.epoch, THREADS)

    @property
    def words(self) -> Words:
        """The array that misses take along."""
        words: Words = self.rule_set.words
        return words

    def table(self, layer: str, direction: Direction) -> int:
        """Index of a table."""
        return int(self.engine.match.table_of(self.words, LAYERS.index(layer), DIRECTIONS[direction]))

    def of(self, layer: str, direction: Direction) -> Iterator[int]:
        """Index of each rule of a table."""
        rule = int(self.words[self.table(layer, direction) + TABLE_FIRST_RULE])
        while rule:
            yield rule
            rule = int(self.engine.match.next_rule(self.words, rule))

    def match(self, layer: str, direction: Direction, packet: Packet, meta: ActionMeta) -> Found:
        """The rule of a layer that holds for a packet."""
        work = np.full(PASSAGE_AT + PASSAGE_WORDS, 0xA5A5_A5A5_A5A5_A5A5, np.uint64)
        self.fill(work, packet, meta)
        rule = int(self.engine.match.match_rule(self.words, self.table(layer, direction), work, PASSAGE_AT))
        if rule == 0:
            return Found(None, None)
        return Found(int(self.words[rule + RULE_COUNTER]) - COUNT_TABLE_WORDS, int(self.words[rule + RULE_ACTION]))

    def fill(self, work: Words, packet: Packet, meta: ActionMeta) -> None:
        """Write the passage of a packet."""
        *addresses, word = key_words(packet.direction, packet.flow)
        at = PASSAGE_AT
        work[at + PASSAGE_SOURCE : at + PASSAGE_SOURCE + 2] = addresses[:2]
        work[at + PASSAGE_DESTINATION : at + PASSAGE_DESTINATION + 2] = addresses[2:]
        work[at + PASSAGE_META] = word & 0xFFFF_FFFF_FFFF
        work[at + PASSAGE_ETHER_SOURCE] = int.from_bytes(packet.ethernet.source)
        work[at + PASSAGE_ETHER_DESTINATION] = int.from_bytes(packet.ethernet.destination)
        vni, target = meta.tags.get(VNI_TAG), meta.router_target
        work[at + PASSAGE_VNI] = 0 if vni is None else int(vni) + 1
        work[at + PASSAGE_TARGET] = work[at + PASSAGE_CLASS] = 0
        if isinstance(target, RouterTarget):
            work[at + PASSAGE_TARGET] = self.compiler.route_id(target)
            work[at + PASSAGE_CLASS] = _KINDS[target.kind]


def as_address(address: bytes) -> tuple[np.uint64, np.uint64, np.uint64]:
    """An address as look-ups take it: two words and the family."""
    number = int.from_bytes(address)
    return np.uint64(number >> 64), np.uint64(number & (1 << 64) - 1), np.uint64(4 if len(address) == 4 else 6)


def as_bytes(high: np.uint64, low: np.uint64) -> bytes:
    """Two words as an IPv6 address."""
    return (int(high) << 64 | int(low)).to_bytes(16)
