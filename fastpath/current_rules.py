"""The rule set that misses go by, kept in step with the port: compiled anew when the epoch has changed.

Everything but `latest` belongs to the owner of the slow lock.
"""

from typing import Final

import reference
from fastpath.layout import RULES_WANTED, THREAD_COUNT
from fastpath.memory import Words
from fastpath.pipeline import NO_COUNTS, NO_RULES
from fastpath.reclaim import Limbo
from fastpath.rule_compiler import RuleCompiler
from fastpath.rule_set import RuleSet
from reference.port_data import PortState
from reference.vpc.router import RouterTarget
from reference.vpc.snat import PortPools

NOTHING_COMPILED: Final = (NO_RULES, NO_COUNTS)
"""What leaves all misses to the reference, as a batch takes it along, of the types that rule sets have."""


class CurrentRules:
    """The rules of one port.

    Attributes:
        latest: the words of the latest rule set, and its counters: what a batch takes along. May be read at any time,
            and is good for as long as it is held; misses compare its number with the one that the arena wants.
    """

    def __init__(self, port: reference.Port, words: Words) -> None:
        """`words` is the arena, whose threads take rule sets along."""
        self._port = port
        self._words = words
        self._threads = int(words[THREAD_COUNT])
        self._compiler = RuleCompiler()
        self._limbo = Limbo(words)
        self._set: RuleSet | None = None
        self._former: list[RuleSet] = []
        self._prepared: RuleSet | None = None
        self.latest: tuple[Words, Words] = NOTHING_COMPILED

    def prepare(self) -> None:
        """Compile the rules of a running port if they are out of date, for the next `follow`. Misses may go on."""
        self._limbo.collect()
        port = self._port
        if port.state is PortState.RUNNING and not port.is_behind_mappings and not self._compiler.is_current(port):
            self._prepared = self._compile(int(self._words[RULES_WANTED]) + (self._set is not None))

    def follow(self) -> None:
        """Let misses go by the rules of a running port, compiled now if they are not yet. With the gate closed.

        There are none while the port is behind the mappings: its next packet is the reference's, which then hears of
        them. A batch under way may still have a rule set that was replaced. Its misses wait; what they have counted is
        collected once more after a grace period.
        """
        self._limbo.collect()
        port, prepared = self._port, self._prepared
        self._prepared = None
        behind = port.is_behind_mappings
        is_current = self._compiler.is_current(port)
        if self._set is not None and prepared is None and is_current and not behind:
            return
        if self._set is not None:
            self._retire(self._set)
            self._set, self.latest = None, NOTHING_COMPILED
            self._words[RULES_WANTED] = int(self._words[RULES_WANTED]) + 1
        if port.state is PortState.RUNNING and not behind:
            number = int(self._words[RULES_WANTED])
            self._set = rules = prepared if prepared is not None and is_current else self._compile(number)
            self.latest = (rules.words, rules.counts)

    def _compile(self, number: int) -> RuleSet:
        return self._compiler.compile(self._port, self._port.epoch, self._threads, number)

    def _retire(self, rules: RuleSet) -> None:
        self._former.append(rules)
        self._limbo.retire(lambda: self._forget(rules))

    def _forget(self, rules: RuleSet) -> None:
        rules.bring_home(self._port.data)
        self._former.remove(rules)

    def bring_home(self) -> None:
        """Add what misses have counted to the port's counters."""
        for rules in self._former:
            rules.bring_home(self._port.data)
        if self._set is not None:
            self._set.bring_home(self._port.data)

    def route(self, number: int) -> RouterTarget:
        """The router target with a `ROUTE_ID`; raises `KeyError`."""
        return self._compiler.route(number)

    def pools(self, number: int) -> PortPools:
        """The pools with a number; raises `IndexError`."""
        return self._compiler.pools(number)

    def pools_number(self, pools: PortPools) -> int:
        """The number of pools, the same for ever; 0 if they can have none."""
        return self._compiler.pools_number(pools)

    def changed(self, layer: str) -> int:
        """The epoch in which a layer's rules changed last; the present one if they have since they were compiled."""
        return self._compiler.changed(self._port, layer)
