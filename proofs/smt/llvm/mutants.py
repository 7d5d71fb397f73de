"""Every small fault of a kind in LLVM code: one operation, comparison, constant, choice or branch at a time."""
# mypy: disallow-untyped-calls=False

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from llvmlite import binding

_OPERATIONS: Mapping[str, str] = {
    "add": "sub",
    "sub": "add",
    "mul": "add",
    "and": "or",
    "or": "and",
    "xor": "or",
    "shl": "lshr",
    "lshr": "shl",
    "zext": "sext",
}
_PREDICATES: Mapping[str, tuple[str, ...]] = {
    "eq": ("ne",),
    "ne": ("eq",),
    "ult": ("ule", "slt"),
    "ule": ("ult",),
    "ugt": ("uge", "sgt"),
    "uge": ("ugt",),
    "slt": ("sle", "ult"),
    "sle": ("slt",),
    "sgt": ("sge", "ugt"),
    "sge": ("sgt",),
}
_PROMISES = re.compile(r"\b(?:nuw|nsw|exact|disjoint|nneg|samesign) ")
_CONSTANT = re.compile(r"(?<=, )-?\d+$|(?<=\bi64 )-?\d+(?=,)")


@dataclass(frozen=True)
class CodeMutant:
    """A faulty version of code: the line before and after, and the whole text with the change."""

    what: str
    text: str


def code_mutants(text: str) -> Iterator[CodeMutant]:
    """All mutants of the one function in `text` that LLVM accepts. A changed line loses the optimiser's promises."""
    lines = text.split("\n")
    first = next(number for number, line in enumerate(lines) if line.startswith("define "))
    last = lines.index("}", first)
    for number in range(first + 1, last):
        for changed in _changes(lines[number]):
            faulty = "\n".join([*lines[:number], changed, *lines[number + 1 :]])
            if changed != lines[number] and _is_valid(faulty):
                yield CodeMutant(f"{lines[number].strip()} -> {changed.strip()}", faulty)


def _changes(line: str) -> Iterator[str]:
    line = re.sub(r"(?:, ![\w.]+ !\d+)+$", "", line)
    operation = re.match(r"(  \S+ = )(\w+) (.*)", line)
    if operation:
        start, opcode, rest = operation.groups()
        bare = _PROMISES.sub("", rest)
        if opcode in _OPERATIONS:
            yield f"{start}{_OPERATIONS[opcode]} {bare}"
        if opcode == "icmp":
            predicate, operands = bare.split(" ", 1)
            yield from (f"{start}icmp {other} {operands}" for other in _PREDICATES[predicate])
        if opcode == "select":
            yield re.sub(r"(select i1 \S+, )(.*), (.*)", r"\1\3, \2", line)
        if opcode in {*_OPERATIONS, "icmp", "select", "getelementptr"}:
            for found in _CONSTANT.finditer(line):
                yield _PROMISES.sub("", f"{line[: found.start()]}{int(found[0]) + 1}{line[found.end() :]}")
        swap = re.match(r"(  \S+ = )tail call (i\d+) @llvm\.bswap\.i\d+\(i\d+ (\S+)\)", line)
        if swap:
            yield f"{swap[1]}or {swap[2]} {swap[3]}, 0"
    elif line.startswith("  br i1"):
        yield re.sub(r"(br i1 \S+, )(label \S+), (label \S+)", r"\1\3, \2", line)
    elif re.match(r"  store i\d+ \S+, ptr", line):
        yield re.sub(r"store (i\d+) [^\s,]+", r"store \1 1", line)


def _is_valid(text: str) -> bool:
    try:
        binding.parse_assembly(text).verify()
    except RuntimeError:
        return False
    return True
