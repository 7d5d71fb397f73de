"""Seeded faults that real threads run into: a part of the protocol left out of the code around the compiled kernels.

Threads meet by chance, so that only faults with a wide window belong here. Narrow ones are for the explorer
(`proofs/interleavings`), which tries every schedule.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from fastpath import flow
from fastpath.memory import Words


@dataclass(frozen=True)
class Fault:
    """Something left out.

    Attributes:
        name: what goes wrong.
        owner: the module, class or object of which a member is replaced.
        member: its name.
        instead: what stands there instead.
    """

    name: str
    owner: Any
    member: str
    instead: Any

    @contextmanager
    def seeded(self) -> Iterator[None]:
        """The fault is there meanwhile."""
        with mock.patch.object(self.owner, self.member, self.instead):
            yield


class _But:
    """A module but for some members."""

    def __init__(self, module: Any, members: Mapping[str, Any]) -> None:
        self._module = module
        self.__dict__.update(members)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _read_only(words: Words, record: Any) -> Any:
    return words[flow.tcp_word_at(words, record)]


FAULTS = ()
