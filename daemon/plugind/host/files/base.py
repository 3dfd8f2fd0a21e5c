"""What can be done with the files below one folder, and what may come of it, whatever the operating system."""

import enum
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol


class Reason(enum.Enum):
    """Why something is not done, though the system would."""

    SPECIAL = "it is neither a file nor a folder"
    FOLDER = "it is a folder"
    LINKED = "it has further names (hard links), and is only replaced, not changed"
    READ_ONLY = "it is read-only"
    SYSTEM = "files below a folder cannot be reached safely on this system yet"


class RefusedError(Exception):
    """Something is not done; nothing was changed."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class TooLongError(Exception):
    """More would be read than is wanted at once."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes")
        self.size = size
        """Of the whole file."""


class Status(NamedTuple):
    """What is known of a file or a folder."""

    folder: bool
    size: int
    """Bytes; 0 for a folder."""
    modified: float
    """Seconds since 1970."""


class Entry(NamedTuple):
    """One thing found by `Files.scan`."""

    parts: tuple[str, ...]
    """Names from the folder that was scanned."""
    status: Status


Charge = Callable[[int, int], None]
"""Bytes and entries more than before; may raise, then nothing is changed."""


class Files(Protocol):
    """The files below a folder.

    Every method raises `OSError` for what the system refuses: ELOOP or ENOTDIR where a link is in the way.
    """

    def read(self, parts: Sequence[str], *, offset: int, length: int | None, most: int) -> tuple[bytes, int]:
        """Read a part of a file.

        Args:
            parts: Its names.
            offset: Where to begin.
            length: How much at most; None for all that follows.
            most: No more than this at once.

        Returns:
            The bytes, and the size of the whole file.

        Raises:
            RefusedError: It is no regular file.
            TooLongError: More than ``most`` would be read.
        """

    def status(self, parts: Sequence[str]) -> Status:
        """Return what is known of a file or a folder.

        Raises:
            RefusedError: It is neither.
        """

    def real(self, parts: Sequence[str]) -> Path:
        """Return the path of a file for somebody else who will open it: true at this moment, as far as can be told.

        Raises:
            RefusedError: It is no regular file.
        """

    def scan(self, parts: Sequence[str], *, recursive: bool, most: int) -> tuple[list[Entry], bool]:
        """List a folder in the order of names, each folder before what is in it.

        Args:
            parts: Its names.
            recursive: Whether what is in folders below is listed too.
            most: How many entries at most.

        Returns:
            What is in it, without links, pipes and the like, and whether there is more.
        """

    def write(self, parts: Sequence[str], data: bytes, *, append: bool, create_parents: bool, charge: Charge) -> int:
        """Write a file: after a crash, the old one is there or the new one. Appending may leave a part of the data.

        Args:
            parts: Its names.
            data: What it shall hold, or what is appended.
            append: Add to what is there.
            create_parents: Make the folders that are missing.
            charge: Called before anything is kept.

        Returns:
            The size of the file.

        Raises:
            RefusedError: What is there is no regular file, is read-only, or is appended to and has further names.
        """

    def remove(self, parts: Sequence[str]) -> Status:
        """Remove a file, or a folder with nothing in it.

        Returns:
            What it was.

        Raises:
            RefusedError: It is neither, or read-only.
        """

    def clean(self) -> tuple[int, int]:
        """Remove what unfinished writes have left; return bytes and number of what else is there."""


class Reach(Protocol):
    """How the files below a folder are reached."""

    def __call__(self, root: Path, *, mode: int = 0o666) -> AbstractContextManager[Files]:
        """Open a folder for as long as the context lasts.

        Args:
            root: The folder; links on the way to it are followed.
            mode: Permission bits of new files; folders get the same and search.

        Raises:
            OSError: (on entering) The folder cannot be opened.
            RefusedError: This system has no way that is safe.
        """
