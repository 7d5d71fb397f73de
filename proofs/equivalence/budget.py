"""How many stories are told: few in every run of the checks, any number in a campaign.

Stories are the same in every run of the checks. A campaign tells new ones, and more of them:

    EQUIVALENCE_SCALE=100 HYPOTHESIS_PROFILE=dev python -m pytest proofs/equivalence/test_equivalence.py
"""

import os

from hypothesis import HealthCheck, settings

SCALE = float(os.environ.get("EQUIVALENCE_SCALE", "1"))

MACHINE_STORIES = max(1, int(80 * SCALE))
MACHINE_STEPS = 50
BYTE_STORIES = max(1, int(300 * SCALE))
SHORTEST, LONGEST = 200, 400
"""Bytes of a story."""


def machine_settings() -> settings:
    """For the state machine; a story draws more than Hypothesis thinks healthy."""
    return settings(
        max_examples=MACHINE_STORIES, stateful_step_count=MACHINE_STEPS, suppress_health_check=list(HealthCheck)
    )


def byte_settings() -> settings:
    """For stories told by bytes."""
    return settings(max_examples=BYTE_STORIES, suppress_health_check=list(HealthCheck))
