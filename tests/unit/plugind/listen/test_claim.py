"""Claiming a path: what is safe to take over, and what is not."""

import fcntl
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugind.listen.claim import Claim, claim, lock_path
from plugind.listen.errors import AddressInUse, ListenError

NOBODY = 65534
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "d.sock"


@pytest.fixture
def folder(path: Path) -> Path:
    path.parent.mkdir(0o700)
    return path.parent


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def leave_stale(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_only_the_user_can_reach_the_socket(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        claimed = claim(path.parent / "deep" / path.name)
        claimed.bind().close()
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    socket_path = path.parent / "deep" / path.name
    assert mode(path.parent) == mode(socket_path.parent) == 0o700
    assert mode(socket_path) == 0o600
    assert mode(lock_path(socket_path)) & 0o077 == 0
    claimed.release()


def test_release_removes_what_is_ours(path: Path) -> None:
    claimed = claim(path)
    claimed.bind().close()
    assert {one.name for one in path.parent.iterdir()} == {"d.sock", "d.sock.lock"}
    claimed.release()
    assert list(path.parent.iterdir()) == []


def test_release_leaves_what_is_not_ours(path: Path) -> None:
    claimed = claim(path)
    claimed.bind().close()
    path.unlink()
    lock_path(path).unlink()
    path.write_text("somebody else's")
    lock_path(path).write_text("somebody else's")
    claimed.release()
    assert path.read_text() == lock_path(path).read_text() == "somebody else's"


def test_a_claim_without_socket_is_released(path: Path) -> None:
    claim(path).release()
    assert list(path.parent.iterdir()) == []


def test_second_claim_names_the_holder(path: Path) -> None:
    first = claim(path)
    with pytest.raises(AddressInUse, match=rf"process id {os.getpid()}") as caught:
        claim(path)
    assert caught.value.pid == os.getpid()
    first.release()
    claim(path).release()


def test_holder_that_has_not_written_its_number_yet(path: Path, folder: Path) -> None:
    with lock_path(path).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(AddressInUse, match="another plugind") as caught:
            claim(path)
    assert caught.value.pid is None


def test_claim_of_a_killed_process_is_taken_over(path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from plugind.listen.claim import claim\n"
        "c = claim(Path(sys.argv[1])); s = c.bind(); s.listen(); print('bound', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "bound\n"
        with pytest.raises(AddressInUse) as caught:
            claim(path)
        assert caught.value.pid == holder.pid
        holder.kill()
    assert path.is_socket()
    claimed = claim(path)
    claimed.bind().close()
    claimed.release()


def test_stale_socket_is_replaced(path: Path, folder: Path) -> None:
    leave_stale(path)
    claimed = claim(path)
    claimed.bind().close()
    claimed.release()


def test_live_socket_without_lock_is_not_stolen(path: Path, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        inode = path.stat().st_ino
        with pytest.raises(AddressInUse, match="something listens"):
            claim(path)
        assert path.stat().st_ino == inode


def test_live_socket_with_a_full_backlog_is_not_stolen(path: Path, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as waiting:
        other.bind(str(path))
        other.listen(0)
        waiting.connect(str(path))
        with pytest.raises(AddressInUse):
            claim(path)


@pytest.mark.parametrize("kind", ["file", "symlink", "dangling", "folder", "fifo"])
def test_anything_but_a_socket_is_refused(path: Path, folder: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "precious"
    target.write_text("kept")
    make = {
        "file": lambda: path.write_text("kept"),
        "symlink": lambda: path.symlink_to(target),
        "dangling": lambda: path.symlink_to(tmp_path / "nothing"),
        "folder": path.mkdir,
        "fifo": lambda: os.mkfifo(path),
    }
    make[kind]()
    before = path.lstat()
    with pytest.raises(ListenError, match="is not a socket"):
        claim(path)
    assert os.path.samestat(path.lstat(), before)
    assert target.read_text() == "kept"
    assert not (tmp_path / "nothing").exists()


@pytest.mark.threat("Supervision", "stale or foreign socket path")
def test_a_symlink_to_a_live_socket_is_refused(path: Path, folder: Path, tmp_path: Path) -> None:
    leave_stale(tmp_path / "other.sock")
    path.symlink_to(tmp_path / "other.sock")
    with pytest.raises(ListenError, match="is not a socket"):
        claim(path)
    assert (tmp_path / "other.sock").is_socket()


@pytest.mark.parametrize("kind", ["symlink", "folder", "fifo"])
def test_lock_must_be_a_file(path: Path, folder: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "precious"
    target.write_text("kept")
    lock = lock_path(path)
    {"symlink": lambda: lock.symlink_to(target), "folder": lock.mkdir, "fifo": lambda: os.mkfifo(lock)}[kind]()
    with pytest.raises(ListenError, match="lock file"):
        claim(path)
    assert target.read_text() == "kept"


def test_sticky_folder_in_which_others_cannot_touch_ours_is_used(path: Path, folder: Path) -> None:
    folder.chmod(0o1777)
    claimed = claim(path)
    claimed.bind().close()
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    claimed.release()


@pytest.mark.threat("Wire", "another local user")
@pytest.mark.parametrize("bits", [0o720, 0o702, 0o777])
def test_folder_that_others_may_write_to_is_refused(path: Path, folder: Path, bits: int) -> None:
    folder.chmod(bits)
    with pytest.raises(ListenError, match="chmod 700"):
        claim(path)
    assert list(folder.iterdir()) == []


def test_folder_that_others_may_read_is_enough(path: Path, folder: Path) -> None:
    folder.chmod(0o755)
    claim(path).release()


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(ListenError, match="not a folder"):
        claim(tmp_path / "run" / "d.sock")


@pytest.mark.threat("Wire", "another local user")
@needs_root
def test_foreign_folder_is_refused(path: Path, folder: Path) -> None:
    os.chown(folder, NOBODY, -1)
    with pytest.raises(ListenError, match="belongs to another user"):
        claim(path)


@needs_root
def test_foreign_link_to_our_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    claim(link / "d.sock").release()
    os.chown(link, NOBODY, -1, follow_symlinks=False)
    with pytest.raises(ListenError, match="belongs to another user"):
        claim(link / "d.sock")


@pytest.mark.threat("Wire", "another local user")
@needs_root
def test_foreign_socket_and_foreign_lock_are_refused(path: Path, folder: Path) -> None:
    leave_stale(path)
    os.chown(path, NOBODY, -1)
    with pytest.raises(ListenError, match="another user"):
        claim(path)
    path.unlink()
    os.chown(lock_path(path), NOBODY, -1)
    with pytest.raises(ListenError, match="lock file of yours"):
        claim(path)


def test_unusable_folder_is_a_startup_error() -> None:
    with pytest.raises(ListenError, match=r"cannot listen at /proc/nothing/d\.sock"):
        claim(Path("/proc/nothing/d.sock"))


def test_lock_removed_between_open_and_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its holder ends in just that moment: what we have locked then is a file that nobody else will ever see."""
    real = fcntl.flock
    removed = []

    def flock(descriptor: int, operation: int) -> None:
        if not removed:
            removed.append(lock_path(path).unlink())
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    claimed = claim(path)
    assert removed
    with pytest.raises(AddressInUse):
        claim(path)
    claimed.release()


def test_of_many_at_once_one_wins(path: Path) -> None:
    """Each winner releases at once, so that locks are removed while others wait to look at them."""
    held = 0
    most = 0
    guard = threading.Lock()

    def contend() -> None:
        nonlocal held, most
        for _ in range(100):
            try:
                claimed: Claim = claim(path)
            except AddressInUse:
                continue
            with guard:
                held += 1
                most = max(most, held)
            with guard:
                held -= 1
            claimed.release()

    threads = [threading.Thread(target=contend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert list(path.parent.iterdir()) == []


@pytest.fixture(autouse=True)
def no_descriptor_is_lost() -> Iterator[None]:
    before = len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert len(list(Path("/proc/self/fd").iterdir())) == before
