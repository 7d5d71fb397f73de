"""The search for one sequential order that explains a history (Wing and Gong, JPDC 1993), on a replica.

Tickets order the slow operations, so that only what compiled code has decided has to be placed among them: hits, where
the reference would hit, and misses, where it would not. States that were reached once with the same operations done are
not tried again (Lowe, 2017). Of two hits in a row that belong to different conversations, and could change places, one
order is tried: their flows are objects of their own. Hits are not placed flow by flow, each for itself: slow operations
concern all flows, and what is right for each need not be for all.

Expiry takes a ticket like any slow operation, but flows that misses have begun may expire before, each in a moment of
its own (`docs/misses.md`): those moments have to be found as well.

Long searches owe their length to a few wrong choices made early. So an attempt that has no success soon is given up for
another one, which prefers other threads.
"""

import itertools
from collections.abc import Hashable, Iterator
from random import Random
from typing import NamedTuple

from proofs.threads.history import HIT, MISS, Control, History, Operation, Packet
from proofs.threads.replica import Before, Mismatch, Replica
from reference.packet.flow import FlowId

_STAYS = 0.7
"""How often an attempt begins with the round at which the last one has failed, and not earlier."""
_CHANGES = (0.0, 0.01, 0.03, 0.1, 0.3)
"""How often an attempt changes its mind about which thread goes first, at each operation."""
_SHOWN = 8
"""Operations of a story that are told: the last ones that could be placed."""


class Unexplained(AssertionError):
    """No sequential order explains a history; the message tells how far the best one came."""


class Undecided(Exception):
    """Patience was at an end before an order was found, or all had been tried."""


class Move(NamedTuple):
    """A step of an order: a thread's next operation; or what comes of it before it takes effect.

    Attributes:
        touches: its packet leaves its time.
        expires: its expiry removes the flow with this outbound id.
    """

    thread: int
    touches: bool = False
    expires: FlowId | None = None

    @property
    def is_early(self) -> bool:
        """Whether the operation is yet to take effect."""
        return self.touches or self.expires is not None


class _Level(NamedTuple):
    """A state that was reached, the moves that are left to be tried there, and whether nobody has tried them before."""

    state: Hashable
    moves: list[Move]
    is_new: bool


class _Taken(NamedTuple):
    """A move that was made: its operation, the first end among the operations that were next, and what it changed."""

    move: Move
    operation: Operation
    horizon: int
    before: Before | bytes
    base: Hashable


def explain(history: History, replica: Replica, patience: int = 50_000, shortest: int = 250) -> list[Operation]:
    """An order of all operations in which the reference gives every answer that the port gave.

    Args:
        history: what happened.
        replica: the reference as the port was at the beginning.
        patience: how many steps to try.
        shortest: how many of them a short attempt has.

    Raises:
        Unexplained: there is none.
        Undecided: none was found in so many steps.
    """
    walk = _Walk(history, replica)
    for steps in _attempts(patience, shortest):
        order = walk.attempt(steps)
        if order is not None:
            return order
    raise Undecided(f"no order after {patience:,} steps\n{walk.story()}")


def _attempts(patience: int, shortest: int) -> Iterator[int]:
    """How many steps each attempt has: few for most, many for some (Luby, Sinclair, Zuckerman, IPL 1993)."""
    for number in itertools.count(1):
        steps = min(shortest * _luby(number), patience)
        yield steps
        patience -= steps
        if patience == 0:
            return


def _luby(number: int) -> int:
    """1, 1, 2, 1, 1, 2, 4, 1, ..."""
    while number & number + 1:
        number -= (1 << number.bit_length() - 1) - 1
    return number + 1 >> 1


