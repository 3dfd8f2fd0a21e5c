"""Permissions: what a scope lets through, what it never does, and how scopes compare."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugind_protocol.permissions import NAMES, Permission, ScopeKind, parse


@pytest.mark.parametrize("name", NAMES)
def test_every_name_parses_and_prints(name: str) -> None:
    assert parse(name) == Permission(name)
    assert str(parse(name)) == name
    assert parse(name).covers(Permission(name, "anything"))


def test_scopes_parse_and_print() -> None:
    for text in ("file.read:assets/**", "media.write:out/*.mp4", "network:*.example.com", "network:localhost"):
        assert str(parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "file",
        "file.delete",
        "FILE.READ",
        "file.read ",
        " file.read",
        "file.read\n",
        "timeline.*",
        "*",
        "__proto__",
        "storage:x",
        "timeline.read:track1",
        "native:",
        "storage:",
        "file.read:",
        "file.read:/etc",
        "file.read:../x",
        "file.read:a/../b",
        "file.read:a/..",
        "file.read:a\\b",
        "file.read:a\0b",
        "file.read:a//b",
        "file.read:./a",
        "file.read:a/.",
        "file.read:a/",
        "file.read:C:/x",
        "file.read:" + "a" * 1025,
        "network:",
        "network:*",
        "network:*.",
        "network:.example.com",
        "network:*example.com",
        "network:a.*.com",
        "network:**.example.com",
        "network:http://example.com",
        "network:example.com:80",
        "network:example.com/x",
        "network:a b",
        "network:example..com",
        "network:" + "a" * 64 + ".com",
        "network:exämple.com",
        "network:example.com\n",
        "network:" + "a." * 130 + "com",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"permission") as caught:
        parse(text)
    assert len(str(caught.value)) < 400


PATHS = [
    ("assets/**", "assets/a.png", True),
    ("assets/**", "assets/a/b/c.png", True),
    ("assets/**", "assets", True),
    ("assets/**", "assetsx/a.png", False),
    ("assets/**", "assets/../secret", False),
    ("assets/**", "../assets/a", False),
    ("assets/**", "/assets/a", False),
    ("assets/**", "assets/./a", False),
    ("assets/**", "assets//a", False),
    ("assets/**", "assets/a\\..\\b", False),
    ("assets/**", "assets/a\0b", False),
    ("assets/**", "", False),
    ("assets/*", "assets/a.png", True),
    ("assets/*", "assets/a/b.png", False),
    ("assets/*", "assets", False),
    ("assets/*", "assets/", False),
    ("assets/*", "assets/.", False),
    ("*/x", "a/x", True),
    ("*/x", "a/b/x", False),
    ("**/x", "x", True),
    ("**/x", "a/b/x", True),
    ("**/x", "a/b/xx", False),
    ("a/**/b", "a/b", True),
    ("a/**/b", "a/1/2/3/b", True),
    ("a/**/b", "a/1/2/3/c", False),
    ("a/**/b/**", "a/x/b/y/z", True),
    ("**", "a/b", True),
    ("*.png", "a.png", True),
    ("*.png", "a.PNG", False),
    ("*.png", "x/a.png", False),
    ("img?.png", "img1.png", True),
    ("img?.png", "img12.png", False),
    ("img[0-9].png", "img7.png", True),
    ("img[0-9].png", "imgx.png", False),
    ("a.b", "axb", False),
]


@pytest.mark.parametrize(("pattern", "path", "covered"), PATHS)
def test_paths(pattern: str, path: str, *, covered: bool) -> None:
    assert Permission("file.read", pattern).covers(Permission("file.read", path)) is covered


HOSTS = [
    ("*.example.com", "a.example.com", True),
    ("*.example.com", "a.b.example.com", True),
    ("*.example.com", "A.Example.COM", True),
    ("*.example.com", "a.example.com.", True),
    ("*.example.com", "example.com", False),
    ("*.example.com", ".example.com", False),
    ("*.example.com", "notexample.com", False),
    ("*.example.com", "a.notexample.com", False),
    ("*.example.com", "example.com.evil.org", False),
    ("*.example.com", "a..example.com", False),
    ("*.example.com", "a.example.com..", False),
    ("*.example.com", "evil.org/.example.com", False),
    ("*.example.com", "evil.org#.example.com", False),
    ("*.example.com", "evil.org\0.example.com", False),
    ("*.example.com", "user@a.example.com", False),
    ("*.example.com", "a.example.com:80", False),
    ("*.example.com", "a.example.com\n", False),
    ("*.k.com", "a.\u212a.com", False),
    ("Example.com", "example.COM", True),
    ("example.com", "a.example.com", False),
    ("example.com", "example.co", False),
    ("localhost", "localhost", True),
]


@pytest.mark.parametrize(("pattern", "host", "covered"), HOSTS)
def test_hosts(pattern: str, host: str, *, covered: bool) -> None:
    assert Permission("network", pattern).covers(Permission("network", host)) is covered


def test_names_and_missing_scopes() -> None:
    assert parse("file.read").covers(parse("file.read:a"))
    assert not parse("file.read:a").covers(parse("file.read"))
    assert not parse("file.read").covers(parse("file.write"))
    assert not parse("file.read").covers(parse("file.write:a"))
    assert parse("storage").covers(parse("storage"))
    assert not Permission("storage", "a").covers(Permission("storage", "b"))


INCLUDED = [
    ("file.read", "file.read:a/**", True),
    ("file.read:a/**", "file.read", False),
    ("file.read:a/**", "file.read:a/**", True),
    ("file.read:a/**", "file.read:a/b/**", True),
    ("file.read:a/**", "file.read:a/*/c", True),
    ("file.read:a/**", "file.read:a/b", True),
    ("file.read:a/**", "file.read:b/**", False),
    ("file.read:a/**", "file.read:**", False),
    ("file.read:a/*", "file.read:a/**", False),
    ("file.read:a/*", "file.read:a/*", True),
    ("file.read:a/*", "file.read:a/*.png", True),
    ("file.read:a/*.png", "file.read:a/*", False),
    ("file.read:a/*.png", "file.read:a/x.png", True),
    ("file.read:a/?", "file.read:a/*", False),
    ("file.read:*/b", "file.read:**/b", False),
    ("file.read:a/**/z", "file.read:a/**/y/z", True),
    ("file.read:a/**/z", "file.read:a/**", False),
    ("network", "network:*.example.com", True),
    ("network:*.example.com", "network:*.a.example.com", True),
    ("network:*.a.example.com", "network:*.example.com", False),
    ("network:*.example.com", "network:a.example.com", True),
    ("network:*.example.com", "network:*.notexample.com", False),
    ("network:example.com", "network:*.example.com", False),
    ("storage", "storage", True),
    ("storage", "events", False),
]


@pytest.mark.parametrize(("wider", "narrower", "included"), INCLUDED)
def test_scopes_within_scopes(wider: str, narrower: str, *, included: bool) -> None:
    assert parse(wider).includes(parse(narrower)) is included


PARTS = st.sampled_from(["a", "b", "ab", "*", "**", "a*", "?", "[ab]"])
PLAIN = st.lists(st.sampled_from(["a", "b", "ab", "ba"]), min_size=1, max_size=5).map("/".join)


@given(wider=st.lists(PARTS, min_size=1, max_size=4), narrower=st.lists(PARTS, min_size=1, max_size=4), path=PLAIN)
def test_inclusion_never_lets_more_through(wider: list[str], narrower: list[str], path: str) -> None:
    outer, inner = Permission("file.read", "/".join(wider)), Permission("file.read", "/".join(narrower))
    asked = Permission("file.read", path)
    if outer.includes(inner) and inner.covers(asked):
        assert outer.covers(asked)


def slowly(pattern: list[str], parts: list[str]) -> bool:
    """The meaning of ``**``, by its definition."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(slowly(pattern[1:], parts[at:]) for at in range(len(parts) + 1))
    matches = {"*": lambda _: True, "a": "a".__eq__, "b": "b".__eq__}[pattern[0]]
    return bool(parts) and matches(parts[0]) and slowly(pattern[1:], parts[1:])


@given(
    pattern=st.lists(st.sampled_from(["a", "b", "*", "**"]), min_size=1, max_size=5),
    parts=st.lists(st.sampled_from("ab"), min_size=1, max_size=5),
)
def test_paths_match_by_definition(pattern: list[str], parts: list[str]) -> None:
    permission = Permission("media.read", "/".join(pattern))
    assert permission.covers(Permission("media.read", "/".join(parts))) == slowly(pattern, parts) or pattern == parts


def test_hostile_scopes_take_no_time() -> None:
    began = time.process_time()
    for scope in ("**/" * 340 + "b", "**/a/" * 200 + "b", "*a" * 500 + "b", "[a" * 500):
        permission = parse(f"file.read:{scope}")
        for path in ("a/" * 2000 + "a", "a" * 4000):
            assert not permission.covers(Permission("file.read", path))
            permission.includes(parse("file.read:" + "**/" * 300 + "c"))
    assert time.process_time() - began < 3  # ways multiply, time must not


def test_every_kind_of_scope_is_used() -> None:
    assert set(NAMES.values()) == set(ScopeKind)
