"""What may be unusual about a line, one thing at a time: so that it is that one thing which a port has to notice."""

from dataclasses import dataclass, field
from typing import Any

from proofs.equivalence.conversation import Line
from proofs.equivalence.frames import Checksum


@dataclass(frozen=True)
class Oddity:
    """Members of a line, or of its content, that depart from the usual."""

    name: str
    content: dict[str, Any] = field(default_factory=dict)
    line: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.name

    def seen_in(self, line: Line) -> Line:
        """The line with this about it."""
        return line._replace(content=line.content._replace(**self.content), **self.line)


def _geneve(name: str, options: str, critical: bool = False) -> Oddity:
    return Oddity(name, line={"options": bytes.fromhex(options), "critical": critical})


ODDITIES = (
    Oddity("a wrong checksum", {"checksum": Checksum.WRONG}),
    Oddity("no checksum", {"checksum": Checksum.ABSENT}),
    Oddity("a wrong IPv4 header checksum", {"header_checksum": False}),
    Oddity("one word of IPv4 options", {"network_options": b"\1\1\1\0"}),
    Oddity("ten words of IPv4 options", {"network_options": bytes(40)}),
    Oddity("IPv4 options that look like the transport header", {"imitates": True}),
    Oddity("one word of TCP options", {"transport_options": b"\1\1\1\1"}),
    Oddity("ten words of TCP options", {"transport_options": b"\2\4\5\xb4" + b"\1" * 36}),
    Oddity("one byte of padding", {"padding": bytes(1)}),
    Oddity("padding as in a short frame", {"padding": bytes(18)}),
    Oddity("a hop limit of zero", {"hop_limit": 0}),
    Oddity("ICMP code 1", {"code": 1}),
    Oddity("IP claims a byte too much", {"network_excess": 1}),
    Oddity("IP claims a byte too little", {"network_excess": -1}),
    Oddity("IP claims no payload", {"network_excess": -60}),
    Oddity("UDP claims a byte too much", {"transport_excess": 1}),
    Oddity("UDP claims a byte too little", {"transport_excess": -1}),
    Oddity("UDP claims less than its header", {"transport_excess": -8}),
    Oddity("an acknowledgement out of the blue", {"acknowledgement": 0x7FFF_FFFF}, {"answers": False}),
    Oddity("no acknowledgement", line={"answers": False}),
    Oddity("an ICMP error instead", line={"is_error": True}),
    _geneve("a segment size", "0129020100000000"),
    _geneve("a segment size cut short", "01290200"),
    _geneve("an unknown critical option", "01298300"),
    _geneve("another vendor's option", "fffe0002" + "00" * 8),
    _geneve("an option longer than its header", "0129001f"),
    _geneve("two options, the second too long", "0129000001290001"),
    _geneve("a critical flag without options", "", critical=True),
    _geneve("a critical flag and an unknown option", "01298300", critical=True),
    _geneve("a critical flag and a known option", "0129020100000000", critical=True),
)
