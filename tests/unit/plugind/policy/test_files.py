"""What paths in a plugin's tree mean, and which permission each needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugind.policy.files import Located, Need, Place, allowed, locate, needed, shown, visible
from plugind_protocol.errors import InvalidParams
from plugind_protocol.permissions import Permission, parse


@pytest.mark.parametrize(
    ("path", "place", "parts"),
    [
        ("", Place.PRIVATE, ()),
        ("a.txt", Place.PRIVATE, ("a.txt",)),
        ("a/ä ö/…", Place.PRIVATE, ("a", "ä ö", "…")),
        ("assets", Place.ASSETS, ()),
        ("assets/assets/x", Place.ASSETS, ("assets", "x")),
        ("project/media/a.mp4", Place.PROJECT, ("media", "a.mp4")),
        ("picked/7f3a/warm.cube", Place.PICKED, ("7f3a", "warm.cube")),
        ("Assets/x", Place.PRIVATE, ("Assets", "x")),
        ("assetsx", Place.PRIVATE, ("assetsx",)),
        ("a..b/...", Place.PRIVATE, ("a..b", "...")),
        ("x" * 255, Place.PRIVATE, ("x" * 255,)),
    ],
)
def test_what_paths_mean(path: str, place: Place, parts: tuple[str, ...]) -> None:
    assert locate(path, plugin_id="p") == Located(place, parts, path)


REFUSED = [
    "/etc/passwd",
    "/",
    "//a",
    ".",
    "..",
    "a/..",
    "../a",
    "assets/../../x",
    "project/..",
    "a/./b",
    "a//b",
    "a/",
    "a\0b",
    "a\\b",
    "..\\a",
    "\ud800",
    "a/\udcff",
    "x" * 256,
    "ä" * 128,
    "x/" * 64 + "x",
    "/".join(["x" * 200] * 30),
    ".plugind-0011",
    "a/.plugind-",
]


@pytest.mark.threat("Files", "paths that say more than names")
@pytest.mark.parametrize("path", REFUSED)
def test_paths_that_are_refused(path: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        locate(path, plugin_id="p")
    assert caught.value.data.path == "$.path"
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 250


@pytest.mark.parametrize(
    "path", ["con", "a/NUL.txt", "com1", "LPT9.tar.gz", "COM¹", "a:b", "a.", "a ", "a<b", "a|b", "x\x01", "aux .txt"]
)
def test_what_windows_takes_for_something_else(path: str) -> None:
    locate(path, plugin_id="p")
    with pytest.raises(InvalidParams):
        locate(path, plugin_id="p", windows=True)


@pytest.mark.parametrize("path", ["console", "a/com10", "nul2", "a.b", "ä"])
def test_what_windows_takes_as_it_is(path: str) -> None:
    assert locate(path, plugin_id="p", windows=True).virtual == path


@pytest.mark.parametrize(
    ("path", "needs"),
    [
        ("assets/x", None),
        ("picked/7f/x", None),
        ("project/x", "file.read:project/x"),
        ("a/b", "file.read:a/b"),
        ("", "file.read"),
        ("../x", "file.read"),
        ("a//b", "file.read"),
    ],
)
def test_which_permission_reading_takes(path: str, needs: str | None) -> None:
    found = needed(path, Need.READ)
    assert (None if found is None else str(found)) == needs


@pytest.mark.parametrize(
    ("grant", "path", "covers"),
    [
        ("file.write", "a/b", True),
        ("file.write", "project/x", True),
        ("file.write:presets/**", "presets/a/b", True),
        ("file.write:presets/**", "presets", True),
        ("file.write:presets/**", "presetsx/a", False),
        ("file.write:presets/*", "presets/a/b", False),
        ("file.write:project/*.otio", "project/a.otio", True),
        ("file.write:project/*.otio", "project/a/b.otio", False),
        ("file.write:presets/**", "", False),
        ("file.write:**", "", False),
        ("file.read", "a", False),
    ],
)
def test_scopes_are_matched_with_the_plugins_own_path(grant: str, path: str, *, covers: bool) -> None:
    assert allowed(path, Need.WRITE, frozenset({parse(grant)})) is covers
    wanted = needed(path, Need.WRITE)
    assert wanted is not None
    assert parse(grant).covers(wanted) is covers


def test_which_names_are_listed() -> None:
    assert [name for name in ("a", ".plugind-1", "b\\c", "\udcff", "x" * 256, "..") if visible(name)] == ["a"]


def test_paths_in_messages_are_short_and_printable() -> None:
    assert shown("a\x1b[31m\n") == "a\ufffd[31m\ufffd"
    assert len(shown("x" * 5000)) == 101


PIECES = ["a", ".", "/", "..", "\\", "\0", "assets", "project", "picked", "~", "\ud800"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_nothing_that_is_taken_leads_up_or_away(path: str) -> None:
    try:
        located = locate(path, plugin_id="p")
    except InvalidParams:
        return
    for part in located.parts:
        assert part not in ("", ".", "..")
        assert not {"/", "\\", "\0", "\ud800"} & set(part)
    prefix = [located.place.value] if located.place.value else []
    assert "/".join([*prefix, *located.parts]) == path
    assert Permission("file.read").covers(needed(path, Need.READ) or Permission("file.read"))
