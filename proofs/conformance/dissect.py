"""Frames taken apart header by header and field by field, for reports.

The dissector is scapy's, an implementation independent of the reference. Frames here are often malformed on purpose, so
whatever scapy cannot read is shown as bytes; nothing in this module raises on any input.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

logging.getLogger("scapy").setLevel(logging.CRITICAL)

from scapy.config import conf  # noqa: E402
from scapy.contrib import geneve as _geneve  # noqa: E402, F401  (binds UDP port 6081 to Geneve)
from scapy.layers import dhcp as _dhcp  # noqa: E402, F401
from scapy.layers import dhcp6 as _dhcp6  # noqa: E402, F401
from scapy.layers import inet6 as _inet6  # noqa: E402, F401
from scapy.layers.inet import TCP, UDP  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402
from scapy.packet import NoPayload, Packet  # noqa: E402

# Ports as numbers: their names depend on the machine's list of services.
conf.noenum.add(TCP.sport, TCP.dport, UDP.sport, UDP.dport)


@dataclass(frozen=True)
class Field:
    """One field of one header: where it lies in the frame (bytes), and its value as text."""

    header: str
    name: str
    offset: int
    length: int
    value: str

    def __str__(self) -> str:
        last = self.offset + max(self.length, 1) - 1
        place = f"{self.offset}" if last == self.offset else f"{self.offset}-{last}"
        return f"{self.header}.{self.name} (byte {place})"


def summary(frame: bytes) -> str:
    """One line: the headers and the most telling fields."""
    try:
        return str(Ether(frame).summary())
    except Exception:  # scapy may raise anything on a malformed frame
        return "not dissectable"


def fields(frame: bytes) -> list[Field]:
    """Every field of every header in order; what cannot be dissected is one field of bytes at the end."""
    found: list[Field] = []
    try:
        found.extend(_fields(frame))
    except Exception:  # scapy may raise anything on a malformed frame
        reached = max((field.offset + field.length for field in found), default=0)
        found.append(Field("undissected", "bytes", reached, len(frame) - reached, frame[reached:].hex()))
    return found


def _fields(frame: bytes) -> Iterator[Field]:
    layer: Any = Ether(frame)
    start = 0
    seen: dict[str, int] = {}
    while isinstance(layer, Packet) and not isinstance(layer, NoPayload):
        title = str(layer.name)
        seen[title] = seen.get(title, 0) + 1
        start = yield from _header_fields(layer, title if seen[title] == 1 else f"{title}#{seen[title]}", start)
        layer = layer.payload


def _header_fields(layer: Packet, name: str, start: int) -> Generator[Field, None, int]:
    """Read a header's bytes again by its field descriptions, to learn where each field lies; returns its end."""
    whole = bytes(layer.original)
    rest: Any = whole
    for description in layer.fields_desc:
        before = _remaining(rest)
        rest, _ = description.getfield(layer, rest)
        value = description.i2repr(layer, layer.getfieldval(description.name))
        yield Field(name, description.name, start + len(whole) - before, before - _remaining(rest), str(value))
    return start + len(whole) - _remaining(rest)


def _remaining(rest: Any) -> int:
    """Bytes not yet read; inside a byte, scapy's bit fields carry (bytes, bits read)."""
    return len(rest[0] if isinstance(rest, tuple) else rest)


def field_differences(expected: bytes, got: bytes) -> list[tuple[str, str, str]]:
    """Fields that differ, as (field, expected value, got value); what only one side has is absent on the other."""
    expected_fields = {(field.header, field.name): field for field in fields(expected)}
    got_fields = {(field.header, field.name): field for field in fields(got)}
    rows: list[tuple[str, str, str]] = []
    for key in expected_fields | got_fields:
        wanted, found = expected_fields.get(key), got_fields.get(key)
        shown = wanted or found
        values = (wanted.value if wanted else "absent", found.value if found else "absent")
        if values[0] != values[1]:
            rows.append((str(shown), *values))
    return rows


def differing_bytes(expected: bytes, got: bytes) -> list[tuple[int, bytes, bytes]]:
    """Runs of differing bytes, as (offset, expected bytes, got bytes); the longer frame's tail is a run of its own."""
    common = min(len(expected), len(got))
    runs: list[tuple[int, bytes, bytes]] = []
    for differs, group in groupby(range(common), key=lambda at: expected[at] != got[at]):
        places = list(group)
        if differs:
            first, end = places[0], places[-1] + 1
            runs.append((first, expected[first:end], got[first:end]))
    if len(expected) != len(got):
        runs.append((common, expected[common:], got[common:]))
    return runs
