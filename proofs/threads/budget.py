"""How many stories are told: few in every run of the checks, any number in a campaign.

The stories are the same in every run; how threads meet is not. A campaign tells more of them:

    THREADS_SCALE=100 python -m pytest proofs/threads/test_threads.py
"""

import os

STORIES = max(1, int(40 * float(os.environ.get("THREADS_SCALE", "1"))))
"""For each design."""
