import pytest
from benchmarks.findings import Goal, Row, at_least, at_most


@pytest.mark.parametrize(
    ("goal", "ratio", "met"),
    [
        (at_most(1.5), 1.5, True),
        (at_most(1.5), 1.51, False),
        (at_least(4), 4.0, True),
        (at_least(4), 3.99, False),
        (at_most(1.5), None, None),
    ],
)
def test_goal_of_a_ratio(goal: Goal, ratio: float | None, *, met: bool | None) -> None:
    assert Row(key="k", what="w", value=1.0, ratio=ratio, goal=goal).met is met


def test_goal_of_the_value_itself() -> None:
    goal = at_least(20_000, of="value")
    assert Row(key="k", what="w", value=20_001.0, ratio=0.1, goal=goal).met is True
    assert Row(key="k", what="w", missing="there is no C compiler", goal=goal).met is None


def test_without_a_goal_nothing_is_met() -> None:
    assert Row(key="k", what="w", value=1.0, ratio=1.0).met is None
