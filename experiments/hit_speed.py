"""How long a hit takes: among 1,000 to 1,000,000 flows, under each design, on one thread and two.

`python -m experiments.hit_speed`. Batches of 256 TCP/IPv4 segments, half of them with 1,400 bytes of payload, of flows
in random order, through the production kernel; each segment has a sequence number of its own. A compiled loop writes
each frame's headers before a batch, as a network card would; what that takes is measured in the same rounds and its
median taken off. All settings take turns in each round.
"""

import functools
import itertools
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numba
import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from experiments.arriving import write_batch
from experiments.forwarding import RESTORED_BYTES
from experiments.measure import Series, TooNoisy, interleaved
from experiments.population import (
    GUEST,
    GUEST_HOST,
    GUEST_MAC,
    NEIGHBOUR,
    NEIGHBOUR_HOST,
    NEIGHBOUR_MAC,
    VNI,
    Population,
    populated,
)
from experiments.replay import BATCH
from fastpath import Design, FrameBatch
from fastpath.compiler import OPTIONS
from fastpath.designs import POLICIES
from fastpath.layout import HEADROOM
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.pipeline import NO_COUNTS, NO_RULES, process_batch_under
from fastpath.policy import Policy
from reference.direction import Direction
from reference.packet.emit import Encapsulation
from reference.packet.protocol import EtherType, IpProtocol

SIZES: Final = (1_000, 100_000, 1_000_000)
PAYLOADS: Final = (0, 1_400)
"""Bytes; frames have them in turn."""
BATCHES: Final = 1_000
"""In one sample: some 256,000 packets, about ten milliseconds, so that both threads have found a core of their own."""
WARM_UP_ROUNDS: Final = 2
THREADS: Final = 2
FRAME_SIZE: Final = 1_536
_IP_AND_TCP: Final = 40
_ENCAPSULATION: Final = 70
_SEED: Final = 435


class NotHit(Exception):
    """A packet was not decided by the compiled path: the figures would lie."""


@dataclass(frozen=True)
class Setting:
    """What is measured together.

    Attributes:
        flows: in the table.
        policy: of the kernel; `name` says which.
        name: of the policy.
        lanes: for each thread the way its packets travel, and its share of the flows as `(first, count)`.
        payloads: bytes; frames have them in turn.
        skew: 0 for flows that all have as many packets; else the flow of rank r has its turn in proportion to r**-skew.
        apart: each thread has a port of its own, so that they share nothing but the machine.
    """

    flows: int
    policy: Policy
    name: str
    lanes: tuple[tuple[Direction, tuple[int, int]], ...]
    payloads: tuple[int, ...] = PAYLOADS
    skew: float = 0.0
    apart: bool = False


class Lane:
    """One thread's frames, with headers to write.

    Attributes:
        words: of the port that they reach.
        numbers: the flows in the order in which they have their turn: every flow, in as many samples as that takes,
            unless they are skewed.
    """

    def __init__(
        self,
        population: Population,
        direction: Direction,
        share: tuple[int, int],
        payloads: tuple[int, ...] = PAYLOADS,
        skew: float = 0.0,
    ) -> None:
        self.words = population.words
        first, count = share
        turns = -(-max(count, BATCHES * BATCH) // (BATCHES * BATCH)) * BATCHES * BATCH
        self.numbers = first + turns_of(count, turns, skew)
        source, destination = population.ports(self.numbers)
        if direction is Direction.IN:
            source, destination = destination, source
        self.ports = (source << 16 | destination).astype(np.uint64)
        self.batch = FrameBatch(BATCH, FRAME_SIZE)
        for payload in itertools.islice(itertools.cycle(payloads), BATCH):
            self.batch.load(direction, segment(direction, payload))
        rows = self.batch.frames.reshape(BATCH, self.batch.slot)
        self.headers = rows[:, HEADROOM : HEADROOM + RESTORED_BYTES].copy().reshape(-1).view(np.uint64)
        self.descriptors = self.batch.descriptors.copy()
        encapsulation = 0 if direction is Direction.OUT else _ENCAPSULATION
        self.ports_at = HEADROOM + encapsulation + 14 + 20


def turns_of(count: int, turns: int, skew: float) -> npt.NDArray[np.int64]:
    """Numbers below `count` in random order: each as often as any other, or by the power law of their rank."""
    random = np.random.default_rng(_SEED)
    if not skew:
        return random.permutation(turns) % count
    weights = np.arange(1, count + 1, dtype=np.float64) ** -skew
    return random.choice(count, turns, p=weights / weights.sum())


def segment(direction: Direction, payload: int) -> bytes:
    """A segment of a connection, as it reaches the port. Its ports and checksums are zero."""
    source, destination = (GUEST, NEIGHBOUR) if direction is Direction.OUT else (NEIGHBOUR, GUEST)
    ethernet = struct.pack(">6s6sH", NEIGHBOUR_MAC, GUEST_MAC, EtherType.IPV4)
    length = _IP_AND_TCP + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, IpProtocol.TCP, 0, source, destination)
    tcp = struct.pack(">HHIIBBHHH", 0, 0, 1_000, 2_000, 0x50, 0x10, 0xFFFF, 0, 0)
    frame = ethernet + ip + tcp + bytes(payload)
    if direction is Direction.OUT:
        return frame
    return Encapsulation(bytes(6), NEIGHBOUR_HOST, GUEST_HOST, VNI, 0).wrap(frame)


