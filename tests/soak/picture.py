"""Draws what a soak has seen."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from tests.soak.watch import Sample, slope

ROWS = (
    ("memory_mib", "daemon's private\nmemory, MiB", "#1f6f8b"),
    ("descriptors", "descriptors", "#8b5a1f"),
    ("processes", "processes", "#3f7d3f"),
    ("frame_files", "frame files", "#7a3f7d"),
    ("kills", "kills so far", "#a33b3b"),
)


def draw(samples: Sequence[Sample], path: Path, *, title: str, warm_up: float) -> None:
    """Write a picture: one row for each quantity, with its trend.

    Args:
        samples: What was seen.
        path: Where to; the ending says in which format.
        title: Put on top.
        warm_up: Minutes at the beginning that are left out of the trend.
    """
    figure = Figure(figsize=(9, 9), layout="constrained")
    axes = figure.subplots(len(ROWS), sharex=True)
    figure.suptitle(title)
    minutes = [one.minutes for one in samples]
    for axis, (name, label, colour) in zip(axes, ROWS, strict=True):
        values = [getattr(one, name) for one in samples]
        axis.plot(minutes, values, color=colour, linewidth=1)
        axis.set_ylabel(label)
        axis.grid(visible=True, alpha=0.3)
        axis.axvspan(0, warm_up, color="grey", alpha=0.12)
        axis.set_ylim(0, max(values) * 1.15 + 1)
        if name != "kills":
            trend = slope([(x, y) for x, y in zip(minutes, values, strict=True) if x >= warm_up])
            axis.set_title(str(trend), loc="right", fontsize=9)
    axes[-1].set_xlabel("minutes (grey: warming up, not part of the trend)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
