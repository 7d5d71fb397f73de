"""From a rule of the reference to words: its clauses, and what its action needs.

A rule that cannot be compiled whole is compiled as far as it can: it holds whenever it might, and leaves the packet to
the reference.
"""

import contextlib
import functools
from array import array
from typing import NamedTuple

import numpy as np

from fastpath.compile_predicates import Clause, compile_predicate, destination_prefixes
from fastpath.intervals import prefix_words
from fastpath.numbering import PoolNumbers, RouteNumbers
from fastpath.rule_layout import (
    ACTION_ALLOW,
    ACTION_DECAPSULATE,
    ACTION_DENY,
    ACTION_ENCAPSULATE,
    ACTION_INBOUND_NAT,
    ACTION_LEAVE,
    ACTION_NOTE_VNI,
    ACTION_OUTBOUND_NAT,
    ACTION_REWRITE_SOURCE_MAC,
    ACTION_ROUTE,
    ACTION_SOURCE_NAT,
    ACTION_STATEFUL_ALLOW,
    ACTION_TAG_EXTERNAL,
    KIND_ADDRESS,
    KIND_INTERNET_GATEWAY,
    KIND_SUBNET,
    RULE_WORDS,
)
from reference.action import Action, SimpleAction
from reference.rule import Rule
from reference.vpc.gateway import NoteVni, RewriteSourceMac
from reference.vpc.nat import ExternalIpTagger, InboundNat, OutboundNat
from reference.vpc.overlay import Decapsulate, Encapsulate
from reference.vpc.router import RouterAction, RouterTarget, TargetKind
from reference.vpc.snat import SourceNatAction

_LOW_64 = 0xFFFF_FFFF_FFFF_FFFF

_SIMPLE = {
    SimpleAction.ALLOW: ACTION_ALLOW,
    SimpleAction.STATEFUL_ALLOW: ACTION_STATEFUL_ALLOW,
    SimpleAction.DENY: ACTION_DENY,
    SimpleAction.HANDLE_PACKET: ACTION_LEAVE,
}
_WITHOUT_PARAMETERS: dict[type, np.uint64] = {
    NoteVni: ACTION_NOTE_VNI,
    ExternalIpTagger: ACTION_TAG_EXTERNAL,
    InboundNat: ACTION_INBOUND_NAT,
    Encapsulate: ACTION_ENCAPSULATE,
    Decapsulate: ACTION_DECAPSULATE,
}
_KINDS = {
    TargetKind.INTERNET_GATEWAY: KIND_INTERNET_GATEWAY,
    TargetKind.IP: KIND_ADDRESS,
    TargetKind.SUBNET: KIND_SUBNET,
}


MOST_KNOWN = 1 << 12
"""Rules whose words are kept: a change often replaces all rules by new ones most of which are equal."""


class CompiledAction(NamedTuple):
    """An action: its code, and either a value or parameters that stand behind the rule."""

    code: np.uint64
    value: int = 0
    parameters: tuple[int, ...] = ()


class CompiledRule(NamedTuple):
    """A rule as it stands in every table.

    Attributes:
        words: the rule with clauses and parameters; what depends on its position is still to be written.
        prefixes: first and last address, two words each, of the prefixes in one of which the destination must lie, by
            family; None if the rule looks at more than the destination.
    """

    words: bytes
    prefixes: dict[int, list[tuple[int, int, int, int]]] | None


_LEFT = CompiledAction(ACTION_LEAVE)


class RuleWords:
    """Compiles rules, numbering what they name."""

    def __init__(self) -> None:
        self.routes = RouteNumbers()
        self.pools = PoolNumbers()
        self._known = functools.lru_cache(MOST_KNOWN)(self._compile)

    def compile(self, rule: Rule) -> CompiledRule:
        """The words of a rule; those of equal rules are equal."""
        if isinstance(rule.action, SimpleAction):
            # A predicate of an unknown class need not be hashable.
            with contextlib.suppress(TypeError):
                return self._known(rule)
        return self._compile(rule)

    def _compile(self, rule: Rule) -> CompiledRule:
        conditions = [compile_predicate(predicate, self.routes) for predicate in rule.predicates]
        is_exact = not rule.data_predicates and None not in conditions
        action = self._action(rule.action) if is_exact else _LEFT
        words = _assemble(action, [clause for condition in conditions for clause in condition or ()])
        return CompiledRule(words, _prefixes(rule) if is_exact else None)

    def _action(self, action: Action) -> CompiledAction:
        """An action; subclasses of those that are known here may do anything, and are left to the reference."""
        kind = type(action)
        if isinstance(action, SimpleAction):
            return CompiledAction(_SIMPLE[action])
        if kind in _WITHOUT_PARAMETERS:
            return CompiledAction(_WITHOUT_PARAMETERS[kind])
        if isinstance(action, RewriteSourceMac) and kind is RewriteSourceMac:
            return CompiledAction(ACTION_REWRITE_SOURCE_MAC, int.from_bytes(action.gateway_mac))
        if isinstance(action, RouterAction) and kind is RouterAction:
            return self._route(action.target)
        if isinstance(action, OutboundNat) and kind is OutboundNat:
            addresses = [word for address in action.external_ips for word in _halves(address)]
            return CompiledAction(ACTION_OUTBOUND_NAT, parameters=(len(action.external_ips), *addresses))
        if isinstance(action, SourceNatAction) and kind is SourceNatAction:
            number = self.pools.number_of(action.pools)
            parameters = (number, *_halves(action.pools.external_ip))
            return CompiledAction(ACTION_SOURCE_NAT, parameters=parameters) if number else _LEFT
        return _LEFT

    def _route(self, target: RouterTarget) -> CompiledAction:
        number = self.routes.number_of(target)
        if not number or target.kind not in _KINDS:
            return _LEFT
        return CompiledAction(ACTION_ROUTE, parameters=(number, int(_KINDS[target.kind]), *_halves(target.address)))


def _assemble(action: CompiledAction, clauses: list[Clause]) -> bytes:
    words = [0] * RULE_WORDS
    for clause in clauses:
        words.append(len(clause))
        for atom in clause:
            words.extend(atom)
    value = len(words) if action.parameters else action.value
    words[:RULE_WORDS] = [len(words) + len(action.parameters), int(action.code), value, 0, len(clauses)]
    return array("Q", (*words, *action.parameters)).tobytes()


def _prefixes(rule: Rule) -> dict[int, list[tuple[int, int, int, int]]] | None:
    prefixes = destination_prefixes(rule.predicates)
    if prefixes is None:
        return None
    by_family: dict[int, list[tuple[int, int, int, int]]] = {4: [], 6: []}
    for prefix in prefixes:
        by_family[prefix.family].append(prefix_words(prefix))
    return by_family


def _halves(address: bytes) -> tuple[int, int]:
    number = int.from_bytes(address)
    return number >> 64, number & _LOW_64
