"""One daemon per data folder: two would remove each other's packages."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from plugind.errors import StartupError

if sys.platform == "win32":
    import msvcrt

    _BEHIND: Final = 1 << 20

    def _lock(handle: int) -> None:
        os.lseek(handle, _BEHIND, os.SEEK_SET)  # what is locked cannot be read by others, who want to know the owner
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def hold(folder: Path, *, owner: str) -> Iterator[None]:
    """Hold a data folder for as long as the context lasts; the system lets go of it when the process ends.

    Args:
        folder: An existing folder.
        owner: Who holds it, for the message that another daemon prints.

    Raises:
        StartupError: Another daemon holds it, or it is not writable.
    """
    try:
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise StartupError(
            f"cannot use the data folder {folder}: {exc.strerror}; choose another by --data-dir"
        ) from exc
    try:
        _lock(handle)
    except OSError as exc:
        holder = os.read(handle, 1024).decode(errors="replace") or "another plugind"
        os.close(handle)
        raise StartupError(
            f"{holder} already uses the data folder {folder}; stop it or choose another by --data-dir"
        ) from exc
    try:
        os.ftruncate(handle, 0)
        os.write(handle, owner.encode())  # from the beginning: nothing was read
        yield
    finally:
        os.close(handle)
