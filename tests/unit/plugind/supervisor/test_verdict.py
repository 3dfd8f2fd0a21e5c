import pytest

from plugind.supervisor.verdict import Verdict, decide


@pytest.mark.parametrize(
    ("busy", "killed_for", "blamed"),
    [
        ({"a": True, "b": False}, None, {"a"}),
        ({"a": True, "b": True, "c": False}, None, {"a", "b"}),
        ({"a": False, "b": False}, None, {"a", "b"}),
        ({"a": True, "b": True}, "a", {"a"}),
        ({"a": False, "b": True}, "a", {"a"}),
        ({"a": True, "b": False}, "gone", set()),  # it had left when the process ended
        ({"a": False}, None, {"a"}),
    ],
)
def test_whom_the_end_counts_against(busy: dict[str, bool], killed_for: str | None, blamed: set[str]) -> None:
    verdicts = decide(busy, killed_for=killed_for)
    assert {plugin for plugin, verdict in verdicts.items() if verdict.blamed} == blamed


def test_what_each_is_told() -> None:
    assert decide({"a": True, "b": False}, killed_for=None) == {
        "a": Verdict(blamed=True, shared_with=("b",), running=("a",)),
        "b": Verdict(blamed=False, shared_with=("a",), running=("a",)),
    }


def test_nobody_has_nothing_to_answer_for() -> None:
    assert decide({}, killed_for=None) == {}
