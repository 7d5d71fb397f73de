"""Connections from their SYN to their end in compiled code: what is decided, and left, is what the reference says."""

from typing import NamedTuple

import pytest

import fastpath
from proofs.equivalence.frames import ACK, FIN, RST, SYN, TCP, Content
from proofs.units.fastpath.ports import IN, NOW, OUT, fast_port, hits_of, inbound, outbound, reference_port
from reference.direction import Direction
from reference.flow_table import FLOW_TIME_TO_LIVE_MS


class Said(NamedTuple):
    """One segment of a connection."""

    direction: Direction
    flags: int
    sequence: int = 0
    acknowledgement: int = 0
    data: bytes = b""

    def frame(self) -> bytes:
        """The segment as it reaches the port."""
        content = Content(self.data, flags=self.flags, sequence=self.sequence, acknowledgement=self.acknowledgement)
        return (outbound if self.direction is OUT else inbound)(1, content, TCP)


HANDSHAKE = [Said(OUT, SYN, 10), Said(IN, SYN | ACK, 50, 11), Said(OUT, ACK, 11, 51)]
TALK = [Said(OUT, ACK, 11, 51, b"request"), Said(IN, ACK, 51, 18, b"reply"), Said(OUT, ACK, 18, 56)]
LIVES = {
    "the guest closes": [
        *(Said(OUT, FIN | ACK, 18, 56), Said(IN, ACK, 56, 19)),
        *(Said(IN, FIN | ACK, 56, 19), Said(OUT, ACK, 19, 57)),
    ],
    "the remote closes": [Said(IN, FIN | ACK, 56, 18), Said(OUT, FIN | ACK, 18, 57), Said(IN, ACK, 57, 19)],
    "the last data come with the FIN": [
        *(Said(IN, FIN | ACK, 56, 18), Said(OUT, FIN | ACK, 18, 57, b"and goodbye")),
        *(Said(IN, ACK, 57, 19), Said(IN, ACK, 57, 30)),
    ],
    "both close at once": [Said(OUT, FIN | ACK, 18, 56), Said(IN, FIN | ACK, 56, 18), Said(OUT, ACK, 19, 57)],
    "the guest repeats its FIN": [*[Said(OUT, FIN | ACK, 18, 56, b"data")] * 3, Said(IN, ACK, 56, 23)],
    "the guest resets": [Said(OUT, RST | ACK, 18, 56)],
    "the remote resets": [Said(IN, RST, 56)],
    "the remote resets while it closes": [Said(IN, FIN | ACK, 56, 18), Said(IN, RST, 57)],
}


@pytest.mark.parametrize("life", LIVES)
def test_a_connection_lives_and_ends_in_compiled_code(life: str) -> None:
    fast, standard = fast_port(), reference_port()
    tickets, hits = fast.ticket, hits_of(fast)
    segments = [*HANDSHAKE, *TALK, *LIVES[life]]
    for number, said in enumerate(segments):
        expected = standard.process(said.direction, said.frame(), NOW + number)
        assert fast.process(said.direction, said.frame(), NOW + number) == expected
    assert fast.ticket == tickets
    assert hits_of(fast) == hits + len(segments) - 1
    assert fast.snapshot() == standard.snapshot()


@pytest.mark.parametrize("life", LIVES)
def test_what_is_left_of_it_expires_with_its_layer_entries(life: str) -> None:
    fast, standard = fast_port(), reference_port()
    for port in (fast, standard):
        for number, said in enumerate([*HANDSHAKE, *TALK, *LIVES[life]]):
            port.process(said.direction, said.frame(), NOW + number)
        port.expire(NOW + FLOW_TIME_TO_LIVE_MS)
    assert fast.flow_counts() == standard.flow_counts()
    for port in (fast, standard):
        port.expire(NOW + 4 * FLOW_TIME_TO_LIVE_MS)
    assert fast.snapshot() == standard.snapshot()


AFTER = {
    "a late acknowledgement": [Said(IN, ACK, 57, 19)],
    "a repeated FIN": [Said(OUT, FIN | ACK, 18, 57)],
    "a new connection of the guest": HANDSHAKE,
    "a new connection of the remote": [Said(IN, SYN, 90), Said(OUT, SYN | ACK, 20, 91), Said(IN, ACK, 91, 21)],
}


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("life", ["the remote closes", "the guest resets"])
def test_what_comes_after_the_end_is_the_references(life: str, after: str) -> None:
    fast, standard = fast_port(), reference_port()
    for number, said in enumerate([*HANDSHAKE, *LIVES[life], *AFTER[after]]):
        expected = standard.process(said.direction, said.frame(), NOW + number)
        assert fast.process(said.direction, said.frame(), NOW + number) == expected
    assert fast.snapshot() == standard.snapshot()


def test_a_fin_with_another_number_is_the_references_and_its_number_counts() -> None:
    fast, standard = fast_port(), reference_port()
    other = Said(OUT, FIN | ACK, 25, 56)
    ends = [
        Said(IN, FIN | ACK, 56, 18),
        Said(OUT, FIN | ACK, 18, 57),
        other,
        Said(IN, ACK, 57, 19),
        Said(IN, ACK, 57, 26),
    ]
    for number, said in enumerate([*HANDSHAKE, *ends]):
        ticket = fast.ticket
        expected = standard.process(said.direction, said.frame(), NOW + number)
        assert fast.process(said.direction, said.frame(), NOW + number) == expected
        assert said is not other or fast.ticket > ticket
        assert fast.flow_counts() == standard.flow_counts()
    assert fast.snapshot() == standard.snapshot()


@pytest.mark.parametrize("design", fastpath.Design)
def test_a_connection_that_the_reference_knows_goes_the_same_way(design: fastpath.Design) -> None:
    fast, standard = fast_port(design), reference_port()
    for number, said in enumerate([*HANDSHAKE, *TALK, *LIVES["the last data come with the FIN"]]):
        expected = standard.process(said.direction, said.frame(), NOW + number)
        assert fast.process(said.direction, said.frame(), NOW + number) == expected
        assert fast.snapshot() == standard.snapshot()
