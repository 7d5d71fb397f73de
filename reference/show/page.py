"""The page: episodes as plain text, in short or in full, fitted to a width in columns."""

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from reference.recorded.configuration import Plain
from reference.show.dissector import Part, dissect
from reference.show.episodes import Episode
from reference.show.movements import TableMovement, counters, flow_text, passings, tables

MINIMUM_WIDTH = 60
INDENT = "    "
LABEL = 12
"""Columns of the words in front of a paragraph."""

UNBROKEN = "\N{NO-BREAK SPACE}"
"""Stands for a blank at which no line is broken."""

STEP_MEMBERS = {"i", "t_ms", "port", "op", "result", "stats", "flows", "epoch", "port_state", "pkt"}
RESULT_EXTRAS = ("l4_hash", "mtu_unrestricted", "header", "why", "location", "expected", "actual", "class", "type")


class Page:
    """Lays episodes out for `width` columns; narrower than `MINIMUM_WIDTH` is treated as that."""

    def __init__(self, width: int) -> None:
        self._width = max(width, MINIMUM_WIDTH)

    def title(self, header: Plain) -> Iterator[str]:
        """What the recording is about, and its ports."""
        yield from self._paragraph("", f"{header.get('name')}: {header.get('about')}", indent="")
        for port in header["ports"]:
            config = port["cfg"]
            families = [family["private_ip"] for family in (config.get("ipv4"), config.get("ipv6")) if family]
            text = f"port {port['name']}: {', '.join(families)}; {config['guest_mac']}; vni {config['vni']}"
            yield from self._paragraph("", text, indent="")

    def short(self, episode: Episode) -> Iterator[str]:
        """The step, the way of its packet, the verdict, and what moved."""
        yield ""
        yield from self._head(episode)
        if episode.is_packet:
            yield from self._paragraph("packet", _chain(episode.step["pkt"]))
        yield from self._passings(episode, with_predicates=False)
        yield from self._verdict(episode)
        if "pkt" in episode.result:
            yield from self._paragraph("frame", _chain(episode.result["pkt"]))
        if episode.before is None or episode.after is None:
            return
        label = "tables"
        for text in filter(None, map(_moved_text, tables(episode.before, episode.after))):
            yield from self._paragraph(label, text)
            label = ""
        yield from self._paragraph("counters", ", ".join(_counter_texts(episode)))

    def full(self, episode: Episode) -> Iterator[str]:
        """The same with every field of the packets, the rules' predicates, and the tables before and after."""
        yield from self._head(episode)
        if episode.is_packet:
            yield from self._frame("packet", episode.step["pkt"])
        yield from self._passings(episode, with_predicates=True)
        yield from self._verdict(episode)
        if "pkt" in episode.result:
            yield from self._frame("frame", episode.result["pkt"])
        if episode.before is None or episode.after is None:
            return
        yield from self._paragraph("counters", ", ".join(_counter_texts(episode)) or "none moved")
        for table in tables(episode.before, episode.after):
            yield from self._table(table)

    def _head(self, episode: Episode) -> Iterator[str]:
        step = episode.step
        port = f"  {step['port']}" if "port" in step else ""
        words = [step["op"]]
        if episode.is_packet:
            words += [step["dir"], f"{len(step['pkt']) // 2} bytes"]
        arguments = [name for name in step if name not in STEP_MEMBERS and not (episode.is_packet and name == "dir")]
        words += [f"{name}={_value(step[name])}" for name in arguments if step[name] not in (None, [])]
        yield from self._paragraph("", f"#{step['i']}  {step['t_ms'] / 1000:.3f} s{port}  {' '.join(words)}", indent="")

    def _passings(self, episode: Episode, with_predicates: bool) -> Iterator[str]:
        if not episode.is_packet or episode.before is None or episode.after is None:
            return
        for passing in passings(episode.step["dir"], episode.before, episode.after):
            yield from self._paragraph(passing.place, passing.how)
            if with_predicates and passing.rule is not None:
                conditions = [*passing.rule["predicates"], *passing.rule["data_predicates"]]
                yield from self._paragraph("", "if " + " and ".join(conditions) if conditions else "always")

    def _verdict(self, episode: Episode) -> Iterator[str]:
        yield from self._paragraph("=>", _result_text(episode.result))
        if episode.departs:
            yield from self._paragraph("", f"but the recording says: {_result_text(episode.step['result'])}")

    def _frame(self, label: str, packet: str) -> Iterator[str]:
        """Every header with every field."""
        for part in dissect(bytes.fromhex(packet)):
            fields = ", ".join(f"{name} {value}" for name, value in part.fields)
            yield from self._paragraph(label, f"{part}" + (f" ({fields})" if fields else ""))
            label = ""

    def _table(self, table: TableMovement) -> Iterator[str]:
        """Every entry: as it is, as it was and as it became, or with a sign that it is new or gone."""
        if not table.before and not table.after:
            return
        count = str(len(table.after))
        if len(table.before) != len(table.after):
            count = f"{len(table.before)} before, {count} after"
        yield f"{INDENT}{table.name}: {count}"
        for before, after in table.flows():
            for sign, entry in _signed(before, after):
                text = f"{sign} {flow_text(entry['flow'])}  {_entry_text(entry)}"
                yield from self._paragraph("", text, indent=INDENT + "  ", hang="    ")

    def _paragraph(self, label: str, text: str, indent: str = INDENT, hang: str = "  ") -> Iterator[str]:
        """A label and a text, broken at the width; nothing when there is no text."""
        if not text:
            return
        first = f"{indent}{label:<{LABEL}}" if indent == INDENT else indent
        indented = " " * len(first) + hang
        options: dict[str, Any] = {"initial_indent": first, "subsequent_indent": indented, "break_on_hyphens": False}
        for line in textwrap.wrap(text, self._width, **options):
            yield line.replace(UNBROKEN, " ")


