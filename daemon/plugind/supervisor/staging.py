"""A daemon's own staging folder within a folder that several daemons may share.

Each daemon holds a lock on its staging folder for as long as it lives, so that whoever comes next can tell the
leftovers of a killed daemon from what another one works on, without asking clocks or process ids.
"""

import os
import secrets
import shutil
import sys
from pathlib import Path

from plugind_protocol import disk

if sys.platform == "win32":

    def _try_lock(_descriptor: int) -> bool:
        return False  # nothing is ever taken for a leftover
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class Staging:
    """A folder for what is not in its place yet, and for what is to be removed.

    Args:
        base: Where daemons have their staging folders; made if missing. Leftovers in it are removed.
    """

    def __init__(self, base: Path) -> None:
        base.mkdir(mode=0o700, exist_ok=True)
        self._base = base
        self._folder, self._lock = _make(base)
        for other in base.iterdir():
            if other != self._folder:
                _remove_leftover(other)

    def path(self) -> Path:
        """Return a path that nobody uses, in a folder that exists even if somebody has deleted it."""
        for folder in (self._base.parent, self._base, self._folder):
            folder.mkdir(mode=0o700, exist_ok=True)
        return self._folder / secrets.token_hex(8)

    def discard(self, path: Path) -> None:
        """Remove a file or folder of the same file system, as one step for everybody who looks at its path."""
        trash = self.path()
        try:
            path.rename(trash)
        except FileNotFoundError:
            return
        _remove(trash)

    def close(self) -> None:
        """Remove the staging folder with all that is in it."""
        _remove(self._folder)
        os.close(self._lock)


def _make(base: Path) -> tuple[Path, int]:
    while True:
        folder = base / secrets.token_hex(8)
        folder.mkdir(mode=0o700)
        lock = _open(folder)
        if lock is None:
            continue
        if (_try_lock(lock) or sys.platform == "win32") and folder.exists():
            return folder, lock
        os.close(lock)  # another daemon took it for a leftover before it was locked


def _remove_leftover(path: Path) -> None:
    descriptor = _open(path)
    if descriptor is None:
        return
    try:
        if _try_lock(descriptor):
            _remove(path)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | disk.WARY)
    except OSError:
        return None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
