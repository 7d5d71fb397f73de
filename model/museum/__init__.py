"""The museum: defects of the real OPTE that need two threads, each found where it is and absent where it is not."""

from collections.abc import Mapping
from types import MappingProxyType

from model.museum import (
    closed_then_reborn,
    latent_lock_order,
    orphan_hit,
    process_after_reset,
    remove_by_key,
    stale_epoch_stamp,
    time_goes_back,
    torn_config,
)
from model.museum.exhibit import Exhibit

EXHIBITS: Mapping[str, Exhibit] = MappingProxyType(
    {
        module.EXHIBIT.name: module.EXHIBIT
        for module in (
            process_after_reset,
            closed_then_reborn,
            orphan_hit,
            time_goes_back,
            latent_lock_order,
            torn_config,
            stale_epoch_stamp,
            remove_by_key,
        )
    }
)
"""All exhibits, by name."""
