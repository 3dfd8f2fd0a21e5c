"""The artefact cache: nothing is loaded that we did not seal."""

import os
import stat
from pathlib import Path

import pytest

from plugind.supervisor.artefacts import ArtefactCache
from plugind_protocol.worker import Compiled

COMPILED = Compiled("numeric", ["add"])


@pytest.fixture
def cache(tmp_path: Path) -> ArtefactCache:
    return ArtefactCache(tmp_path / "modules")


def fill(cache: ArtefactCache, name: str, content: bytes) -> None:
    descriptor, path = cache.stage(name)
    os.write(descriptor, content)
    os.close(descriptor)
    cache.add(name, path, COMPILED)


def content(cache: ArtefactCache, name: str) -> bytes | None:
    found = cache.open(name)
    if found is None:
        return None
    descriptor, compiled = found
    assert compiled == COMPILED
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read()


def test_what_was_added_is_found_also_by_the_next_daemon(cache: ArtefactCache, tmp_path: Path) -> None:
    assert cache.open("a") is None
    fill(cache, "a", b"code")
    assert content(cache, "a") == b"code"
    assert content(ArtefactCache(tmp_path / "modules"), "a") == b"code"


def test_the_name_depends_on_module_engine_version_and_settings() -> None:
    name = ArtefactCache.name
    names = {
        name("m", engine="e", version="1", settings="s"),
        name("n", engine="e", version="1", settings="s"),
        name("m", engine="f", version="1", settings="s"),
        name("m", engine="e", version="2", settings="s"),
        name("m", engine="e", version="1", settings="t"),
        name("me", engine="", version="1", settings="s"),
    }
    assert len(names) == 6


@pytest.mark.parametrize("damage", ["changed", "cut", "swapped", "seal", "foreign key"])
def test_a_damaged_artefact_is_dropped(cache: ArtefactCache, tmp_path: Path, damage: str) -> None:
    fill(cache, "a", b"good code")
    fill(cache, "b", b"other code")
    folder = tmp_path / "modules"
    if damage == "changed":
        (folder / "a.artefact").write_bytes(b"evil code")
    elif damage == "cut":
        (folder / "a.artefact").write_bytes(b"good")
    elif damage == "swapped":  # both files of another module, whole and sealed, under this name
        (folder / "a.artefact").write_bytes((folder / "b.artefact").read_bytes())
        (folder / "a.seal").write_bytes((folder / "b.seal").read_bytes())
    elif damage == "seal":
        (folder / "a.seal").write_bytes((folder / "a.seal").read_bytes().replace(b"add", b"sub"))
    else:
        (folder / "mac.key").unlink()
        cache = ArtefactCache(folder)
    assert cache.open("a") is None
    assert not (folder / "a.artefact").exists()


def test_files_are_the_users_own(cache: ArtefactCache, tmp_path: Path) -> None:
    fill(cache, "a", b"code")
    folder = tmp_path / "modules"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "mac.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "a.artefact").stat().st_mode) == 0o600


def test_leftovers_of_a_killed_daemon_are_removed(cache: ArtefactCache, tmp_path: Path) -> None:
    descriptor, path = cache.stage("a")
    os.close(descriptor)
    ArtefactCache(tmp_path / "modules")
    assert not path.exists()
