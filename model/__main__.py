"""`python -m model list | check [NAME...] | fault NAME...`: searches the models.

`list` names the configurations, the seeded faults and the museum's exhibits. `check` searches configurations
(all of them without a name; `fine` stands for all of that design) and prints their numbers and what held.
`fault` searches systems that are broken on purpose and prints the trace to what is found. Exit codes: 0
everything held, or every fault was found; 1 not so; 2 unknown name.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from model.catalogue import CONFIGURATIONS, FAULTS, MUSEUM, Faulty
from model.designs.invariants import INVARIANTS
from model.search import LIMIT, Outcome, Result, search
from model.trace import numbers, report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m model", description=(__doc__ or "").split("\n\n")[1])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="name everything that can be searched")
    for command, names, help_ in (("check", "*", "search configurations"), ("fault", "+", "search broken systems")):
        subparser = commands.add_parser(command, help=help_)
        subparser.add_argument("names", nargs=names, metavar="NAME")
        subparser.add_argument(
            "--limit", type=int, default=LIMIT, help="give up after so many states (default %(default)s)"
        )
    options = parser.parse_args(arguments)
    try:
        if options.command == "list":
            return _list()
        return (_check if options.command == "check" else _fault)(options.names, options.limit)
    except _UnknownName as unknown:
        _say(f"error: {unknown}", sys.stderr)
        return 2


class _UnknownName(Exception):
    """A name on the command line that nothing has."""

    def __init__(self, name: str) -> None:
        super().__init__(f"nothing is called {name!r}: see `python -m model list`")


def _list() -> int:
    _say("Configurations, which must hold:")
    for name, system in CONFIGURATIONS.items():
        _say(f"  {name:<32} {system.sentence}")
    for title, group in (("Seeded faults, which must be found:", FAULTS), ("The museum:", MUSEUM)):
        _say(f"\n{title}")
        for name, faulty in group.items():
            _say(f"  {name:<32} {faulty.sentence}{'' if faulty.finds else ' (benign)'}")
    return 0


def _check(names: Sequence[str], limit: int) -> int:
    chosen = [name for name in CONFIGURATIONS if not names or any(_names(asked, name) for asked in names)]
    for asked in names:
        if not any(_names(asked, name) for name in chosen):
            raise _UnknownName(asked)
    results = [_search(name, CONFIGURATIONS[name], limit) for name in chosen]
    _say(f"\n{sum(result.states for result in results):,} states in {sum(result.seconds for result in results):.1f} s")
    for result in results:
        if result.outcome is not Outcome.HELD:
            _say(f"\n{report(result)}")
    if any(result.outcome is not Outcome.HELD for result in results):
        return 1
    _say("In each of them nobody is ever stuck for good, and always:")
    for invariant in INVARIANTS:
        _say(f"  {invariant.name}: {invariant.sentence}")
    return 0


def _names(asked: str, name: str) -> bool:
    return name == asked or name.startswith(f"{asked}/")


def _fault(names: Sequence[str], limit: int) -> int:
    found = True
    for name in names:
        faulty = _broken(name)
        _say(f"{name}: {faulty.sentence}")
        result = _search(name, faulty.system, limit)
        _say(f"{report(result)}\n")
        found = found and faulty.found_by(result)
    return 0 if found else 1


def _broken(name: str) -> Faulty:
    """The seeded fault of that name, or else the exhibit."""
    for group in (FAULTS, MUSEUM):
        if name in group:
            return group[name]
    raise _UnknownName(name)


def _search(name: str, system: Any, limit: int) -> Result[Any, Any]:
    result = search(system, limit)
    _say(numbers(name, result))
    return result


def _say(line: str, stream: Any = None) -> None:
    (stream or sys.stdout).write(line + "\n")
    (stream or sys.stdout).flush()


if __name__ == "__main__":
    sys.exit(main())
