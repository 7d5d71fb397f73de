"""The trial: under each design in turn, guests get addresses, ping, talk over TCP and UDP, and transfer a file.

Meanwhile rules change and flows expire (`churn.py`), and at last designs change in the middle of a transfer. Every step
must succeed: each waits for programs that end with an error when a connection drops.
"""

import functools
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from experiments.live import programs
from experiments.live.churn import Churn
from experiments.live.guests import Guest
from experiments.live.network import Network
from experiments.live.vpc import GATEWAY
from experiments.recording.programs import RecordingError
from fastpath import Design
from reference.address import format_ip

FILE: Final = "file"
UDP_MEGABITS: Final = 200
BETWEEN_CHANGES: Final = 0.5
"""Seconds from one change of design to the next, in the middle of a transfer."""


@dataclass(frozen=True)
class Plan:
    """What is done.

    Attributes:
        designs: in turn.
        seconds: of each iperf3 run.
        megabytes: of the file.
        rate: changes of rules a second.
    """

    designs: tuple[Design, ...] = tuple(Design)
    seconds: int = 3
    megabytes: int = 1_000
    rate: float = 10.0


@dataclass(frozen=True)
class Step:
    """Something that has succeeded: under which design, what, and what came of it."""

    design: str
    name: str
    outcome: str
    seconds: float


class Trial:
    """A trial under way.

    Attributes:
        steps: those that have succeeded, so far.
        now: what is being done.
    """

    def __init__(self, network: Network, guests: Sequence[Guest], plan: Plan) -> None:
        """`guests`: at least two; the first two do most of the talking."""
        self.steps: list[Step] = []
        self.now = "begins"
        self._network = network
        self._guests = list(guests)
        self._plan = plan

    def run(self) -> None:
        """All of it. Raises `RecordingError` for what fails, `NotChanged` when a port's thread does."""
        first, second = self._guests[:2]
        with tempfile.TemporaryDirectory() as folder:
            self.now = f"writing {self._plan.megabytes} MB of random bytes"
            wanted = programs.make_file(Path(folder, FILE), self._plan.megabytes * 1_000_000)
            with Churn(self._network, self._plan.rate) as churn:
                for design in self._plan.designs:
                    self._do("change to it", functools.partial(self._change, design))
                    for guest in self._guests:
                        self._do(f"DHCP, guest {guest.address.number}", functools.partial(_lease, guest))
                    self._pings()
                    with programs.listening(second):
                        self._throughput(first, second)
                    with programs.offering(second, Path(folder)):
                        self._do("file", lambda: self._transfer(first, second, wanted))
                with programs.offering(first, Path(folder)):
                    self._do("file, designs changing", lambda: self._transfer_and_change(second, first, wanted))
                self.steps.append(
                    Step("all", "rules changed", f"{churn.changes} times, longest {churn.longest_ms:.0f} ms", 0)
                )
            if churn.failure:
                raise churn.failure
        self._network.check()
        self.now = "done"

    def _do(self, name: str, step: Callable[[], str]) -> None:
        self.now, start = f"{self._network.path.name}: {name}", time.monotonic()
        try:
            outcome = step()
        except RecordingError as error:
            raise RecordingError(f"{self.now}: {error}") from error
        self._network.check()
        self.steps.append(Step(self._network.path.name, name, outcome, time.monotonic() - start))

    def _pings(self) -> None:
        first = self._guests[0]
        places = [("gateway", format_ip(GATEWAY))]
        places += [(f"guest {guest.address.number}", guest.address.text) for guest in self._guests[1:]]
        for name, address in places:
            self._do(f"ping {name}", functools.partial(_ping, first, address))

    def _change(self, design: Design) -> str:
        self._network.change(design)
        return "done"

    def _throughput(self, client: Guest, server: Guest) -> None:
        for protocol, megabits in (("TCP", 0), ("UDP", UDP_MEGABITS)):
            for way, reverse in (("there", False), ("back", True)):
                measure = functools.partial(
                    programs.iperf, client, server, self._plan.seconds, reverse=reverse, udp_megabits=megabits
                )
                self._do(f"iperf3 {protocol} {way}", functools.partial(_told, measure))

    def _transfer(self, client: Guest, owner: Guest, wanted: str) -> str:
        start = time.monotonic()
        got = programs.fetch(client, owner, FILE)
        if got != wanted:
            raise RecordingError(f"the file that arrived has SHA-256 {got}, not {wanted}")
        return f"{self._plan.megabytes} MB, checksum equal, {self._rate(start):.2f} Gbit/s"

    def _transfer_and_change(self, client: Guest, owner: Guest, wanted: str) -> str:
        over, changes, failures = threading.Event(), [0], list[Exception]()

        def change() -> None:
            try:
                while not over.wait(BETWEEN_CHANGES):
                    self._network.change(self._plan.designs[changes[0] % len(self._plan.designs)])
                    changes[0] += 1
            except Exception as failure:
                failures.append(failure)

        changing = threading.Thread(target=change, daemon=True)
        changing.start()
        try:
            said = self._transfer(client, owner, wanted)
        finally:
            over.set()
            changing.join(60)
        if failures:
            raise failures[0]
        return f"{said}, {changes[0]} changes of design"

    def _rate(self, start: float) -> float:
        return self._plan.megabytes * 8e-3 / (time.monotonic() - start)


def _lease(guest: Guest) -> str:
    guest.lease()
    if f" {guest.address.text}/" not in guest.addresses():
        raise RecordingError(f"guest {guest.address.number} has no address after DHCP")
    return guest.address.text


def _ping(sender: Guest, address: str) -> str:
    return f"{programs.ping(sender, address):.2f} ms"


def _told(measure: Callable[[], programs.Throughput]) -> str:
    found = measure()
    more = f", {100 * found.lost:.2g} % lost" if found.lost else ""
    more += f", {found.retransmitted} retransmitted" if found.retransmitted else ""
    return f"{found.gigabits:.2f} Gbit/s{more}"
