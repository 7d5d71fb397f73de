"""Every frame that the reference emits is dissected by scapy, which computes every length and checksum anew."""

from itertools import islice

import pytest

from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.engines import EngineName, SemanticsName, engine_factory
from proofs.conformance.recording import read
from proofs.conformance.steps import Process
from proofs.units.reference_packet.frames import GENEVE, ICMP, IP, UDP, Ether, IPv6, Layers
from reference.packet.protocol import GENEVE_PORT

MOST_STEPS = 250


def is_right(frame: bytes, may_lack: type[Layers] | None = None) -> bool:
    """Whether scapy computes the same lengths and checksums; `may_lack` is a layer whose checksum may be 0 for none.

    Up to the ICMP header: what an ICMP message quotes is not the emitter's.
    """
    layers = Ether(frame)
    for layer in layers.iterpayloads():
        lacking = may_lack is not None and isinstance(layer, may_lack) and layer.chksum == 0
        for name in ("len", "plen") if lacking else ("chksum", "cksum", "len", "plen"):
            if name in layer.fields:
                delattr(layer, name)
        if isinstance(layer, ICMP) or type(layer).__name__.startswith("ICMPv6"):
            break
    return bytes(layers) == frame


def inner_frame(frame: bytes) -> bytes:
    """What is inside the encapsulation, whose own fields are checked; a plain frame as it is."""
    layers = Ether(frame)
    if not (IPv6 in layers and UDP in layers and layers[UDP].dport == GENEVE_PORT):
        return frame
    outer: Layers = layers[IPv6]
    assert (layers.type, outer.nh, outer.plen) == (0x86DD, 17, len(frame) - 54)
    assert (outer.payload.len, outer.payload.chksum) == (len(frame) - 54, 0)
    geneve = layers[GENEVE]
    assert (geneve.version, geneve.proto, geneve.optionlen * 4) == (0, 0x6558, sum(map(len, geneve.options)))
    return frame[70 + geneve.optionlen * 4 :]


@pytest.mark.parametrize("semantics", list(SemanticsName))
@pytest.mark.parametrize(
    "name",
    ["1_sizes_v4", "1_icmp_g2g_v6", "2_snat_v6", "2_all_ext_v4", "5_gateway_v4", "5_gateway_v6", "6_multicast_v6",
     "9_random_large"],
)  # fmt: skip
def test_what_came_in_right_goes_out_right(name: str, semantics: SemanticsName) -> None:
    recording = read(RECORDINGS / "public" / f"{name}.jsonl.gz")
    engine = engine_factory(EngineName.REFERENCE, None, semantics)()
    engine.setup(recording.header)
    judged = 0
    for step in islice(recording.steps, MOST_STEPS):
        result = engine.step(step).result
        if isinstance(step, Process) and "pkt" in result and is_right(inner_frame(step.packet)):
            # A DHCPv4 answer carries no UDP checksum (RFC 768), as upstream's.
            may_lack = UDP if result["kind"] == "hairpin" and IP in Ether(step.packet) else None
            assert is_right(inner_frame(bytes.fromhex(result["pkt"])), may_lack), f"step {step.i}"
            judged += 1
    assert judged > 10
