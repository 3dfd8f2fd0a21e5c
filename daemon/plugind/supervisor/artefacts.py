"""The cache of compiled modules: native code, so each carries a keyed MAC and is never loaded without it.

An artefact and its seal lie in a folder of their own, which comes to its place by one rename and leaves it by another:
there is no moment at which half of a pair, or the halves of two, could be found. Nothing is synced to disk, for what a
power cut damages is compiled again. Several daemons may share a cache; each keeps it within its own bound.
"""

import contextlib
import errno
import hashlib
import hmac
import os
import re
import secrets
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import structlog

from plugind.errors import StartupError
from plugind.supervisor.staging import Staging
from plugind_protocol import disk
from plugind_protocol.worker import Compiled

MAX_SEAL_BYTES: Final = 16 * 1024 * 1024
"""Largest seal, in bytes: it names a module's functions, whose number and names are capped."""

_ARTEFACT: Final = "artefact"
_SEAL: Final = "seal"
_NAME: Final = re.compile(r"[0-9a-f]{64}")
_KEY_BYTES: Final = 32
_NO_FOLDER: Final = (errno.ENOTDIR, errno.ELOOP)
"""What opening a path says that leads to something other than a folder or file, or to it by a link."""
_ATTEMPTS: Final = 16
_READ: Final = os.O_RDONLY | disk.WARY

_log = structlog.get_logger(__name__)


class _Seal(msgspec.Struct, frozen=True):
    """What stands beside an artefact."""

    compiled: Compiled
    mac: str


class _Entry(msgspec.Struct, frozen=True):
    """An artefact in its place."""

    name: str
    size: int
    used: int
    """When it was opened last, in ns of the file system's clock: for the order only."""


class Staged(msgspec.Struct, frozen=True):
    """A folder with an artefact that is being made."""

    folder: Path
    descriptor: int
    """Of the artefact, open for reading and writing."""


class Fill(msgspec.Struct, frozen=True):
    """How full a cache is."""

    bytes: int
    artefacts: int


class _DamagedError(Exception):
    """An artefact is not what we sealed; the text says in what way."""


