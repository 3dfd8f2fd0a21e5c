"""Files below one folder: read, written whole or not at all, listed. Blocks; knows no plugin and no permission.

Everything happens relative to descriptors that `beneath` opened, never by a path that could mean something else by
then.
"""

import contextlib
import os
import secrets
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from plugind.host.files import beneath
from plugind.host.files.base import Charge, Entry, Reason, RefusedError, Status, TooLongError
from plugind.policy import files as rules

assert sys.platform != "win32"  # for type checkers: there are no descriptors of folders there

SCANNED: Final = 100_000
"""Most names looked at for one list."""
_CHUNK: Final = 1 << 20


class Tree:
    """The files below a folder, as `plugind.host.files.base.Files` describes; a context manager.

    Args:
        root: The folder; links on the way to it are followed.
        open_: How files below it are opened.
        mode: Permission bits of new files; folders get the same and search.
    """

    def __init__(self, root: Path, open_: beneath.Open, *, mode: int = 0o666) -> None:
        self._path = root
        self._open = open_
        self._mode = mode
        self._root = -1

    def __enter__(self) -> Self:
        self._root = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._root)

    def read(self, parts: Sequence[str], *, offset: int, length: int | None, most: int) -> tuple[bytes, int]:
        """Read a part of a file."""
        with self._opened(parts, os.O_RDONLY) as descriptor:
            size = _regular(os.fstat(descriptor)).st_size
            rest = max(0, size - offset)
            wanted = rest if length is None else min(rest, length)
            if wanted > most:
                raise TooLongError(size)
            return b"".join(_chunks(descriptor, offset, wanted)), size

    def status(self, parts: Sequence[str]) -> Status:
        """Return what is known of a file or a folder."""
        if not parts:
            return _status(os.fstat(self._root))
        with self._folder(parts[:-1]) as parent:
            found = os.stat(parts[-1], dir_fd=parent, follow_symlinks=False)
        if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
            return _status(found)
        raise RefusedError(Reason.SPECIAL)

    def real(self, parts: Sequence[str]) -> Path:
        """Return the path of a file for somebody else who will open it: true at this moment, as far as can be told."""
        with self._opened(parts, os.O_RDONLY) as descriptor:
            _regular(os.fstat(descriptor))
            return Path(os.path.realpath(self._path), *parts)

    def scan(self, parts: Sequence[str], *, recursive: bool, most: int) -> tuple[list[Entry], bool]:
        """List a folder in the order of names, each folder before what is in it."""
        found: list[Entry] = []
        looked_at = 0
        waiting: list[tuple[str, ...]] = [()]
        while waiting:
            below = waiting.pop()
            try:
                entries, count = self._entries([*parts, *below], SCANNED - looked_at)
            except OSError:
                if not below:
                    raise
                continue  # it went, or became something else
            looked_at += count
            found += [Entry((*below, name), status) for name, status in entries]
            if len(found) > most or looked_at >= SCANNED:
                return sorted(found)[:most], True
            if recursive and len(parts) + len(below) < rules.MAX_PARTS:
                waiting += [(*below, name) for name, status in reversed(entries) if status.folder]
        return sorted(found), False

    def write(self, parts: Sequence[str], data: bytes, *, append: bool, create_parents: bool, charge: Charge) -> int:
        """Write a file: after a crash, the old one is there or the new one. Appending may leave a part of the data."""
        parent = self._parent(parts[:-1], charge) if create_parents else self._held(parts[:-1])
        try:
            before = _target(parent, parts[-1])
            if append and before is not None:
                return self._append(parent, parts[-1], data, charge)
            charge(len(data) - (before.st_size if before else 0), before is None)
            try:
                self._replace(parent, parts[-1], data, stat.S_IMODE(before.st_mode) if before else None)
            except BaseException:
                charge((before.st_size if before else 0) - len(data), -(before is None))
                raise
            return len(data)
        finally:
            os.close(parent)

    def remove(self, parts: Sequence[str]) -> Status:
        """Remove a file, or a folder with nothing in it."""
        with self._folder(parts[:-1]) as parent:
            found = os.stat(parts[-1], dir_fd=parent, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                os.rmdir(parts[-1], dir_fd=parent)
            else:
                _target(parent, parts[-1])
                os.unlink(parts[-1], dir_fd=parent)
            os.fsync(parent)
            return _status(found)

    def clean(self) -> tuple[int, int]:
        """Remove what unfinished writes have left; return bytes and number of what else is there."""
        size = count = 0
        for folder, _, names, descriptor in os.fwalk(".", dir_fd=self._root, follow_symlinks=False):
            count += 1 if folder != "." else 0
            for name in names:
                if name.startswith(rules.TEMPORARY):
                    with contextlib.suppress(OSError):
                        os.unlink(name, dir_fd=descriptor)
                        continue
                size += os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_size
                count += 1
        return size, count

    # --- steps ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _opened(self, parts: Sequence[str], flags: int) -> Iterator[int]:
        if not parts:
            raise RefusedError(Reason.FOLDER)
        descriptor = self._open(self._root, parts, flags, 0)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _folder(self, parts: Sequence[str]) -> Iterator[int]:
        descriptor = self._held(parts)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _held(self, parts: Sequence[str]) -> int:
        return beneath.folder(self._root, parts, self._open)

    def _parent(self, parts: Sequence[str], charge: Charge) -> int:
        """Open a folder, making what is missing of it."""
        at = self._held(())
        for part in parts:
            try:
                try:
                    below = beneath.folder(at, (part,), self._open)
                except FileNotFoundError:
                    charge(0, 1)
                    os.mkdir(part, self._mode | (self._mode & 0o444) >> 2, dir_fd=at)
                    os.fsync(at)
                    below = beneath.folder(at, (part,), self._open)
            finally:
                os.close(at)
            at = below
        return at

    def _entries(self, parts: Sequence[str], most: int) -> tuple[list[tuple[str, Status]], int]:
        found = []
        count = 0
        with self._folder(parts) as descriptor, os.scandir(descriptor) as entries:
            for entry in entries:
                count += 1
                if count > most:
                    break
                if not rules.visible(entry.name):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
                        found.append((entry.name, _status(status)))
        return sorted(found), count

    def _append(self, parent: int, name: str, data: bytes, charge: Charge) -> int:
        descriptor = self._open(parent, (name,), os.O_WRONLY | os.O_APPEND, 0)
        try:
            before = _regular(os.fstat(descriptor))
            if before.st_nlink > 1:
                raise RefusedError(Reason.LINKED)
            charge(len(data), 0)
            try:
                _write(descriptor, data)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, before.st_size)
                charge(-len(data), 0)
                raise
            return before.st_size + len(data)
        finally:
            os.close(descriptor)

    def _replace(self, parent: int, name: str, data: bytes, mode: int | None) -> None:
        temporary = f"{rules.TEMPORARY}{secrets.token_hex(8)}"
        descriptor = self._open(parent, (temporary,), os.O_WRONLY | os.O_CREAT | os.O_EXCL, self._mode)
        try:
            try:
                if mode is not None:
                    os.fchmod(descriptor, mode)
                _write(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=parent)
            raise
        os.fsync(parent)


def _target(parent: int, name: str) -> os.stat_result | None:
    """Look at what would be replaced; None where nothing is there."""
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    _regular(found)
    if not found.st_mode & 0o222 or not os.access(name, os.W_OK, dir_fd=parent, follow_symlinks=False):
        raise RefusedError(Reason.READ_ONLY)
    return found


def _regular(found: os.stat_result) -> os.stat_result:
    if stat.S_ISREG(found.st_mode):
        return found
    raise RefusedError(Reason.FOLDER if stat.S_ISDIR(found.st_mode) else Reason.SPECIAL)


def _status(found: os.stat_result) -> Status:
    folder = stat.S_ISDIR(found.st_mode)
    return Status(folder, 0 if folder else found.st_size, found.st_mtime)


def _chunks(descriptor: int, offset: int, wanted: int) -> Iterator[bytes]:
    while wanted > 0 and (chunk := os.pread(descriptor, min(_CHUNK, wanted), offset)):
        yield chunk
        offset += len(chunk)
        wanted -= len(chunk)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view[:_CHUNK]) :]
