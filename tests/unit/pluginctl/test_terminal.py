import pytest

from pluginctl import terminal


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode 漢字", "plain ünïcode 漢字"),
        ("a\x1b[31mb\x07", "a\\x1b[31mb\\x07"),
        ("c1\x9bm", "c1\\x9bm"),
        ("turn\u202eed", "turn\\u202eed"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("over\rwritten", "over\\rwritten"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert terminal.printable(text) == shown


def test_one_line() -> None:
    assert terminal.one_line(" a\n b\tc ") == "a b c"


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0B"), (1023, "1023B"), (1536, "1.5K"), (3 << 20, "3.0M"), (5 << 30, "5.0G")]
)
def test_size(count: int, said: str) -> None:
    assert terminal.size(count) == said


@pytest.mark.parametrize(("seconds", "said"), [(4.25, "4.2s"), (200, "3m 20s"), (7380, "2h 3m")])
def test_duration(seconds: float, said: str) -> None:
    assert terminal.duration(seconds) == said


@pytest.mark.parametrize(("value", "said"), [(0, "-"), (12.4, "12µs"), (2500, "2.5ms")])
def test_micros(value: float, said: str) -> None:
    assert terminal.micros(value) == said
