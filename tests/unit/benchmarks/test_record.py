from pathlib import Path

import msgspec
import pytest
from benchmarks import record
from benchmarks.findings import Curve, Row, at_least, at_most
from benchmarks.record import Conditions

ABOUT = Conditions("2026-01-01 00:00 UTC", "Linux", 2, "a model", 0.5, {"CPython": "3.11.0"})


def test_a_run_is_recorded_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RECORDED", tmp_path / "recorded.json")
    assert record.recorded() is None
    rows = [
        Row(key="a", what="w", value=10.0, ratio=1.23456, goal=at_most(1)),
        Row(key="b", what="w", value=20_000.0, ratio=2.0, goal=at_least(1, of="value")),
        Row(key="c", what="w", missing="no peer"),
    ]
    record.record(ABOUT, rows)
    again = record.recorded()
    assert again is not None
    assert again.conditions == ABOUT
    assert again.figures == {"a": 1.2346, "b": 20_000.0}


def test_everything_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    curve = Curve(key="k", what="w", x="x", per="x", y="y", unit="µs", points=[(1.0, 2.0)], shape="flat")
    path = record.keep(ABOUT, [Row(key="a", what="w", value=1.0), curve])
    kept = msgspec.json.decode(path.read_bytes())
    assert [row["key"] for row in kept["rows"]] == ["a"]
    assert kept["curves"][0]["points"] == [[1.0, 2.0]]
    assert kept["spreads"] == []


def test_conditions_name_what_ran() -> None:
    words = ABOUT.words()
    for part in ("2026-01-01", "2 processors", "a model", "CPython 3.11.0", "0.50"):
        assert part in words
    found = record.conditions()
    assert found.processors >= 1
    assert "wasmtime" in found.versions
