"""A translated UDP checksum that comes out as 0."""

import pytest

from proofs.units.reference.scene import Scene, inner, udp
from reference.semantics import Semantics


def translated_checksum(scene: Scene, word: int, now_ms: int) -> int:
    datagram = inner(scene.send(udp(payload=word.to_bytes(2)), now_ms)).udp
    assert datagram is not None
    return datagram.checksum


@pytest.mark.parametrize(("semantics", "sent"), [(Semantics.UPSTREAM, 0), (Semantics.only("udp_zero_as_ones"), 0xFFFF)])
def test_it_says_that_there_is_none_upstream_and_minus_zero_with_the_flag(semantics: Semantics, sent: int) -> None:
    scene = Scene(semantics=semantics)
    of_nothing = translated_checksum(scene, 0, 0)
    assert [translated_checksum(scene, of_nothing, now_ms) for now_ms in (1, 2)] == [sent, sent]
    assert scene.counter("out_uft_hit") == 2
    assert translated_checksum(scene, of_nothing - 1, 3) == 1


def test_an_absent_checksum_stays_absent() -> None:
    scene = Scene(semantics=Semantics.CORRECT)
    datagram = udp()
    datagram["UDP"].chksum = 0
    sent = [inner(scene.send(datagram, now_ms)).udp for now_ms in (0, 1)]
    assert [None if header is None else header.checksum for header in sent] == [0, 0]


@pytest.mark.parametrize("semantics", [Semantics.UPSTREAM, Semantics.CORRECT])
def test_the_slow_path_does_as_a_hit_does(semantics: Semantics) -> None:
    first = Scene(semantics=semantics)
    of_nothing = translated_checksum(first, 0, 0)
    again = translated_checksum(first, of_nothing, 1)
    assert translated_checksum(Scene(semantics=semantics), of_nothing, 0) == again
