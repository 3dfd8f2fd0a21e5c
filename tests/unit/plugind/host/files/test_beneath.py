"""Opening below a folder: what is there, and nothing else, by ``openat2`` and by the walk alike."""

import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugind.host.files import beneath


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    inside = tmp_path / "inside"
    (inside / "a" / "b").mkdir(parents=True)
    (inside / "a" / "b" / "file").write_bytes(b"inside")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"outside")
    for name, target in {
        "up": "../outside",
        "absolute": str(tmp_path / "outside"),
        "self": "a",
        "magic": f"/proc/self/fd/{0}",
        "loop": "loop",
    }.items():
        (inside / name).symlink_to(target)
    (inside / "link").symlink_to("a/b/file")
    descriptor = os.open(inside, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 100)
    finally:
        os.close(descriptor)


def test_what_is_there_is_opened(root: int, open_: beneath.Open) -> None:
    assert read(open_(root, ("a", "b", "file"), os.O_RDONLY, 0)) == b"inside"
    folder = beneath.folder(root, ("a",), open_)
    assert read(open_(folder, ("b", "file"), os.O_RDONLY, 0)) == b"inside"
    os.close(folder)
    os.close(beneath.folder(root, (), open_))


@pytest.mark.threat("Files", "links in the way")
@pytest.mark.parametrize("path", ["up/file", "absolute/file", "self/b/file", "link", "magic", "loop", "up"])
def test_no_link_is_followed(root: int, open_: beneath.Open, path: str) -> None:
    with pytest.raises(OSError, match="Errno") as caught:
        open_(root, path.split("/"), os.O_RDONLY, 0)
    assert caught.value.errno in (errno.ELOOP, errno.ENOTDIR, errno.EXDEV)


def test_missing_names_and_files_as_folders(root: int, open_: beneath.Open) -> None:
    with pytest.raises(FileNotFoundError):
        open_(root, ("a", "no", "file"), os.O_RDONLY, 0)
    with pytest.raises(NotADirectoryError):
        open_(root, ("a", "b", "file", "more"), os.O_RDONLY, 0)
    with pytest.raises(NotADirectoryError):
        beneath.folder(root, ("a", "b", "file"), open_)


def test_nothing_stays_open_and_nothing_is_inherited(root: int, open_: beneath.Open) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for parts in (("a", "b", "file"), ("a", "b", "no"), ("up", "file"), ("a", "b", "file", "x")):
        try:
            descriptor = open_(root, parts, os.O_RDONLY, 0)
        except OSError:
            continue
        assert not os.get_inheritable(descriptor)
        os.close(descriptor)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_pipe_without_a_writer_keeps_nobody_waiting(root: int, open_: beneath.Open) -> None:
    os.mkfifo("pipe", dir_fd=root)
    os.close(open_(root, ("pipe",), os.O_RDONLY, 0))
    with pytest.raises(OSError, match="Errno") as caught:
        open_(root, ("pipe",), os.O_WRONLY, 0)
    assert caught.value.errno == errno.ENXIO


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM])
def test_without_openat2_it_walks(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    class Old:
        @staticmethod
        def syscall(*_arguments: object) -> int:
            ctypes.set_errno(number)
            return -1

    monkeypatch.setattr(beneath, "_LIBC", Old)
    assert beneath.choose() is beneath.by_walk


def test_the_kernel_is_asked_again_when_too_much_moved(root: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, answers = beneath._LIBC, [errno.EAGAIN, errno.EINTR]
    assert real is not None

    class Busy:
        @staticmethod
        def syscall(*arguments: object) -> int:
            if answers:
                ctypes.set_errno(answers.pop())
                return -1
            return int(real.syscall(*arguments))

    monkeypatch.setattr(beneath, "_LIBC", Busy)
    assert read(beneath.by_kernel(root, ("a", "b", "file"), os.O_RDONLY)) == b"inside"
    answers[:] = [errno.EAGAIN] * 100
    with pytest.raises(BlockingIOError):
        beneath.by_kernel(root, ("a", "b", "file"), os.O_RDONLY)
