"""`docs/protocol.md` and the model speak of the same things."""

import re
from pathlib import Path

from model.designs.invariants import INVARIANTS
from model.designs.seeded import SEEDED
from model.designs.words import At
from model.protocols.instances import PROTOCOLS
from proofs.model.protocol_defects import DEFECTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text()


def test_the_page_lists_every_seeded_fault_and_no_other() -> None:
    section = PAGE.split("## What each part is for")[1].split("\n## ")[0]
    listed = re.findall(r"\| `([a-z-]+)` \|$", section, re.MULTILINE)
    assert sorted(listed) == sorted(fault.value for fault in SEEDED)


def test_the_page_says_by_which_invariant_each_fault_is_found() -> None:
    rows = re.findall(r"\| ([^|]+) \| `([a-z-]+)` \|$", PAGE, re.MULTILINE)
    broken = {name: breaks for breaks, name in rows}
    for fault, seeded in SEEDED.items():
        expected = {"": "nothing", "nobody can go on": "deadlock"}.get(seeded.finds, seeded.finds[:2])
        assert expected in broken[fault.value], fault.value


def test_the_page_has_the_invariants_of_the_model() -> None:
    listed = re.findall(r"^\| (I\d) \|", PAGE, re.MULTILINE)
    assert listed == sorted({invariant.name[:2] for invariant in INVARIANTS})


def test_the_page_has_the_steps_of_a_hit_and_of_a_slow_operation() -> None:
    hits = re.findall(r"^\| (H\d) \|", PAGE, re.MULTILINE)
    slow = re.findall(r"^- \*\*(S\d),", PAGE, re.MULTILINE)
    modelled = {at.value[:2] for at in At if re.match(r"[HS]\d ", at.value)}
    assert sorted(hits) == [f"H{number}" for number in range(1, 9)]
    assert slow == ["S1", "S2", "S3", "S4"]
    assert modelled <= {*hits, *slow}


def test_the_files_that_the_page_names_exist() -> None:
    for name in set(re.findall(r"`([a-z_/]+\.(?:py|json))`", PAGE)):
        assert any((ROOT / folder / name).exists() for folder in ("", "fastpath", "model/protocols")), name


def test_the_page_has_the_protocols_that_are_proved_and_their_defects() -> None:
    section = PAGE.split("## Proved for any number of threads")[1].split("\n## ")[0]
    listed = re.findall(r"^\| ([a-z ]+) \(`(\w+)\.py`\)", section, re.MULTILINE)
    assert listed == [(protocol.name, name) for name, (protocol, _) in PROTOCOLS.items()]
    assert f"For {len(DEFECTS)} of the guards" in section
