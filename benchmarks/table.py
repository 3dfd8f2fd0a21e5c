"""The table: as Markdown for the documentation, and as text for a terminal. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from benchmarks.findings import Curve, Goal, Row
from benchmarks.fit import fit

_BETWEEN: Final = r"(<!-- begin: make bench {name} -->\n).*?(<!-- end -->)"
HEAD: Final = ("what", "measured", "p99", "against, in the same run", "its figure", "ratio", "goal", "")
CURVES_HEAD: Final = ("curve", "from", "to", "should be", "fitted", "furthest point", "")


def markdown(rows: Sequence[Row]) -> str:
    """Return the table for the documentation."""
    return _markdown(HEAD, [_cells(row) for row in rows])


def curves(found: Sequence[Curve]) -> str:
    """Return the table of curves and their fits."""
    return _markdown(CURVES_HEAD, [_curve_cells(curve) for curve in found])


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ("---",) * len(head)
    return "".join("| " + " | ".join(line) + " |\n" for line in (head, rule, *lines))


def filled(page: str, name: str, text: str) -> str:
    """Return a page with a generated block of it replaced.

    Args:
        page: The page; the block is between ``<!-- begin: make bench NAME -->`` and ``<!-- end -->``.
        name: Of the block.
        text: What goes there.

    Raises:
        ValueError: There is no such block.
    """
    pattern = re.compile(_BETWEEN.format(name=re.escape(name)), re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page has no block for {name}")
    return pattern.sub(lambda found: f"{found[1]}\n{text}\n{found[2]}", page)


def line(row: Row, before: float | None) -> str:
    """Return a row for a terminal.

    Args:
        row: The row.
        before: Its ratio (or its value, where that has the goal) when all was last recorded.
    """
    what, measured, _, against, peer, ratio, wanted, outcome = _cells(row)
    last = "" if before is None else f"recorded {_number(before)}"
    who = f"{what[:58]:58} {measured:>11}  {against[:36]:36} {peer:>22}"
    return f"{who} {ratio:>7} {wanted:>12} {last:>15}  {outcome.replace('**', '')}".replace("`", "").rstrip()


def judged(row: Row) -> float | None:
    """Return what a row's goal is about, to be compared from run to run: the ratio, or the value."""
    return row.value if row.ratio is None or (row.goal and row.goal.of == "value") else row.ratio


def unmet(rows: Sequence[Row]) -> list[str]:
    """Return the keys of the rows that miss their goals."""
    return [row.key for row in rows if row.met is False]


def _cells(row: Row) -> tuple[str, ...]:
    p99 = "" if row.p99 is None else f"{_number(row.p99)} {row.unit}"
    measured = "" if row.value is None else f"{_number(row.value)} {row.unit}".strip()
    peer = "" if row.peer is None else f"{_number(row.peer)} {row.unit}".strip()
    if row.peer is not None and row.peer_p99 is not None:
        peer += f" (p99 {_number(row.peer_p99)})"
    ratio = "" if row.ratio is None else f"{_number(row.ratio)}×"
    return (row.what, measured, p99, row.against, peer, ratio, _goal(row.goal, row.unit), _outcome(row))


def _goal(goal: Goal | None, unit: str) -> str:
    if goal is None:
        return ""
    sign = "≤" if goal.way == "most" else "≥"
    if goal.of == "value":
        return f"{sign} {_number(goal.bound)} {unit}".strip()
    return f"{sign} {_number(goal.bound)}×"


def _outcome(row: Row) -> str:
    judged = {None: "", True: "met", False: "**missed**"}[row.met]
    if not row.missing:
        return judged
    missing = f"not measured: {row.missing}"
    return f"{judged}; its peer {missing}" if judged else missing


def _curve_cells(curve: Curve) -> tuple[str, ...]:
    line = fit(curve)
    fitted = f"{_number(line.start)} {curve.unit}"
    if curve.shape == "linear":
        fitted += f" + {_number(line.slope)} {curve.unit} per {curve.per}"
    outcome = "as it should be" if line.holds else "**not quite**"
    ends = [f"{_number(y)} {curve.unit} at {_number(x)} {curve.per}" for x, y in (curve.points[0], curve.points[-1])]
    return (curve.what, *ends, curve.shape, fitted, f"{line.off:.0%} off", outcome)


def _number(value: float) -> str:
    """Three digits that count, with thousands apart."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
