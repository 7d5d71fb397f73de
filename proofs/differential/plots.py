"""What Hypothesis draws for plots: scenes and events, mostly ordinary, sometimes at an edge; simple ones first."""

from hypothesis import strategies as st

from proofs.conformance.steps import Plain
from proofs.differential.plot import Ask, Babble, Change, Event, Inquire, Interrupt, Plot, Speak, Stray, Talk, Wait
from proofs.differential.requests import Request
from proofs.differential.scene import (
    DEFAULT_FIREWALL,
    DEFAULT_ROUTES,
    PEER,
    ROOMY,
    FamilyPlan,
    Scene,
    external_ips,
)
from proofs.equivalence import vpc
from proofs.equivalence.frames import EXTERNAL_OPTION
from proofs.equivalence.strategies import directions, lines, made, odd_lines, openings, waits
from reference.packet.geneve import OxideOption, encode_option

CHAPTERS = 10
"""Chapters of a story at most; a chapter is a few events."""

MULTICAST_OPTION = encode_option(OxideOption.MULTICAST, bytes(4))
GATEWAY_ID = "6d5a3c1e-9b57-4c4d-8f2e-0a1b2c3d4e5f"
LAYERS = ("gateway", "firewall", "router", "nat", "overlay")
NAMED_HOSTS = ("guest", "gateway", "peer", "neighbour", "internet", "elsewhere", "shared", "ephemeral", "floating")
ENDS = (*NAMED_HOSTS, "group", "attached_host", "transit_host")

_ports = st.sampled_from((vpc.SNAT_FIRST_PORT, 1, 65_535)).flatmap(
    lambda first: st.integers(first, min(first + 5, 65_535)).map(lambda last: (first, last))
)
plans = made(
    FamilyPlan,
    snat_ports=st.one_of(st.just((vpc.SNAT_FIRST_PORT, vpc.SNAT_LAST_PORT)), st.none(), _ports),
    ephemeral=st.booleans(),
    floating=st.integers(0, 1),
    attached=st.sampled_from((None, False, True)),
    transit=st.sampled_from((None, (True, True), (True, False), (False, True))),
)

_words = st.tuples(
    st.sampled_from(("in", "out")),
    st.sampled_from(("allow", "deny")),
    st.sampled_from((100, 1, 100, 65_534)),
    st.sampled_from(
        (
            "",
            " hosts=vni={vni}",
            *(f" hosts=ip={{{host}{family}}}" for host in ("peer", "internet") for family in (4, 6)),
            *(f" hosts=subnet={{subnet{family}}}" for family in (4, 6)),
        )
    ),
    st.sampled_from(
        ("", " protocol=TCP", " protocol=UDP", " protocol=ICMP", " protocol=ICMP6", " protocol=ARP",
         " protocol=icmp:8", " protocol=icmp:8,0-1", " protocol=icmp6:128", " protocol=proto:47")
    ),
    st.sampled_from(("", " port=80", " port=22,53", " port=65535")),
)  # fmt: skip
rules = _words.map(lambda words: "dir={} action={} priority={}{}{}{}".format(*words))
firewalls = st.one_of(st.just(DEFAULT_FIREWALL), st.lists(rules, max_size=5).map(tuple))

_targets = {
    4: ("ig", "drop", "sub4={subnet4}", "ip4={neighbour4}", f"ig={GATEWAY_ID}"),
    6: ("ig", "drop", "sub6={subnet6}", "ip6={neighbour6}", f"ig={GATEWAY_ID}"),
}
_destinations = {
    family: tuple(
        f"{{{name}{family}}}{suffix}"
        for name, suffix in (
            ("everything", ""), ("subnet", ""), ("attached", ""), ("transit", ""),
            ("internet", "/32" if family == 4 else "/128"), ("peer", "/32" if family == 4 else "/128"),
        )
    )
    for family in (4, 6)
}  # fmt: skip
routes = st.sampled_from((4, 6)).flatmap(
    lambda family: st.tuples(
        st.sampled_from(_destinations[family]),
        st.sampled_from(_targets[family]),
        st.sampled_from(("system", "custom")),
    )
)

scenes = made(
    Scene,
    number=st.one_of(st.just(0), st.integers(0, 0xFFFF)),
    vni=st.one_of(st.just(vpc.VNI), st.integers(1, 0xFF_FFFF).filter(lambda vni: vni != vpc.BOUNDARY_VNI)),
    mtu=st.sampled_from((vpc.MTU, 1_280, 8_500)),
    plans=st.one_of(
        *[st.fixed_dictionaries({4: plans, 6: plans})] * 4,
        st.fixed_dictionaries({4: plans}),
        st.fixed_dictionaries({6: plans}),
    ),
    limits=st.one_of(st.just(ROOMY), st.fixed_dictionaries({name: st.integers(1, 6) for name in ROOMY})),
    firewall=firewalls,
    routes=st.one_of(st.just(DEFAULT_ROUTES), st.lists(routes, max_size=5).map(tuple)),
    boundary=st.sampled_from((1, 2, 0)),
    hostname=st.sampled_from((None, "guest", "a-rather-long-host-name")),
)


def _route_step(route: tuple[str, str, str]) -> Plain:
    destination, target, kind = route
    return {"dest": destination, "target": target, "class": kind}


def _change(operation: str, **arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Event]:
    return st.fixed_dictionaries(arguments).map(lambda drawn: Change(operation, drawn))


