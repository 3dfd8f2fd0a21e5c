"""Collects what a run of the suite has shown for each row, as a pytest plugin, and writes it as a table."""

import statistics
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest
from tests.harness.skips import reason
from tests.hostile.rows import ROWS, Key, Row


class Shown:
    """What the tests of one row have shown.

    A test may say more by ``record_property``: ``cases`` (how many it tried; 1 unless it says so), ``quiet_p99_ms``
    and ``attack_p99_ms`` (of a bystander), and ``seen`` (words for the table).
    """

    def __init__(self) -> None:
        self.cases = 0
        self.seconds = 0.0
        self.failed: list[str] = []
        self.skipped: list[str] = []
        self.seen: list[str] = []
        self.quiet: list[float] = []
        self.attack: list[float] = []

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
            self.quiet.append(said["quiet_p99_ms"])
            self.attack.append(said["attack_p99_ms"])

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
        """A bystander's p99, quiet and during the attack: the medians of the tests that measured it."""
        if not self.attack:
            return ""
        return f"{statistics.median(self.quiet):.1f} → {statistics.median(self.attack):.1f}"


class Table:
    """The plugin: one `Shown` per row."""

    def __init__(self) -> None:
        self.rows: defaultdict[Key, Shown] = defaultdict(Shown)
        self._keys: dict[str, list[Key]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember which test shows what."""
        self._keys = {item.nodeid: list(keys(item)) for item in session.items}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one phase of one test."""
        for key in self._keys.get(report.nodeid, ()):
            self.rows[key].add(report)

    def holds(self) -> bool:
        """Whether every row has shown its outcome."""
        return all(self.rows[row.key].holds for row in ROWS)

    def lines(self) -> list[tuple[str, ...]]:
        """Return the cells of the table, its head first."""
        head = ("", "attack", "stated outcome", "cases", "seen", "time", "p99 of another plugin, ms: quiet → attack")
        return [head, *(self._line(row) for row in ROWS)]

    def _line(self, row: Row) -> tuple[str, ...]:
        shown = self.rows[row.key]
        seen = "; ".join([shown.outcome, *dict.fromkeys(shown.seen)])
        return (row.section, row.attack, row.outcome, str(shown.cases), seen, f"{shown.seconds:.1f} s", shown.p99)

    def markdown(self) -> str:
        """The table for the documentation."""
        head, *lines = self.lines()
        rule = ("---",) * len(head)
        return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))

    def text(self) -> str:
        """The table for a terminal: without the stated outcomes, which every row that holds has shown."""
        cells = [(line[0], line[1], line[3], line[5], line[6], line[4]) for line in self.lines()]
        cells[0] = (*cells[0][:4], "p99 ms", cells[0][5])
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
