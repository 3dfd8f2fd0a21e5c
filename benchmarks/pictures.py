"""Draws what was measured: how times are spread, and how they grow."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from benchmarks.findings import Curve, Spread
from benchmarks.fit import fit
from matplotlib.axes import Axes
from matplotlib.figure import Figure

TITLES = {
    "calls": "plugins.call, 1 KB",
    "frames": "effects.process, 1080p invert",
    "start": "from no worker to the first answer",
}
OURS = "#a33b3b"
COLUMNS = 2
WIDE = 10
"""From how many times the smallest value on an axis is logarithmic."""
SETTINGS: Any = {"svg.fonttype": "none", "svg.hashsalt": "plugind", "font.size": 9, "path.simplify_threshold": 1.0}
"""Text stays text, and the same figures give the same file. Untyped: what keys are depends on matplotlib."""


def draw_spreads(spreads: Sequence[Spread], path: Path) -> None:
    """Draw how times are spread: the part of runs that were as fast, over the time.

    Args:
        spreads: What was found.
        path: Where to; the ending says in which format.
    """
    pictures = list(dict.fromkeys(spread.picture for spread in spreads))
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(9, 3.2 * len(pictures)), layout="constrained")
        for axis, picture in zip(figure.subplots(len(pictures), squeeze=False)[:, 0], pictures, strict=True):
            _spread(axis, [spread for spread in spreads if spread.picture == picture])
            axis.set_title(TITLES.get(picture, picture))
        _save(figure, path)


def _spread(axis: Axes, spreads: Sequence[Spread]) -> None:
    for number, spread in enumerate(spreads):
        quantiles = spread.quantiles[:-1]  # the slowest run of all says more about the machine
        parts = [step / len(quantiles) for step in range(len(quantiles))]
        colour, width = (OURS, 2.0) if number == 0 else (f"C{number - 1}", 1.2)
        axis.plot(quantiles, parts, label=spread.name, color=colour, linewidth=width)
    axis.set_xscale("log")
    axis.set_xlabel(f"{spreads[0].unit}, logarithmic")
    axis.set_ylabel("part of the runs")
    axis.grid(visible=True, alpha=0.3)
    axis.legend(loc="lower right", fontsize=8)


def draw_curves(curves: Sequence[Curve], path: Path) -> None:
    """Draw how figures grow, each with the fitted shape.

    Args:
        curves: What was found.
        path: Where to; the ending says in which format.
    """
    rows = math.ceil(len(curves) / COLUMNS)
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(9, 2.9 * rows), layout="constrained")
        axes = figure.subplots(rows, COLUMNS, squeeze=False).flat
        for axis, curve in zip(axes, curves, strict=False):
            _curve(axis, curve)
        for axis in list(axes):
            axis.set_axis_off()
        _save(figure, path)


def _curve(axis: Axes, curve: Curve) -> None:
    line = fit(curve)
    x, y = ([point[number] for point in curve.points] for number in (0, 1))
    axis.plot(x, [line.at(one) for one in x], color="grey", linewidth=1, linestyle="--", label=curve.shape)
    axis.plot(x, y, color=OURS, marker="o", markersize=3, linewidth=1)
    axis.set_xscale("log")
    if max(y) > WIDE * min(y):
        axis.set_yscale("log")
    else:
        axis.set_ylim(0, max(y) * 1.3)
    axis.minorticks_off()
    axis.set_title(curve.what, fontsize=9)
    axis.set_xlabel(curve.x)
    axis.set_ylabel(f"{curve.y}, {curve.unit}")
    axis.grid(visible=True, alpha=0.3)
    axis.legend(fontsize=8)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90, metadata={"Date": None})
