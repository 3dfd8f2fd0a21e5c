"""Unpacks packages where they can hurt nobody: in a confined child, whose answer is checked as the package would be."""

import os
import tempfile
from pathlib import Path

import anyio

from plugind.registry import packages
from plugind.supervisor.pool import Pool


class Unpacking:
    """Unpacks packages into folders.

    Args:
        pool: Has the children.
        engine: Whose children.
    """

    def __init__(self, pool: Pool, *, engine: str) -> None:
        self._pool = pool
        self._engine = engine

    async def unpack(self, package: Path, into: Path) -> Path:
        """Unpack a package.

        Args:
            package: The package, which nobody has checked.
            into: A folder that is not there yet, in one that is the daemon's own; made, and gone again when anything
                fails.

        Returns:
            ``into``, which is a plugin's folder now.

        Raises:
            PackageInvalid: It cannot be read, or is not what a package may be; the message names entry and reason.
            ManifestInvalid: Its manifest is missing or wrong.
            OSError: The disk is full or not writable.
        """
        with await anyio.to_thread.run_sync(packages.open_package, package) as source:
            output = await anyio.to_thread.run_sync(_nameless, into.parent)
            try:
                found = await self._pool.unpack(source.fileno(), output, engine=self._engine)
                await anyio.to_thread.run_sync(packages.lay_out, found.entries, output, into)
            finally:
                with anyio.CancelScope(shield=True):  # in a thread: closing gives back hundreds of MB
                    await anyio.to_thread.run_sync(os.close, output)
        return into


def _nameless(folder: Path) -> int:
    """Open a new file that has no name any more: whatever happens, nothing of it stays."""
    descriptor, name = tempfile.mkstemp(dir=folder)
    Path(name).unlink()
    return descriptor
