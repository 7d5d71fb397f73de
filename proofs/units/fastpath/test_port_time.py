"""Time at the port's surface: packets that compiled code does not take move the clock on like any other."""

from proofs.equivalence.frames import Content
from proofs.units.fastpath.ports import NOW, OUT, fast_port, outbound, reference_port
from reference.semantics import Semantics


def test_a_packet_too_long_for_compiled_code_moves_the_clock_on_like_any_other() -> None:
    ports = fast_port(semantics=Semantics.UPSTREAM), reference_port(semantics=Semantics.UPSTREAM)
    for port in ports:
        port.process(OUT, outbound(1), NOW)
        port.process(OUT, outbound(1, Content(payload=bytes(10_000))), NOW + 10)
        port.process(OUT, outbound(1), NOW + 5)
    assert ports[0].snapshot() == ports[1].snapshot()
