"""The shape of a function: successors, natural loops and what is alive where."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from proofs.smt.llvm.reader import Function, Instruction, UnsupportedCode


@dataclass
class Loop:
    """A natural loop, or the whole function: its header, all its blocks, and the loops directly in it, by header."""

    header: str
    blocks: set[str]
    loops: dict[str, "Loop"] = field(default_factory=dict)


@dataclass(frozen=True)
class Shape:
    """The shape of a function.

    Attributes:
        whole: the function as the outermost loop, which is taken once.
        order: all blocks, none before a predecessor but for the back edges of loops.
        alive: names that are used in a block or after it, by label.
    """

    whole: Loop
    order: tuple[str, ...]
    alive: Mapping[str, frozenset[str]]


def successors(block: tuple[Instruction, ...]) -> tuple[str, ...]:
    """Where a block leads, each label once."""
    return tuple(dict.fromkeys(block[-1].labels))


def shape_of(function: Function) -> Shape:
    """The shape of a function. Raises UnsupportedCode for a loop with two entries."""
    following = {label: successors(block) for label, block in function.blocks.items()}
    entry = next(iter(function.blocks))
    order, back = _depth_first(entry, following)
    loops = _natural_loops(following, back)
    whole = Loop(entry, set(order))
    for loop in sorted(loops, key=lambda found: -len(found.blocks)):
        parent = whole
        while inner := next((one for one in parent.loops.values() if loop.header in one.blocks), None):
            parent = inner
        parent.loops[loop.header] = loop
    return Shape(whole, tuple(order), _alive(function, following))


def _depth_first(entry: str, following: Mapping[str, tuple[str, ...]]) -> tuple[list[str], set[tuple[str, str]]]:
    """Reverse postorder, and the edges that lead back to a block that is still open."""
    done: list[str] = []
    back: set[tuple[str, str]] = set()
    seen, opened = {entry}, {entry}
    stack: list[tuple[str, Iterator[str]]] = [(entry, iter(following[entry]))]
    while stack:
        label, waiting = stack[-1]
        for target in waiting:
            if target in opened:
                back.add((label, target))
            elif target not in seen:
                seen.add(target)
                opened.add(target)
                stack.append((target, iter(following[target])))
                break
        else:
            stack.pop()
            opened.discard(label)
            done.append(label)
    return done[::-1], back


def _natural_loops(following: Mapping[str, tuple[str, ...]], back: set[tuple[str, str]]) -> list[Loop]:
    before: dict[str, list[str]] = {label: [] for label in following}
    for label, targets in following.items():
        for target in targets:
            before[target].append(label)
    loops: dict[str, Loop] = {}
    for latch, header in sorted(back):
        loop = loops.setdefault(header, Loop(header, {header}))
        waiting = [latch]
        while waiting:
            label = waiting.pop()
            if label not in loop.blocks:
                loop.blocks.add(label)
                waiting += before[label]
    for loop in loops.values():
        for label in loop.blocks - {loop.header}:
            if not loop.blocks.issuperset(before[label]):
                raise UnsupportedCode(f"a loop that is entered at {label} and at {loop.header}")
    return list(loops.values())


def _alive(function: Function, following: Mapping[str, tuple[str, ...]]) -> dict[str, frozenset[str]]:
    used = {label: set[str]() for label in function.blocks}
    made = {label: {found.name for found in block} for label, block in function.blocks.items()}
    for label, block in function.blocks.items():
        for found in block:
            for operand in found.operands:
                used[label] |= names_in(operand.text)
    alive = {label: frozenset(names) for label, names in used.items()}
    changed = True
    while changed:
        changed = False
        for label, targets in following.items():
            after = frozenset[str]().union(*(alive[target] for target in targets))
            now = used[label] | (after - made[label])
            if now != alive[label]:
                alive[label], changed = frozenset(now), True
    return alive


def names_in(text: str) -> set[str]:
    """Names of values that an operand's text mentions."""
    return {text} if text.startswith("%") else set()
