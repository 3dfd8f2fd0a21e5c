"""Collects what a run of the suite has shown for each row, as a pytest plugin, and writes it as a table.

A row that an engine has a part in has a line for each engine.
"""

import statistics
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest
from tests.harness.skips import reason
from tests.hostile.rows import BY_KEY, ENGINES, ROWS, Key, Row

Line = tuple[Key, str]
"""A row, and the engine it is shown on; none where no engine has a part in it."""


class Shown:
    """What the tests of one line have shown.

    A test may say more by ``record_property``: ``cases`` (how many it tried; 1 unless it says so), ``quiet_p99_ms``
    and ``attack_p99_ms`` (of a bystander), and ``seen`` (words for the table).
    """

    def __init__(self) -> None:
        self.cases = 0
        self.seconds = 0.0
        self.failed: list[str] = []
        self.skipped: list[str] = []
        self.seen: list[str] = []
        self.noticed: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        """By whether quiet and attack were measured in turns."""

    def add(self, report: pytest.TestReport) -> None:
        """Take one phase of one test."""
        self.seconds += report.duration
        if report.failed:
            self.failed.append(report.nodeid)
        elif report.skipped:
            self.skipped.append(reason(report))
        if report.when != "call":
            return
        said: dict[str, Any] = dict(report.user_properties)
        if report.passed:
            self.cases += said.get("cases", 1)
        if "seen" in said:
            self.seen.append(said["seen"])
        if "attack_p99_ms" in said:
            self.noticed[said["in_turns"]].append((said["quiet_p99_ms"], said["attack_p99_ms"]))

    @property
    def holds(self) -> bool:
        """Whether the stated outcome was seen, and nothing else."""
        return self.cases > 0 and not self.failed

    @property
    def outcome(self) -> str:
        """One word or a few."""
        if self.failed:
            return "FAILED: " + ", ".join(sorted({name.split("::")[-1] for name in self.failed}))
        if not self.cases:
            return "NOT RUN" + (f" ({'; '.join(sorted(set(self.skipped)))})" if self.skipped else " (no test)")
        return "as stated" + (f" ({len(self.skipped)} not run)" if self.skipped else "")

    @property
    def p99(self) -> str:
        """A bystander's p99, quiet and during the attack: the medians of the tests that measured it best."""
        measured = self.noticed[True] or self.noticed[False]
        if not measured:
            return ""
        return " → ".join(f"{statistics.median(times):.1f}" for times in zip(*measured, strict=True))


class Table:
    """The plugin: one `Shown` per line.

    Args:
        as_root: Whether the suite runs as root; what only root can show is not asked of others.
    """

    def __init__(self, *, as_root: bool) -> None:
        self._as_root = as_root
        self.shown: defaultdict[Line, Shown] = defaultdict(Shown)
        self._lines: dict[str, list[Line]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember which test shows what."""
        self._lines = {item.nodeid: [(key, _engine(item, BY_KEY[key])) for key in keys(item)] for item in session.items}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one phase of one test."""
        for line in self._lines.get(report.nodeid, ()):
            self.shown[line].add(report)

    def holds(self) -> bool:
        """Whether every line has shown its outcome."""
        rows = [row for row in ROWS if self._as_root or not row.by_root]
        return all(self.shown[row.key, engine].holds for row in rows for engine in _engines(row))

    def lines(self) -> list[tuple[str, ...]]:
        """Return the cells of the table, its head first."""
        p99 = "p99 of another plugin, ms: quiet → attack"
        head = ("", "attack", "engine", "stated outcome", "cases", "seen", "time", p99)
        return [head, *(self._line(row, engine) for row in ROWS for engine in _engines(row))]

    def _line(self, row: Row, engine: str) -> tuple[str, ...]:
        shown = self.shown[row.key, engine]
        seen = "; ".join([shown.outcome, *dict.fromkeys(shown.seen)])
        outcome, time = row.outcome_on(engine), f"{shown.seconds:.1f} s"
        return (row.section, row.attack, engine, outcome, str(shown.cases), seen, time, shown.p99)

    def markdown(self) -> str:
        """The table for the documentation."""
        head, *lines = self.lines()
        rule = ("---",) * len(head)
        return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))

    def text(self) -> str:
        """The table for a terminal: without the stated outcomes, which every row that holds has shown."""
        cells = [
            (section, attack, engine, cases, time, p99, seen)
            for section, attack, engine, _, cases, seen, time, p99 in self.lines()
        ]
        cells[0] = (*cells[0][:5], "p99 ms", cells[0][6])
        widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]) - 1)]
        return "\n".join(
            "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]])
            for line in cells
        )


def keys(item: pytest.Item) -> Iterable[Key]:
    """Return the rows that a test says it shows."""
    for marker in item.iter_markers("threat"):
        section, attack = marker.args
        yield section, attack


def _engines(row: Row) -> Iterable[str]:
    return ENGINES if row.engines else ("",)


def _engine(item: pytest.Item, row: Row) -> str:
    """The engine that a test shows a row on: what it runs on, or the default one."""
    if not row.engines:
        return ""
    callspec = getattr(item, "callspec", None)
    return str(callspec.params.get("engine", ENGINES[0])) if callspec is not None else ENGINES[0]
