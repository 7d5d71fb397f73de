"""How a network card chooses a receive queue: the Toeplitz hash of Microsoft's Receive Side Scaling.

Source: "RSS hashing types" and "Verifying the RSS hash calculation", Windows driver documentation; the default key.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

KEY: Final = bytes.fromhex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")
INDIRECTIONS: Final = 128
"""Entries of the table from the hash's low bits to queues."""


def toeplitz(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """The hash of each row: the key's 32 bits from every bit position at which a row has a one, by exclusive or."""
    key = int.from_bytes(KEY, "big")
    length = 8 * len(KEY)
    found = np.zeros(len(data), np.uint32)
    for position, column in enumerate(np.unpackbits(data, axis=1).T):
        window = np.uint32(key >> (length - 32 - position) & 0xFFFF_FFFF)
        found ^= np.where(column == 1, window, np.uint32(0))
    return found


def udp_over_ipv6(
    source: bytes, destination: bytes, source_ports: npt.NDArray[np.int64], destination_port: int
) -> npt.NDArray[np.uint32]:
    """The hash of datagrams between two addresses."""
    rows = np.zeros((len(source_ports), 36), np.uint8)
    rows[:, :16] = np.frombuffer(source, np.uint8)
    rows[:, 16:32] = np.frombuffer(destination, np.uint8)
    rows[:, 32:34] = np.stack([source_ports >> 8, source_ports & 0xFF], axis=1)
    rows[:, 34:36] = [destination_port >> 8, destination_port & 0xFF]
    return toeplitz(rows)


def queue_of(hashes: npt.NDArray[np.uint32], queues: int) -> npt.NDArray[np.int64]:
    """The receive queue of each hash, by a table that takes queues in turn."""
    return (hashes % np.uint32(INDIRECTIONS)).astype(np.int64) % queues
