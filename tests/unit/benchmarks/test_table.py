import pytest
from benchmarks.findings import Curve, Row, at_least, at_most
from benchmarks.table import curves, filled, judged, line, markdown, unmet

CALL = Row(
    key="calls.relay.p50",
    what="a call",
    value=123.456,
    unit="µs",
    p99=1234.5,
    against="a relay",
    peer=66.0,
    peer_p99=80.0,
    ratio=1.8705,
    goal=at_most(1.5),
)


def test_a_row_with_everything() -> None:
    head, rule, row = markdown([CALL]).splitlines()
    assert head.count("|") == rule.count("|") == row.count("|")
    assert row == "| a call | 123 µs | 1,234 µs | a relay | 66 µs (p99 80) | 1.87\xd7 | ≤ 1.5\xd7 | **missed** |"


def test_a_row_with_a_goal_of_its_value() -> None:
    rate = Row(key="r", what="rate", value=21_234.5, unit="/s", goal=at_least(20_000, of="value"))
    assert markdown([rate]).splitlines()[2] == "| rate | 21,234 /s |  |  |  |  | ≥ 20,000 /s | met |"


def test_what_is_missing_is_said() -> None:
    row = Row(key="r", what="a call", value=1.0, unit="µs", goal=at_most(2), missing="there is no C compiler")
    assert "| not measured: there is no C compiler |" in markdown([row])


def test_a_goal_of_the_value_needs_no_peer() -> None:
    missing = "there is no Node.js"
    row = Row(key="r", what="memory", value=3.9, unit="MB", goal=at_most(4, of="value"), missing=missing)
    assert "| met; its peer not measured: there is no Node.js |" in markdown([row])


def test_on_a_terminal_the_last_record_stands_beside() -> None:
    assert "recorded 1.75" in line(CALL, 1.75)
    assert "missed" in line(CALL, 1.75)
    assert "recorded" not in line(CALL, None)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (CALL, 1.8705),
        (Row(key="r", what="w", value=5.0, ratio=0.5, goal=at_least(4, of="value")), 5.0),
        (Row(key="r", what="w", value=5.0), 5.0),
        (Row(key="r", what="w", missing="no peer"), None),
    ],
)
def test_what_is_compared_from_run_to_run(row: Row, expected: float | None) -> None:
    assert judged(row) == expected


def test_only_what_misses_its_goal_is_listed() -> None:
    met = Row(key="met", what="w", value=1.0, ratio=1.0, goal=at_most(1.5))
    missing = Row(key="missing", what="w", missing="no peer", goal=at_most(1.5))
    assert unmet([CALL, met, missing]) == ["calls.relay.p50"]


def test_only_the_named_block_of_a_page_is_replaced() -> None:
    page = "".join(f"a\n<!-- begin: make bench {name} -->\nold {name}\n<!-- end -->\n" for name in ("rows", "curves"))
    new = filled(page, "rows", r"new \1 text")
    assert new == page.replace("old rows", "\nnew \\1 text")
    assert filled(new, "rows", r"new \1 text") == new


def test_a_page_without_the_block_is_refused() -> None:
    with pytest.raises(ValueError, match="no block for rows"):
        filled("nothing here", "rows", "text")


def test_curves_say_their_fit() -> None:
    points = [(1.0, 102.0), (10.0, 120.0), (100.0, 300.0)]
    good = Curve(key="k", what="payload", x="sent, KB", per="KB", y="p50", unit="µs", points=points, shape="linear")
    bad = Curve(key="k", what="plugins", x="plugins", per="plugin", y="p50", unit="µs", points=points, shape="flat")
    rows = curves([good, bad]).splitlines()[2:]
    ends = "102 µs at 1 KB | 300 µs at 100 KB"
    assert rows[0] == f"| payload | {ends} | linear | 100 µs + 2 µs per KB | 0% off | as it should be |"
    assert rows[1].endswith("off | **not quite** |")
