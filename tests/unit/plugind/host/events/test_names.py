"""Names of events and patterns for them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugind.host.events import names


@pytest.mark.parametrize(
    ("pattern", "source", "name", "expected"),
    [
        ("timeline.selectionChange", None, "timeline.selectionChange", True),
        ("timeline.selectionChange", None, "timeline.selection", False),
        ("timeline.selectionChange", "timeline", "selectionChange", False),
        ("timeline.*", None, "timeline.a", True),
        ("timeline.*", None, "timeline.a.b", False),
        ("timeline.*", None, "timeline", False),
        ("timeline.**", None, "timeline.a.b", True),
        ("timeline.**", None, "timeline", True),
        ("**", None, "anything.at.all", True),
        ("**", "p", "done", False),
        ("*", "p", "done", False),
        ("**.end", None, "a.b.end", True),
        ("**.end", None, "a.end.b", False),
        ("a.**.b.**.c", None, "a.x.b.b.y.c", True),
        ("a.**.b.**.c", None, "a.x.y.c", False),
        ("p/done", "p", "done", True),
        ("p/done", None, "done", False),
        ("p/done", "q", "done", False),
        ("p/*", "p", "a.b", False),
        ("p/**", "p", "a.b", True),
        ("*/done", "p", "done", True),
        ("*/done", "my.plugin", "done", True),
        ("*/done", "@s/p", "done", False),
        ("@s/*/done", "@s/p", "done", True),
        ("@s/*/done", "@t/p", "done", False),
        ("**/done", "@s/p", "done", True),
        ("**/done", "p", "done", True),
        ("**/**", "@s/p", "a.b", True),
        ("**/**", None, "a.b", False),
    ],
)
def test_what_patterns_match(pattern: str, source: str | None, name: str, *, expected: bool) -> None:
    assert names.matches(names.parse(pattern), source, name) is expected


@pytest.mark.parametrize(
    "text",
    ["", ".", "a.", ".a", "a..b", "a b", "a*", "***", "ä", "a/", "/a", "A/b", "a/b/c/d/e", "@s//x", "a\n", "x" * 65],
)
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(ValueError, match=r"event's name|plugin's id"):
        names.parse(text)


@pytest.mark.threat("Events", "events in another's name")
@pytest.mark.parametrize("name", ["p/done", "/done", "", "*", "a.*", "a.", "a b", ".".join("a" * 9), "@s/p/x"])
def test_names_that_nobody_can_give(name: str) -> None:
    with pytest.raises(ValueError, match="event's name"):
        names.check(name)


PARTS = st.lists(st.sampled_from(["a", "b", "*", "**"]), min_size=1, max_size=8)
NAME = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=8)


def slow(pattern: list[str], parts: list[str]) -> bool:
    """The same, as it is defined."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(slow(pattern[1:], parts[taken:]) for taken in range(len(parts) + 1))
    return bool(parts) and pattern[0] in ("*", parts[0]) and slow(pattern[1:], parts[1:])


@given(PARTS, NAME)
def test_matching_is_as_defined(pattern: list[str], parts: list[str]) -> None:
    found = names.matches(names.parse(".".join(pattern)), None, ".".join(parts))
    assert found == slow(pattern, parts)


def test_no_pattern_takes_long() -> None:
    pattern = names.parse(".".join(["**", "a"] * 4))
    name = ".".join("a" * 7 + "b")
    began = time.thread_time()
    for _ in range(1000):
        assert not names.matches(pattern, None, name)
    assert time.thread_time() - began < 1
