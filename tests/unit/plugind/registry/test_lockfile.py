"""Lock files: the same bytes each time, read with suspicion, and free of secrets."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugind.registry import lockfile
from plugind_protocol.dependencies import LockedPlugin
from plugind_protocol.errors import PackageInvalid

ONE, TWO = "1" * 64, "2" * 64


def locked(name: str = "a", **more: Any) -> LockedPlugin:
    fields: dict[str, Any] = {"version": "1.0.0", "package": f"sha256:{ONE}", "module": f"sha256:{TWO}"}
    return LockedPlugin(**{"name": name, **fields, **more})


def test_the_same_plugins_make_the_same_bytes() -> None:
    first = [locked("b", dependencies={"z": "*", "a": "^1"}), locked("a", source="./ä")]
    again = [locked("a", source="./ä"), locked("b", dependencies={"a": "^1", "z": "*"})]
    assert lockfile.encode(first) == lockfile.encode(again)
    text = lockfile.encode(first)
    assert json.loads(text) == {
        "lockVersion": 1,
        "apiVersion": "1.0",
        "plugins": [
            {
                "name": "a",
                "version": "1.0.0",
                "package": f"sha256:{ONE}",
                "module": f"sha256:{TWO}",
                "source": "./ä",
                "dependencies": {},
            },
            {
                "name": "b",
                "version": "1.0.0",
                "package": f"sha256:{ONE}",
                "module": f"sha256:{TWO}",
                "source": None,
                "dependencies": {"a": "^1", "z": "*"},
            },
        ],
    }
    assert text.startswith(b'{\n  "lockVersion": 1,\n')
    assert text.endswith(b"}\n")
    assert [one.name for one in lockfile.decode(text, where="x")] == ["a", "b"]


NAMES = st.from_regex(r"\A(@[a-z0-9]{1,3}/)?[a-z0-9][a-z0-9._-]{0,9}\Z")


@given(st.dictionaries(NAMES, st.one_of(st.none(), st.text(max_size=20))))
def test_what_is_written_is_read(plugins: dict[str, str | None]) -> None:
    rows = [locked(name, source=source) for name, source in plugins.items()]
    assert lockfile.decode(lockfile.encode(rows), where="x") == sorted(rows, key=lambda one: one.name)


def text(**changes: Any) -> bytes:
    fields = json.loads(lockfile.encode([locked("a")]))
    row = fields["plugins"][0]
    row.update({name: value for name, value in changes.items() if name in row})
    fields.update({name: value for name, value in changes.items() if name not in row})
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (b"", "is no lock file"),
        (b"[]", "is no lock file"),
        (b"\xff", "is no lock file"),
        (text(lockVersion=2), "of lockVersion 2; this version of plugind knows 1"),
        (text(lockVersion=True), "of lockVersion True"),
        (text(more=1), "is no lock file.*more"),
        (text(name="../a"), "'../a', which is no plugin's name"),
        (text(version="1"), "no semantic version of a"),
        (text(package="sha256:12"), "a hash of a that is not"),
        (text(module=ONE), "a hash of a that is not"),
        (text(plugins=json.loads(text())["plugins"] * 2), "has a twice"),
        (b" " * (lockfile.MAX_BYTES + 1), "has more than"),
    ],
)
def test_what_is_no_lock_file_is_refused(written: bytes, words: str) -> None:
    with pytest.raises(PackageInvalid, match=words) as caught:
        lockfile.decode(written, where="/p/plugins.lock")
    assert caught.value.message.startswith("/p/plugins.lock ")


@pytest.mark.parametrize(
    ("source", "written"),
    [
        (None, None),
        ("/project/plugins/a", "./plugins/a"),
        ("/project", "./."),
        ("/elsewhere/a", "/elsewhere/a"),
        ("/projects/a", "/projects/a"),
        ("https://example.com/a.tsplugin", "https://example.com/a.tsplugin"),
        ("https://user:secret@example.com/a.tsplugin", None),
        ("https://example.com/a.tsplugin?token=secret", None),
        ("core@^1", "core@^1"),
    ],
)
def test_sources_move_with_the_project_and_keep_secrets(source: str | None, written: str | None) -> None:
    assert lockfile.relative(source, Path("/project")) == written


def test_sources_are_found_again_where_the_project_is_now() -> None:
    assert lockfile.absolute("./plugins/a", Path("/moved")) == "/moved/plugins/a"
    assert lockfile.absolute("./../plugins/a", Path("/moved")) == "/plugins/a"
    assert lockfile.absolute("https://example.com/a", Path("/moved")) == "https://example.com/a"


def test_a_difference_is_named() -> None:
    assert lockfile.problems(locked(), package=ONE) is None
    assert lockfile.problems(locked(), package=ONE, module=TWO) is None
    assert f"contents are sha256:{TWO}" in (lockfile.problems(locked(), package=TWO) or "")
    assert f"module is sha256:{ONE}" in (lockfile.problems(locked(), package=ONE, module=ONE) or "")
