"""The seeded faults: every small change that mutmut's operators make to a source file, and a fixed sample of them.

Operators apply to all code but annotations, decorators and imports. A *place* is one piece of code under one operator;
the sample takes places with equal chance and one change at each, so that a call of ten arguments weighs no more than a
comparison. What is drawn depends on a place's own code alone: a change elsewhere in a file leaves the sample as it was.
"""

import difflib
import hashlib
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import libcst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

SEED = "lockstep"
SAMPLE_SIZE = 400

SKIPPED = (libcst.Annotation, libcst.Decorator, libcst.Import, libcst.ImportFrom)
"""What a test could not tell apart, or only by failing to load the module."""


@dataclass(frozen=True)
class Mutant:
    """One source file with one change.

    Attributes:
        module: the file's path below the project, with slashes.
        line: where the changed code starts, counted from 1.
        operator: mutmut's name of the kind of change.
        before: the lines that change, without indentation.
        after: what they become.
        source: the whole changed file.
    """

    module: str
    line: int
    operator: str
    before: str
    after: str
    source: str


@dataclass(frozen=True)
class Place:
    """One piece of code under one operator, and the pieces that could stand there instead."""

    module: str
    line: int
    operator: str
    tree: libcst.Module
    node: libcst.CSTNode
    changes: tuple[libcst.CSTNode, ...]
    occurrence: int

    @property
    def rank(self) -> bytes:
        """Its position in the drawing; a hash, so the same for the same code wherever it stands in the file."""
        return _hash(self.module, self.operator, self.tree.code_for_node(self.node), str(self.occurrence))

    def mutant(self) -> Mutant | None:
        """The first of its changes, in the order of their hashes, that compiles without a warning; None without one."""
        for change in sorted(self.changes, key=lambda node: _hash(self.tree.code_for_node(node))):
            changed = self.tree.deep_replace(self.node, change)
            assert isinstance(changed, libcst.Module)
            if _compiles(changed.code):
                before, after = _changed_lines(self.tree.code, changed.code)
                return Mutant(self.module, self.line, self.operator, before, after, changed.code)
        return None


def sample(root: Path, package: str, size: int = SAMPLE_SIZE) -> list[Mutant]:
    """The sample of the package's mutants, in the order of module and line."""
    places = sorted((place for module in modules(root, package) for place in places_of(root, module)), key=_rank)
    drawn: list[Mutant] = []
    for place in places:
        if len(drawn) == size:
            break
        mutant = place.mutant()
        if mutant is not None:
            drawn.append(mutant)
    return sorted(drawn, key=lambda mutant: (mutant.module, mutant.line, mutant.operator, mutant.after))


def modules(root: Path, package: str) -> list[str]:
    """The source files of a package, as paths below `root`."""
    return sorted(path.relative_to(root).as_posix() for path in (root / package).rglob("*.py"))


def places_of(root: Path, module: str) -> Iterator[Place]:
    """Every place of a source file, from its beginning to its end."""
    wrapper = MetadataWrapper(libcst.parse_module((root / module).read_text(encoding="utf-8")))
    positions = wrapper.resolve(PositionProvider)
    seen: Counter[tuple[str, str]] = Counter()
    for node in _nodes(wrapper.module):
        for kind, operator in mutation_operators:
            changes = tuple(operator(node)) if isinstance(node, kind) else ()
            if changes:
                key = (operator.__name__, wrapper.module.code_for_node(node))
                line = positions[node].start.line
                yield Place(module, line, operator.__name__, wrapper.module, node, changes, seen[key])
                seen[key] += 1


def _nodes(node: libcst.CSTNode) -> Iterator[libcst.CSTNode]:
    if not isinstance(node, SKIPPED):
        yield node
        for child in node.children:
            yield from _nodes(child)


def _rank(place: Place) -> bytes:
    return place.rank


def _hash(*parts: str) -> bytes:
    return hashlib.sha256("\0".join((SEED, *parts)).encode()).digest()


def _compiles(source: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            compile(source, "mutant", "exec")
        except (SyntaxError, SyntaxWarning):
            return False
    return True


def _changed_lines(before: str, after: str) -> tuple[str, str]:
    old, new = before.splitlines(), after.splitlines()
    changes = [
        code for code in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if code[0] != "equal"
    ]
    first, last = changes[0], changes[-1]
    return _stripped(old[first[1] : last[2]]), _stripped(new[first[3] : last[4]])


def _stripped(lines: list[str]) -> str:
    return "\n".join(line.strip() for line in lines)
