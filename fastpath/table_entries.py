"""The entries of one of the reference's tables, native ones among them.

The reference finds its entries in dictionaries. Here is one that asks the arena for what it does not have: if a native
flow has the key, the flow is recalled (`recall.py`) before the answer is given. So whatever the reference looks for by
its key, it finds, and need not know that some flows are not its own yet. Its length counts native entries too, as
limits and gauges have to.

What goes over all entries sees the reference's own: who needs the others recalls all flows first.

Used under the slow lock with the gate closed.
"""

from typing import Protocol, TypeVar

from reference.direction import Direction
from reference.flow_table import FlowEntry
from reference.packet.flow import FlowId

Entry = TypeVar("Entry", bound=FlowEntry)


class Natives(Protocol):
    """Who knows the native flows."""

    def look_for(self, direction: Direction, flow: FlowId) -> bool:
        """Recall the native flow with a half of this key, if there is one; tell whether there was."""

    def count(self, kind: int) -> int:
        """How many native entries of a kind there are (`layout.KIND_UFT_IN` and following)."""


class TableEntries(dict[FlowId, Entry]):
    """Entries by flow id."""

    def __init__(self, natives: Natives, kind: int, direction: Direction, *, mirrored: bool = False) -> None:
        """No entries.

        Args:
            natives: who knows the others.
            kind: which entries they are, for their number.
            direction: the halves whose keys these are.
            mirrored: whether the keys are the mirrors of those halves' keys instead.
        """
        super().__init__()
        self._natives = natives
        self._kind = kind
        self._direction = direction
        self._mirrored = mirrored

    def __len__(self) -> int:
        return super().__len__() + self._natives.count(self._kind)

    def __contains__(self, flow: object) -> bool:
        return super().__contains__(flow) or (isinstance(flow, FlowId) and self._recalls(flow))

    def __getitem__(self, flow: FlowId) -> Entry:
        entry = self.get(flow)
        if entry is None:
            raise KeyError(flow)
        return entry

    def get(self, flow: FlowId, default: Entry | None = None) -> Entry | None:  # type: ignore[override]
        """The entry of a flow."""
        entry = super().get(flow)
        if entry is None and self._recalls(flow):
            entry = super().get(flow)
        return default if entry is None else entry

    def _recalls(self, flow: FlowId) -> bool:
        """Have a flow recalled; whether this table now has its entry, if it should have one."""
        key = flow.mirror() if self._mirrored else flow
        return self._natives.look_for(self._direction, key) and super().__contains__(flow)
