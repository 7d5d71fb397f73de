"""The free ports of source NAT, lent to misses between two slow operations.

Misses take from the end of a pool, as the reference does. When the gate is closed what they have taken is noted in the
reference's pools; before it opens the arena's pools are made equal to those again, from the lowest place on that has
changed.

Used under the slow lock with the gate closed.
"""

from collections.abc import Callable, Iterable
from typing import SupportsIndex

import numpy as np

from fastpath.layout import POOL_NUMBER, POOL_PORTS, POOL_TOP, POOL_WORDS, POOLS, POOLS_AT
from fastpath.memory import Words
from fastpath.numbering import pools_in_use
from reference.layer import Layer
from reference.packet.protocol import IpProtocol
from reference.vpc.snat import PortPool, PortPools

_PROTOCOLS = {
    4: (IpProtocol.TCP, IpProtocol.UDP, IpProtocol.ICMP),
    6: (IpProtocol.TCP, IpProtocol.UDP, IpProtocol.ICMPV6),
}
"""In the order of the arena's pools."""


class FreePorts(list[int]):
    """A pool's list of free ports that knows how much of it has stayed as it was.

    Attributes:
        same: how many ports, from the first on, are where they were when they were lent last.
    """

    def __init__(self, ports: Iterable[int]) -> None:
        super().__init__(ports)
        self.same = 0

    def pop(self, index: SupportsIndex = -1, /) -> int:
        """Take a port; the reference takes the last."""
        port = super().pop(index)
        self.same = min(self.same, len(self))
        return port


class LentPorts:
    """The ports of one port's source NAT."""

    def __init__(self, words: Words, layer: Layer, number_of: Callable[[PortPools], int]) -> None:
        """`layer` is that of NAT; `number_of` gives pools the number that rule sets have for them."""
        self._words = words
        self._layer = layer
        self._number_of = number_of
        self._lent: dict[int, tuple[PortPool, FreePorts]] = {}

    def collect(self) -> None:
        """Note in the reference which ports misses have taken."""
        for at, (pool, free) in self._lent.items():
            top = int(self._words[at + POOL_TOP])
            if top < len(free):
                pool.taken.update(free[top:])
                del free[top:]
            free.same = top

    def lend(self) -> None:
        """Let misses take ports of the pools that the rules name now."""
        current = self._current()
        if not current and not self._lent:
            return
        self._lent = {}
        for position in range(POOLS):
            at = int(self._words[POOLS_AT]) + position * POOL_WORDS
            pools = current.get(4 if position < POOLS // 2 else 6)
            pool = None if pools is None else pools.of(_PROTOCOLS[4 if position < POOLS // 2 else 6][position % 3])
            if pools is None or pool is None:
                self._words[at + POOL_NUMBER] = self._words[at + POOL_TOP] = 0
            else:
                self._lend(at, self._number_of(pools), pool)

    def _lend(self, at: int, number: int, pool: PortPool) -> None:
        free = pool.free
        if not isinstance(free, FreePorts):
            free = pool.free = FreePorts(free)
        if int(self._words[at + POOL_NUMBER]) != number:
            free.same = 0
        if free.same < len(free):
            first = at + POOL_PORTS
            self._words[first + free.same : first + len(free)] = np.array(free[free.same :], np.uint64)
            free.same = len(free)
        self._words[at + POOL_NUMBER], self._words[at + POOL_TOP] = number, len(free)
        self._lent[at] = (pool, free)

    def _current(self) -> dict[int, PortPools]:
        """The pools by family."""
        return {4 if len(pools.external_ip) == 4 else 6: pools for pools in pools_in_use(self._layer)}
