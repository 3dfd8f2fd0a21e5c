"""Files below a folder: whole or not at all, no special files, the rights of what is there."""

import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugind.host.files import beneath
from plugind.host.files.base import Reason, RefusedError, Status, TooLongError
from plugind.host.files.tree import Tree


def free(_bytes: int, _entries: int) -> None:
    """Charge nothing."""


class Charged:
    """Adds up what is charged; refuses more than ``limit`` bytes."""

    def __init__(self, limit: int = 1 << 40) -> None:
        self.bytes = self.entries = 0
        self._limit = limit

    def __call__(self, more: int, entries: int) -> None:
        if more > 0 and self.bytes + more > self._limit:
            raise MemoryError
        self.bytes += more
        self.entries += entries


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def tree(root: Path, open_: beneath.Open) -> Iterator[Tree]:
    with Tree(root, open_) as made:
        yield made


def write(tree: Tree, path: str, data: bytes, *, append: bool = False, parents: bool = False) -> int:
    return tree.write(path.split("/"), data, append=append, create_parents=parents, charge=free)


def test_reading_whole_and_in_parts(tree: Tree, root: Path) -> None:
    (root / "f").write_bytes(bytes(range(100)))
    parts = ("f",)
    assert tree.read(parts, offset=0, length=None, most=100) == (bytes(range(100)), 100)
    assert tree.read(parts, offset=90, length=50, most=10) == (bytes(range(90, 100)), 100)
    assert tree.read(parts, offset=10, length=5, most=5) == (bytes(range(10, 15)), 100)
    assert tree.read(parts, offset=200, length=None, most=1) == (b"", 100)
    with pytest.raises(TooLongError) as caught:
        tree.read(parts, offset=1, length=None, most=98)
    assert caught.value.size == 100


def test_writing_replaces_and_appending_adds(tree: Tree, root: Path) -> None:
    assert write(tree, "f", b"one") == 3
    assert write(tree, "f", b"three") == 5
    assert (root / "f").read_bytes() == b"three"
    assert write(tree, "f", b" four", append=True) == 10
    assert write(tree, "g", b"new", append=True) == 3
    assert [(root / name).read_bytes() for name in ("f", "g")] == [b"three four", b"new"]
    assert sorted(path.name for path in root.iterdir()) == ["f", "g"]


def test_missing_folders_are_made_only_when_asked(tree: Tree, root: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write(tree, "a/b/f", b"x")
    assert not list(root.iterdir())
    write(tree, "a/b/f", b"x", parents=True)
    assert (root / "a" / "b" / "f").read_bytes() == b"x"
    with pytest.raises(NotADirectoryError):
        write(tree, "a/b/f/g", b"x", parents=True)


def test_modes(root: Path, open_: beneath.Open) -> None:
    with Tree(root, open_, mode=0o600) as private:
        write(private, "d/f", b"x", parents=True)
    assert stat.S_IMODE((root / "d").stat().st_mode) == 0o700
    assert stat.S_IMODE((root / "d" / "f").stat().st_mode) == 0o600
    (root / "d" / "f").chmod(0o750)
    with Tree(root, open_) as users:
        write(users, "d/f", b"y")
        write(users, "d/g", b"y")
    assert stat.S_IMODE((root / "d" / "f").stat().st_mode) == 0o750
    assert stat.S_IMODE((root / "d" / "g").stat().st_mode) == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_what_is_read_while_it_is_replaced_is_the_old_one(tree: Tree, root: Path) -> None:
    write(tree, "f", b"old")
    with (root / "f").open("rb") as reading:
        write(tree, "f", b"new and longer")
        assert reading.read() == b"old"


@pytest.fixture
def descriptor(root: Path) -> Iterator[int]:
    opened = os.open(root, os.O_RDONLY)
    yield opened
    os.close(opened)


@pytest.fixture
def special(descriptor: int, root: Path) -> Iterator[dict[str, Path]]:
    paths = {name: root / name for name in ("pipe", "socket", "device", "link", "dangling", "folder")}
    os.mkfifo(paths["pipe"])
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"/proc/self/fd/{descriptor}/socket")  # the path of a socket is short
        try:
            os.mknod(paths["device"], stat.S_IFCHR | 0o666, os.makedev(1, 3))  # null
        except PermissionError:
            del paths["device"]
        (root / "file").write_bytes(b"x")
        paths["link"].symlink_to("file")
        paths["dangling"].symlink_to("nothing")
        paths["folder"].mkdir()
        yield paths


@pytest.mark.threat("Files", "pipes, devices and sockets")
def test_special_files_are_not_touched(tree: Tree, root: Path, special: dict[str, Path]) -> None:
    before = {name: path.lstat() for name, path in special.items()}
    for name in special:
        for use in (
            lambda name=name: tree.read((name,), offset=0, length=None, most=10),
            lambda name=name: tree.real((name,)),
            lambda name=name: write(tree, name, b"y"),
            lambda name=name: write(tree, name, b"y", append=True),
        ):
            with pytest.raises((RefusedError, OSError)) as caught:
                use()
            if isinstance(caught.value, RefusedError):
                assert caught.value.reason is (Reason.FOLDER if name == "folder" else Reason.SPECIAL)
            else:
                assert caught.value.errno in (errno.ELOOP, errno.ENXIO)
    for name in set(special) - {"folder"}:
        with pytest.raises(RefusedError):
            tree.remove((name,))
        with pytest.raises(RefusedError):
            tree.status((name,))
    assert {name: path.lstat().st_ino for name, path in special.items()} == {
        name: found.st_ino for name, found in before.items()
    }
    entries, truncated = tree.scan((), recursive=True, most=100)
    assert ([entry.parts for entry in entries], truncated) == ([("file",), ("folder",)], False)
    assert (root / "file").read_bytes() == b"x"