class Meter:
    """A setting, ready to be sampled."""

    def __init__(self, setting: Setting, *populations: Population) -> None:
        """With one port for all threads, or with one for each."""
        self.lanes = [
            Lane(population, direction, share, setting.payloads, setting.skew)
            for (direction, share), population in zip(setting.lanes, itertools.cycle(populations), strict=False)
        ]
        self._loop = sending_loop(setting.policy)
        self._pool = ThreadPoolExecutor(len(self.lanes))
        self._barrier = threading.Barrier(len(self.lanes))
        self._samples = 0

    def seconds(self, process: bool) -> float:
        """From the start of the first lane to the end of the last. Raises `NotHit`."""
        self._samples += process
        running: list[Future[tuple[int, int]]] = [
            self._pool.submit(self._run, number, lane, process) for number, lane in enumerate(self.lanes)
        ]
        spans = [future.result() for future in running]
        return (max(end for _, end in spans) - min(start for start, _ in spans)) / 1e9

    def _run(self, number: int, lane: Lane, process: bool) -> tuple[int, int]:
        batch = lane.batch
        first = self._samples * BATCHES * BATCH % len(lane.ports)
        ports = lane.ports[first : first + BATCHES * BATCH]
        self._barrier.wait()
        start = time.perf_counter_ns()
        undecided = self._loop(
            lane.words,
            batch.frames.view(np.uint64),
            batch.frames,
            batch.descriptors,
            batch.work,
            NO_RULES,
            NO_COUNTS,
            lane.headers,
            lane.descriptors,
            ports,
            lane.ports_at,
            batch.slot,
            np.uint64(1 + self._samples),
            number,
            process,
        )
        end = time.perf_counter_ns()
        if undecided:
            raise NotHit(f"{undecided} packets were left to the slow path")
        return start, end


@functools.cache
def sending_loop(policy: Policy) -> Any:
    """The compiled loop around a policy's production kernel; returns how many frames were not decided by it."""
    process_batch = process_batch_under(policy)

    def send(  # noqa: PLR0913, PLR0917 - arrays and numbers are all that a kernel can be given
        words: Words,
        frame_words: Words,
        frames: Frame,
        descriptors: Words,
        work: Words,
        rules: Words,
        counts: Words,
        headers: Words,
        pristine: Words,
        ports: Words,
        ports_at: int,
        slot: int,
        now: np.uint64,
        seat: int,
        process: bool,
    ) -> int:
        undecided = 0
        for turn in range(BATCHES):
            write_batch(frame_words, frames, descriptors, headers, pristine, ports, turn * BATCH, ports_at, slot, True)
            if process:
                undecided += BATCH - int(
                    process_batch(words, frames, descriptors, work, rules, counts, 0, BATCH, now, seat)
                )
        return undecided

    return numba.njit(**OPTIONS)(send)


