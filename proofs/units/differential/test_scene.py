"""Scenes: whatever is drawn, a port can be made from it, and names stand for its own addresses."""

import ipaddress

from hypothesis import given, settings

from proofs.conformance.engines import EngineChoice, SemanticsName
from proofs.differential.plots import scenes
from proofs.differential.scene import PORT, Scene
from proofs.differential.telling import Narrator
from proofs.equivalence import vpc


@settings(max_examples=40)
@given(scenes)
def test_a_port_can_be_made_in_any_scene(scene: Scene) -> None:
    narrator = Narrator(EngineChoice("reference", SemanticsName.UPSTREAM).factory()(), scene)
    assert narrator.do("start") == {"kind": "ok"}
    dump = narrator.do("dump")
    assert len(dump["layers"]) == 5
    assert dump["stats"]["out_uft_capacity"] == scene.limits["uft"]


@settings(max_examples=60)
@given(scenes)
def test_everybody_has_an_address_of_their_own_and_guests_are_in_the_subnet(scene: Scene) -> None:
    for family in (4, 6):
        hosts = [scene.names[f"{who}{family}"] for who in ("guest", "gateway", "peer", "neighbour")]
        outside = [
            scene.names[f"{who}{family}"] for who in ("internet", "elsewhere", "shared", "ephemeral", "floating")
        ]
        assert len({*hosts, *outside}) == 9
        subnet = ipaddress.ip_network(scene.names[f"subnet{family}"])
        assert all(ipaddress.ip_address(host) in subnet for host in hosts)
        assert all(ipaddress.ip_address(host) not in subnet for host in outside)


def test_the_plain_scene_is_where_the_equivalence_stories_play() -> None:
    assert Scene().place is vpc.PLACE
    assert Scene(number=1).place.guest != vpc.PLACE.guest


def test_names_are_filled_in_at_any_depth_and_numbers_stay_numbers() -> None:
    template = {"ip": "{guest4}", "phys": [{"vni": "#vni"}], "port": 80, "none": None}
    assert Scene().fill(template) == {"ip": "172.30.0.5", "phys": [{"vni": vpc.VNI}], "port": 80, "none": None}


def test_a_family_without_a_plan_is_missing_from_the_port() -> None:
    [port] = Scene(plans={6: Scene().plans[6]}).header()["ports"]
    assert port["name"] == PORT
    assert port["cfg"]["ipv4"] is None
    assert port["cfg"]["ipv6"]["private_ip"] == "fd00::5"
