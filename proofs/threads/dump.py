"""The part of a snapshot that one sequential order must explain: all of it but three numbers of each connection.

A segment is counted, and its numbers kept for dumps, after it has taken effect. Of two segments that travel at the same
time either may leave its acknowledgement, and the remote side's its sequence number; `docs/protocol.md` allows it. The
guest's sequence number and the state are in the TCP word and exact.
"""

from typing import Any

_EITHER = ("guest_ack", "remote_seq", "remote_ack")


def essence(answer: Any) -> Any:
    """The answer of a control operation; of a snapshot, without the numbers of which several may be right."""
    if not isinstance(answer, dict) or not isinstance(answer.get("tcp"), list):
        return answer
    flows = [{name: value for name, value in flow.items() if name not in _EITHER} for flow in answer["tcp"]]
    return answer | {"tcp": flows}
