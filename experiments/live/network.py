"""Ports, their devices, and a thread for each guest that carries what it sends.

The ports can be replaced by others of another design while frames are under way: each thread changes over between two
batches. Flows that were begun before go on, since a port takes a connection in its middle for established.
"""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from experiments.live.cable import ELSEWHERE, LEFT_BY_OTHER, STOPPED, Count, State, bare_cable, cable, new_state
from experiments.live.tap import Device
from experiments.live.vpc import Address, new_ports, now_ms
from fastpath import Design, FrameBatch, Port
from fastpath.layout import DESCRIPTOR_WORDS, FRAME_OFFSET, FRAME_VERDICT, LINE, VERDICT_DENIED, VERDICT_MODIFIED
from fastpath.memory import Words
from reference.direction import Direction
from reference.verdict import Hairpin, Modified

CAPACITY: Final = 64
"""Frames of a batch, where they are no longer than an MTU; as many bytes of longer ones."""
OFFLOADED_CAPACITY: Final = 4
LONGEST_CHANGE: Final = 60.0
"""Seconds for which a change waits for the threads."""
_OUTER_DESTINATION: Final = 14 + 24


class NotChanged(Exception):
    """A thread has not changed over in time, or has ended; `__cause__` says why, if it is known."""


@dataclass(frozen=True)
class Path:
    """What is between the guests: ports of a design, or nothing at all."""

    design: Design | None
    ports: tuple[Port, ...] = ()

    @property
    def name(self) -> str:
        """For people."""
        return self.design.value if self.design else "nothing in between"


class Network:
    """All guests of one machine.

    Attributes:
        path: what is between the guests now.
        workers: one for each guest.
    """

    def __init__(self, guests: Sequence[Address], devices: Sequence[Device], design: Design | None) -> None:
        """`design`: None for nothing in between, which takes exactly two guests."""
        self._guests = list(guests)
        self.path = self._new_path(design)
        self.workers = [Worker(self, number, devices) for number in range(len(guests))]

    def __enter__(self) -> "Network":
        for worker in self.workers:
            worker.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.end()

    def change(self, design: Design | None) -> None:
        """Put ports of another design between the guests, or nothing. Raises `NotChanged`."""
        path = self._new_path(design)
        for worker in self.workers:
            worker.changed.clear()
        self.path = path
        for worker in self.workers:
            worker.signal[0] = 1
        for worker in self.workers:
            if not worker.changed.wait(LONGEST_CHANGE) or worker.failure:
                raise NotChanged(f"guest {worker.number} is still behind {worker.path.name}") from worker.failure

    def check(self) -> None:
        """Raises `NotChanged` when a thread has ended by an error."""
        for worker in self.workers:
            if worker.failure:
                raise NotChanged(f"the thread of guest {worker.number} has ended") from worker.failure

    def host(self, number: int) -> bytes:
        """The underlay address of a guest's host."""
        return self._guests[number].host

    def port_at(self, host: bytes) -> int | None:
        """The number of the guest behind an underlay address."""
        return next((guest.number for guest in self._guests if guest.host == host), None)

    def _new_path(self, design: Design | None) -> Path:
        """Compiled already, so that no frame waits for the compiler."""
        path = Path(design, tuple(new_ports(self._guests, design, len(self._guests) + 2)) if design else ())
        signal = np.ones(LINE, np.uint64)
        batch, nothing, byte = FrameBatch(1), np.zeros(2 * LINE, np.uint64), np.zeros(1, np.uint8)
        if path.ports:
            port = path.ports[0]
            both = (port.words, *port.rules, 0) * 2
            frames = (batch.frames, batch.descriptors, batch.work, byte, 1, batch.slot)
            cable(port.policy)(*both, nothing, -1, -1, *frames, 1, 0, new_state(), nothing, nothing, signal)
        else:
            bare_cable()(-1, -1, batch.frames, 1, 0, nothing, nothing, signal)
        return path


