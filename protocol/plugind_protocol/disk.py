"""Files as every system has them: opened as bytes and without surprises, read at a place, their names made durable."""

import os
import sys
from pathlib import Path
from typing import Final

if sys.platform == "win32":
    BINARY: Final = os.O_BINARY
    """Flag for `os.open`: bytes are bytes, not lines."""
    NO_WAIT: Final = BINARY
    """Flags for `os.open` of what may not be a file."""
    WARY: Final = BINARY
    """Flags for `os.open` of what somebody else may have put there; a link is followed, as ever on Windows."""

    def read_at(descriptor: int, size: int, offset: int) -> bytes:
        """Read from a place in a file; not for a file that several threads read."""
        before = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, offset, os.SEEK_SET)
        try:
            return os.read(descriptor, size)
        finally:
            os.lseek(descriptor, before, os.SEEK_SET)

    def is_private(found: os.stat_result) -> bool:  # noqa: ARG001  # it says nothing of that
        """Agree: who may use a file or folder is inherited from the user's own folders, and not looked at."""
        return True

    def set_mode(descriptor: int, mode: int) -> None:
        """Do nothing: who may use a file is inherited from its folder."""

    def sync_folder(folder: Path) -> None:
        """Do nothing: the file system keeps a journal of names."""

else:
    BINARY: Final = 0
    """Flag for `os.open`: bytes are bytes."""
    NO_WAIT: Final = os.O_NONBLOCK | os.O_NOCTTY
    """Flags for `os.open` of what may not be a file: a pipe's other end is not waited for, no terminal taken over."""
    WARY: Final = NO_WAIT | os.O_NOFOLLOW
    """Flags for `os.open` of what somebody else may have put there: nor is a link followed."""

    def read_at(descriptor: int, size: int, offset: int) -> bytes:
        """Read from a place in a file.

        Args:
            descriptor: The file; its position stays.
            size: How many bytes at most.
            offset: The place.

        Returns:
            The bytes; none at or behind the end.

        Raises:
            OSError: It cannot be read.
        """
        return os.pread(descriptor, size, offset)

    def is_private(found: os.stat_result) -> bool:
        """Tell whether a file or folder is this user's, and nobody else's to use."""
        return found.st_uid == os.geteuid() and not found.st_mode & 0o077

    def set_mode(descriptor: int, mode: int) -> None:
        """Set the permission bits of an open file.

        Raises:
            OSError: It is somebody else's.
        """
        os.fchmod(descriptor, mode)

    def sync_folder(folder: Path) -> None:
        """Make names that were added to, changed in or removed from a folder outlive a loss of power.

        Raises:
            OSError: The disk refused.
        """
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
