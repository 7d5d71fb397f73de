"""Seeded faults: one line of the fast path changed at a time, each in a copy that runs without the compiler.

A fault belongs here when it shows in what a port answers or becomes on one thread. Faults that need two threads are
seeded where threads run (`proofs/interleavings`).
"""

from dataclasses import dataclass
from typing import Any

import fastpath
from fastpath.interpreted import interpreted, replace_once
from proofs.equivalence.world import MakePort, fast_port


@dataclass(frozen=True)
class Fault:
    """One change of the source.

    Attributes:
        name: what goes wrong.
        module: where.
        old, new: the text and what it becomes.
    """

    name: str
    module: str
    old: str
    new: str

    def faulty_port(self) -> MakePort:
        """Makes ports of the `fine` design that have the fault; raises `SourceNotFoundError` if `old` has gone."""
        copy: Any = interpreted("fastpath.port", {f"fastpath.{self.module}": replace_once(self.old, self.new)})
        return fast_port(fastpath.Design.FINE, copy.Port)


def sound_port() -> MakePort:
    """Makes ports of the same kind without any fault."""
    return fast_port(fastpath.Design.FINE, interpreted("fastpath.port").Port)


FAULTS: tuple[Fault, ...] = (
    Fault("the change of the checksum is left out", "compile_flow", "return int(fold(np.uint64(total)))", "return 0"),
    Fault(
        "the checksum of ICMP follows the addresses",
        "compile_flow",
        "if flow.protocol != IpProtocol.ICMP:",
        "if True:",
    ),
    Fault(
        "the outer source port says nothing about the flow",
        "compile_flow",
        "outer_port = transform.push.source_port if transform.push is not None else 0",
        "outer_port = 0",
    ),
    Fault(
        "the TCP word is not written back",
        "flow",
        "if advanced == word or compare_and_swap(words, at, word, advanced):",
        "if True:",
    ),
    Fault(
        "a segment that closes is a hit like any other",
        "flow",
        "if outcome >= LEAVE:\n            return False\n        if advanced == word",
        "if advanced == word",
    ),
    Fault(
        "an entry of an earlier epoch is accepted",
        "hit",
        "if entry == _NOTHING or binding >> SHIFT_32 != epoch & LOW_32:",
        "if entry == _NOTHING:",
    ),
    Fault(
        "hits go on whatever the port's state",
        "hit",
        "if control & CONTROL_STATE_MASK != STATE_RUNNING:",
        "if False:",
    ),
    Fault(
        "the time of the last hit is not brought home",
        "halves",
        "self.original.last_hit_ms = max(self.original.last_hit_ms, self.last_hit_ms)",
        "pass",
    ),
    Fault("hits are not brought home", "halves", "self.original.hits += new_hits", "pass"),
    Fault("bytes are not brought home", "halves", "flow.bytes_in += length", "pass"),
    Fault(
        "the guest's acknowledgement is not brought home",
        "halves",
        "flow.guest_acknowledgement = acknowledgement",
        "pass",
    ),
    Fault(
        "the guest's sequence number is not brought home",
        "halves",
        "flow.guest_sequence = int(tcp.sequence_of(word))",
        "pass",
    ),
    Fault("the TCP state is not brought home", "halves", "flow.state = int(tcp.state_of(word))", "pass"),
    Fault(
        "the partner of a removed half stays",
        "mirror",
        "if entry in self._halves:",
        "if entry in self._halves and self._halves[entry].direction is Direction.OUT:",
    ),
    Fault(
        "a TCP flow is not stopped before it is looked at",
        "mirror",
        "elif isinstance(entry, TcpFlow) and entry in self._connections:",
        "elif False:",
    ),
    Fault(
        "expiry does not ask for the hits",
        "slow_path",
        "self.mirror.stop_expiring(now_ms)",
        "pass",
    ),
    Fault(
        "eviction does not ask for the hits",
        "slow_path",
        "self.misses.recall_all()\n        self.mirror.synchronise()",
        "self.misses.recall_all()",
    ),
    Fault("hits are not counted for the port", "slow_path", "statistics.uft_hit += new", "pass"),
    Fault("a pause is not made known", "control", "PortState.PAUSED: STATE_PAUSED", "PortState.PAUSED: STATE_RUNNING"),
    Fault(
        "IPv4 options are taken for the transport header",
        "parse",
        "return load_u8(frames, network + 9), network + header",
        "return load_u8(frames, network + 9), network + IPV4_LENGTH",
    ),
    Fault(
        "Geneve options may be longer than their header",
        "parse",
        "return inner if option == inner else -1",
        "return inner",
    ),
    Fault(
        "critical Geneve options are skipped",
        "parse",
        "or load_u8(frames, geneve + 1) & _GENEVE_CRITICAL != _NOTHING",
        "",
    ),
    Fault(
        "the length of UDP is not compared with the frame",
        "parse",
        "if left < UDP_LENGTH or np.int64(load_be16(frames, transport + 4)) > left:",
        "if left < UDP_LENGTH:",
    ),
    Fault(
        "the code of an ICMP message is overlooked",
        "parse",
        "return np.int64((kind | code << _BYTE) << META_SOURCE_PORT_SHIFT | identifier)",
        "return np.int64(kind << META_SOURCE_PORT_SHIFT | load_be16(frames, transport + 4))",
    ),
    Fault(
        "the checksum of the IPv4 header stays as it was",
        "transform",
        "_FAMILY_4:\n        recompute_ipv4_checksum(frames, network)",
        "_NOTHING:\n        recompute_ipv4_checksum(frames, network)",
    ),
    Fault(
        "a UDP checksum appears where there was none",
        "transform",
        "update_udp(load_be16(frames, transport + 6), delta, ones)",
        "update(load_be16(frames, transport + 6), delta)",
    ),
    Fault(
        "the source port is not translated",
        "transform",
        "if flags & TRANSFORM_SOURCE_PORT != _NOTHING:",
        "if False:",
    ),
    Fault(
        "the identifier of an echo is not translated",
        "transform",
        "if flags & TRANSFORM_ICMP_IDENTIFIER != _NOTHING:",
        "if False:",
    ),
    Fault(
        "the outer UDP header has no length",
        "transform",
        "store_be16(frames, outer + OUTER_TRANSPORT + 4, payload)",
        "pass",
    ),
    Fault("hits do not refresh an entry", "uft", "if seen >= now:", "if True:"),
    Fault(
        "a removed half keeps its slot",
        "uft",
        "    _clear(words, first, first_hash)\n",
        "",
    ),
)
