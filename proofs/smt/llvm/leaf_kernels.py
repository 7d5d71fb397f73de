"""The leaf kernels whose compiled code is held against their source, each with what its callers see to."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import z3

from fastpath import checksum, flow_hash, match, parse, passage, tcp
from fastpath.layout import DESCRIPTOR_WORDS, FRAME_DIRECTION, FRAME_LENGTH, KEY_WORDS, LOW_32, WORK_WORDS
from fastpath.rule_layout import ATOM_FIELD, ATOM_WORDS, CLAUSE_WORDS, RULE_CLAUSES, RULE_WORDS
from proofs.smt.llvm.comparison import Comparison
from proofs.smt.llvm.inputs import At, FrameOf, Input, Known, Truth, Word, WordsOf
from proofs.smt.values import Term, Value

ANY: Final = Word()
PASSAGE: Final = 16
"""Words of a passage that atoms compare; the last atom looks at the one before and at this one."""
OFFSET: Final = 2
"""Where records begin in their arrays."""
WORK: Final = WordsOf([ANY] * (OFFSET + PASSAGE))
ATOMS_OF_CLAUSES: Final = (2, 1)
"""A rule of two clauses, one of them with a choice."""
LONGEST_HEADER: Final = 60
"""Bytes that production sums at most: an IPv4 header with all its options."""

SCALARS: Final = [
    Comparison(
        tcp.step_tcp,
        dict.fromkeys(("word", "direction", "flags", "sequence", "acknowledgement", "fin"), ANY),
    ),
    Comparison(tcp.may_advance, {"word": ANY, "epoch": ANY}),
    Comparison(tcp.pack_word, {"state": ANY, "sequence": ANY, "known": ANY, "epoch": ANY}),
    Comparison(tcp.with_state, {"word": ANY, "state": ANY}),
    Comparison(tcp.with_sequence, {"word": ANY, "sequence": ANY}),
    Comparison(passage.mirror_ports, {"meta": ANY}),
    Comparison(checksum.sum_of_words, {"value": ANY}),
    Comparison(flow_hash.reversed_bytes, {"value": ANY}),
]
"""Kernels of numbers alone, without loops."""

FOLDING: Final = [
    Comparison(checksum.fold, {"total": ANY}, rounds=6),
    Comparison(checksum.finish, {"total": ANY}, rounds=6),
    Comparison(checksum.delta_of_words, {"old": ANY, "new": ANY}, rounds=6),
    Comparison(checksum.update, {"checksum": ANY, "delta": ANY}, rounds=6),
    Comparison(checksum.update_udp, {"checksum": ANY, "delta": ANY, "zero_as_ones": Truth()}, rounds=6),
]
"""Kernels that fold a sum of any 64 bits: no more than five rounds."""

HASH: Final = Comparison(flow_hash.hash_of_ipv4_flow, {"source": ANY, "destination": ANY, "meta": ANY})


def _fields_are_of_the_passage(arguments: Mapping[str, Value]) -> Term:
    """Rule sets name words of the passage only."""
    members, at, fields = arguments["rules"].members, OFFSET + RULE_WORDS, []
    for atoms in ATOMS_OF_CLAUSES:
        fields += [members[at + CLAUSE_WORDS + ATOM_WORDS * atom + ATOM_FIELD] for atom in range(atoms)]
        at += CLAUSE_WORDS + ATOM_WORDS * atoms
    return z3.And([_is_of_the_passage(field) for field in fields])


def _is_of_the_passage(field: Value) -> Term:
    return z3.ULT(field.term & int(LOW_32), PASSAGE - 1)


def _rule() -> list[int | Word]:
    """A rule in which nothing but the numbers of clauses and atoms is known."""
    words: list[int | Word] = [0] * (OFFSET + RULE_WORDS)
    words[OFFSET + RULE_CLAUSES] = len(ATOMS_OF_CLAUSES)
    for atoms in ATOMS_OF_CLAUSES:
        words += [atoms, *[ANY] * (ATOM_WORDS * atoms)]
    return words


MATCHING: Final = [
    Comparison(
        match.atom_holds,
        {"rules": WordsOf([ANY] * (OFFSET + ATOM_WORDS)), "atom": At(OFFSET), "work": WORK, "at": At(OFFSET)},
        lambda arguments: _is_of_the_passage(arguments["rules"].members[OFFSET + ATOM_FIELD]),
    ),
    Comparison(
        match.rule_holds,
        {"rules": WordsOf(_rule()), "rule": At(OFFSET), "work": WORK, "at": At(OFFSET)},
        _fields_are_of_the_passage,
    ),
]
MIRROR: Final = Comparison(
    passage.mirror_flow,
    {"work": WORK, "origin": At(OFFSET), "to": At(OFFSET + KEY_WORDS + 2)},
)


def summing(length: int, headroom: int = 1) -> Comparison:
    """The sum of so many bytes at any offset below `headroom`."""
    offset = Known(0) if headroom == 1 else Word(headroom)
    inputs: dict[str, Input] = {"frame": FrameOf(length + headroom - 1), "offset": offset, "length": Known(length)}
    return Comparison(checksum.internet_sum, inputs, rounds=length // 4 + 1)


def parsing(longest: int, direction: np.uint64 | None = None) -> Comparison:
    """The parser on frames of at most so many bytes, in one direction or in both."""
    descriptor: list[int | Word] = [0] * DESCRIPTOR_WORDS
    descriptor[FRAME_LENGTH] = Word(longest + 1)
    descriptor[FRAME_DIRECTION] = Word(2) if direction is None else int(direction)
    inputs: dict[str, Input] = {
        "frames": FrameOf(longest),
        "descriptors": WordsOf(descriptor),
        "at": At(0),
        "work": WordsOf([ANY] * WORK_WORDS),
        "record": At(0),
    }
    return Comparison(parse.parse, inputs, rounds=max(2, (longest - 70) // 4 + 1), timeout_ms=240_000)
