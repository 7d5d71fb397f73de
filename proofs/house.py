"""The rules of the house that no linter knows, as functions from a source tree to what breaks them.

Imports point one way (`ARROWS`), a file fits a sitting (`MAXIMUM_LINES`), no module is a grab bag, and nothing names
the machine or the package registry it was made with.
"""

import ast
import functools
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

MAXIMUM_LINES = 400

ARROWS: Mapping[str, tuple[str, ...]] = {
    "model": (),
    "reference": (),
    "fastpath": (
        "reference",
        "reference.direction",
        "reference.errors",
        "reference.hairpin.*",
        "reference.semantics",
        "reference.verdict",
        "reference.vpc.config",
    ),
    "fastpath.slow_path": ("reference.*",),  # a miss runs the reference's own slow path,
    "fastpath.claims": ("reference.flow_table",),  # whose entries are claimed,
    "fastpath.mirror": ("reference.flow_table", "reference.tcp_flows", "reference.uft"),  # its entries are watched,
    "fastpath.halves": ("reference.tcp_flows", "reference.uft"),  # copied,
    "fastpath.expire": ("reference.flow_table", "reference.tcp_flows"),  # live as long,
    "fastpath.compile_flow": ("reference.packet.*", "reference.transform"),  # and what it decided is compiled;
    "fastpath.decompile": ("reference.packet.*", "reference.transform", "reference.vpc.overlay"),  # and back again;
    "fastpath.native_flow": ("reference.packet.flow",),  # what it did not decide is read,
    "fastpath.openings": ("reference.layer_flows", "reference.packet.*", "reference.vpc.firewall"),
    "fastpath.revival": ("reference.*",),  # made into its entries
    "fastpath.table_entries": ("reference.flow_table", "reference.packet.flow"),  # when it looks for them,
    "fastpath.recall": ("reference.packet.flow", "reference.vpc.*"),  # by their keys;
    "fastpath.current_rules": ("reference.port_data", "reference.vpc.*"),  # whose rules misses go by,
    "fastpath.miss_control": ("reference.flow_table", "reference.vpc.*"),
    "fastpath.frames": ("reference.vpc.*",),  # and whose layers deny;
    "fastpath.control": ("reference.port_data",),  # and the surface is the reference's
    "fastpath.port": ("reference.packet.flow", "reference.port_data", "reference.tcp", "reference.vpc.mappings"),
    "fastpath.reconfiguration": ("reference.address", "reference.vpc.*"),
    "fastpath.compile_predicates": (  # rule sets are compiled from the reference's rules,
        "reference.address",
        "reference.packet.protocol",
        "reference.predicate",
        "reference.vpc.*",
    ),
    "fastpath.compile_rules": ("reference.action", "reference.rule", "reference.vpc.*"),
    "fastpath.compile_tables": ("reference.rule",),
    "fastpath.lent_ports": ("reference.layer", "reference.packet.protocol", "reference.vpc.*"),
    "fastpath.numbering": ("reference.layer", "reference.vpc.*"),
    "fastpath.intervals": ("reference.address",),  # and mappings,
    "fastpath.compile_destinations": ("reference.address", "reference.vpc.mappings"),
    "fastpath.rule_compiler": ("reference.layer", "reference.vpc.*"),
    "fastpath.rule_set": ("reference.port_data", "reference.rule"),  # and count for them
    "proofs": ("model.*", "reference.*", "fastpath.*"),
    "proofs.units.experiments": ("experiments.*",),  # the small checks of the experiments' own code
    "experiments": ("reference.*", "fastpath.*"),
}
"""What a module, and those below it, may import of other packages: a module, with `.*` also what is below it."""

STANDARD_LIBRARY_ONLY = ("reference",)
NO_THREADS = ("reference",)
THREADS = ("_thread", "asyncio", "concurrent", "multiprocessing", "threading")

GRAB_BAGS = {"common", "helper", "helpers", "misc", "util", "utils"}

DOCUMENT_NOTHING = {
    *("ABC", "Generic", "Protocol", "NamedTuple", "Struct", "Exception", "ValueError"),
    *("Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"),
}
"""Base classes from outside that introduce no public method worth overriding."""

MACHINE_TRACES = re.compile(
    r"(?<![\w.)}])/(?:work|tmp|root|home|Users|opt/wheels)/\w"
    r"|pypi\.(?:org|python)|pythonhosted\.|--(?:find-links|(?:extra-)?index-url)"
)


@dataclass(frozen=True, order=True)
class Violation:
    """One place that breaks a rule of the house."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        """As an editor can jump to it."""
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, its path below the root, and its text."""

    name: str
    path: str
    text: str

    @property
    def is_package(self) -> bool:
        """Whether it is a package's `__init__.py`."""
        return self.path.endswith("__init__.py")

    @property
    def is_test(self) -> bool:
        """Whether pytest collects it."""
        return self.path.rpartition("/")[2].startswith("test_")

    @functools.cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree.

        Raises:
            SyntaxError: the file is not Python; the message names it.
        """
        return ast.parse(self.text, self.path)


def modules(root: Path) -> list[Module]:
    """Every module of the project's packages under `root`, in order of their paths."""
    found = []
    for package in sorted({name.partition(".")[0] for name in ARROWS}):
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found.append(Module(name, path.relative_to(root).as_posix(), path.read_text()))
    return found


