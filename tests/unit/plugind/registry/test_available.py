"""Package folders: what is found, what is not usable, and that nothing is read twice."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from plugind.registry.available import PackageFolders
from plugind_protocol import manifest as manifests
from plugind_protocol.errors import PackageInvalid
from plugind_protocol.manifest import Manifest


def plugin(folder: Path, name: str, version: str = "1.0.0", **more: Any) -> Path:
    folder.mkdir(parents=True)
    fields = {"name": name, "version": version, "main": "plugin.wasm", **more}
    (folder / "manifest.json").write_text(json.dumps(fields))
    return folder


class Reader:
    """Reads packages that hold nothing but a manifest, and keeps count."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, file: Path) -> Manifest:
        self.read.append(file.name)
        if file.read_bytes().startswith(b"bad"):
            raise PackageInvalid(f"{file.name} is damaged")
        return manifests.parse(file.read_bytes())


def test_folders_packages_and_scopes_are_found(tmp_path: Path) -> None:
    plugin(tmp_path / "blur-1", "blur", "1.0.0", dependencies={"core": "^1"}, min_timeline_version="0.9.0")
    plugin(tmp_path / "@acme" / "grain", "@acme/grain", "2.0.0")
    (tmp_path / "core-1.tsplugin").write_text('{"name": "core", "version": "1.3.0", "main": "a.wasm"}')
    (tmp_path / "notes.txt").write_text("not a plugin")
    (tmp_path / "empty").mkdir()
    found = PackageFolders([tmp_path], Reader()).look()
    assert [(one.name, one.version, Path(one.source).name) for one in found.offers] == [
        ("@acme/grain", "2.0.0", "grain"),
        ("blur", "1.0.0", "blur-1"),
        ("core", "1.3.0", "core-1.tsplugin"),
    ]
    assert found.unusable == []
    assert (found.offers[1].dependencies, found.offers[1].min_timeline_version) == ({"core": "^1"}, "0.9.0")
    assert not any(one.installed for one in found.offers)


def test_what_is_bad_is_said_and_keeps_nothing_else_away(tmp_path: Path) -> None:
    plugin(tmp_path / "good", "good")
    plugin(tmp_path / "wrong", "WRONG")
    (tmp_path / "damaged.tsplugin").write_text("bad")
    plugin(tmp_path / "future", "future", api_version="2.0")
    (tmp_path / "odd").mkdir()
    os.mkfifo(tmp_path / "odd" / "manifest.json")
    (tmp_path / "link.tsplugin").symlink_to(tmp_path / "nowhere")
    found = PackageFolders([tmp_path / "missing", tmp_path], Reader()).look()
    assert [one.name for one in found.offers] == ["good"]
    assert {Path(one.path).name: one.reason for one in found.unusable} == {
        "missing": "cannot be read: No such file or directory",
        "damaged.tsplugin": "damaged.tsplugin is damaged",
        "future": "manifest.json: $.api_version 2.0 is not supported; this host implements 1.0",
        "link.tsplugin": "cannot be read: No such file or directory",
        "odd": "manifest.json is not a file",
        "wrong": ("manifest.json: $.name must match (@scope/)?[a-z0-9][a-z0-9._-]*, at most 214 characters"),
    }


def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.tsplugin").write_text(f'{{"name": "{name}", "version": "1.0.0", "main": "a.wasm"}}')
    reader = Reader()
    folders = PackageFolders([tmp_path], reader)
    assert len(folders.look().offers) == len(folders.look().offers) == 2
    assert reader.read == ["a.tsplugin", "b.tsplugin"]
    (tmp_path / "b.tsplugin").write_text('{"name": "b", "version": "1.10.0", "main": "a.wasm"}')
    (tmp_path / "a.tsplugin").unlink()
    assert [(one.name, one.version) for one in folders.look().offers] == [("b", "1.10.0")]
    assert reader.read == ["a.tsplugin", "b.tsplugin", "b.tsplugin"]


def test_a_home_folder_is_written_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    plugin(tmp_path / "plugins" / "a", "a")
    assert len(PackageFolders([Path("~/plugins")], Reader()).look().offers) == 1
