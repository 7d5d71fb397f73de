"""Native flows: what the words of a flow say that a compiled miss began, and that the reference does not know.

A native flow is two entries that name each other, and for TCP a flow record. What hits need is laid out as for any
entry (`uft.py`); here are the words that hold what the reference would know besides: how often and under which epoch
packets passed the layers, how the flow began, and what NAT decided for it. `docs/misses.md` says what each word means.

Kernels pack and unpack single words, for misses and for slow operations alike. Every value is `np.uint64`.
"""

from typing import Final

import numpy as np

from fastpath.compiler import kernel
from fastpath.layout import LOW_32, ONE, PARTNER_NATIVE, SHIFT_32

NO_NAT: Final = np.uint64(0)
ONE_TO_ONE_NAT: Final = np.uint64(1)
SOURCE_NAT: Final = np.uint64(2)
"""What NAT does to a flow: nothing; one address for another; an address and port that it shares with others."""

VNI_MASK: Final = np.uint64((1 << 25) - 1)
BEGUN_INBOUND_SHIFT: Final = np.uint64(25)
NAT_SHIFT: Final = np.uint64(26)
NAT_MASK: Final = np.uint64(3)
ROUTE_SHIFT: Final = np.uint64(28)
ROUTE_MASK: Final = np.uint64((1 << 16) - 1)
POOLS_SHIFT: Final = np.uint64(44)
POOLS_MASK: Final = np.uint64((1 << 20) - 1)
"""Fields of the origin word: `pools << 44 | route << 28 | nat << 26 | begun inbound << 25 | noted VNI plus 1`."""

_NOTHING = np.uint64(0)


@kernel
def is_native(partner: np.uint64) -> bool:
    """Whether an entry with this `PARTNER` word is half of a native flow."""
    return partner & PARTNER_NATIVE != _NOTHING


@kernel
def partner_of(partner: np.uint64) -> np.uint64:
    """The entry that a `PARTNER` word names, 0 for none."""
    return partner & LOW_32


@kernel
def pack_origin(
    vni_plus_1: np.uint64, begun_inbound: np.uint64, nat: np.uint64, route: np.uint64, pools: np.uint64
) -> np.uint64:
    """The origin word of a flow.

    `vni_plus_1`: what earlier layers had noted of the first packet when the firewall saw it, 0 for nothing.
    `begun_inbound`: 1 or 0. `nat`: `NO_NAT` and following. `route`: the `ROUTE_ID` for which NAT was found good, 0 for
    none yet. `pools`: number of the pools of a flow under source NAT.
    """
    return (
        vni_plus_1 & VNI_MASK
        | (begun_inbound & ONE) << BEGUN_INBOUND_SHIFT
        | (nat & NAT_MASK) << NAT_SHIFT
        | (route & ROUTE_MASK) << ROUTE_SHIFT
        | (pools & POOLS_MASK) << POOLS_SHIFT
    )


@kernel
def origin_vni(origin: np.uint64) -> np.uint64:
    """The noted VNI of the first packet plus 1; 0 for none."""
    return origin & VNI_MASK


@kernel
def begun_inbound(origin: np.uint64) -> bool:
    """Whether an inbound packet began the flow."""
    return origin >> BEGUN_INBOUND_SHIFT & ONE != _NOTHING


@kernel
def origin_nat(origin: np.uint64) -> np.uint64:
    """What NAT does to the flow: `NO_NAT` and following."""
    return origin >> NAT_SHIFT & NAT_MASK


@kernel
def origin_route(origin: np.uint64) -> np.uint64:
    """The `ROUTE_ID` for which NAT was found good; 0 for none yet."""
    return origin >> ROUTE_SHIFT & ROUTE_MASK


@kernel
def with_route(origin: np.uint64, route: np.uint64) -> np.uint64:
    """The origin word after NAT was found good for another route."""
    return origin & ~(ROUTE_MASK << ROUTE_SHIFT) | (route & ROUTE_MASK) << ROUTE_SHIFT


@kernel
def origin_pools(origin: np.uint64) -> np.uint64:
    """The number of the pools of a flow under source NAT."""
    return origin >> POOLS_SHIFT & POOLS_MASK


@kernel
def pack_passed(hits: np.uint64, epoch: np.uint64) -> np.uint64:
    """The `PASSED` word of a direction: hits of its layer entries, and the epoch of the last passage."""
    return hits << SHIFT_32 | epoch & LOW_32


@kernel
def passed_hits(passed: np.uint64) -> np.uint64:
    """How often this direction's packets have hit the flow's layer entries."""
    return passed >> SHIFT_32


@kernel
def passed_epoch(passed: np.uint64) -> np.uint64:
    """Low 32 bits of the epoch in which a packet of this direction last passed the layers."""
    return passed & LOW_32


@kernel
def passed_again(passed: np.uint64, epoch: np.uint64) -> np.uint64:
    """The `PASSED` word after one more packet of its direction has passed the layers."""
    return pack_passed(passed_hits(passed) + ONE, epoch)
