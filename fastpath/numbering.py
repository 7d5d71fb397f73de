"""Numbers for what rules name but words cannot hold: router targets and pools of ports."""

from collections.abc import Iterator
from typing import Final

from reference.layer import Layer
from reference.vpc.router import RouterTarget
from reference.vpc.snat import PortPools, SourceNatAction

MOST_ROUTES: Final = 0xFFFF
MOST_POOLS: Final = 0xF_FFFF
"""As many as `ORIGIN` of a native flow has room for."""


class RouteNumbers:
    """A number for each text of a router target, from 1, the same for ever. Equal targets have equal texts."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._targets: dict[int, RouterTarget] = {}

    def number_of_text(self, text: str) -> int:
        """The number of a text, whether there is a target with it yet or not; 0 when all numbers are taken."""
        number = self._numbers.get(text, 0)
        if number == 0 and len(self._numbers) < MOST_ROUTES:
            number = self._numbers[text] = len(self._numbers) + 1
        return number

    def number_of(self, target: RouterTarget) -> int:
        """The number of a target; 0 when all are taken, or an unequal target has the same text."""
        number = self.number_of_text(str(target))
        if number and self._targets.setdefault(number, target) != target:
            return 0
        return number

    def target(self, number: int) -> RouterTarget:
        """The target with a number; raises `KeyError`."""
        return self._targets[number]


class PoolNumbers:
    """A number for each source NAT's pools of ports, from 1, the same for ever."""

    def __init__(self) -> None:
        self._numbers: dict[PortPools, int] = {}
        self._pools: list[PortPools] = []

    def number_of(self, pools: PortPools) -> int:
        """The number of these pools; 0 when all are taken."""
        number = self._numbers.get(pools, 0)
        if number == 0 and len(self._pools) < MOST_POOLS:
            self._pools.append(pools)
            number = self._numbers[pools] = len(self._pools)
        return number

    def pools(self, number: int) -> PortPools:
        """The pools with a number; raises `IndexError`."""
        if number < 1:
            raise IndexError(number)
        return self._pools[number - 1]


def pools_in_use(layer: Layer) -> Iterator[PortPools]:
    """The pools that the rules of NAT name, those of a family perhaps several times."""
    for numbered in layer.outbound.rules.rules:
        action = numbered.rule.action
        if isinstance(action, SourceNatAction):
            yield action.pools
