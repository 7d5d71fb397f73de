"""The stories that are invented: every operation and every kind of verdict occurs, and replies follow what was sent."""

from collections import Counter

import hypothesis
from hypothesis import HealthCheck, Phase

from proofs.conformance.engines import EngineChoice, SemanticsName
from proofs.differential.plot import Change, Event, Plot, Speak, Stray, Talk
from proofs.differential.plots import changes, plots
from proofs.differential.requests import Request
from proofs.differential.scene import DEFAULT_FIREWALL, FamilyPlan, Scene
from proofs.differential.telling import Narrator
from proofs.equivalence import frames
from proofs.equivalence.conversation import Far, Line, Opening
from reference.direction import Direction
from reference.recorded.operations import MAPPING_OPERATIONS, PORT_OPERATIONS

SNAT_ONLY = Scene(plans={4: FamilyPlan()}, firewall=DEFAULT_FIREWALL)


def told(plot: Plot) -> Narrator:
    narrator = Narrator(EngineChoice("reference", SemanticsName.UPSTREAM).factory()(), plot.scene)
    plot.tell(narrator)
    return narrator


def kinds(plot: Plot) -> list[str]:
    """The results of the packets of a story."""
    return [plain["result"]["kind"] for plain in told(plot).written if plain["op"] == "process"]


def generated(examples: int) -> hypothesis.settings:
    """So many examples, none shrunk."""
    return hypothesis.settings(
        max_examples=examples, phases=[Phase.generate], suppress_health_check=list(HealthCheck), derandomize=False
    )


def test_every_kind_of_verdict_occurs_and_every_operation_can() -> None:
    verdicts: Counter[str] = Counter()
    operations: set[str] = set()

    @hypothesis.seed(3)
    @generated(60)
    @hypothesis.given(plots())
    def tell(plot: Plot) -> None:
        written = told(plot).written
        operations.update(plain["op"] for plain in written)
        verdicts.update(plain["result"]["kind"] for plain in written if plain["op"] == "process")

    @hypothesis.seed(3)
    @generated(600)
    @hypothesis.given(changes)
    def reconfigure(change: Event) -> None:
        assert isinstance(change, Change)
        operations.add(change.operation)

    tell()
    reconfigure()
    assert operations == {*PORT_OPERATIONS, *MAPPING_OPERATIONS}
    assert all(verdicts[kind] > 10 for kind in ("modified", "hairpin", "drop", "error", "parse_error")), verdicts


def test_an_answer_finds_its_way_back_through_source_nat() -> None:
    opening = Opening(protocol=frames.TCP, far=Far.INTERNET, address="shared")
    answered = Talk(opening, establishes=True, script=(Line(Direction.IN), Line(Direction.OUT)))
    assert kinds(Plot(SNAT_ONLY, [answered])) == ["modified"] * 5


def test_a_conversation_goes_on_when_it_is_spoken_again() -> None:
    opening = Opening(protocol=frames.UDP, far=Far.PEER)
    events: list[Event] = [
        Talk(opening),
        Speak(0, [Line(Direction.IN), Line(Direction.OUT)]),
        Speak(0, [Line(Direction.OUT)], [14]),
    ]
    assert kinds(Plot(SNAT_ONLY, events)) == ["modified"] * 4


def test_nothing_is_spoken_where_there_is_no_conversation() -> None:
    assert kinds(Plot(SNAT_ONLY, [Speak(3, [Line(Direction.OUT)])])) == []


def test_a_stray_packet_is_dropped_or_not_by_its_addresses() -> None:
    good = Stray(Direction.OUT, 4, frames.UDP, "guest", "peer")
    spoofed = good._replace(source="internet")
    misled = good._replace(ports=(1, 2), misled=True)
    inbound = Stray(Direction.IN, 4, frames.UDP, "peer", "guest", ports=(3, 4))
    from_nowhere = inbound._replace(ports=(5, 6), vni="other_vni")
    strays = [good, spoofed, misled, inbound, from_nowhere]
    assert kinds(Plot(SNAT_ONLY, strays)) == ["modified", "drop", "drop", "modified", "drop"]


def test_requests_are_answered_by_the_gateway_and_near_misses_are_not() -> None:
    narrator = told(Plot(Scene(), []))
    answered = {
        request
        for request in Request
        if narrator.do("process", dir="out", pkt=request.frame(narrator.scene.place).hex())["kind"] == "hairpin"
    }
    assert answered >= {
        Request.ARP_GATEWAY,
        Request.DHCP_DISCOVER,
        Request.DHCP_REQUEST,
        Request.SOLICIT,
        Request.SOLICIT_RAPIDLY,
        Request.REQUEST,
        Request.ROUTER,
        Request.NEIGHBOUR,
    }
    assert not answered & {
        Request.ARP_PEER,
        Request.ARP_REPLY,
        Request.DHCP_INFORM,
        Request.REQUEST_OF_NOBODY,
        Request.ROUTER_FROM_AFAR,
    }
