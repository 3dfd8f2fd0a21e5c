"""The cache of compiled modules: native code, so every file carries a keyed MAC and is never loaded without it."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

import msgspec

from plugind_protocol.worker import Compiled

_KEY_BYTES: Final = 32


class _Seal(msgspec.Struct, frozen=True):
    """What stands beside an artefact."""

    compiled: Compiled
    mac: str


class ArtefactCache:
    """Compiled modules below one folder.

    Args:
        folder: A folder of the daemon's own, mode 0700; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._key = _load_key(folder / "mac.key")
        for leftover in folder.glob("*.part"):
            leftover.unlink(missing_ok=True)

    @staticmethod
    def name(module_hash: str, *, engine: str, version: str, settings: str) -> str:
        """Name an artefact by everything that it depends on."""
        return hashlib.sha256("\0".join((module_hash, engine, version, settings)).encode()).hexdigest()

    def open(self, name: str) -> tuple[int, Compiled] | None:
        """Open an artefact that is whole and ours.

        Args:
            name: As `name` returned.

        Returns:
            A read-only descriptor, which the caller closes, and what is known of the module; ``None`` when there is
            none, or it is damaged (it is then removed).
        """
        try:
            seal = msgspec.json.decode(self._seal(name).read_bytes(), type=_Seal)
            descriptor = os.open(self._artefact(name), os.O_RDONLY | os.O_CLOEXEC)
        except (OSError, msgspec.DecodeError):
            return None
        if hmac.compare_digest(self._mac(name, seal.compiled, descriptor), seal.mac):
            return descriptor, seal.compiled
        os.close(descriptor)
        self.remove(name)
        return None

    def stage(self, name: str) -> tuple[int, Path]:
        """Make an empty file for a compiling child to fill."""
        path = self._folder / f"{name}.{secrets.token_hex(4)}.part"
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), path

    def add(self, name: str, staged: Path, compiled: Compiled) -> None:
        """Seal a filled file and put it in its place."""
        descriptor = os.open(staged, os.O_RDONLY | os.O_CLOEXEC)
        try:
            mac = self._mac(name, compiled, descriptor)
        finally:
            os.close(descriptor)
        seal = staged.with_suffix(".seal.part")
        seal.write_bytes(msgspec.json.encode(_Seal(compiled, mac)))
        staged.replace(self._artefact(name))
        seal.replace(self._seal(name))

    def remove(self, name: str) -> None:
        """Forget an artefact."""
        self._seal(name).unlink(missing_ok=True)
        self._artefact(name).unlink(missing_ok=True)

    def _artefact(self, name: str) -> Path:
        return self._folder / f"{name}.artefact"

    def _seal(self, name: str) -> Path:
        return self._folder / f"{name}.seal"

    def _mac(self, name: str, compiled: Compiled, descriptor: int) -> str:
        mac = hmac.new(self._key, digestmod="sha256")
        mac.update(name.encode() + msgspec.json.encode(compiled))
        offset = 0
        while chunk := os.pread(descriptor, 1 << 20, offset):  # leaves the descriptor's position to who gets it
            mac.update(chunk)
            offset += len(chunk)
        return mac.hexdigest()


def _load_key(path: Path) -> bytes:
    try:
        key = path.read_bytes()
        if len(key) == _KEY_BYTES:
            return key
    except FileNotFoundError:
        pass
    key = secrets.token_bytes(_KEY_BYTES)
    staged = path.with_suffix(".part")
    staged.touch(mode=0o600)
    staged.write_bytes(key)
    staged.replace(path)
    return key
