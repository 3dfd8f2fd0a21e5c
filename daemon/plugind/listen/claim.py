"""The right to listen at a path of the file system: the folder is ours, the lock is held, what lies there is removed.

One daemon per socket: whoever holds the lock on ``<socket>.lock`` owns the socket's path. The lock goes with the
process, so what a killed daemon left behind is known to be stale; a socket that still answers is never removed.
"""

import contextlib
import errno
import fcntl
import os
import socket
import stat
import sys
from pathlib import Path
from typing import Final

from plugind.listen.errors import AddressInUse, ListenError

assert sys.platform != "win32"  # for type checkers: there are no Unix sockets to claim there

LOCK_SUFFIX: Final = ".lock"
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_LONGEST_PID: Final = 20


class Claim:
    """A claimed path; made by `claim`, given back by `release`.

    Args:
        path: Path of the socket.
        lock: Descriptor that holds the lock.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self._path = path
        self._lock = lock
        self._socket: os.stat_result | None = None

    def bind(self) -> socket.socket:
        """Create the socket, 0600 from its first moment.

        Returns:
            The bound socket; it does not block and does not listen yet.

        Raises:
            ListenError: The system refused.
        """
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(0)
        mask = os.umask(0o177)  # a chmod after bind would leave a moment in which others may connect
        try:
            sock.bind(str(self._path))
            self._socket = self._path.lstat()
        except OSError as exc:
            sock.close()
            raise ListenError(f"cannot listen at {self._path}: {exc.strerror}") from exc
        finally:
            os.umask(mask)
        return sock

    def release(self) -> None:
        """Remove socket and lock, if they still are the ones that we made."""
        if self._socket is not None and _is(self._path, self._socket, written=True):
            self._path.unlink(missing_ok=True)
        if _is(lock_path(self._path), os.fstat(self._lock)):
            lock_path(self._path).unlink(missing_ok=True)
        os.close(self._lock)


def claim(path: Path) -> Claim:
    """Claim a path to listen at.

    Args:
        path: Absolute path of the socket; missing folders are made, 0700.

    Returns:
        The claim; its path is free to bind.

    Raises:
        AddressInUse: Another daemon holds it.
        ListenError: The folder is not safe, or something that is no socket of ours lies there.
    """
    try:
        _make_folder(path.parent)
        _check_folder(path.parent)
        lock = _lock(path)
        try:
            _remove_stale(path)
        except BaseException:
            os.close(lock)
            raise
    except OSError as exc:
        raise ListenError(f"cannot listen at {path}: {exc.filename or 'lock'}: {exc.strerror}") from exc
    return Claim(path, lock)


def lock_path(path: Path) -> Path:
    """Return where the lock of a socket lies."""
    return path.with_name(path.name + LOCK_SUFFIX)


def _make_folder(folder: Path) -> None:
    missing = [one for one in (folder, *folder.parents) if not os.path.lexists(one)]
    for one in reversed(missing):
        with contextlib.suppress(FileExistsError):
            one.mkdir(0o700)
            one.chmod(0o700)  # whatever the umask is


def _check_folder(folder: Path) -> None:
    info = folder.stat()
    if not stat.S_ISDIR(info.st_mode):
        raise ListenError(f"{folder} is not a folder: choose another path for the socket (--socket)")
    if info.st_mode & stat.S_ISVTX and info.st_uid in {0, os.getuid()}:
        return  # such as /tmp: others may add files there, but not touch ours; socket and lock are checked themselves
    if {info.st_uid, folder.lstat().st_uid} != {os.getuid()}:  # the folder, and a link to it if that is what it is
        raise ListenError(f"{folder} belongs to another user: put the socket into a folder of your own (--socket)")
    if info.st_mode & _OTHERS_WRITE:
        raise ListenError(f"other users may write to {folder}: run `chmod 700` on it, or choose another (--socket)")


def _lock(path: Path) -> int:
    name = lock_path(path)
    while True:
        lock = _open_lock(name)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(name, os.fstat(lock)):  # else its holder removed it between our open and our lock
                os.ftruncate(lock, 0)
                os.pwrite(lock, b"%d\n" % os.getpid(), 0)
                return lock
        except BlockingIOError:
            raise _in_use(path, lock) from None
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _open_lock(name: Path) -> int:
    try:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        if exc.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise
        raise ListenError(f"{name} is not a lock file: remove it") from exc
    info = os.fstat(lock)
    if stat.S_ISREG(info.st_mode) and info.st_uid == os.getuid():
        return lock
    os.close(lock)
    raise ListenError(f"{name} is not a lock file of yours: remove it")


def _in_use(path: Path, lock: int) -> AddressInUse:
    try:
        text = os.pread(lock, _LONGEST_PID, 0).strip()
    finally:
        os.close(lock)
    pid = int(text) if text.isdigit() else None
    holder = "another plugind" if pid is None else f"plugind with process id {pid}"
    return AddressInUse(f"{path} is in use by {holder}: stop it, or choose another path (--socket)", pid=pid)


def _remove_stale(path: Path) -> None:
    try:
        info = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(info.st_mode):
        raise ListenError(f"{path} exists and is not a socket: remove it, or choose another path (--socket)")
    if info.st_uid != os.getuid():
        raise ListenError(f"{path} is a socket of another user: choose another path (--socket)")
    if _answers(path):
        raise AddressInUse(f"something listens at {path}: stop it, or choose another path (--socket)")
    path.unlink()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0)
        try:
            probe.connect(str(path))
        except BlockingIOError:
            return True  # its backlog is full
        except OSError:
            return False
    return True


def _is(path: Path, info: os.stat_result, *, written: bool = False) -> bool:
    """Tell whether a path still is the file it was; ``written``: the inode may be free and in use again by now."""
    try:
        now = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(now, info) and not (written and now.st_mtime_ns != info.st_mtime_ns)
