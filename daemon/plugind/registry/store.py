"""The package store: each installed version is a folder named by the hash of its contents, never changed once there."""

import hashlib
import os
import secrets
import shutil
import stat
from pathlib import Path
from typing import BinaryIO

from plugind.registry.folder import Contents
from plugind_protocol.errors import PackageInvalid


class PackageStore:
    """Content-addressed folders below ``root``.

    Args:
        root: An existing folder of the daemon's own, mode 0700.
    """

    def __init__(self, root: Path) -> None:
        self._packages = root / "packages"
        self._staging = root / "staging"
        shutil.rmtree(self._staging, ignore_errors=True)  # what an earlier daemon did not finish
        for folder in (self._packages, self._staging):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Return where the package of this hash is."""
        return self._packages / digest

    def add(self, contents: Contents) -> str:
        """Copy a package in: staged, synced, then renamed as one step.

        Args:
            contents: What `folder.read` returned.

        Returns:
            The hash of the package, 64 hex digits.

        Raises:
            OSError: The disk is full or not writable; nothing is left behind.
        """
        staged = self._staging / secrets.token_hex(8)
        try:
            digest = _copy(contents.files, staged)
            target = self.path(digest)
            if not target.exists():
                staged.rename(target)
                _sync_folder(self._packages)
            return digest
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def keep_only(self, digests: set[str]) -> None:
        """Remove every package but these."""
        for entry in self._packages.iterdir():
            if entry.name not in digests:
                shutil.rmtree(entry, ignore_errors=True)


def _copy(files: dict[str, Path], staged: Path) -> str:
    total = hashlib.sha256()
    staged.mkdir(mode=0o700)
    for name in sorted(files):
        target = staged / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with _open_regular(files[name]) as source, target.open("xb") as copy:
            while chunk := source.read(1 << 20):
                digest.update(chunk)
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        total.update(f"{name}\0{digest.hexdigest()}\n".encode())
    for folder, _, _ in os.walk(staged):
        _sync_folder(Path(folder))
    return total.hexdigest()


def _open_regular(path: Path) -> BinaryIO:
    """Open a file that was regular when it was listed, and refuse it if it is a link or something else by now."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise PackageInvalid(f"{path.name!r} changed while it was being read")
    return os.fdopen(handle, "rb")


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