class Worker:
    """The thread that carries what one guest sends.

    Attributes:
        number: of the guest.
        counters: see `cable.Count`.
        signal: not 0 to have it look for a change.
        changed: set when it has seen the latest one.
        failure: why it has ended, if it should not have.
    """

    def __init__(self, network: Network, number: int, devices: Sequence[Device]) -> None:
        self.number = number
        self.path = network.path
        self.counters: Words = np.zeros(2 * LINE, np.uint64)
        self.signal: Words = np.zeros(LINE, np.uint64)
        self.changed = threading.Event()
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name=f"guest {number}", daemon=True)
        self._network = network
        self._devices = devices
        self._other = next(other for other in range(len(devices)) if other != number)
        device = devices[number]
        capacity = OFFLOADED_CAPACITY if device.header else CAPACITY
        self._batch = FrameBatch(capacity, device.longest)
        self._batch.count = capacity
        self._headers = np.zeros(capacity * max(device.header, 1), np.uint8)
        self._state = new_state()
        self._scratch = np.zeros(LINE, np.uint64)
        self._ending = False

    def end(self) -> None:
        """Have the thread end, and wait for it."""
        self._ending = True
        self.signal[0] = 1
        self.thread.join(LONGEST_CHANGE)

    def _run(self) -> None:
        try:
            while not self._ending:
                # The signal is taken back before the path is read: a change after that is seen the next time.
                self.signal[0] = 0
                self.path = self._network.path
                self.changed.set()
                if not self._ending:
                    self._carry_over(self.path)
        except BaseException as failure:
            self.failure = failure
        finally:
            self.changed.set()

    def _carry_over(self, path: Path) -> None:
        """Carry frames until the signal says that there is a change."""
        if path.design is None:
            self._carry_bare()
        else:
            while (outcome := self._carry(path)) != STOPPED:
                self._attend(path, outcome)

    def _carry_bare(self) -> None:
        device = self._devices[self.number]
        bare_cable()(
            *(device.descriptor, self._devices[self._other].descriptor, self._batch.frames),
            *(device.longest, device.header, self.counters, self._scratch, self.signal),
        )

    def _carry(self, path: Path) -> int:
        own, other = path.ports[self.number], path.ports[self._other]
        device, batch = self._devices[self.number], self._batch
        host: Words = np.frombuffer(self._network.host(self._other), ">u8").astype(np.uint64)
        outcome: int = cable(own.policy)(
            *(own.words, *own.rules, own.seat(), other.words, *other.rules, other.seat(), host),
            *(device.descriptor, self._devices[self._other].descriptor),
            *(batch.frames, batch.descriptors, batch.work, self._headers, batch.capacity, batch.slot),
            *(device.longest, device.header, self._state, self.counters, self._scratch, self.signal),
        )
        return outcome

    def _attend(self, path: Path, outcome: int) -> None:
        """Do for the frame at the position what compiled code has not done."""
        position = int(self._state[State.POSITION])
        if outcome == ELSEWHERE:
            self._readdress(position)
            return
        inward = outcome == LEFT_BY_OTHER
        port = path.ports[self._other if inward else self.number]
        if self._batch.waits(position):
            port.wait_for_turn()
            return
        self.counters[Count.SLOW] += np.uint64(1)
        verdict: Any = port.process(Direction.IN if inward else Direction.OUT, self._batch.frame(position), now_ms())
        word = position * DESCRIPTOR_WORDS + FRAME_VERDICT
        if isinstance(verdict, Modified):
            self._batch.decide(position, verdict, port.ticket)
            self._batch.descriptors[word] = VERDICT_MODIFIED
        else:
            self._batch.descriptors[word] = VERDICT_DENIED
            if isinstance(verdict, Hairpin) and not inward:
                device = self._devices[self.number]
                os.writev(device.descriptor, [bytes(device.header), verdict.packet])
        self._state[State.POSITION] = position + 1

    def _readdress(self, position: int) -> None:
        """Have the frame, and those after it, go to the host that it is addressed to; drop it if there is none."""
        record = position * DESCRIPTOR_WORDS
        at = int(self._batch.descriptors[record + FRAME_OFFSET]) + _OUTER_DESTINATION
        other = self._network.port_at(self._batch.frames[at : at + 16].tobytes())
        if other is None:
            self._batch.descriptors[record + FRAME_VERDICT] = VERDICT_DENIED
        else:
            self._other = other
