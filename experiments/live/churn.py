"""What goes on beside the traffic: rules that change, and flows that expire."""

import itertools
import threading
import time
from typing import Final

from experiments.live.network import Network
from experiments.live.vpc import now_ms
from experiments.small_vpc import firewall_rules
from reference.vpc.firewall import FirewallRule

IRRELEVANT: Final = "dir=in action=deny priority=10 protocol=TCP port=23"
"""A rule that no flow of the trial is under."""


class Churn:
    """A thread that changes the rules of all ports at a steady rate, and has flows expire every second.

    Attributes:
        changes: how often rules have changed.
        expiries: how often flows have been looked at.
        longest_ms: the longest change or expiry.
        failure: why it has ended, if it should not have.
    """

    def __init__(self, network: Network, rate: float) -> None:
        """`rate`: changes a second."""
        self.changes = self.expiries = 0
        self.longest_ms = 0.0
        self.failure: BaseException | None = None
        self._network = network
        self._pause = 1 / rate
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rules and expiry", daemon=True)

    def __enter__(self) -> "Churn":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)

    def _run(self) -> None:
        rules = itertools.cycle([[*firewall_rules(), FirewallRule.parse(IRRELEVANT)], firewall_rules()])
        due = time.monotonic()
        try:
            while not self._over.wait(self._pause):
                chosen, start = next(rules), time.monotonic()
                for port in self._network.path.ports:
                    port.set_firewall_rules(chosen)
                    if start >= due:
                        port.expire(now_ms())
                self.changes += 1
                if start >= due:
                    self.expiries += 1
                    due = start + 1
                self.longest_ms = max(self.longest_ms, 1e3 * (time.monotonic() - start))
        except BaseException as failure:
            self.failure = failure
