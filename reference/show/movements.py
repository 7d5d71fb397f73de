"""What moved between two snapshots of a port: the rules that matched, table entries, counters."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reference.recorded.configuration import Plain

_QUIET = ("uft_capacity", "tcp_capacity", "lft_capacity")


@dataclass(frozen=True)
class Passing:
    """How a packet passed one layer, or the unified flow table.

    Attributes:
        place: `unified` or the layer's name.
        how: in words: by a rule, by an entry, by default.
        rule: the rule that matched, if one did.
    """

    place: str
    how: str
    rule: Plain | None = None


@dataclass(frozen=True)
class TableMovement:
    """What became of one flow table.

    Attributes:
        name: such as `nat out`.
        before, after: its entries by flow.
    """

    name: str
    before: dict[str, Plain]
    after: dict[str, Plain]

    def flows(self) -> Iterator[tuple[Plain | None, Plain | None]]:
        """Every entry before and after, None where there is none."""
        for key in dict.fromkeys((*self.before, *self.after)):
            yield self.before.get(key), self.after.get(key)


def passings(direction: str, before: Plain, after: Plain) -> list[Passing]:
    """The way of the packet that made one snapshot into the other: the unified table, then each layer that it met."""
    found: list[Passing] = []
    stats_before, stats_after = before["stats"], after["stats"]
    for outcome in ("hit", "miss"):
        counter = f"{direction}_uft_{outcome}"
        if stats_after[counter] != stats_before[counter]:
            found.append(Passing("unified", outcome))
    layers = list(zip(before["layers"], after["layers"], strict=True))
    for layer_before, layer_after in layers if direction == "out" else reversed(layers):
        name = layer_after["name"]
        counter = f"{direction}_lft_hit"
        if stats_after[name][counter] != stats_before[name][counter]:
            found.append(Passing(name, "entry found"))
        rules = zip(layer_before[f"rules_{direction}"], layer_after[f"rules_{direction}"], strict=True)
        for rule_before, rule in rules:
            if rule["hits"] != rule_before["hits"]:
                found.append(Passing(name, f"rule {rule['id']} (priority {rule['priority']}): {rule['action']}", rule))
        if layer_after[f"default_{direction}_hits"] != layer_before[f"default_{direction}_hits"]:
            found.append(Passing(name, f"no rule matches; default: {layer_after[f'default_{direction}']}"))
    return found


def tables(before: Plain, after: Plain) -> list[TableMovement]:
    """Every flow table, in the order in which a packet of the guest meets them."""
    found = [
        TableMovement(f"unified {way}", _entries(before["uft"], way), _entries(after["uft"], way))
        for way in ("in", "out")
    ]
    found.append(TableMovement("tcp", _entries(before, "tcp"), _entries(after, "tcp")))
    for layer_before, layer_after in zip(before["layers"], after["layers"], strict=True):
        for way in ("in", "out"):
            name, table = f"{layer_after['name']} {way}", f"ft_{way}"
            found.append(TableMovement(name, _entries(layer_before, table), _entries(layer_after, table)))
    return found


def counters(before: Plain, after: Plain) -> list[tuple[str, Any, Any]]:
    """The counters that moved, with state and epoch, as (name, before, after)."""
    found = [(name, before[name], after[name]) for name in ("port_state", "epoch") if before[name] != after[name]]
    for name, value in after["stats"].items():
        earlier = before["stats"][name]
        if isinstance(value, dict):
            found += [
                (f"{name}.{inner}", earlier[inner], value[inner]) for inner in value if value[inner] != earlier[inner]
            ]
        elif value != earlier and name not in _QUIET:
            found.append((name, earlier, value))
    return found


def flow_text(flow: Plain) -> str:
    """A flow id in one line."""
    source, destination = flow["src"], flow["dst"]
    match flow:
        case {"sport": sport, "dport": dport}:
            name = {6: "TCP", 17: "UDP"}.get(flow["proto"], str(flow["proto"]))
            return f"{name} {_bracketed(source)}:{sport} > {_bracketed(destination)}:{dport}"
        case {"type": kind, "code": code, "id": identifier}:
            name = {1: "ICMP", 58: "ICMPv6"}.get(flow["proto"], str(flow["proto"]))
            return f"{name} {source} > {destination} type {kind} code {code} id {identifier}"
    return f"protocol {flow['proto']} {source} > {destination}"


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _entries(holder: Plain, name: str) -> dict[str, Plain]:
    """The entries of a table by flow; none where the port is ready and refuses to show its tables."""
    table = holder.get(name)
    return {flow_text(entry["flow"]): entry for entry in table} if isinstance(table, list) else {}