@pytest.mark.threat("Files", "rights at the destination")
def test_what_is_read_only_stays(tree: Tree, root: Path) -> None:
    (root / "f").write_bytes(b"kept")
    (root / "f").chmod(0o444)
    for use in (
        lambda: write(tree, "f", b"x"),
        lambda: write(tree, "f", b"x", append=True),
        lambda: tree.remove(("f",)),
    ):
        with pytest.raises(RefusedError) as caught:
            use()
        assert caught.value.reason is Reason.READ_ONLY
    assert (root / "f").read_bytes() == b"kept"


@pytest.mark.threat("Files", "rights at the destination")
def test_a_file_with_another_name_elsewhere_is_replaced_but_never_changed(
    tree: Tree, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").write_bytes(b"kept")
    (root / "f").hardlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError) as caught:
        write(tree, "f", b"x", append=True)
    assert caught.value.reason is Reason.LINKED
    write(tree, "f", b"new")
    assert ((tmp_path / "elsewhere").read_bytes(), (root / "f").read_bytes()) == (b"kept", b"new")


def test_removing(tree: Tree, root: Path) -> None:
    write(tree, "d/f", b"abc", parents=True)
    with pytest.raises(OSError, match="not empty"):
        tree.remove(("d",))
    assert tree.remove(("d", "f"))[:2] == (False, 3)
    assert tree.remove(("d",)).folder
    with pytest.raises(FileNotFoundError):
        tree.remove(("d",))
    assert not list(root.iterdir())


def test_status(tree: Tree, root: Path) -> None:
    write(tree, "d/f", b"abc", parents=True)
    os.utime(root / "d" / "f", (1000, 2000.5))
    assert tree.status(("d", "f")) == Status(folder=False, size=3, modified=2000.5)
    assert tree.status(("d",))[:2] == (True, 0)
    assert tree.status(())[:2] == (True, 0)


def test_listing_is_in_order_bounded_and_hides_what_cannot_be_named(tree: Tree, root: Path) -> None:
    for path in ("b/2", "b/1", "a", "c/d/e"):
        write(tree, path, b"x", parents=True)
    (root / ".plugind-0123").write_bytes(b"unfinished")
    (root / "back\\slash").write_bytes(b"x")
    (root / os.fsdecode(b"\xff")).write_bytes(b"x")
    names = lambda found: ["/".join(entry.parts) for entry in found[0]]  # noqa: E731
    assert names(tree.scan((), recursive=False, most=100)) == ["a", "b", "c"]
    everything = tree.scan((), recursive=True, most=100)
    assert names(everything) == ["a", "b", "b/1", "b/2", "c", "c/d", "c/d/e"]
    assert not everything[1]
    assert names(tree.scan(("c",), recursive=True, most=100)) == ["d", "d/e"]
    cut = tree.scan((), recursive=True, most=3)
    assert (len(cut[0]), cut[1]) == (3, True)
    with pytest.raises(NotADirectoryError):
        tree.scan(("a",), recursive=False, most=1)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tree: Tree, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree, "f", b"old")
    charged = Charged()

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for append in (False, True):
        with pytest.raises(OSError, match="No space"):
            tree.write(("f",), b"newer", append=append, create_parents=False, charge=charged)
    assert (root / "f").read_bytes() == b"old"
    assert os.listdir(root) == ["f"]
    assert (charged.bytes, charged.entries) == (0, 0)


@pytest.mark.threat("Files", "more than a plugin may keep")
def test_what_is_charged_is_what_is_kept(tree: Tree, root: Path) -> None:
    charged = Charged(limit=100)
    use = lambda path, data, **options: tree.write(  # noqa: E731
        path.split("/"), data, append=options.get("append", False), create_parents=True, charge=charged
    )
    use("d/f", b"x" * 60)
    assert (charged.bytes, charged.entries) == (60, 2)
    with pytest.raises(MemoryError):
        use("d/g", b"x" * 50)
    with pytest.raises(MemoryError):
        use("d/f", b"x" * 50, append=True)
    assert (root / "d" / "f").read_bytes() == b"x" * 60
    use("d/f", b"x" * 10)
    use("d/f", b"y" * 90, append=True)
    assert (charged.bytes, charged.entries) == (100, 2)
    assert tree.clean() == (100, 2)


def test_cleaning_takes_what_unfinished_writes_left(tree: Tree, root: Path) -> None:
    write(tree, "d/f", b"abc", parents=True)
    (root / "d" / ".plugind-00").write_bytes(b"left")
    (root / ".plugind-01").write_bytes(b"left")
    (root / "d" / "link").symlink_to("/etc")
    size, count = tree.clean()
    assert (size, count) == (3, 2)
    assert sorted(path.name for path in root.rglob("*")) == ["d", "f", "link"]
