"""The package store: each installed version is a folder named by the hash of its contents, never changed once there."""

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
from io import BufferedReader
from pathlib import Path
from typing import Final

import msgspec
import structlog

from plugind.registry import durable
from plugind.registry.folder import Contents
from plugind.registry.records import Label
from plugind_protocol import disk
from plugind_protocol.errors import PackageInvalid
from plugind_protocol.package import digest as digests
from plugind_protocol.turns import by_turns, remove_tree

_SUFFIX: Final = ".json"

_log = structlog.get_logger(__name__)


class Staged(msgspec.Struct, frozen=True):
    """A package that was copied and hashed, and is not in the store yet."""

    digest: str
    """64 hex digits."""
    folder: Path


class PackageStore:
    """Content-addressed folders below ``root``, each with a label beside it.

    Args:
        root: An existing folder of the daemon's own, mode 0700.
        synced: Packages outlive a power cut; else they are whole only for as long as the machine runs.
    """

    def __init__(self, root: Path, *, synced: bool = True) -> None:
        self._synced = synced
        self._packages = root / "packages"
        self._labels = root / "labels"
        self._staging = root / "staging"
        shutil.rmtree(self._staging, ignore_errors=True)  # what an earlier daemon did not finish
        for folder in (self._packages, self._labels, self._staging):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Return where the package of this hash is."""
        return self._packages / digest

    def stage(self, contents: Contents) -> Staged:
        """Copy a package to where nobody looks yet.

        Args:
            contents: What `folder.read` returned.

        Raises:
            OSError: The disk is full or not writable; nothing is left behind.
            PackageInvalid: A file was exchanged while it was read.
        """
        folder = self._staging / secrets.token_hex(8)
        try:
            return Staged(_copy(contents.files, folder, synced=self._synced), folder)
        except BaseException:
            remove_tree(folder)
            raise

    def place(self, staged: Staged) -> None:
        """Take a staged package in, as one step; the same contents are there once, and what is damaged is replaced."""
        target = self.path(staged.digest)
        if target.exists():
            if _digest(target) == staged.digest:
                return
            self._remove(target)
        staged.folder.rename(target)
        if self._synced:
            disk.sync_folder(self._packages)

    def discard(self, staged: Staged) -> None:
        """Remove what is left of a staged package."""
        remove_tree(staged.folder)

    def add(self, contents: Contents) -> str:
        """Stage a package and place it; return its hash."""
        staged = self.stage(contents)
        try:
            self.place(staged)
        finally:
            self.discard(staged)
        return staged.digest

    def keep_only(self, digests: frozenset[str] | set[str]) -> None:
        """Remove every package but these, each as one step; what cannot be removed now goes at the next start."""
        for entry in self._labels.iterdir():
            if entry.name.removesuffix(_SUFFIX) not in digests:
                with contextlib.suppress(OSError):
                    entry.unlink()
        for entry in self._packages.iterdir():
            if entry.name not in digests:
                with contextlib.suppress(OSError):
                    self._remove(entry)

    def _remove(self, folder: Path) -> None:
        """Remove a package as one step; what is left of it is in the way of nobody."""
        aside = self._staging / secrets.token_hex(8)
        folder.rename(aside)
        remove_tree(aside)

    def label(self, found: Label) -> None:
        """Write the label of a package.

        Raises:
            OSError: The disk is full or not writable; the label is as it was.
        """
        durable.replace(self._labels / (found.package + _SUFFIX), msgspec.json.encode(found))

    def labels(self) -> list[Label]:
        """Return the labels of all packages that are there; one that cannot be read is left out, and said."""
        found = []
        for entry in sorted(self._labels.glob("*" + _SUFFIX)):
            try:
                one = msgspec.json.decode(entry.read_bytes(), type=Label)
            except (OSError, msgspec.DecodeError) as exc:
                _log.warning("a package's label cannot be read", label=entry.name, reason=str(exc))
                continue
            if self.path(one.package).is_dir():
                found.append(one)
        return found


def _digest(folder: Path) -> str | None:
    """Return the hash of what is in a folder; None where it cannot be read."""
    hashes: dict[str, str] = {}
    try:
        files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
        for name, path in files.items():
            with _open_regular(path) as stream:
                hashes[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, PackageInvalid):
        return None
    return digests.combine(hashes)


def _copy(files: dict[str, Path], staged: Path, *, synced: bool) -> str:
    hashes: dict[str, str] = {}
    staged.mkdir(mode=0o700)
    for name in by_turns(sorted(files)):
        target = staged / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with _open_regular(files[name]) as source, target.open("xb") as copy:
            while chunk := source.read(1 << 20):
                digest.update(chunk)
                copy.write(chunk)
            if synced:
                copy.flush()
                os.fsync(copy.fileno())
        hashes[name] = digest.hexdigest()
    if synced:
        for folder, _, _ in os.walk(staged):
            disk.sync_folder(Path(folder))
    return digests.combine(hashes)


def _open_regular(path: Path) -> BufferedReader:
    """Open a file that was regular when it was listed, and refuse it if it is a link or something else by now."""
    handle = os.open(path, os.O_RDONLY | disk.WARY)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise PackageInvalid(f"{path.name!r} changed while it was being read")
    return os.fdopen(handle, "rb")