def _chain(packet: str) -> str:
    """A frame in one line, header after header."""
    return " | ".join(map(_brief, dissect(bytes.fromhex(packet))))


def _brief(part: Part) -> str:
    limits = [value for name, value in part.fields if name in ("ttl", "hop limit")]
    return f"{part}{''.join(f' ttl {value}' for value in limits)}"


def _result_text(result: Plain) -> str:
    match result:
        case {"kind": "modified" | "hairpin" as kind, "pkt": packet}:
            text = f"{kind}, {len(packet) // 2} bytes"
        case {"kind": "drop", "reason": {"layer": layer, "why": why}}:
            text = f"dropped by {layer}: {why}"
        case {"kind": "drop", "reason": reason}:
            text = f"dropped: {reason}"
        case {"kind": "dump"}:
            return "dump"
        case {"kind": str(kind), "error": error}:
            text = f"{kind.replace('_', ' ')}: {error}"
        case {"kind": kind, "value": detail} | {"kind": kind, "message": detail}:
            text = f"{kind}: {_value(detail)}"
        case {"kind": kind}:
            text = str(kind)
        case _:
            text = _value(result)
    extras = [f"{name} {_value(result[name])}" for name in RESULT_EXTRAS if not _is_absent(result.get(name))]
    return ", ".join([text, *extras])


def _is_absent(value: Any) -> bool:
    """Whether a detail says nothing; the number 0 says something."""
    return value is None or value is False


def _moved_text(table: TableMovement) -> str:
    """Entries that came and went; those that only counted another hit are not worth a word."""
    came = [f"+ {flow}" for flow in table.after if flow not in table.before]
    went = [f"- {flow}" for flow in table.before if flow not in table.after]
    states = [
        f"{flow}: {before['tcp_state']} > {after['tcp_state']}"
        for flow, before in table.before.items()
        if (after := table.after.get(flow)) and before.get("tcp_state") != after.get("tcp_state")
    ]
    return f"{table.name}: {', '.join([*came, *went, *states])}" if came or went or states else ""


def _counter_texts(episode: Episode) -> Iterable[str]:
    assert episode.before is not None
    assert episode.after is not None
    for name, before, after in counters(episode.before, episode.after):
        yield f"{name} {before} > {after}".replace(" ", UNBROKEN)


def _signed(before: Plain | None, after: Plain | None) -> list[tuple[str, Plain]]:
    if before == after and after is not None:
        return [("=", after)]
    return [(sign, entry) for sign, entry in (("-", before), ("+", after)) if entry is not None]


def _entry_text(entry: Plain) -> str:
    shown = {name: value for name, value in entry.items() if name != "flow" and value not in (None, False)}
    return ", ".join(f"{name} {_value(value)}" for name, value in shown.items())


def _value(value: Any) -> str:
    """A JSON value for people."""
    match value:
        case {"src": _, "dst": _}:
            return flow_text(value)
        case dict():
            return "{" + ", ".join(f"{name} {_value(inner)}" for name, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
    return str(value)
