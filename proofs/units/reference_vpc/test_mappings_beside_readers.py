"""Readers of the shared mappings may run beside a change: they see the table before it or after it."""

import threading

from reference.address import Cidr, parse_ip
from reference.vpc.mappings import Mappings, PhysicalAddress, TunnelEndpoint

ROUNDS = 20_000
PREFIX = Cidr.parse("2001:db8::/32")
ADDRESS = parse_ip("2001:db8::7")
FIRST, SECOND = TunnelEndpoint(parse_ip("fd00::1"), 99), TunnelEndpoint(parse_ip("fd00::2"), 99)
GUEST = PhysicalAddress(bytes(6), parse_ip("fd00::3"), 7)


def beside_changes(mappings: Mappings) -> threading.Thread:
    def change() -> None:
        for round_ in range(ROUNDS):
            mappings.v2b.set(PREFIX, [FIRST, SECOND])
            mappings.v2b.clear(PREFIX, [SECOND] if round_ % 2 else [FIRST, SECOND])
            mappings.v2p.set(ADDRESS, PhysicalAddress(bytes(6), GUEST.ip, round_ % 64))

    thread = threading.Thread(target=change)
    thread.start()
    return thread


def test_endpoints_are_whole_and_in_order_whenever_they_are_read() -> None:
    mappings = Mappings()
    changing = beside_changes(mappings)
    seen = set()
    while changing.is_alive():
        seen.add(mappings.v2b.get(ADDRESS))
        mappings.v2p.vni_of(ADDRESS)
    changing.join()
    assert seen <= {None, (FIRST,), (FIRST, SECOND)}


def test_every_change_raises_the_version_by_one() -> None:
    mappings = Mappings()
    for change in (
        lambda: mappings.v2b.set(PREFIX, [FIRST]),
        lambda: mappings.v2b.clear(PREFIX, [FIRST]),
        lambda: mappings.v2p.set(ADDRESS, GUEST),
        lambda: mappings.v2p.clear(ADDRESS, GUEST.vni),
        lambda: mappings.m2p.set(bytes(16), b"\xff\x04" + bytes(14)),
        lambda: mappings.m2p.clear(bytes(16)),
    ):
        before = mappings.version
        change()
        assert mappings.version == before + 1
