"""Reading plugin folders that nobody has checked, and keeping what they hold."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from plugind.registry import folder
from plugind.registry.store import PackageStore
from plugind_protocol.errors import ManifestInvalid, PackageInvalid
from plugind_protocol.package.caps import Caps

MANIFEST = {"name": "p", "version": "1.0.0", "main": "p.wasm"}


def plugin(path: Path, **changes: object) -> Path:
    path.mkdir()
    (path / "manifest.json").write_text(json.dumps(MANIFEST | changes))
    (path / "p.wasm").write_bytes(b"\0asm\1\0\0\0")
    return path


def test_only_what_the_manifest_names_is_taken(tmp_path: Path) -> None:
    source = plugin(tmp_path / "p", resources={"assets": ["assets/"]})
    (source / "assets" / "deep").mkdir(parents=True)
    (source / "assets" / "deep" / "a.cube").write_text("x")
    (source / "README.md").write_text("hello")
    (source / "private.key").write_text("secret")
    contents = folder.read(source)
    assert sorted(contents.files) == ["README.md", "assets/deep/a.cube", "manifest.json", "p.wasm"]


def test_a_missing_folder_manifest_or_module_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackageInvalid, match="is not a folder"):
        folder.read(tmp_path / "nowhere")
    with pytest.raises(ManifestInvalid, match=r"has no manifest\.json"):
        folder.read(tmp_path)
    source = plugin(tmp_path / "p", main="other.wasm")
    with pytest.raises(PackageInvalid, match=r"other\.wasm"):
        folder.read(source)


@pytest.mark.parametrize("kind", ["link", "fifo", "link inside a folder"])
def test_links_and_devices_are_refused(tmp_path: Path, kind: str) -> None:
    source = plugin(tmp_path / "p", resources={"assets": ["assets"]})
    if kind == "link":
        (source / "assets").symlink_to("/etc")
    elif kind == "fifo":
        os.mkfifo(source / "assets")
    else:
        (source / "assets").mkdir()
        (source / "assets" / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(PackageInvalid, match="neither a file nor a folder"):
        folder.read(source)


@pytest.mark.threat("Packages", "what is not plain files")
@pytest.mark.parametrize("what", ["module", "resource", "resource further down", "screenshot"])
def test_what_lies_beyond_a_link_is_refused(tmp_path: Path, what: str) -> None:
    """Else a folder could bring a user's own files into the package, where the plugin may read them."""
    (tmp_path / "home" / "keys").mkdir(parents=True)
    for name in ("key", "keys/key", "key.wasm"):
        (tmp_path / "home" / name).write_text("secret")
    changes: dict[str, Any] = {
        "module": {"main": "link/key.wasm"},
        "resource": {"resources": {"assets": ["link/key"]}},
        "resource further down": {"resources": {"assets": ["link/keys/key"]}},
        "screenshot": {"metadata": {"screenshots": ["link/key"]}},
    }[what]
    source = plugin(tmp_path / "p", **changes)
    (source / "link").symlink_to("../home")
    with pytest.raises(PackageInvalid, match="beyond 'link', which is a link"):
        folder.read(source)


def test_a_module_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    source = plugin(tmp_path / "p", main="dir.wasm")
    (source / "dir.wasm").mkdir()
    with pytest.raises(PackageInvalid, match=r"dir\.wasm"):
        folder.read(source)


def test_bounds_on_files_and_bytes(tmp_path: Path) -> None:
    source = plugin(tmp_path / "p")
    with pytest.raises(PackageInvalid, match="more than 1 files"):
        folder.read(source, caps=Caps(entries=1))
    with pytest.raises(PackageInvalid, match=r"p\.wasm"):
        folder.read(source, caps=Caps(module_bytes=4))


def test_a_file_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    source = plugin(tmp_path / "p", resources={"assets": ["assets", "assets/a", "none"]})
    (source / "assets").mkdir()
    (source / "assets" / "a").write_bytes(b"x" * 100)
    (source / "none").mkdir()
    size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    contents = folder.read(source, caps=Caps(entries=3, total_bytes=size))
    assert sorted(contents.files) == ["assets/a", "manifest.json", "p.wasm"]
    assert contents.empty == ("none",)


def test_equal_contents_are_one_package_and_others_are_not(tmp_path: Path) -> None:
    store = PackageStore(tmp_path / "data")
    first = store.add(folder.read(plugin(tmp_path / "a")))
    again = store.add(folder.read(plugin(tmp_path / "b")))
    other = store.add(folder.read(plugin(tmp_path / "c", description="other")))
    assert first == again != other
    assert (store.path(first) / "p.wasm").read_bytes() == b"\0asm\1\0\0\0"
    store.keep_only({other})
    assert not store.path(first).exists()
    assert store.path(other).exists()
    assert list((tmp_path / "data" / "staging").iterdir()) == []


@pytest.mark.parametrize("harm", ["gone", "more", "changed", "link"])
def test_a_damaged_package_is_replaced_when_it_comes_again(tmp_path: Path, harm: str) -> None:
    store = PackageStore(tmp_path / "data")
    source = plugin(tmp_path / "p")
    digest = store.add(folder.read(source))
    module = store.path(digest) / "p.wasm"
    if harm == "more":
        (store.path(digest) / "more").write_bytes(b"x")
    elif harm == "changed":
        module.write_bytes(b"x")
    else:
        module.unlink()
        if harm == "link":
            module.symlink_to(source / "p.wasm")
    assert store.add(folder.read(source)) == digest
    assert sorted(path.name for path in store.path(digest).iterdir()) == ["manifest.json", "p.wasm"]
    assert not module.is_symlink()
    assert module.read_bytes() == (source / "p.wasm").read_bytes()


def test_a_file_swapped_for_a_link_is_not_followed(tmp_path: Path) -> None:
    store = PackageStore(tmp_path / "data")
    source = plugin(tmp_path / "p")
    contents = folder.read(source)
    (source / "p.wasm").unlink()
    (source / "p.wasm").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="symbolic links"):
        store.add(contents)
    assert list((tmp_path / "data" / "packages").iterdir()) == []
    assert list((tmp_path / "data" / "staging").iterdir()) == []