class _Walk:
    """An attempt: a replica, and how far every thread has come on it."""

    def __init__(self, history: History, replica: Replica) -> None:
        self._threads = history
        self._replica = replica
        self._positions = [0] * len(history)
        self._touched = [False] * len(history)
        self._tickets = sorted(one.ticket for thread in history for one in thread if one.is_slow)
        self._slow = 0
        self._taken: list[_Taken] = []
        self._base: Hashable = None
        self._tried: set[Hashable] = set()
        self._chance = Random(0)
        self._ranks: dict[Operation, float] = {}
        self._levels: list[_Level] = []
        self._best: list[_Taken] = []
        self._horizon = 0
        self._obstacles: dict[Operation, str] = {}

    def attempt(self, steps: int) -> list[Operation] | None:
        """Look for an order in so many more steps; raises `Unexplained` where there is none.

        What has been tried to its end is not tried again. What has not is left at the end, for the next attempt to
        begin where nothing was under way: with the round at which this one has failed, or an earlier one.
        """
        self._ranks = self._drawn()
        self._levels.append(self._level())
        for _ in range(steps):
            if self._is_finished:
                return self.order()
            if self._levels[-1].moves:
                if self.take(self._levels[-1].moves.pop(0)):
                    self._levels.append(self._level())
                continue
            self._levels.pop()
            if not self._levels:
                raise Unexplained(self.story())
            self.take_back()
        self._go_back()
        return None

    def _go_back(self) -> None:
        while True:
            level = self._levels.pop()
            if level.is_new:
                self._tried.discard(level.state)
            if not self._levels or (self._is_quiet() and self._chance.random() < _STAYS):
                return
            self.take_back()

    def _is_quiet(self) -> bool:
        """Whether all that has its place had ended before anything else began."""
        placed = [thread[:position] for thread, position in zip(self._threads, self._positions, strict=True)]
        latest = max((operation.ended for thread in placed for operation in thread), default=0)
        is_begun = bool(self._taken) and self._taken[-1].move.is_early
        return not is_begun and not any(self._touched) and all(head.began > latest for head in self._heads().values())

    def _drawn(self) -> dict[Operation, float]:
        """Which of several operations is tried first: by chance, but mostly a thread goes on, as threads do.

        So a thread may stand still for long, or run ahead, and need not be chosen against at every step.
        """
        ranks = {}
        changes = self._chance.choice(_CHANGES)
        for thread in self._threads:
            rank = self._chance.random()
            for operation in thread:
                if self._chance.random() < changes:
                    rank = self._chance.random()
                ranks[operation] = rank
        return ranks

    @property
    def _is_finished(self) -> bool:
        """Whether all operations have their place."""
        return all(position == len(thread) for position, thread in zip(self._positions, self._threads, strict=True))

    def order(self) -> list[Operation]:
        """The operations in the order of this attempt."""
        return [taken.operation for taken in self._taken if not taken.move.is_early]

    def _level(self) -> _Level:
        """What may come next: operations; then time stamps, and flows that an expiry removes before its ticket."""
        heads = self._heads()
        horizon = min((head.ended for head in heads.values()), default=0)
        due = self._tickets[self._slow] if self._slow < len(self._tickets) else None
        ready = {number: head for number, head in heads.items() if head.began <= horizon}
        moves = [Move(number) for number, head in ready.items() if not head.is_slow and not self._is_swapped(head)]
        # An expiry removes all flows: none of them just before.
        early = self._just_expired
        moves += [Move(number) for number, head in ready.items() if head.ticket == due and early != number]
        moves += [Move(number, touches=True) for number, head in ready.items() if self._may_touch(number, head)]
        moves += [move for number, head in ready.items() for move in self._expiries(number, head)]
        state = (*self._positions, *self._touched, self._base, self._replica.connections(), *moves)
        if state in self._tried:
            return _Level(state, [], is_new=False)
        self._tried.add(state)
        self._horizon = horizon
        moves.sort(key=lambda move: (move.is_early, self._ranks[heads[move.thread]]))
        return _Level(state, moves, is_new=True)

    def take(self, move: Move) -> bool:
        """Let a move happen; whether the reference could."""
        operation = self._threads[move.thread][self._positions[move.thread]]
        base, horizon = self._base, self._horizon
        try:
            before = self._happen(move, operation)
        except Mismatch as mismatch:
            self._obstacles[operation] = str(mismatch)
            return False
        if before is None:
            return False
        if move.touches:
            self._touched[move.thread] = True
        elif not move.is_early:
            self._positions[move.thread] += 1
            self._touched[move.thread] = False
            self._slow += operation.is_slow
        self._taken.append(_Taken(move, operation, horizon, before, base))
        if len(self._taken) > len(self._best):
            self._best = list(self._taken)
        return True

    def take_back(self) -> None:
        """Undo the latest move."""
        move, operation, self._horizon, before, self._base = self._taken.pop()
        if isinstance(before, bytes):
            self._replica.restore(before)
        else:
            self._replica.take_back(before)
        if move.touches:
            self._touched[move.thread] = False
        elif not move.is_early:
            self._positions[move.thread] -= 1
            self._slow -= operation.is_slow
            self._touched[move.thread] = self._had_touched(move.thread)

    def story(self) -> str:
        """Where the best attempt ended, and why it could not go on."""
        placed = [taken.operation for taken in self._best if not taken.move.is_early]
        counts = [
            sum(operation.thread == thread[0].thread for operation in placed) if thread else 0
            for thread in self._threads
        ]
        heads = [thread[count] for thread, count in zip(self._threads, counts, strict=True) if count < len(thread)]
        return "\n  ".join(
            [
                f"no order explains what happened; {len(placed)} operations could be placed, the last of them:",
                *map(str, placed[-_SHOWN:]),
                "and none of these next:",
                *(f"{head}\n    {self._obstacles.get(head, 'it is not its turn')}" for head in heads),
            ]
        )

    def _happen(self, move: Move, operation: Operation) -> Before | bytes | None:
        action = operation.action
        if isinstance(action, Packet) and move.touches:
            return self._replica.touch(action)
        if isinstance(action, Packet):
            if not self._replica.could_take(operation.ticket, action):
                raise Mismatch(f"the reference would {'hit' if operation.ticket == MISS else 'miss'}")
            if operation.ticket == HIT and self._replica.would_hit(action):
                return self._replica.hit(action)
        saved = self._replica.saved()
        try:
            if not self._change(move, operation):
                self._replica.restore(saved)
                return None
        except Mismatch:
            self._replica.restore(saved)
            raise
        # With the move: misses take no ticket, so that more than one operation may be repeated from the same state.
        self._base = hash((saved, move, *self._positions))
        return saved

    def _change(self, move: Move, operation: Operation) -> bool:
        """Change the replica in other ways than a hit does; whether anything had to be changed."""
        if move.expires is None:
            self._replica.repeat(operation)
            return True
        assert isinstance(operation.action, Control)
        assert operation.action.expires_ms is not None
        return self._replica.expire_flow(move.expires, operation.action.expires_ms)

    def _heads(self) -> dict[int, Operation]:
        """The next operation of every thread that has one."""
        places = enumerate(zip(self._positions, self._threads, strict=True))
        return {number: thread[position] for number, (position, thread) in places if position < len(thread)}

    @property
    def _just_expired(self) -> int | None:
        """The thread whose expiry has removed a flow by the latest step; None if that was another step."""
        latest = self._taken[-1].move if self._taken else None
        return None if latest is None or latest.expires is None else latest.thread

    def _is_swapped(self, head: Operation) -> bool:
        """Whether a hit might as well have come before the latest hit, or end of a flow, and is tried there."""
        if not self._taken or not isinstance(head.action, Packet) or not self._replica.would_hit(head.action):
            return False
        latest = self._taken[-1]
        if latest.move.expires is not None:
            return self._replica.flow_of(head.action) != latest.move.expires
        last, horizon = latest.operation, latest.horizon
        if not isinstance(latest.before, Before) or not isinstance(last.action, Packet) or latest.move.is_early:
            return False
        if last.action.talk == head.action.talk:
            return False
        return head.thread < last.thread and head.began <= horizon

    def _may_touch(self, number: int, head: Operation) -> bool:
        if not isinstance(head.action, Packet) or self._touched[number]:
            return False
        # A segment that ends a connection leaves its time first, as any hit does.
        return head.ticket != HIT or not self._replica.would_hit(head.action)

    def _expiries(self, number: int, head: Operation) -> Iterator[Move]:
        """Flows that expire before their expiry takes its ticket; of several in a row, one order is tried."""
        if not isinstance(head.action, Control) or head.action.expires_ms is None:
            return
        latest = self._taken[-1].move.expires if self._just_expired == number else None
        for flow in self._replica.native:
            if latest is None or latest < flow:
                yield Move(number, expires=flow)

    def _had_touched(self, number: int) -> bool:
        moves = [taken.move for taken in self._taken if taken.move.thread == number]
        return bool(moves) and moves[-1].touches
