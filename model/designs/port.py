"""A port in a chosen setting, with the threads and operations that a configuration sets on it."""

from collections.abc import Sequence

from model.designs.invariants import INVARIANTS
from model.designs.operations import program
from model.designs.reclaim import Pool
from model.designs.words import (
    IN,
    NONE,
    OUT,
    Arena,
    At,
    Control,
    Entry,
    Life,
    Packet,
    Payload,
    PortState,
    Setting,
    Thread,
    Truth,
    Word,
)
from model.language import Process, Property, System

Port = System[Arena, Thread]

RUNNING = Control(1, PortState.RUNNING)


def port(
    name: str,
    sentence: str,
    *,
    setting: Setting,
    threads: Sequence[Sequence[Packet]],
    operations: Sequence[tuple[str, tuple[At, ...], int]] = (),
    installed: bool = True,
    pairs: int = 1,
    witnesses: Sequence[Property[Arena, Thread]] = (),
) -> Port:
    """A running port with one flow, as a transition system.

    Args:
        name: of the configuration.
        sentence: what it is about.
        setting: the design and what is broken in it.
        threads: for each thread that processes packets, its packets; each packet is a batch of its own.
        operations: further threads: name, locations to go through, and the time they read.
        installed: whether the flow is there at the beginning, with its last hit at time 0.
        pairs: pairs of records in all.
        witnesses: what must be seen.
    """
    packets = [
        Process(f"thread {chr(ord('A') + index)}", program, Thread(index, At.ANNOUNCE, packets=tuple(own)))
        for index, own in enumerate(threads)
    ]
    others = [
        Process(title, program, Thread(index, script[0], todo=script[1:], now=now))
        for index, (title, script, now) in enumerate(operations, start=len(threads))
    ]
    return System(
        name=f"{setting.design}: {name}",
        sentence=sentence,
        shared=_arena(setting, len(threads), pairs, installed=installed),
        processes=(*packets, *others),
        invariants=INVARIANTS,
        witnesses=tuple(witnesses),
    )


def _arena(setting: Setting, threads: int, pairs: int, *, installed: bool) -> Arena:
    there = int(installed)
    epoch = RUNNING.epoch
    record = 0 if setting.tcp else NONE
    halves = tuple(
        Entry(serial, Payload(serial, 1, epoch, record, rules=epoch), Life(0, dead=False)) for serial in (1, 2)
    )
    live = Word(0, epoch, frozen=False, dead=False)
    return Arena(
        setting=setting,
        control=RUNNING,
        announce=(0,) * threads,
        versions=(0,) * setting.buckets,
        slots=(OUT, IN) if installed else (NONE, NONE),
        entries=halves * there + (Entry(),) * 2 * (pairs - there),
        words=(live,) * there + (Word(),) * (pairs - there),
        entry_pool=Pool((True,) * 2 * there + (False,) * 2 * (pairs - there), ((),) * 2 * pairs),
        word_pool=Pool((True,) * there + (False,) * (pairs - there), ((),) * pairs),
        truth=Truth(
            open=installed,
            incarnation=there,
            serial=2 * there,
            installation=there,
            newest=(there, there),
            settled=RUNNING,
        ),
    )
