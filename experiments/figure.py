"""Figures: drawn from results alone, in one style."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")  # files only: no display is needed, and none is opened

from matplotlib import pyplot as plt

from experiments.measure import Series

STYLE = Path(__file__).parent / "style.mplstyle"


def throughput_bars(
    path: Path,
    measured: Mapping[str, Mapping[int, Series]],
    *,
    title: str,
    note: str,
) -> None:
    """Bars of packets per second by number of threads, one colour a design; whiskers span the quartiles.

    `measured` holds, per design and number of threads, samples in packets a second.
    """
    with plt.style.context(STYLE):
        figure, axes = plt.subplots()
        threads: Sequence[int] = sorted({count for by_threads in measured.values() for count in by_threads})
        width = 0.8 / len(measured)
        for position, (design, by_threads) in enumerate(measured.items()):
            offset = (position - (len(measured) - 1) / 2) * width
            medians = [by_threads[count].median / 1e6 for count in threads]
            quartiles = [by_threads[count].quartiles for count in threads]
            below = [median - low / 1e6 for median, (low, _) in zip(medians, quartiles, strict=True)]
            above = [high / 1e6 - median for median, (_, high) in zip(medians, quartiles, strict=True)]
            places = [index + offset for index in range(len(threads))]
            bars = axes.bar(places, medians, width * 0.92, yerr=[below, above], label=design)
            axes.bar_label(bars, fmt="%.1f", padding=6)
        axes.set_xticks(range(len(threads)), [_threads_text(count) for count in threads])
        axes.set_ylabel("million packets a second")
        axes.set_title(title)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), title="lock design")
        figure.text(0.01, -0.02, note, fontsize=8.5, color="#555555", va="top")
        figure.savefig(path, bbox_inches="tight")
        plt.close(figure)


def _threads_text(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
