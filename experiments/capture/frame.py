"""One recorded Ethernet frame."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as a capture file holds it.

    `timestamp_ns` counts nanoseconds since 1970 (UTC); 0 where the file gives no time.
    `interface` is the name of the recording interface, "" where the file gives none.
    `original_length` is the frame's length on the wire in bytes; `data` is shorter when the
    recorder cut it.
    """

    timestamp_ns: int
    interface: str
    data: bytes
    original_length: int
