"""The threads of known scenarios of the unified flow table, call for call, as kernels for both engines."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastpath.interpreted import Interpreted
from fastpath.memory import Words
from proofs.interleavings.arena import Key
from proofs.interleavings.compiled.histories import Description, check_history
from proofs.interleavings.compiled.kernel_program import KernelProgram, Outcome, Rows
from proofs.interleavings.compiled.marks import called, returned
from proofs.interleavings.scenarios.table import IN, OTHER_IN, OTHER_OUT, OUT, PairSet, Table

_FOUND, _TORN = np.uint64(1), np.uint64(99)
"""What a look-up gives besides 0, for nothing: a whole entry, or anything else. No status of an install is like it."""


class KernelTable:
    """Threads on the table's functions from one set of modules, and the arena they work on.

    Each thread has two result words; behind them lie the keys that it looks up.
    """

    def __init__(self, modules: Interpreted) -> None:
        self.table = Table(Interpreted())
        self.words: Words = np.asarray(self.table.arena.fresh())
        self._uft: Any = modules.module("fastpath.uft")
        self._table: Any = modules.module("fastpath.hash_table")

    def look_up(self, keys: int, entry: int) -> Callable[[Words, Words], None]:
        """A thread that looks up its keys one after the other; the first is that of `entry`, the next of the next."""
        find, hash_key = self._table.find, self._table.hash_key
        expected = np.array([(each, *self.table.payload(each)) for each in (entry, entry + 1)], np.uint64)
        nothing = np.uint64(0)

        def body(words: Words, mine: Words) -> None:
            for place in range(keys):
                at = 2 + 5 * place
                called()
                found, binding, action, rewrite = find(words, mine, at, hash_key(words, mine, at))
                mine[place] = _FOUND
                if found == nothing and binding == nothing and action == nothing and rewrite == nothing:
                    mine[place] = nothing
                elif (
                    found != expected[place, 0]
                    or binding != expected[place, 1]
                    or action != expected[place, 2]
                    or rewrite != expected[place, 3]
                ):
                    mine[place] = _TORN
                returned()

        return body

    def install(self, first: int, second: int) -> Callable[[Words, Words], None]:
        """A thread that installs a pair; its result is the status."""
        install, one, other = self._uft.install, np.uint64(first), np.uint64(second)

        def body(words: Words, mine: Words) -> None:
            called()
            mine[0] = install(words, one, other)
            returned()

        return body

    def remove(self, first: int, second: int) -> Callable[[Words, Words], None]:
        """A thread that removes a pair."""
        remove, one, other = self._uft.remove, np.uint64(first), np.uint64(second)

        def body(words: Words, _mine: Words) -> None:
            called()
            remove(words, one, other)
            returned()

        return body

    def program(
        self,
        threads: Sequence[Callable[[Words, Words], None]],
        described: Sequence[Sequence[Description]],
        specification: PairSet,
        present: Sequence[Sequence[int]],
        keys: Sequence[Key] = (),
    ) -> KernelProgram:
        """The threads, whose history must be that of a set of pairs; the buckets hold one of `present` at the end."""

        def explain(outcome: Outcome) -> None:
            check_history(outcome, described, specification)

        padded = [*keys, *[(0,) * 5] * (2 - len(keys))]
        private = [[word for key in padded for word in key]] * len(threads)
        return KernelProgram(
            self.words,
            threads,
            self._holds(present),
            2,
            private,
            constant=self.table.arena.constant,
            marked=True,
            explain=explain,
            label=self.table.arena.label,
        )

    def _holds(self, present: Sequence[Sequence[int]]) -> Callable[[Words, Rows], bool]:
        """The check: no bucket is locked, each holds what it may, and no look-up was torn."""
        layout: Any = self.table.arena.layout
        buckets_at, buckets = int(self.words[layout.BUCKETS_AT]), int(self.words[layout.BUCKET_MASK]) + 1
        bucket_words, slots = layout.BUCKET_WORDS, layout.SLOTS
        allowed = np.array([sum(1 << 8 * entry for entry in entries) for entries in present], np.uint64)
        low_32, one, nothing, eight = layout.LOW_32, np.uint64(1), np.uint64(0), np.uint64(8)

        def holds(words: Words, rows: Rows) -> bool:
            counts = nothing
            for bucket in range(buckets):
                at = buckets_at + bucket * bucket_words
                if words[at] & one != nothing:
                    return False
                for slot in range(slots):
                    content = words[at + 1 + slot]
                    if content != nothing:
                        counts += one << (content & low_32) * eight
            for row in range(rows.shape[0]):
                if rows[row, 0] == _TORN or rows[row, 1] == _TORN:
                    return False
            found = False
            for each in range(allowed.shape[0]):
                found = found or counts == allowed[each]
            return found

        return holds


def look_up_beside_install(modules: Interpreted) -> KernelProgram:
    """Both halves are looked up while the pair is installed."""
    kernels = KernelTable(modules)
    table = kernels.table
    table.write_pair(kernels.words)
    threads = [kernels.look_up(2, OUT), kernels.install(OUT, IN)]
    described = [[_found(table.out), _found(table.into)], [_installed(table.pair)]]
    return kernels.program(threads, described, PairSet(), [(OUT, IN)], table.pair)


def look_up_beside_removal(modules: Interpreted) -> KernelProgram:
    """Both halves are looked up while the pair is removed."""
    kernels = KernelTable(modules)
    table = kernels.table
    table.write_pair(kernels.words)
    table.uft.install(kernels.words, np.uint64(OUT), np.uint64(IN))
    threads = [kernels.look_up(2, OUT), kernels.remove(OUT, IN)]
    described = [[_found(table.out), _found(table.into)], [_removed(table.pair)]]
    return kernels.program(threads, described, PairSet(table.pair), [()], table.pair)


def install_beside_install(modules: Interpreted) -> KernelProgram:
    """Two threads install a pair for the same keys: one must win, the other must change nothing."""
    kernels = KernelTable(modules)
    table = kernels.table
    table.write_pair(kernels.words)
    table.write(kernels.words, OTHER_OUT, table.out)
    table.write(kernels.words, OTHER_IN, table.into)
    threads = [kernels.install(OUT, IN), kernels.install(OTHER_IN, OTHER_OUT)]
    described = [[_installed(table.pair)]] * 2
    return kernels.program(threads, described, PairSet(), [(OUT, IN), (OTHER_OUT, OTHER_IN)])


def install_beside_removal(modules: Interpreted) -> KernelProgram:
    """A pair is installed while another one, with which it shares two buckets, is removed."""
    kernels = KernelTable(modules)
    table = kernels.table
    table.write_pair(kernels.words)
    table.write(kernels.words, OTHER_OUT, table.other_out)
    table.write(kernels.words, OTHER_IN, table.other_into)
    table.uft.install(kernels.words, np.uint64(OTHER_OUT), np.uint64(OTHER_IN))
    threads = [kernels.install(OUT, IN), kernels.remove(OTHER_OUT, OTHER_IN)]
    described = [[_installed(table.pair)], [_removed(table.other_pair)]]
    return kernels.program(threads, described, PairSet(table.other_pair), [(OUT, IN)])


def three_threads(modules: Interpreted) -> KernelProgram:
    """A look-up while its pair is removed and another pair, with which it shares buckets, is installed."""
    kernels = KernelTable(modules)
    table = kernels.table
    table.write_pair(kernels.words)
    table.uft.install(kernels.words, np.uint64(OUT), np.uint64(IN))
    table.write(kernels.words, OTHER_OUT, table.other_out)
    table.write(kernels.words, OTHER_IN, table.other_into)
    threads = [kernels.look_up(1, OUT), kernels.remove(OUT, IN), kernels.install(OTHER_OUT, OTHER_IN)]
    described = [[_found(table.out)], [_removed(table.pair)], [_installed(table.other_pair)]]
    return kernels.program(threads, described, PairSet(table.pair), [(OTHER_OUT, OTHER_IN)], [table.out])


def _found(key: Key) -> Description:
    return lambda result: ("find", (key,), result == int(_FOUND))


def _installed(keys: Sequence[Key]) -> Description:
    return lambda result: ("install", tuple(keys), result == 0)


def _removed(keys: Sequence[Key]) -> Description:
    return lambda _result: ("remove", tuple(keys), None)
