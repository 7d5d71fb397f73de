"""A result in words: the numbers of a search in one line, a trace as numbered steps with what each changed."""

from collections.abc import Iterator
from typing import Any

from model.search import Move, Result


def numbers(name: str, result: Result[Any, Any]) -> str:
    """One line: name, outcome, states, transitions, depth, time."""
    return (
        f"{name:<32} {result.outcome.value:<9} {result.states:>8,} states {result.transitions:>9,} transitions"
        f"   depth {result.depth:>3}   {result.seconds:5.2f} s"
    )


def report(result: Result[Any, Any]) -> str:
    """What the system is, what was found, and the trace that leads there."""
    lines = [
        f"{result.system.name}: {result.system.sentence}",
        f"{result.outcome.value}: {result.finding}".rstrip(": "),
    ]
    if result.trace:
        who = max(len(move.process) for move in result.trace)
        what = max(len(move.step) for move in result.trace)
        lines.append(f"A shortest trace, {len(result.trace)} steps:")
        for number, move in enumerate(result.trace, start=1):
            lines.append(
                f"{number:>4}  {move.process:<{who}}  {move.step:<{what}}  {'; '.join(changes(move))}".rstrip()
            )
    return "\n".join(lines)


def changes(move: Move[Any, Any]) -> Iterator[str]:
    """What a step changed: shared words as `path: before -> after`, registers that were set as `name = value`.

    A register that goes back to its default is forgotten, which is not worth a word; neither is the location.
    """
    yield from _differences("", *move.shared)
    before, after = move.registers
    defaults = getattr(after, "_field_defaults", {})
    for name, old, new in zip(_fields(after), before, after, strict=True):
        if new != old and name not in {"at", "todo", "packets"} and new != defaults.get(name):
            yield f"{name} = {words(new)}"


def words(value: object) -> str:
    """A value for a reader: fields by name, `yes` and `no`; `none` also for -1, the number of nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == -1:
        return "none"
    if isinstance(value, tuple):
        names = _fields(value)
        parts = (
            [f"{name} {words(part)}" for name, part in zip(names, value, strict=True)] if names else map(words, value)
        )
        return f"({', '.join(parts)})"
    return str(value)


def _differences(path: str, before: object, after: object) -> Iterator[str]:
    """The smallest parts in which two values differ, with the way to them."""
    if before == after:
        return
    if not (isinstance(before, tuple) and isinstance(after, tuple) and len(before) == len(after)):
        yield f"{path}: {words(before)} -> {words(after)}"
        return
    names = _fields(after)
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        yield from _differences(f"{path}.{names[index]}".lstrip(".") if names else f"{path}[{index}]", old, new)


def _fields(value: object) -> tuple[str, ...]:
    return getattr(value, "_fields", ())
