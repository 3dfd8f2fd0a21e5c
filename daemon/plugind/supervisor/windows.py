"""Files behind frame windows: made here, shared with a client by path and with a worker by descriptor."""

import os
import secrets
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from plugind.supervisor import hugepages
from plugind_protocol import disk, kernel, scheduling
from plugind_protocol.errors import TooLarge
from plugind_protocol.frames import HUGE_PAGE_BYTES, Layout

_COLLAPSED_BYTES: Final = 128 << 20
"""Of a window, so much is moved to huge pages at most: it takes time, and most windows are smaller."""


class WindowFile:
    """One window's shared file.

    Args:
        path: Where clients find it.
        descriptor: Open for reading and writing.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.removed = False

    def remove(self) -> None:
        """Remove the file; mappings of it stay valid until they are unmapped."""
        self.removed = True
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


class WindowFolder:
    """Where window files live: a folder of this daemon's own in memory, where the system has such a place.

    Args:
        name: Tells daemons of one user apart; the same after a restart, so that leftovers are found and removed.
    """

    def __init__(self, name: str) -> None:
        memory = Path("/dev/shm")  # noqa: S108  # tmpfs on Linux; the folder below it is 0700
        base = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
        self.folder = base / f"plugind-{name}"
        if self.folder.is_symlink():
            self.folder.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        self._behind = ThreadPoolExecutor(1, "windows", initializer=scheduling.compute, initargs=(0,))

    def create(self, layout: Layout) -> WindowFile:
        """Make a file of the window's size, all of it backed by memory from the start.

        Args:
            layout: The window.

        Returns:
            The file, zeroed. A large one is moved to huge pages behind the back of whoever uses it.

        Raises:
            TooLarge: There is not enough memory.
        """
        path = self.folder / secrets.token_hex(8)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | disk.BINARY, 0o600)
        file = WindowFile(path, descriptor)
        try:
            kernel.allocate(descriptor, layout.file_bytes)
        except OSError as exc:
            file.remove()
            raise TooLarge(
                f"no room for {layout.window_bytes} bytes of frames: {exc.strerror}",
                hint="Open fewer or smaller slots.",
            ) from exc
        if layout.file_bytes >= HUGE_PAGE_BYTES:
            self._behind.submit(_collapse, file, os.dup(descriptor), min(layout.file_bytes, _COLLAPSED_BYTES))
        return file

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        self._behind.shutdown(wait=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def _collapse(file: WindowFile, descriptor: int, size: int) -> None:
    try:
        hugepages.collapse(descriptor, size, wanted=lambda: not file.removed)
    finally:
        os.close(descriptor)
