"""The pure parts of ``pluginctl test``: comparing, the scripted host, pictures."""

import json
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

from pluginctl.failure import CommandFailed
from pluginctl.testing import cases, comparing, golden
from pluginctl.testing.cases import Failure, HostAnswer
from pluginctl.testing.host import ScriptedHost
from plugind_protocol.errors import ErrorObject, HostUnavailable, InvalidState, PluginError, Trap


@pytest.mark.parametrize(
    ("expected", "found", "words"),
    [
        ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}, None),
        (1, 1.0, None),
        (1, True, "$ is true, expected 1"),
        ({"a": 1}, {}, "$.a is missing, expected 1"),
        ({}, {"a": 1}, "$.a is 1, expected nothing"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "$.a[1] is 3, expected 2"),
        ([1], [1, 2], "$ has 2 elements, expected 1: [1, 2]"),
        ({"a b": 1}, {"a b": 2}, '$["a b"] is 2, expected 1'),
        ("x", None, '$ is null, expected "x"'),
    ],
)
def test_where_values_differ(expected: Any, found: Any, words: str | None) -> None:
    assert comparing.difference(expected, found) == words


def test_numbers_may_be_off() -> None:
    assert comparing.difference([1.0], [1.4], tolerance=0.5) is None
    assert comparing.difference([1.0], [1.6], tolerance=0.5) == "$[0] is 1.6, expected 1.0"
    assert comparing.shown("x" * 500).endswith("…")


def test_errors() -> None:
    own = PluginError("p 1.0.0: it failed", error=ErrorObject(code=7, message="nobody to greet"))
    assert comparing.failure(Failure(kind="PluginError", code=7, message="to greet"), own) is None
    assert comparing.failure(Failure(), own) is None
    trap = Trap("p 1.0.0: unreachable", cause="trap")
    for expected, words in (
        (Failure(kind="PluginError"), "the error is Trap, expected PluginError"),
        (Failure(code=7), "the error's code is -32007, expected 7"),
        (Failure(message="divided"), 'the error says "p 1.0.0: unreachable", expected "divided"'),
    ):
        assert words in (comparing.failure(expected, trap) or "")


def test_the_scripted_host() -> None:
    async def work() -> None:
        host = ScriptedHost()
        always = [HostAnswer(method="a", answer=1), HostAnswer(method="b", error=Failure(kind="InvalidState"))]
        host.begin(always, [HostAnswer(method="a", params={"x": 1}, answer=2), HostAnswer(method="c")])
        assert not host.done
        assert await host.answer("a", {"pluginId": "p", "x": 1}) == 2
        assert await host.answer("a", {"pluginId": "p"}) == 1
        with pytest.raises(InvalidState, match="as the test says"):
            await host.answer("b", {})
        with pytest.raises(HostUnavailable):
            await host.answer("d", {"y": 1})
        assert host.finish() == [
            'the plugin asked d {"y": 1}, which no test answers; next is c',
            "the plugin did not ask c",
        ]
        host.begin([], [HostAnswer(method="a", params={"x": 1})])
        assert await host.answer("a", {"x": 2}) is None
        assert host.finish() == ["a was asked otherwise: $.x is 2, expected 1"]

    anyio.run(work)


def test_pictures_are_what_they_were(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (17, 31, 4), dtype=np.uint8)
    golden.write_png(tmp_path / "a" / "b.png", picture)
    assert (golden.read_png(tmp_path / "a" / "b.png") == picture).all()
    golden.write_png(tmp_path / "rgb.png", picture[..., :3])
    assert (golden.read_png(tmp_path / "rgb.png")[..., 3] == 255).all()
    assert [one.name for one in (tmp_path / "a").iterdir()] == ["b.png"]


def test_pictures_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    golden.write_png(tmp_path / "small.png", np.zeros((4, 4, 4), np.uint8))
    for name, words in (("none", "cannot be read as a PNG"), ("text", "cannot be read"), ("small", "at least 16x16")):
        with pytest.raises(CommandFailed, match=words):
            golden.read_png(tmp_path / f"{name}.png")


def test_how_far_a_frame_is_off() -> None:
    expected = np.full((16, 16, 4), 100, np.uint8)
    found = expected.copy()
    found[3, 5, 1] = 90
    found[4, 6, 3] = 98
    assert golden.compare(expected, found, tolerance=10) is None
    off = golden.compare(expected, found, tolerance=1)
    assert off is not None
    assert (off.largest, off.pixels, off.x, off.y) == (10, 2, 5, 3)
    assert (off.found, off.expected) == ([100, 90, 100, 100], [100] * 4)
    drawn = golden.picture(expected, found)
    assert drawn.shape == (16, 3 * 16 + 8, 3)
    assert drawn[3, 40 + 5].tolist() == [255, 85, 31]


def test_frames_of_floats() -> None:
    picture = np.arange(256, dtype=np.uint8).reshape(16, 16)[..., None].repeat(4, axis=2)
    slot = np.zeros((16, 16, 4), np.float32)
    golden.to_slot(picture, slot, "RGBA32F")
    assert slot.max() == 1.0
    assert (golden.from_slot(slot, "RGBA32F") == picture).all()
    slot[0, 0] = (np.nan, 2.0, -1.0, np.inf)
    assert golden.from_slot(slot, "RGBA32F")[0, 0].tolist() == [0, 255, 0, 255]


@pytest.mark.parametrize("name", ["input", "output"])
@pytest.mark.parametrize("picture", ["link/a.png", "a.png"])
def test_pictures_of_somebody_elses_are_neither_read_nor_written(tmp_path: Path, name: str, picture: str) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"")
    tests = tmp_path / "plugin" / "tests"
    tests.mkdir(parents=True)
    (tests / "link").symlink_to(tmp_path / "pictures")
    (tests / "a.png").symlink_to(tmp_path / "pictures" / "a.png")
    case = {"effect": "x", "input": "in.png", "output": "out.png", name: picture}
    (tests / "cases.json").write_text(json.dumps({"cases": [case]}))
    with pytest.raises(CommandFailed, match=rf"\$\.cases\[0\]: tests/{picture} is a link, or lies beyond one"):
        cases.read(tmp_path / "plugin")


def test_cases_of_somebody_elses_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "cases.json").symlink_to("/dev/zero")
    with pytest.raises(CommandFailed, match=r"tests/cases\.json is a link"):
        cases.read(tmp_path)