def settings_of(sizes: tuple[int, ...], policies: dict[str, Policy]) -> list[Setting]:
    """Each policy alone and on two threads: different flows, both directions of one flow, and a port each."""
    found = []
    for name, policy in policies.items():
        for flows in sizes:
            found += [Setting(flows, policy, name, ((direction, (0, flows)),)) for direction in Direction]
        flows, half = sizes[0], sizes[0] // 2
        shares = ((0, half), (half, flows - half))
        lanes: list[tuple[tuple[Direction, tuple[int, int]], ...]] = [
            tuple((direction, share) for share in shares) for direction in Direction
        ]
        lanes += [((direction, (0, 1)),) for direction in Direction]
        lanes.append(tuple((direction, (0, 1)) for direction in Direction))
        found += [Setting(flows, policy, name, threads) for threads in lanes]
        found += [Setting(flows, policy, name, threads, apart=True) for threads in lanes[: len(Direction)]]
    return found


def measure(
    settings: list[Setting], rounds: int, seconds: float, advance: Callable[[Any], Any] = iter
) -> dict[Setting, Series]:
    """Nanoseconds a packet takes, per setting: all threads' packets in the time from the first to the last.

    Settings with one thread share a table of each size. One with several has its own, or one for each thread, so that
    each owns the halves that it serves (`uft.count_segment`), and not the thread of another setting. Raises `NotHit` or
    `TooNoisy`.
    """
    alone = {flows: populated(flows, THREADS) for flows in sorted({setting.flows for setting in settings})}
    meters = {
        setting: Meter(setting, alone[setting.flows])
        if len(setting.lanes) == 1
        else Meter(setting, *(populated(setting.flows, THREADS) for _ in range(THREADS if setting.apart else 1)))
        for setting in settings
    }
    samplers: dict[tuple[Setting, bool], Callable[[], float]] = {}
    for setting, meter in meters.items():
        for process in (True, False):
            samplers[setting, process] = functools.partial(meter.seconds, process)
    taken = interleaved(samplers, warm_up_rounds=WARM_UP_ROUNDS, rounds=rounds, seconds=seconds, advance=advance)
    found = {}
    for setting, meter in meters.items():
        writing, packets = taken[setting, False].median, BATCHES * BATCH * len(meter.lanes)
        if taken[setting, True].extremes[0] <= writing:
            raise TooNoisy("hits took no longer than writing their headers: the machine is too busy to measure")
        found[setting] = Series(tuple((sample - writing) / packets * 1e9 for sample in taken[setting, True].samples))
    return found


def main(
    rounds: Annotated[int, typer.Option(min=2, help="Samples of each setting.")] = 60,
    seconds: Annotated[float, typer.Option(min=0, help="Measure no longer than this.")] = 60.0,
    design: Annotated[list[Design] | None, typer.Option(help="Designs; all by default.")] = None,
    flows: Annotated[list[int] | None, typer.Option(help="Flows in the table.")] = None,
) -> None:
    """Measures hits and prints nanoseconds a packet, with quartiles and the least."""
    console = Console()
    policies = {chosen.value: POLICIES[chosen] for chosen in design or Design}
    settings = settings_of(tuple(flows or SIZES), policies)
    measured = measure(settings, rounds, seconds, lambda items: track(items, console=console, transient=True))
    table = Table(title="A hit: TCP/IPv4, batches of 256, payloads of 0 and 1,400 bytes")
    for heading in ("design", "flows in the table", "threads"):
        table.add_column(heading)
    for heading in ("ns/packet", "quartiles", "least", "scaling"):
        table.add_column(heading, justify="right")
    for setting, series in measured.items():
        low, high = series.quartiles
        table.add_row(
            setting.name,
            f"{setting.flows:,}",
            " + ".join(f"{direction.value} {_of(share)}" for direction, share in setting.lanes)
            + (", a port each" if setting.apart else ""),
            f"{series.median:.1f}",
            f"{low:.1f} - {high:.1f}",
            f"{series.extremes[0]:.1f}",
            _scaling(setting, measured),
        )
    console.print(table)


def _of(share: tuple[int, int]) -> str:
    return "one flow" if share[1] == 1 else f"{share[1]:,} flows"


def _scaling(setting: Setting, measured: dict[Setting, Series]) -> str:
    """Packets a second in units of one thread's, which has the same packets to itself."""
    if len(setting.lanes) == 1:
        return ""
    alone = [
        measured[Setting(setting.flows, setting.policy, setting.name, ((direction, share),))].median
        for direction, share in (
            (direction, share if share[1] == 1 else (0, setting.flows)) for direction, share in setting.lanes
        )
    ]
    return f"{sum(alone) / len(alone) / measured[setting].median:.2f}"


if __name__ == "__main__":
    typer.run(main)
