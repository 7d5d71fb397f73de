"""Reading and validating recordings of OPTE's behaviour.

A recording is JSON Lines, plain or gzip (told apart by content, not by name): a header, then steps. `read` checks every
line against the types in header.py and steps.py, expands delta-encoded rules (FORMAT.md section 7) so that each dump is
complete, and notes members it does not know, because those cannot be compared. Whatever is wrong is an
`UnreadableRecording` that names the file, the line and the fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from proofs.conformance.header import FORMAT_VERSION, Header
from proofs.conformance.steps import Dump, LayerDump, Operation, Plain, PortStep, Process, Result, Step, operation_name
from proofs.conformance.texts import check_texts
from reference.recorded.lines import NO_HEADER, UnreadableRecording, numbered_lines

__all__ = ["Recording", "UnreadableRecording", "find", "from_lines", "read", "read_header"]

SUFFIXES = (".jsonl", ".jsonl.gz")
PACKET_KINDS = frozenset({"modified", "hairpin", "drop", "error", "parse_error", "panic"})
CONTROL_KINDS = frozenset({"ok", "error"})


@dataclass(frozen=True)
class Recording:
    """One recording, complete in memory. `unknown` counts members this reader does not know, by path."""

    path: Path
    header: Header
    steps: tuple[Step, ...]
    unknown: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        """The name in the header."""
        return self.header.name

    @property
    def is_closed(self) -> bool:
        """Whether it ends as recordings do, with a complete dump or a panic; one cut short at a line end does not."""
        if not self.steps:
            return False
        result = self.steps[-1].result
        return result["kind"] == "panic" or "stats" in result


def find(paths: list[Path]) -> list[Path]:
    """The recordings under `paths` in the order given, folders in alphabetical order; each file once."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.name.endswith(SUFFIXES) and file.is_file())
            if not inside:
                raise UnreadableRecording(path, 0, f"no recording ({' or '.join(SUFFIXES)}) in this folder")
            found.update(dict.fromkeys(inside))
        elif path.is_file():
            found[path] = None
        else:
            raise UnreadableRecording(
                path, 0, "neither a file nor a folder" if path.exists() else "no such file or folder"
            )
    return list(found)


def read_header(path: Path) -> Header:
    """Only the first line of a recording."""
    for number, line in numbered_lines(path):
        try:
            return _header(_json(line))
        except ValueError as fault:
            raise UnreadableRecording(path, number, str(fault)) from None
    raise UnreadableRecording(path, 1, NO_HEADER)


def read(path: Path) -> Recording:
    """A whole recording, every line validated."""
    return from_lines(path, numbered_lines(path))


def from_lines(path: Path, lines: Iterable[tuple[int, bytes]]) -> Recording:
    """A recording from its numbered lines; `path` is where they are, or will be, kept."""
    unknown: Counter[str] = Counter()
    rules = _RuleMemory()
    header: Header | None = None
    steps: list[Step] = []
    for number, line in lines:
        try:
            plain = _json(line)
            if header is None:
                header = _header(plain)
                known = msgspec.to_builtins(header)
                _count_unknown(plain, known, "header", unknown)
                check_texts(known)
                for port in header.ports:
                    rules.expand(port.name, port.layers)
                continue
            step = _step(plain, len(steps), header)
            known = msgspec.to_builtins(step)
            _count_unknown(plain, known, operation_name(step), unknown)
            check_texts(known)
            if isinstance(step, Dump):
                rules.expand(step.port, step.result["layers"])
            steps.append(step)
        except ValueError as fault:
            raise UnreadableRecording(path, number, str(fault)) from None
    if header is None:
        raise UnreadableRecording(path, 1, NO_HEADER)
    return Recording(path, header, tuple(steps), unknown)


def _json(line: bytes) -> Plain:
    try:
        plain = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: {error.reason}") from None
    except RecursionError:
        raise ValueError("not a recording: JSON nested too deeply") from None
    if not isinstance(plain, dict):
        raise ValueError(f"a JSON object is needed, not {type(plain).__name__}")
    return plain


def _header(plain: Plain) -> Header:
    if "format" not in plain:
        raise ValueError("the header has no member `format`; is this a recording?")
    if plain["format"] != FORMAT_VERSION:
        raise ValueError(f"format version {plain['format']!r}; this runner reads version {FORMAT_VERSION}")
    header = msgspec.convert(plain, Header)
    for port in header.ports:
        msgspec.convert(port.layers, list[LayerDump])
    return header


def _step(plain: Plain, due: int, header: Header) -> Step:
    step: Step = msgspec.convert(plain, Operation)
    if step.i != due:
        raise ValueError(f"step number {step.i} where {due} is due")
    if isinstance(step, PortStep) and all(port.name != step.port for port in header.ports):
        raise ValueError(f"port {step.port!r} is not in the header")
    kind = step.result.get("kind")
    allowed = PACKET_KINDS if isinstance(step, Process) else {"dump"} if isinstance(step, Dump) else CONTROL_KINDS
    if kind not in allowed:
        raise ValueError(f"result kind {kind!r} does not belong to operation {operation_name(step)}")
    msgspec.convert(step.result, Result)
    return step


def _count_unknown(given: Any, kept: Any, place: str, unknown: Counter[str]) -> None:
    """Count members of `given` that typing dropped; `result` is kept whole, so nothing of it is dropped here."""
    if given == kept:
        return
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            if name in kept:
                _count_unknown(value, kept[name], f"{place}.{name}", unknown)
            else:
                unknown[f"{place}.{name}"] += 1
    elif isinstance(given, list):
        for value, kept_value in zip(given, kept, strict=True):
            _count_unknown(value, kept_value, f"{place}[]", unknown)


class _RuleMemory:
    """The last full text of every rule, by port, layer and direction: what `[id, hits]` in a later dump stands for."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], dict[int, Plain]] = {}

    def expand(self, port: str, layers: list[Plain]) -> None:
        """Replace every `[id, hits]` by the full rule, in place, and remember these rules for the next dump."""
        for layer in layers:
            for direction in ("rules_in", "rules_out"):
                key = (port, layer["name"], direction)
                layer[direction] = [self._full(rule, key) for rule in layer[direction]]
                self._known[key] = {rule["id"]: rule for rule in layer[direction]}

    def _full(self, rule: Any, key: tuple[str, str, str]) -> Plain:
        _, layer, _ = key
        match rule:
            case {"id": int()}:
                full: Plain = rule
                return full
            case [int(identifier), int(hits)]:
                known = self._known.get(key, {}).get(identifier)
                if known is None:
                    raise ValueError(f"rule {identifier} of layer {layer!r} is abbreviated but was never given in full")
                return known | {"hits": hits}
        raise ValueError(f"a rule of layer {layer!r} is neither an object with an id nor [id, hits]")