def imports(module: Module) -> Iterator[tuple[str, int]]:
    """The dotted name and line of everything a module imports.

    Also what it imports inside functions, for type checking only, relatively, or dynamically by a literal name.
    """
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.name.split(".")
            above = parts[: len(parts) - node.level + module.is_package] if node.level else []
            base = [*above, *filter(None, [node.module])]
            yield from ((".".join([*base, alias.name]), node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in {"import_module", "__import__"}:
                yield str(node.args[0].value), node.lineno


def breaks_arrows(every: Iterable[Module]) -> Iterator[Violation]:
    """Imports against the arrows, third-party imports and threads where there may be none."""
    known = {module.name: module for module in every}
    packages = {name.partition(".")[0] for name in ARROWS}
    for module in known.values():
        package = module.name.partition(".")[0]
        allowed = [entry for name, entries in ARROWS.items() if matches(module.name, f"{name}.*") for entry in entries]
        for target, line in imports(module):
            top = target.partition(".")[0]
            if top in packages - {package}:
                imported = longest_module(target, known.keys())
                if not any(matches(imported, entry) for entry in allowed):
                    yield Violation(module.path, line, f"{package} may not import {imported}")
            elif package in NO_THREADS and top in THREADS:
                yield Violation(module.path, line, f"{package} knows no threads: {target}")
            elif package in STANDARD_LIBRARY_ONLY and top not in sys.stdlib_module_names | {package}:
                yield Violation(module.path, line, f"{package} stands on the standard library alone: {target}")


def matches(name: str, pattern: str) -> bool:
    """Whether a dotted name is what the pattern names, or below it where the pattern ends in `.*`."""
    return name == pattern.removesuffix(".*") or (pattern.endswith(".*") and name.startswith(pattern[:-1]))


def longest_module(target: str, known: Set[str]) -> str:
    """The module that an imported name lies in: `reference` for `reference.Port`, itself for `reference.port`."""
    while target not in known and "." in target:
        target = target.rpartition(".")[0]
    return target


def breaks_form(every: Iterable[Module]) -> Iterator[Violation]:
    """Files too long for one sitting, grab bags, and modules without a docstring."""
    for module in every:
        lines = module.text.count("\n")
        if lines > MAXIMUM_LINES:
            yield Violation(module.path, lines, f"{lines} lines, {MAXIMUM_LINES} are allowed: split it by concept")
        if GRAB_BAGS & set(module.name.split(".")):
            yield Violation(module.path, 1, "a module is named for its concept, not for being handy")
        if not ast.get_docstring(module.tree):
            yield Violation(module.path, 1, "say in a docstring what the module is")


def undocumented_methods(every: Iterable[Module]) -> Iterator[Violation]:
    """Public methods, properties included, without a docstring of their own or of a base class.

    A base class that only a library knows counts as documented: it says itself what overrides its methods.
    """
    classes = [(module, node) for module in every for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
    by_name = {node.name: node for _, node in classes}
    for module, node in classes:
        lineage = ancestry(node, by_name)
        if module.is_test or node.name.startswith("_") or not lineage.keys() <= {*by_name, *DOCUMENT_NOTHING}:
            continue
        described = {
            method.name for known in lineage.values() if known for method in methods(known) if ast.get_docstring(method)
        }
        for method in methods(node):
            if not method.name.startswith("_") and method.name not in described:
                yield Violation(module.path, method.lineno, f"say in a docstring what {node.name}.{method.name} does")


def ancestry(node: ast.ClassDef, by_name: Mapping[str, ast.ClassDef]) -> dict[str, ast.ClassDef | None]:
    """A class and what it inherits from, by bare name; None for a class from outside the project."""
    found: dict[str, ast.ClassDef | None] = {node.name: node}
    waiting = [node]
    while waiting:
        for base in waiting.pop().bases:
            name = ast.unparse(base).partition("[")[0].rpartition(".")[2]
            if name not in found:
                found[name] = known = by_name.get(name)
                waiting.extend([known] if known else [])
    return found


def methods(node: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions that a class defines itself."""
    return [child for child in node.body if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)]


def machine_traces(root: Path) -> Iterator[Violation]:
    """Text files under `root`, ignored folders left out, that name a machine's path or a package registry."""
    ignored = {line.strip("/") for line in (root / ".gitignore").read_text().split()} | {".git"}
    for folder, below, files in os.walk(root):
        below[:] = sorted(set(below) - ignored)
        for path in (Path(folder, name) for name in sorted(set(files) - ignored)):
            data = path.read_bytes()
            if b"\0" in data:
                continue
            for number, line in enumerate(data.decode(errors="replace").splitlines(), start=1):
                if trace := MACHINE_TRACES.search(line):
                    message = f"names the machine or registry it was made with: {trace[0]}"
                    yield Violation(path.relative_to(root).as_posix(), number, message)
