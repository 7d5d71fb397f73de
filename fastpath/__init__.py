"""The fast path: OPTE's datapath compiled by numba, with the lock taken out.

`Port` has the surface of `reference.Port`, and batches beside it; `Design` names the lock designs to compare.
"""

from fastpath.designs import Design
from fastpath.frames import FrameBatch
from fastpath.port import Port

__all__ = ["Design", "FrameBatch", "Port"]