class ArtefactCache:
    """Compiled modules below one folder. Its methods may be called from any thread.

    Args:
        folder: A folder of the user's own, mode 0700; made if missing.
        max_bytes: How large it may grow.

    Raises:
        StartupError: The folder cannot be used, or is open to others.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.evicted = 0
        """Artefacts given up for others since the start."""
        self.refused = 0
        """Artefacts that were damaged, or not sealed by us, since the start."""
        self._counting = threading.Lock()
        self._folder = folder
        self._current: frozenset[str] = frozenset()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_private(folder)
            self._staging = Staging(folder / "staging")
            self._key = _load_key(folder / "mac.key", self._staging)
        except OSError as exc:
            raise StartupError(
                f"cannot use the cache folder {folder}: {exc.strerror}; choose another by cache_dir"
            ) from exc

    @staticmethod
    def name(module_hash: str, *, engine: str, version: str, settings: str) -> str:
        """Name an artefact by everything that it depends on."""
        return hashlib.sha256("\0".join((module_hash, engine, version, settings)).encode()).hexdigest()

    def prefer(self, names: frozenset[str]) -> None:
        """Say which artefacts are to be evicted last."""
        self._current = names

    def open(self, name: str) -> tuple[int, Compiled] | None:
        """Open an artefact that is whole and ours.

        Args:
            name: As `name` returned.

        Returns:
            A read-only descriptor, which the caller closes and which stays good whatever becomes of the cache, and what
            is known of the module; ``None`` when there is none, or it is damaged (it is then removed).
        """
        try:
            folder = os.open(self._folder / name, _READ | getattr(os, "O_DIRECTORY", 0))
            try:
                found = self._verified(name, folder)
                with contextlib.suppress(OSError):  # on a read-only disk the order is lost, which nobody needs there
                    os.utime(folder)
            finally:
                os.close(folder)
        except FileNotFoundError:  # never there, or removed by another daemon meanwhile
            return None
        except OSError as exc:
            if exc.errno not in _NO_FOLDER:  # too many descriptors, say: nothing is known of the artefact
                _log.warning("compiled module cannot be read; it is compiled again", artefact=name, reason=str(exc))
                return None
            self._refuse(name, exc)
            return None
        except _DamagedError as exc:
            self._refuse(name, exc)
            return None
        return found

    @contextlib.contextmanager
    def stage(self) -> Iterator[Staged]:
        """Make an empty artefact for a compiling child to fill; what was not added by the end is removed."""
        folder = self._staging.path()
        folder.mkdir(mode=0o700)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | disk.BINARY
        descriptor = os.open(folder / _ARTEFACT, flags, 0o600)
        try:
            yield Staged(folder, descriptor)
        finally:
            os.close(descriptor)
            self._staging.discard(folder)

    def add(self, name: str, staged: Staged, compiled: Compiled) -> int:
        """Seal a filled artefact and put it in its place; make room for it.

        Args:
            name: As `name` returned.
            staged: The artefact; nobody writes to it any more.
            compiled: What is known of the module.

        Returns:
            A read-only descriptor of it, which the caller closes.

        Raises:
            OSError: It cannot be written.
        """
        artefact = staged.folder / _ARTEFACT
        artefact.chmod(0o400)
        descriptor = os.open(artefact, _READ)
        try:
            seal = _Seal(compiled, self._mac(name, compiled, descriptor))
            (staged.folder / _SEAL).write_bytes(msgspec.json.encode(seal))
            self._place(staged.folder, name)
            self._make_room(keep=name)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def fill(self) -> Fill:
        """Tell how full the cache is; what other daemons put there counts."""
        entries = self._entries()
        return Fill(bytes=sum(entry.size for entry in entries), artefacts=len(entries))

    def close(self) -> None:
        """Leave the cache as it is, and nothing beside it."""
        self._staging.close()

    def _refuse(self, name: str, why: Exception) -> None:
        with self._counting:
            self.refused += 1
        _log.warning("compiled module refused; it is compiled again", artefact=name, reason=str(why))
        with contextlib.suppress(OSError):  # where it cannot be removed, it is refused again
            self._staging.discard(self._folder / name)

    def _place(self, folder: Path, name: str) -> None:
        target = self._folder / name
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(OSError):  # one of another daemon's, or something that is no artefact, is there
                folder.rename(target)
                return
            self._staging.discard(target)
        _log.warning("compiled module not kept: others write the same one all the time", artefact=name)

    def _make_room(self, *, keep: str) -> None:
        """Remove what was used longest ago, the current versions of what is installed last, until the bound is met."""
        entries = self._entries()
        total = sum(entry.size for entry in entries)
        for entry in sorted(entries, key=lambda one: (one.name == keep, one.name in self._current, one.used)):
            if total <= self.max_bytes:
                return
            self._staging.discard(self._folder / entry.name)
            with self._counting:
                self.evicted += 1
            total -= entry.size

    def _entries(self) -> list[_Entry]:
        entries = []
        with os.scandir(self._folder) as found:
            for item in found:
                if _NAME.fullmatch(item.name):
                    with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # another daemon removes it
                        used = item.stat(follow_symlinks=False).st_mtime_ns
                        entries.append(_Entry(item.name, _size(item.path), used))
        return entries

    def _verified(self, name: str, folder: int) -> tuple[int, Compiled]:
        """Open both files of the very same folder, and make sure that they belong together."""
        seal = _read_seal(folder)
        descriptor = os.open(_ARTEFACT, _READ, dir_fd=folder)
        try:
            self._check(name, seal, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor, seal.compiled

    def _check(self, name: str, seal: _Seal, descriptor: int) -> None:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _DamagedError("it is no regular file")
        if not hmac.compare_digest(self._mac(name, seal.compiled, descriptor), seal.mac):
            raise _DamagedError("its seal does not fit")

    def _mac(self, name: str, compiled: Compiled, descriptor: int) -> str:
        mac = hmac.new(self._key, digestmod="sha256")
        known = msgspec.json.encode(compiled)
        mac.update(b"%s %d " % (name.encode(), len(known)) + known)
        offset = 0
        while chunk := disk.read_at(descriptor, 1 << 20, offset):  # leaves the descriptor's position to who gets it
            mac.update(chunk)
            offset += len(chunk)
        return mac.hexdigest()


def _size(folder: str) -> int:
    with os.scandir(folder) as found:
        return sum(item.stat(follow_symlinks=False).st_size for item in found)


def _read_seal(folder: int) -> _Seal:
    with os.fdopen(os.open(_SEAL, _READ, dir_fd=folder), "rb") as file:
        data = file.read(MAX_SEAL_BYTES + 1)
    if len(data) > MAX_SEAL_BYTES:
        raise _DamagedError("its seal is too large")
    try:
        return msgspec.json.decode(data, type=_Seal)
    except msgspec.DecodeError as exc:
        raise _DamagedError(f"its seal cannot be read: {exc}") from exc


def _check_private(folder: Path) -> None:
    if not disk.is_private(folder.stat()):
        raise StartupError(
            f"the cache folder {folder} is not this user's alone, and what is in it would run as native code; "
            "choose another by cache_dir, or remove it"
        )


def _load_key(path: Path, staging: Staging) -> bytes:
    """Read the key; make one where there is none, without replacing one that another daemon makes at the same time."""
    while True:
        try:
            with os.fdopen(os.open(path, _READ), "rb") as file:
                mode, key = os.fstat(file.fileno()).st_mode, file.read(_KEY_BYTES + 1)
        except FileNotFoundError:
            staged = staging.path()
            staged.touch(mode=0o600)
            staged.write_bytes(secrets.token_bytes(_KEY_BYTES))
            with contextlib.suppress(FileExistsError):
                os.link(staged, path)
            staged.unlink()
            continue
        if len(key) == _KEY_BYTES and stat.S_IMODE(mode) == 0o600:
            return key
        _log.warning("key of the compiled modules is damaged; all are compiled again", path=str(path))
        staging.discard(path)
