"""The hash is the one that Microsoft's documentation verifies, and flows spread by it."""

from ipaddress import IPv6Address

import numpy as np
import pytest

from experiments.receive_side_scaling import queue_of, udp_over_ipv6

VERIFIED = [
    ("3ffe:2501:200:1fff::7", 2_794, "3ffe:2501:200:3::1", 1_766, 0x40207D3D),
    ("3ffe:501:8::260:97ff:fe40:efab", 14_230, "ff02::1", 4_739, 0xDDE51BBF),
    ("3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44_251, "fe80::200:f8ff:fe21:67cf", 38_024, 0x02D1FEEF),
]
"""Source and destination with their ports, and the hash; "Verifying the RSS hash calculation"."""


@pytest.mark.parametrize(("source", "source_port", "destination", "destination_port", "expected"), VERIFIED)
def test_the_hash_is_the_published_one(
    source: str, source_port: int, destination: str, destination_port: int, expected: int
) -> None:
    ports = np.array([source_port])
    found = udp_over_ipv6(IPv6Address(source).packed, IPv6Address(destination).packed, ports, destination_port)
    assert int(found[0]) == expected


def test_queues_take_turns_in_the_table() -> None:
    hashes = np.arange(256, dtype=np.uint32)
    assert np.bincount(queue_of(hashes, 4)).tolist() == [64] * 4
    assert queue_of(hashes, 8)[:9].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 0]
