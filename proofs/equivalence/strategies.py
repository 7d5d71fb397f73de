"""What Hypothesis draws: openings, lines and waits, mostly ordinary, sometimes at an edge."""

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import strategies as st

from proofs.equivalence import frames
from proofs.equivalence.conversation import Damage, Far, Line, Opening
from proofs.equivalence.frames import ACK, FIN, PSH, RST, SYN, Content
from proofs.equivalence.oddities import ODDITIES, Oddity
from reference.direction import Direction
from reference.flow_table import FLOW_TIME_TO_LIVE_MS
from reference.tcp_flows import ESTABLISHED_TIME_TO_LIVE_MS, INCIPIENT_TIME_TO_LIVE_MS, QUIESCENT_TIME_TO_LIVE_MS

NUMBERS = (0, 1, 2, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF)
"""Sequence numbers where arithmetic may go wrong."""

_LIMITS = (FLOW_TIME_TO_LIVE_MS, INCIPIENT_TIME_TO_LIVE_MS, QUIESCENT_TIME_TO_LIVE_MS, ESTABLISHED_TIME_TO_LIVE_MS)
WAITS = (0, 1, 2_500, *(limit + offset for limit in _LIMITS for offset in (-1, 0, 1)))
"""Milliseconds: none, few, and around every time to live."""

_Made = TypeVar("_Made")


def made(kind: Callable[..., _Made], **members: st.SearchStrategy[Any]) -> st.SearchStrategy[_Made]:
    """Values of a kind from the members given; the others keep their defaults, which `st.builds` would draw."""
    return st.fixed_dictionaries(members).map(lambda drawn: kind(**drawn))


directions = st.sampled_from(Direction)

openings = made(
    Opening,
    family=st.sampled_from((4, 6)),
    protocol=st.sampled_from((frames.TCP, frames.UDP, frames.ICMP)),
    far=st.sampled_from((Far.PEER, Far.INTERNET, Far.INTERNET, Far.GATEWAY)),
    number=st.integers(0, 1),
    by=directions,
    near_port=st.sampled_from((22, 53, 1000, 1001)),
    far_port=st.sampled_from((80, 53, 0, 65535)),
    address=st.sampled_from(("ephemeral", "ephemeral", "floating", "shared")),
)

_flags = st.one_of(
    st.sampled_from((ACK, ACK, SYN, SYN | ACK, FIN | ACK, FIN, PSH | ACK, RST, RST | ACK, 0)),
    st.integers(0, 0xFF),
)
_numbers = st.sampled_from(NUMBERS)
_payloads = st.sampled_from((b"", b"\0", b"odd", bytes(range(64))))
_contents = made(Content, payload=_payloads, flags=_flags, sequence=_numbers, acknowledgement=_numbers)
lines = made(
    Line,
    direction=directions,
    content=_contents,
    answers=st.booleans(),
)

_damages = st.one_of(
    made(Damage, cut=st.integers(1, 120)),
    made(Damage, position=st.integers(0, 150), value=st.integers(0, 255)),
)


def _odd(drawn: tuple[Line, list[Oddity]]) -> Line:
    line, oddities = drawn
    for oddity in oddities:
        line = oddity.seen_in(line)
    return line


odd_lines = st.one_of(
    st.tuples(lines, st.lists(st.sampled_from(ODDITIES), min_size=1, max_size=2)).map(_odd),
    st.tuples(lines, _damages).map(lambda drawn: drawn[0]._replace(damage=drawn[1])),
)

waits = st.sampled_from(WAITS)
