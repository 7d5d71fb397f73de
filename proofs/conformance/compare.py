"""Comparison of plain values (what JSON can hold) to a list of differences.

The rules are those of recordings/FORMAT.md: an absent member means the same as null or false; IPv6 text is compared as
parsed addresses, also inside longer text; everything else must be equal in value and in type (true is not 1). Lists of
things that have an identity (flow entries, rules, layers) are matched by it: one missing entry is one difference.

    differences({"hits": 1}, {"hits": 2}, "uft")  ->  [Difference("uft.hits", 1, 2)]
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

SCALARS: Final = frozenset({int, str, float, bool})
IPV6_CANDIDATE: Final = re.compile(r"[0-9A-Fa-f:]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*")


class Absent:
    """The place of a value that one side does not have."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent()


@dataclass(frozen=True)
class Difference:
    """One place, written as a path such as `result.layers[nat].count`, and its two values."""

    path: str
    expected: Any
    got: Any


def differences(expected: Any, got: Any, path: str = "") -> list[Difference]:
    """Every place where `got` departs from `expected`; empty when they are equal."""
    if expected is got or _same_scalar(expected, got):
        return []
    if isinstance(expected, dict) and isinstance(got, dict):
        return _objects(expected, got, path)
    if isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        return _lists(expected, got, path)
    if isinstance(expected, str) and isinstance(got, str) and canonical(expected) == canonical(got):
        return []
    if _means_null(expected) and _means_null(got):
        return []
    return [Difference(path, expected, got)]


def _same_scalar(expected: Any, got: Any) -> bool:
    kind = type(expected)
    return kind is type(got) and kind in SCALARS and bool(expected == got)


def _means_null(value: Any) -> bool:
    return value is None or value is False or value is ABSENT


def _objects(expected: dict[str, Any], got: dict[str, Any], path: str) -> list[Difference]:
    found: list[Difference] = []
    for name, value in expected.items():
        other = got.get(name, ABSENT)
        # Asked here too, because nearly all members are equal numbers, and a path is made for nothing then.
        # Small numbers and members' names are even the same objects: that is by far the quickest to ask.
        if value is not other and not _same_scalar(value, other):
            found += differences(value, other, f"{path}.{name}" if path else name)
    if got.keys() != expected.keys():
        for name, value in got.items():
            if name not in expected:
                found += differences(ABSENT, value, f"{path}.{name}" if path else name)
    return found


def _lists(expected: Sequence[Any], got: Sequence[Any], path: str) -> list[Difference]:
    expected_labels, got_labels = labels(expected), labels(got)
    got_by_label = dict(zip(got_labels, got, strict=True))
    expected_by_label = dict(zip(expected_labels, expected, strict=True))
    found: list[Difference] = []
    for label, value in expected_by_label.items():
        found += differences(value, got_by_label.get(label, ABSENT), f"{path}[{label}]")
    for label, value in got_by_label.items():
        if label not in expected_by_label:
            found += differences(ABSENT, value, f"{path}[{label}]")
    common = [label for label in expected_labels if label in got_by_label]
    common_got = [label for label in got_labels if label in expected_by_label]
    if common != common_got:
        found.append(Difference(f"{path}.order", common, common_got))
    return found


def labels(items: Sequence[Any]) -> list[str]:
    """What each item of a list is called in a path: its identity or else its index; repeated names are numbered."""
    seen: Counter[str] = Counter()
    result: list[str] = []
    for index, item in enumerate(items):
        name = _identity(item) or str(index)
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return result


def _identity(item: Any) -> str | None:
    match item:
        case {"flow": dict(flow)}:
            return flow_text(flow)
        case {"id": int(identifier)}:
            return f"rule {identifier}"
        case {"name": str(name)}:
            return name
    return None


def flow_text(flow: dict[str, Any]) -> str:
    """A flow id in one line, such as `6 10.0.0.5:1025 > 10.0.0.6:22` (protocol first; ICMP has `type/code/id`)."""
    source, destination = canonical(str(flow.get("src"))), canonical(str(flow.get("dst")))
    match flow:
        case {"sport": sport, "dport": dport}:
            return f"{flow.get('proto')} {source}:{sport} > {destination}:{dport}"
        case {"type": kind, "code": code, "id": identifier}:
            return f"{flow.get('proto')} {source} > {destination} {kind}/{code}/{identifier}"
    return f"{flow.get('proto')} {source} > {destination}"


@functools.lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """`text` with every IPv6 address in it in RFC 5952 form; MAC addresses and other text stay as they are."""
    return IPV6_CANDIDATE.sub(_canonical_address, text)


def _canonical_address(candidate: re.Match[str]) -> str:
    try:
        return ipaddress.IPv6Address(candidate.group()).compressed
    except ValueError:
        return candidate.group()
