"""A reader for LLVM's textual code, as far as optimised kernels use it.

LLVM itself parses and verifies the text first (llvmlite); what is read here is its own canonical print of it. Whatever
is not known becomes an instruction `UNKNOWN`: code that can reach one is refused with `UnsupportedCode`.
"""
# mypy: disallow-untyped-calls=False

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from llvmlite import binding

WRAPPER = re.compile(r"(?ms)^define [^\n]*@_ZN7cpython.*?^}\n")
"""The function that unpacks Python's arguments; what it wraps is what is read."""

_NAME = r'%(?:"[^"]+"|[\w.$-]+)'
_LABEL = re.compile(rf"label ({_NAME})")
_TRAILING = re.compile(r"(?:, ![\w.]+ ![\d]+)+$|(?: #\d+)$")


UNKNOWN = "unknown"
"""Opcode of an instruction that the reader does not know; its word is the text."""


class UnsupportedCode(Exception):
    """Code that is not understood; the message shows it."""


@dataclass(frozen=True)
class Operand:
    """A value used by an instruction: its type, and its name or constant as text."""

    kind: str
    text: str


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        name: of its result; empty without.
        opcode: also of a call, which then has `callee`.
        word: predicate of a comparison, name of what is called, or type of the elements an address counts in.
        kind: type of the result.
        operands: in order.
        labels: where a terminator leads; of a `phi` where each operand comes from.
        flags: promises of the optimiser, such as `nsw`.
    """

    name: str
    opcode: str
    word: str = ""
    kind: str = ""
    operands: tuple[Operand, ...] = ()
    labels: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Function:
    """A function's blocks, by label, the entry first; its parameters; and the module's constant tables, by name."""

    parameters: tuple[Operand, ...]
    blocks: Mapping[str, tuple[Instruction, ...]]
    tables: Mapping[str, bytes]


def without_wrapper(text: str) -> str:
    """The code without the part that Python calls."""
    return WRAPPER.sub("", text)


@functools.cache
def read(text: str) -> Function:
    """The one function that a module of a kernel defines.

    Raises:
        RuntimeError: LLVM does not accept the text.
    """
    module = binding.parse_assembly(without_wrapper(text))
    module.verify()
    (function,) = [found for found in module.functions if not found.is_declaration]
    parameters = tuple(Operand(str(value.type), f"%{value.name}") for value in function.arguments)
    blocks = {block.name: tuple(instruction(str(found)) for found in block.instructions) for block in function.blocks}
    tables = {
        variable.name: _table(str(variable)) for variable in module.global_variables if "x i8] c" in str(variable)
    }
    return Function(parameters, blocks, tables)


def _table(text: str) -> bytes:
    written = text[text.index(' c"') + 3 : text.rindex('"')]
    return re.sub(rb"\\(\\|[0-9A-Fa-f]{2})", _escaped, written.encode())


def _escaped(found: re.Match[bytes]) -> bytes:
    return found[1] if found[1] == b"\\" else bytes([int(found[1], 16)])


def instruction(text: str) -> Instruction:
    """One instruction, from its print."""
    text = " ".join(text.split())
    while _TRAILING.search(text):
        text = _TRAILING.sub("", text)
    name, text = re.fullmatch(rf"(?:({_NAME}) = )?(.*)", text).groups(default="")  # type: ignore[union-attr]
    opcode = re.sub(r"^(?:tail|musttail|notail) call", "call", text).partition(" ")[0]
    for pattern, build in _FORMS.get(opcode, ()):
        found = pattern.fullmatch(text)
        if found:
            return build(name, opcode, found)
    return Instruction(name, UNKNOWN, text)


def _binary(name: str, opcode: str, found: re.Match[str]) -> Instruction:
    flags, kind, left, right = found.groups()
    operands = Operand(kind, left), Operand(kind, right)
    return Instruction(name, opcode, kind=kind, operands=operands, flags=frozenset(flags.split()))


def _comparison(name: str, opcode: str, found: re.Match[str]) -> Instruction:
    flags, predicate, kind, left, right = found.groups()
    operands = Operand(kind, left), Operand(kind, right)
    return Instruction(name, opcode, predicate, "i1", operands, flags=frozenset(flags.split()))


def _cast(name: str, opcode: str, found: re.Match[str]) -> Instruction:
    flags, source, value, target = found.groups()
    return Instruction(name, opcode, kind=target, operands=(Operand(source, value),), flags=frozenset(flags.split()))


def _choice(name: str, opcode: str, found: re.Match[str]) -> Instruction:
    condition, kind, then, _, otherwise = found.groups()
    return Instruction(
        name, opcode, kind=kind, operands=(Operand("i1", condition), Operand(kind, then), Operand(kind, otherwise))
    )


def _phi(name: str, opcode: str, found: re.Match[str]) -> Instruction:
    kind, pairs = found.groups()
    incoming = re.findall(rf"\[ (.*?), ({_NAME}) \]", pairs)
    operands = tuple(Operand(kind, value) for value, _ in incoming)
    return Instruction(name, opcode, kind=kind, operands=operands, labels=tuple(_bare(label) for _, label in incoming))


def _address(name: str, opcode: str, found: re.Match[str]) -> Instruction:
    flags, element, base, index_kind, index = found.groups()
    operands = Operand("ptr", base), Operand(index_kind, index)
    return Instruction(name, opcode, element, "ptr", operands, flags=frozenset(flags.split()))


def _load(name: str, opcode: str, found: re.Match[str]) -> Instruction:
    kind, address = found.groups()
    return Instruction(name, opcode, kind=kind, operands=(Operand("ptr", address),))


def _store(name: str, opcode: str, found: re.Match[str]) -> Instruction:
    kind, value, address = found.groups()
    return Instruction(name, opcode, operands=(Operand(kind, value), Operand("ptr", address)))


def _call(name: str, opcode: str, found: re.Match[str]) -> Instruction:
    kind, callee, arguments = found.groups()
    operands = []
    for argument in filter(None, arguments.split(", ")):
        words = argument.split(" ")
        operands.append(Operand(words[0], words[-1]))
    return Instruction(name, opcode, callee, kind, tuple(operands))


def _terminator(name: str, opcode: str, found: re.Match[str]) -> Instruction:
    kind, value = found.groupdict().get("kind") or "", found.groupdict().get("value") or ""
    labels = tuple(_bare(label) for label in _LABEL.findall(found[0]))
    operands = [Operand(kind, value)] if value else []
    if opcode == "switch":
        operands += [Operand(kind, case) for case in re.findall(rf"{kind} (-?\w+), label", found["cases"])]
    return Instruction(name, opcode, operands=tuple(operands), labels=labels)


def _bare(name: str) -> str:
    return name.removeprefix("%").strip('"')


_Form: TypeAlias = tuple[re.Pattern[str], Callable[[str, str, re.Match[str]], Instruction]]


def _form(pattern: str, build: Callable[[str, str, re.Match[str]], Instruction]) -> tuple[_Form, ...]:
    return ((re.compile(pattern), build),)


_BINARY = _form(r"\w+ ((?:(?:nuw|nsw|exact|disjoint) )*)(i\d+) (\S+), (\S+)", _binary)
_CAST = _form(r"\w+ ((?:(?:nneg|nuw|nsw) )*)(i\d+) (\S+) to (i\d+)", _cast)
_FORMS: Mapping[str, tuple[_Form, ...]] = {
    **dict.fromkeys(
        ("add", "sub", "mul", "and", "or", "xor", "shl", "lshr", "ashr", "udiv", "urem", "sdiv", "srem"), _BINARY
    ),
    **dict.fromkeys(("zext", "sext", "trunc", "bitcast"), _CAST),
    "icmp": _form(r"icmp ((?:samesign )?)(\w+) (i\d+|ptr) (\S+), (\S+)", _comparison),
    "select": _form(r"select i1 (\S+), (\S+) (\S+), (\S+) (\S+)", _choice),
    "phi": _form(r"phi (\S+) (.*)", _phi),
    "getelementptr": _form(
        r"getelementptr ((?:(?:inbounds|nuw|nusw) )*)(i\d+), ptr (\S+|getelementptr .*\(.*\)), (i\d+) (\S+)", _address
    ),
    "load": _form(r"load (i\d+|ptr), ptr (\S+|getelementptr .*\(.*\)), align \d+", _load),
    "store": _form(r"store (i\d+|ptr) (\S+), ptr (\S+), align \d+", _store),
    "call": _form(r"(?:tail )?call (\S+) @([\w.]+)\((.*)\)", _call),
    "tail": _form(r"tail call (\S+) @([\w.]+)\((.*)\)", _call),
    "freeze": _form(r"\w+ ()(\S+) (\S+)()", _cast),
    "br": (
        (re.compile(r"br label \S+"), _terminator),
        (re.compile(r"br (?P<kind>i1) (?P<value>\S+), label \S+, label \S+"), _terminator),
    ),
    "switch": _form(r"switch (?P<kind>i\d+) (?P<value>\S+), label \S+ \[(?P<cases>.*)\]", _terminator),
    "ret": _form(r"ret (?P<kind>i32) (?P<value>\S+)", _terminator),
    "unreachable": _form(r"unreachable", _terminator),
}
