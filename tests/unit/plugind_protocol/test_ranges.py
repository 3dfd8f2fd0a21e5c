"""Version ranges against npm's own answers, and what our reading adds: bounds and clear refusals."""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
import semver

from plugind_protocol import ranges

CORPUS: dict[str, Any] = json.loads((Path(__file__).parents[3] / "protocol/vectors/ranges.json").read_text("utf-8"))
VERSIONS = [ranges.parse_version(text) for text in CORPUS["versions"]]


MATCHES = {
    text: [digit == "1" for digit in f"{int(row, 16):0{len(VERSIONS)}b}"] for text, row in CORPUS["matches"].items()
}


def test_the_corpus_is_large_enough() -> None:
    assert len(MATCHES) * len(VERSIONS) > 50_000
    assert len(CORPUS["invalid"]) > 100
    assert {admitted for row in MATCHES.values() for admitted in row} == {True, False}


def test_ranges_match_what_npm_says() -> None:
    wrong = {
        text: [
            str(version) for version, admitted in zip(VERSIONS, row, strict=True) if parsed.matches(version) != admitted
        ]
        for text, row in MATCHES.items()
        for parsed in [ranges.parse(text)]
    }
    assert {text: versions for text, versions in wrong.items() if versions} == {}


def test_versions_are_ordered_as_npm_orders_them() -> None:
    def sign(one: semver.Version, other: semver.Version) -> str:
        first, second = ranges.key(one), ranges.key(other)
        return "<" if first < second else ">" if first > second else "="

    assert ["".join(sign(one, other) for other in VERSIONS) for one in VERSIONS] == CORPUS["order"]


@pytest.mark.parametrize("text", CORPUS["invalid"])
def test_what_npm_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ranges.parse(text)


@pytest.mark.parametrize("text", ["^1.2.3 || ", "1" * 1025, "^1.0.0\u00a0", "\u0661.0.0"])
def test_bounds_of_our_own(text: str) -> None:
    if text == "^1.2.3 || ":
        assert ranges.parse(text).matches(semver.Version(9))
    else:
        with pytest.raises(ValueError, match="ASCII"):
            ranges.parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("latest", r"'latest' is a tag.*\^1\.2\.0"),
        ("1.0.0 || next", "'next' is a tag"),
        ("file:../x", "says where to get a plugin"),
        ("git+ssh://x", "says where to get a plugin"),
        ("1.2.3.4", "is not part of a version range"),
    ],
)
def test_what_is_no_range_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ranges.parse(text)


def test_a_range_is_parsed_once_and_asked_often() -> None:
    assert ranges.parse("^1.2.3 || ^2") is ranges.parse("^1.2.3 || ^2")
    long = "^1 || " * 20 + "2"
    assert ranges.parse(long) is not ranges.parse(long)
    parsed, keys = ranges.parse(">=1.2.0 <2.0.0-0 || ^3"), [ranges.key(version) for version in VERSIONS]
    began = time.process_time()
    for _ in range(1000):
        for key in keys:
            parsed.admits(key)
    assert time.process_time() - began < 2  # some 65 000 questions; 0.05 s where nothing else runs


def test_a_range_prints_as_written_and_its_parts_as_what_they_mean() -> None:
    parsed = ranges.parse(" ^1.2 || =3.0.0 ")
    assert str(parsed) == " ^1.2 || =3.0.0 "
    assert [[str(one) for one in alternative] for alternative in parsed.alternatives] == [
        [">=1.2.0", "<2.0.0-0"],
        ["3.0.0"],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.0",
        "v1.0.0",
        "1.0.0.0",
        "01.0.0",
        "1.0.0-01",
        "1.0.0\n",
        " 1.0.0",
        "1.\u0660.0",
        "9007199254740992.0.0",
        "1" * 5000 + ".0.0",
        "1.0.0-" + "a" * 300,
    ],
)
def test_versions_are_strict(text: str) -> None:
    with pytest.raises(ValueError, match=r"version"):
        ranges.parse_version(text)


def test_hostile_ranges_take_no_time() -> None:
    began = time.process_time()
    for text in (
        "v " * 512,
        "= " * 512,
        "1.0.0-" + "0-" * 500,
        "1 - " * 256,
        "^" * 1024,
        "|" * 1024,
        "1.0.0-" + "0." * 509 + "!",
        "> " * 512,
        "*" * 1024,
        "+" * 1024,
    ):
        with contextlib.suppress(ValueError):
            ranges.parse(text)
    assert time.process_time() - began < 2
