"""What a run of the main job says on the terminal."""

from collections.abc import Sequence

from rich.table import Table

from experiments.equality import COMPARED, Difference
from experiments.forwarding import LONGEST_FRAME
from experiments.replay import Setting
from experiments.run_files import Origin, packets_text, verdict_counts
from experiments.scenario import Scenario
from experiments.surroundings import Surroundings
from experiments.throughput import KIND_SETTING, Throughput
from experiments.traffic import Traffic
from reference import Direction

DIFFERENCES_SHOWN = 10


def scene_text(origin: Origin, traffic: Traffic, surroundings: Surroundings) -> str:
    """Who is who in the capture, and what is not replayed."""
    guest = surroundings.guest
    lines = [
        f"{origin.name}: {origin.frames:,} frames, of which {len(traffic.sightings):,} are replayed",
        f"guest {guest.mac.hex(':')} {' '.join(map(str, guest.addresses))}",
    ]
    for family in surroundings.families:
        outside = "an ephemeral address" if family.has_ephemeral_address else "source NAT"
        lines.append(f"VPC subnet {family.subnet}, gateway {family.gateway}, to the internet through {outside}")
    lines += [f"left out, {count:,}: {reason.value}" for reason, count in traffic.left_out.most_common()]
    return "\n".join(lines)


def verdict_table(replayed: Scenario) -> Table:
    """How many packets of each direction the reference answered how."""
    counts = verdict_counts(replayed)
    table = Table(title="The reference's verdicts")
    table.add_column("verdict")
    for direction in Direction:
        table.add_column(direction.value, justify="right")
    for text in sorted({text for text, _ in counts}):
        table.add_row(text, *(f"{counts[text, direction.value]:,}" for direction in Direction))
    return table


def agreement_text(replayed: Scenario, settings: Sequence[Setting]) -> str:
    """What was compared, and that it is equal."""
    engines = ", ".join(map(str, settings))
    return f"Equal to the reference for all {len(replayed.steps):,} packets: {engines}.\nCompared: {COMPARED}."


def difference_text(found: Sequence[Difference]) -> str:
    """The first differences."""
    return "\n".join(["The fast path differs from the reference:", *map(str, found)])


def throughput_table(measured: Throughput) -> Table:
    """One row a setting."""
    table = Table(
        title=f"Forwarding {packets_text(measured)}, again and again",
        caption=(
            f"{measured.not_measured:,} more are forwarded but not measured: they begin a connection, always need the "
            f"slow path, or have more than {LONGEST_FRAME:,} bytes"
        ),
    )
    table.add_column("design")
    for heading in ("threads", "Mpps", "quartiles", "scaling", "ns/packet"):
        table.add_column(heading, justify="right")
    for setting, series in measured.by_setting.items():
        table.add_row(
            setting.design.value,
            str(setting.threads),
            f"{series.median / 1e6:.2f}",
            " - ".join(f"{value / 1e6:.2f}" for value in series.quartiles),
            f"{measured.scaling(setting):.2f}",
            f"{measured.nanoseconds(setting):.1f}",
        )
    return table


def kinds_table(measured: Throughput) -> Table:
    """One row a kind of packet."""
    table = Table(title=f"Each kind of packet alone, {KIND_SETTING}")
    table.add_column("kind")
    for heading in ("packets", "ns/packet", "quartiles"):
        table.add_column(heading, justify="right")
    for kind, series in measured.by_kind.items():
        quartiles = sorted(1e9 / rate for rate in series.quartiles)
        table.add_row(
            kind,
            f"{measured.packets[kind]:,}",
            f"{1e9 / series.median:.1f}",
            " - ".join(f"{nanoseconds:.1f}" for nanoseconds in quartiles),
        )
    return table
