"""How many stories are told: few in every run of the checks, any number in a campaign.

The stories are the same in every run; how threads meet is not. A campaign tells more of them:

    THREADS_SCALE=100 python -m pytest proofs/threads/test_threads.py
"""

import os

STORIES = max(1, int(30 * float(os.environ.get("THREADS_SCALE", "1"))))
"""For each design."""

MOST_UNDECIDED = STORIES // 10
"""Where hits of one connection met, the orders may be too many to try. More such histories fail the check."""
