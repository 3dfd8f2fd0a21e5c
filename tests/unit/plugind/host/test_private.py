"""Where plugins' own data lies: apart from each other, gone when it is removed, also after a kill in between."""

from pathlib import Path

from plugind.host.private import PrivateFolders


def test_no_two_plugins_share_a_folder(tmp_path: Path) -> None:
    folders = PrivateFolders(tmp_path)
    names = ["a", "@a/b", "a.b", "a-b", "a_b", "@a/b-c", "@a-b/c", "x" * 214]
    for name in names:
        folders.prepare(name, files=True)
        assert folders.files(name).stat().st_mode & 0o777 == 0o700
    assert len(list(tmp_path.iterdir())) == len(names)


def test_removing_takes_everything_of_one_plugin(tmp_path: Path) -> None:
    folders = PrivateFolders(tmp_path / "private")
    folders.remove("never-there")
    for name in ("a", "b"):
        folders.prepare(name, files=True)
        folders.storage(name).write_bytes(b"x")
        (folders.files(name) / "f").write_bytes(b"x")
    folders.remove("a")
    assert [path.name for path in (tmp_path / "private").iterdir()] == ["b"]
    assert (folders.files("b") / "f").exists()


def test_an_interrupted_removal_is_finished_or_taken_back(tmp_path: Path) -> None:
    folders = PrivateFolders(tmp_path / "private")
    folders.settle(frozenset())
    folders.doom("never-there")
    for name in ("@s/gone", "stays", "kept", "new"):
        folders.prepare(name, files=True)
        (folders.files(name) / "f").touch()
    for name in ("@s/gone", "stays"):
        folders.doom(name)
    (tmp_path / "private" / "new").rename(tmp_path / "private" / "new~")
    folders.prepare("new")
    folders.settle(frozenset({"stays", "new"}))
    assert sorted(path.name for path in (tmp_path / "private").iterdir()) == ["kept", "new", "stays"]
    folders.settle(frozenset())
    assert sorted(path.name for path in (tmp_path / "private").iterdir()) == ["kept", "new", "stays"]
    assert (folders.files("kept") / "f").exists()
