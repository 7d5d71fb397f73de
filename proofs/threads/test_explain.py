"""The search finds an order exactly where one of all orders, each tried without thought, explains a history."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

import pytest

import fastpath
from proofs.threads.explain import Unexplained, explain
from proofs.threads.history import HIT, MISS, Control, Operation, Packet
from proofs.threads.performance import beginning, perform
from proofs.threads.replica import Mismatch, Replica
from proofs.threads.stories import BEGINNING_MS, Batch, Command, Deed, Story, Teller
from reference.flow_table import FLOW_TIME_TO_LIVE_MS
from reference.packet.flow import FlowId

HISTORIES = 80
EXPIRIES = 60
MOST_PACKETS = 5
THREADS = 3


def _small_story(seed: int) -> Story:
    """A few deeds of a story, for one thread, at one time; without mappings, which the port would follow by itself."""
    story = Teller(seed).story()
    left = MOST_PACKETS
    small: list[Deed] = []
    for deed in (deed for deeds in story.rounds[seed % len(story.rounds)] for deed in deeds):
        if isinstance(deed, Batch):
            batch = Batch(BEGINNING_MS, deed.sights[: min(left, 2)], deed.talks[: min(left, 2)])
            small.append(batch)
            left -= len(batch.sights)
        elif not deed.changes_mappings:
            small.append(deed)
        if left == 0 or len(small) == 4:
            break
    return replace(story, rounds=((tuple(small),),))


def _expiring_story(seed: int) -> Story:
    """A packet, an expiry much later, then two other packets, and something that takes a ticket."""
    story = Teller(seed).story()
    random = Random(seed)
    batches = [deed for deeds in story.rounds for done in deeds for deed in done if isinstance(deed, Batch)]
    before, after = random.choice(batches), random.choice(batches)
    now_ms = BEGINNING_MS + random.choice((FLOW_TIME_TO_LIVE_MS - 1, FLOW_TIME_TO_LIVE_MS, 9_000_000))
    deeds = (
        Batch(BEGINNING_MS, before.sights[:1], before.talks[:1]),
        Command("expire", lambda port, _: port.expire(now_ms), expires_ms=now_ms),
        Batch(now_ms, after.sights[:2], after.talks[:2]),
        Command("statistics", lambda port, _: port.statistics()),
    )
    return replace(story, rounds=((deeds,),))


def _small_history(story: Story) -> tuple[Replica, list[Operation]]:
    """What one thread did, in its order, and the reference as it was after the beginning."""
    [alone, _] = perform(story, fastpath.Design.FINE)
    replica = beginning(story)
    opening = len(story.beginning)
    assert _repeats(alone[:opening], replica)
    return replica, list(alone[opening:])


def _spread(operations: Sequence[Operation], random: Random, count: int = THREADS) -> list[list[Operation]]:
    """The operations given to several threads, with beginnings and ends that overlap; the last one stays the last."""
    threads: list[list[Operation]] = [[] for _ in range(count)]
    ended = [0] * count
    for place, operation in enumerate(operations):
        thread = random.randrange(count)
        is_last = place == len(operations) - 1
        moment = 10 * place + 1_000 * is_last
        began = moment if is_last else max(ended[thread] + 1, moment - random.randrange(40))
        ended[thread] = max(began, moment) + random.randrange(10)
        threads[thread].append(replace(operation, thread=thread, began=began, ended=ended[thread]))
    return threads


def _delayed(operations: Sequence[Operation], random: Random) -> list[list[Operation]]:
    """The operations on several threads, the expiry on one of its own: it takes its ticket later than its effect."""
    [expiry] = [one for one in operations if isinstance(one.action, Control) and one.action.expires_ms is not None]
    place = operations.index(expiry)
    rest = [*operations[:place], *operations[place + 1 :]]
    later = random.choice((random.randrange(place, len(rest)), len(rest) - 1))
    tickets = itertools.count(1)
    order = [*rest[:later], expiry, *rest[later:]]
    order = [replace(one, ticket=next(tickets)) if one.is_slow else one for one in order]
    threads = _spread([*order[:later], *order[later + 1 :]], random, THREADS - 1)
    began = random.randrange(-40, 10 * later)
    return [*threads, [replace(order[later], thread=THREADS - 1, began=began, ended=10 * later)]]


def _spoilt(threads: Sequence[Sequence[Operation]], random: Random) -> list[list[Operation]]:
    """The same with something changed, so that perhaps no order explains it any more."""
    copied = [list(operations) for operations in threads]
    places = [(thread, index) for thread, operations in enumerate(copied) for index in range(len(operations))]
    (a, i), (b, j) = random.choice(places), random.choice(places)
    one, other = copied[a][i], copied[b][j]
    match random.randrange(4):
        case 0:
            copied[a][i], copied[b][j] = replace(one, ticket=other.ticket), replace(other, ticket=one.ticket)
        case 1 if isinstance(one.action, Packet) and isinstance(other.action, Packet):
            copied[a][i] = replace(one, action=replace(one.action, verdict=other.action.verdict))
        case 2 if isinstance(one.action, Packet):
            copied[a][i] = replace(one, ticket=random.choice((HIT, MISS)))
        case _:
            del copied[a][i]
    return copied


def _some_order_explains(threads: Sequence[Sequence[Operation]], replica: Replica) -> bool:
    saved = replica.saved()
    for order in _orders([tuple(thread) for thread in threads]):
        if _keeps_ranks(order):
            replica.restore(saved)
            if _repeats(order, replica):
                return True
    return False


def _orders(threads: Sequence[tuple[Operation, ...]]) -> Iterator[list[Operation]]:
    """All ways to merge the threads."""
    if not any(threads):
        yield []
    for number, thread in enumerate(threads):
        if thread:
            for rest in _orders([*threads[:number], thread[1:], *threads[number + 1 :]]):
                yield [thread[0], *rest]


def _keeps_ranks(order: Sequence[Operation]) -> bool:
    tickets = [operation.ticket for operation in order if operation.is_slow]
    latest = 0
    for operation in order:
        if operation.ended < latest:
            return False
        latest = max(latest, operation.began)
    return tickets == sorted(tickets)


def _repeats(order: Sequence[Operation], replica: Replica) -> bool:
    """Whether the reference gives the same answers, for some choice of the flows that expire before their expiry."""
    if not order:
        return True
    saved = replica.saved()
    for expiries in _choices_of_expiries(order, replica):
        are_due = all(replica.expire_flow(flow, now_ms) for flow, now_ms in expiries)
        if are_due and _happens(order[0], replica) and _repeats(order[1:], replica):
            return True
        replica.restore(saved)
    return False


def _choices_of_expiries(order: Sequence[Operation], replica: Replica) -> Iterator[tuple[tuple[FlowId, int], ...]]:
    """All sets of flows that expiries under way may have removed, before the first operation of what is left."""
    horizon = min(operation.ended for operation in order)
    due = []
    for place, operation in enumerate(order):
        is_next = all(other.thread != operation.thread for other in order[:place])
        if isinstance(operation.action, Control) and is_next and operation.began <= horizon:
            expires_ms = operation.action.expires_ms
            due += [] if expires_ms is None else [(flow, expires_ms) for flow in replica.native]
    for count in range(len(due) + 1):
        yield from itertools.combinations(due, count)


def _happens(operation: Operation, replica: Replica) -> bool:
    action = operation.action
    try:
        if isinstance(action, Packet) and not replica.could_take(operation.ticket, action):
            return False
        if operation.ticket == HIT and isinstance(action, Packet) and replica.would_hit(action):
            replica.hit(action)
        else:
            replica.repeat(operation)
    except Mismatch:
        return False
    return True


def _is_explained(threads: Sequence[Sequence[Operation]], replica: Replica, shortest: int = 250) -> bool:
    try:
        explain(threads, replica, shortest=shortest)
    except Unexplained:
        return False
    return True


def test_the_search_agrees_with_the_trial_of_all_orders() -> None:
    """However soon it gives up an attempt for another."""
    found = []
    for seed in range(HISTORIES):
        random = Random(seed)
        replica, operations = _small_history(_small_story(seed))
        saved = replica.saved()
        threads = _spread(operations, random)
        for history in (threads, _spoilt(threads, random)):
            replica.restore(saved)
            expected = _some_order_explains(history, replica)
            for shortest in (250, 2):
                replica.restore(saved)
                assert _is_explained(history, replica, shortest) == expected, (
                    f"seed {seed}, attempts from {shortest} steps"
                )
            found.append(expected)
    assert found.count(True) > HISTORIES
    assert found.count(False) > HISTORIES // 4


def test_flows_that_expire_one_by_one_are_found_where_the_trial_of_all_choices_finds_them() -> None:
    """Under `fine`; where hits take a lock, all flows expire at once."""
    found = dict.fromkeys((fastpath.Design.FINE, fastpath.Design.RWLOCK), 0)
    for seed in range(EXPIRIES):
        story = _expiring_story(seed)
        former, operations = _small_history(story)
        threads = _delayed(operations, Random(seed))
        for design in found:
            replica = beginning(story, design)
            replica.restore(former.saved())
            expected = _some_order_explains(threads, replica)
            replica.restore(former.saved())
            assert _is_explained(threads, replica) == expected, f"seed {seed}, {design.value}"
            found[design] += expected
    assert found[fastpath.Design.FINE] > found[fastpath.Design.RWLOCK] + EXPIRIES // 8, found
    assert found[fastpath.Design.FINE] < EXPIRIES - EXPIRIES // 8, found


def test_what_happened_in_one_order_is_explained() -> None:
    for seed in range(HISTORIES):
        replica, operations = _small_history(_small_story(seed))
        assert _is_explained(_spread(operations, Random(seed)), replica), f"seed {seed}"


@pytest.mark.parametrize(("left_ms", "is_allowed"), [(10, True), (11, False)])
def test_a_packet_may_leave_its_time_and_then_be_refused(left_ms: int, is_allowed: bool) -> None:
    """It met its entry before the pause, and the slow path after it (`docs/protocol.md`)."""
    story = _story_without_connections()
    replica = beginning(story)
    batch = story.beginning[0]
    assert isinstance(batch, Batch)
    direction, frame = batch.sights[0]
    replica.port.process(direction, frame, BEGINNING_MS)
    saved = replica.saved()
    packet = Packet(direction, frame, BEGINNING_MS + left_ms, 0, replica.port.process(direction, frame, BEGINNING_MS))
    replica.restore(saved)
    assert replica.touch(packet) is not None
    replica.port.pause()
    late = replace(packet, now_ms=BEGINNING_MS + 10)
    late = replace(late, verdict=replica.port.process(direction, frame, late.now_ms))
    pause = Control("pause", lambda port, _: port.pause(), None)
    dump = Control("snapshot", lambda port, _: port.snapshot(), replica.port.snapshot())
    replica.restore(saved)
    pausing = [Operation(0, 1, 4, 1, pause), Operation(0, 5, 6, 3, dump)]
    assert _is_explained([pausing, [Operation(1, 2, 3, 2, late)]], replica) == is_allowed


@pytest.mark.parametrize(("missed", "is_allowed"), [(0, True), (1, False)])
def test_of_two_packets_of_one_flow_the_one_that_missed_came_first(missed: int, is_allowed: bool) -> None:
    """The layers keep its time: here the time of the packet 0."""
    story = _story_without_connections()
    replica = beginning(story)
    batch = story.beginning[0]
    assert isinstance(batch, Batch)
    direction, frame = batch.sights[0]
    saved = replica.saved()
    first, second = (
        Packet(direction, frame, now_ms, 0, replica.port.process(direction, frame, now_ms))
        for now_ms in (BEGINNING_MS, BEGINNING_MS + 1)
    )
    dump = Control("snapshot", lambda port, _: port.snapshot(), replica.port.snapshot())
    replica.restore(saved)
    paths = [MISS, HIT] if missed == 0 else [HIT, MISS]
    threads = [
        [Operation(0, 1, 4, paths[1], second), Operation(0, 5, 6, 1, dump)],
        [Operation(1, 2, 3, paths[0], first)],
    ]
    assert _is_explained(threads, replica) == is_allowed


@dataclass(frozen=True)
class _Renewal:
    """A packet misses, and another one of its flow once more while an expiry is under way, before that has its ticket.

    Attributes:
        later_ms: how long after the first packet the expiry takes place, and the second one.
        is_dumped: whether everything is looked at in between.
        is_under_way: whether the expiry has begun by then.
        design: the lock design.
    """

    later_ms: int = FLOW_TIME_TO_LIVE_MS
    is_dumped: bool = False
    is_under_way: bool = True
    design: fastpath.Design = fastpath.Design.FINE

    def history(self) -> tuple[list[list[Operation]], Replica]:
        """What happened on two threads, and the reference at the beginning."""
        story = _story_without_connections()
        replica = beginning(story, self.design)
        batch = story.beginning[0]
        assert isinstance(batch, Batch)
        direction, frame = batch.sights[0]
        now_ms = BEGINNING_MS + self.later_ms
        saved = replica.saved()
        first = Packet(direction, frame, BEGINNING_MS, 0, replica.port.process(direction, frame, BEGINNING_MS))
        dump = Control("snapshot", lambda port, _: port.snapshot(), replica.port.snapshot(), recalls=True)
        # As if its time were over, whether it is or not: else the packet would not miss.
        replica.port.expire(BEGINNING_MS + FLOW_TIME_TO_LIVE_MS)
        second = Packet(direction, frame, now_ms, 0, replica.port.process(direction, frame, now_ms))
        counts = Control("statistics", lambda port, _: port.statistics(), replica.port.statistics())
        replica.restore(saved)
        dumps = [Operation(1, 3, 4, 1, dump)] if self.is_dumped else []
        misses = [Operation(1, 1, 2, MISS, first), *dumps, Operation(1, 6, 7, MISS, second)]
        expiry = Control(f"expire at {now_ms}", lambda port, _: port.expire(now_ms), None, expires_ms=now_ms)
        expires = Operation(0, 5 if self.is_under_way else 8, 11, 3, expiry)
        return [[expires], [*misses, Operation(1, 9, 10, 2, counts)]], replica


@pytest.mark.parametrize(
    ("renewal", "is_allowed"),
    [
        pytest.param(_Renewal(), True, id="its time is over"),
        pytest.param(_Renewal(later_ms=FLOW_TIME_TO_LIVE_MS - 1), False, id="its time is not over"),
        pytest.param(_Renewal(is_dumped=True), False, id="the reference knows it"),
        pytest.param(_Renewal(is_under_way=False), False, id="the expiry begins later"),
        *(
            pytest.param(_Renewal(design=design), False, id=f"hits of {design.value} take a lock")
            for design in (fastpath.Design.MUTEX, fastpath.Design.PR585, fastpath.Design.RWLOCK)
        ),
    ],
)
def test_a_flow_that_a_miss_has_begun_may_expire_before_the_expiry_takes_its_ticket(
    renewal: _Renewal, is_allowed: bool
) -> None:
    """Each in a moment of its own, and may be begun anew (`docs/misses.md`); one that the reference knows may not."""
    threads, replica = renewal.history()
    assert _is_explained(threads, replica) == is_allowed


def _story_without_connections() -> Story:
    stories = (Teller(seed).story() for seed in range(100))
    return next(story for story in stories if _is_udp(story))


def _is_udp(story: Story) -> bool:
    batch = story.beginning[0]
    assert isinstance(batch, Batch)
    direction, frame = batch.sights[0]
    return direction.value == "out" and frame[12:14] == b"\x08\x00" and frame[23] == 17
