"""`time-goes-back`: a stalled thread moves the last hit backwards.

Upstream `flow_table.rs`: the time of the hit is stored as it is, so the thread that comes last wins, not the
one with the latest time; a live flow expires early. Under `fine` the last hit is a maximum.
"""

from model.designs.faults import Fault
from model.designs.seeded import SEEDED
from model.museum.exhibit import Exhibit

EXHIBIT = Exhibit(
    name="time-goes-back",
    story="a hit at an earlier time overwrites a later one, and the flow expires while it is alive",
    faulty=SEEDED[Fault.TIME_GOES_BACK].system(),
    sound=SEEDED[Fault.TIME_GOES_BACK].sound(),
    finds="I6",
)