_families = st.sampled_from((4, 6))
_ways = st.sampled_from(("in", "out"))
_external = {
    family: st.one_of(st.none(), plans.map(lambda plan, family=family: external_ips(family, plan)))  # type: ignore[misc]
    for family in (4, 6)
}
_gateway_maps = st.sampled_from(
    (
        None,
        [],
        [{"ip": "{ephemeral4}", "gateways": [GATEWAY_ID]}],
        [
            {"ip": f"{{{kind}{family}}}", "gateways": [GATEWAY_ID]}
            for kind in ("shared", "floating")
            for family in (4, 6)
        ],
    )
)
_prefixes = st.sampled_from([f"{{{name}{family}}}" for name in ("attached", "transit") for family in (4, 6)])
_endpoints = st.lists(
    st.sampled_from([{"ip": f"{{boundary{number}}}", "vni": "#boundary_vni"} for number in (1, 2)]),
    max_size=2,
    unique_by=lambda endpoint: str(endpoint["ip"]),
)
_everything = _families.map(lambda family: f"{{everything{family}}}")
_guests = st.sampled_from([f"{{{who}{family}}}" for who in ("peer", "neighbour") for family in (4, 6)])
_places = st.sampled_from((PEER, PEER | {"ip": "{moved_underlay}"}, PEER | {"vni": "#other_vni"}))
_groups = _families.map(lambda family: f"{{group{family}}}")

_emptying = st.one_of(
    st.just(Change("clear_uft", {})),
    _change("clear_lft", layer=st.sampled_from((*LAYERS, "nosuch"))),
)
_filtering = st.one_of(
    _change("set_fw_rules", rules=firewalls.map(list)),
    _change("add_fw_rule", rule=st.one_of(rules, st.just("dir=in action=allow"))),
    _change("rem_fw_rule", dir=_ways, id=st.integers(0, 6)),
)
_routing = st.one_of(
    routes.map(lambda route: Change("add_router_entry", _route_step(route))),
    routes.map(lambda route: Change("del_router_entry", _route_step(route))),
    _change("set_router_entries", entries=st.lists(routes.map(_route_step), max_size=4)),
)
_addressing = st.one_of(
    _change("set_external_ips", external_ips_v4=_external[4], external_ips_v6=_external[6], inet_gw_map=_gateway_maps),
    _change("attach_subnet", cidr=_prefixes, is_external=st.booleans()),
    _change("detach_subnet", cidr=_prefixes),
    _change("allow_cidr", cidr=_prefixes, dir=_ways),
    _change("remove_cidr", cidr=_prefixes, dir=_ways),
)
_mapping = st.one_of(
    _change("set_v2p", ip=_guests, phys=_places),
    _change("clear_v2p", ip=_guests, phys=_places),
    _change("set_v2b", prefix=_everything, endpoints=_endpoints),
    _change("clear_v2b", prefix=_everything, endpoints=_endpoints),
    _change("set_m2p", group=_groups, underlay=st.sampled_from(("{group_underlay}", "{peer_underlay}"))),
    _change("clear_m2p", group=_groups),
)
changes: st.SearchStrategy[Event] = st.one_of(_filtering, _addressing, _routing, _mapping, _emptying)
"""Control operations of every kind."""


@st.composite
def _as_one(draw: st.DrawFn, strategy: st.SearchStrategy[Event]) -> Event:
    """The same as one alternative: `st.one_of` would count each of its alternatives."""
    return draw(strategy)


_any_lines = st.one_of(lines, lines, odd_lines)
_which = st.integers(0, 5)

_talks = made(Talk, opening=openings, establishes=st.booleans(), script=st.lists(lines, max_size=4))

events: st.SearchStrategy[Event] = st.one_of(
    _talks,
    _talks,
    made(Speak, which=_which, script=st.lists(_any_lines, min_size=1, max_size=4)),
    made(Speak, which=_which, script=st.lists(lines, min_size=1, max_size=4)),
    made(Wait, milliseconds=waits, expires=st.booleans()),
    _as_one(changes),
    _as_one(changes),
    made(
        Interrupt,
        operation=st.sampled_from(("pause", "reset", "start")),
        which=_which,
        script=st.lists(lines, max_size=2),
        resumes=st.sampled_from((True,) * 7 + (False,)),
    ),
    made(Ask, request=st.sampled_from(Request)),
    made(
        Stray,
        direction=directions,
        family=_families,
        protocol=st.sampled_from((17, 6, 1, 58, 47)),
        source=st.sampled_from(ENDS),
        destination=st.sampled_from(ENDS),
        ports=st.tuples(st.sampled_from((1000, 8, 128, 0)), st.sampled_from((80, 53, 22, 0))),
        vni=st.sampled_from(("vni", "boundary_vni", "other_vni")),
        options=st.sampled_from((b"", EXTERNAL_OPTION, MULTICAST_OPTION)),
        misled=st.booleans(),
    ),
    made(
        Speak, which=_which, script=st.lists(lines, min_size=1, max_size=1),
        cuts=st.lists(st.integers(1, 80), min_size=1, max_size=3),
    ),
    made(Inquire, which=_which),
    st.just(Change("dump", {})),
    made(Babble, direction=directions, frame=st.binary(max_size=200)),
)  # fmt: skip


def _joined(chapters: list[list[Event]]) -> list[Event]:
    return [event for chapter in chapters for event in chapter]


def plots(chapters: int = CHAPTERS) -> st.SearchStrategy[Plot]:
    """Stories anywhere, of so many chapters at most. A list of lists is longer on average than a list, and shrinks."""
    every = st.lists(st.lists(events, max_size=12), max_size=chapters)
    return made(Plot, scene=st.one_of(st.just(Scene()), scenes), events=every.map(_joined))
