"""The crash capsules on disk: one file each, bounded in number and bytes, the oldest go first.

They are written whole and then renamed, but not synced: a capsule may be lost with the machine, never be half there.
"""

import contextlib
import datetime as dt
import hashlib
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from plugind.config import CapsuleSettings
from plugind_protocol import disk
from plugind_protocol.capsule import FRAME_SUFFIX, SUFFIX, CapsuleInfo

_PLAIN: Final = re.compile(r"[^a-z0-9]+")
_heads: Final = msgspec.json.Decoder(CapsuleInfo)


class Kept(msgspec.Struct, frozen=True):
    """One capsule on disk."""

    capsule_id: str
    plugin: str
    """Tells plugins apart; the part of the id that `new_id` makes of the plugin's."""
    size: int
    """Bytes, the frame's included."""


def new_id(plugin_id: str, at: dt.datetime) -> str:
    """Make the id of a new capsule: ids of later ones come later in the alphabet.

    Args:
        plugin_id: Whose it is.
        at: When, UTC; its microseconds tell capsules of one plugin apart.
    """
    digest = hashlib.sha256(plugin_id.encode()).hexdigest()[:8]
    name = _PLAIN.sub("-", plugin_id).strip("-")[:40]
    return f"{at:%Y%m%dT%H%M%S%f}-{name}-{digest}-{secrets.token_hex(3)}"


def excess(kept: Iterable[Kept], bounds: CapsuleSettings) -> list[Kept]:
    """Say which capsules are too many.

    Args:
        kept: All there are.
        bounds: How many may be.

    Returns:
        Those that must go, so that the newest that fit stay: of each plugin, and of all. The newest one always stays.
    """
    gone = []
    count = total = 0
    of_plugin: dict[str, tuple[int, int]] = {}
    for one in sorted(kept, key=lambda one: one.capsule_id, reverse=True):
        own, own_bytes = of_plugin.get(one.plugin, (0, 0))
        fits = (
            own < bounds.per_plugin
            and own_bytes + one.size <= bounds.plugin_bytes
            and count < bounds.total
            and total + one.size <= bounds.total_bytes
        )
        if fits or count == 0:
            count, total = count + 1, total + one.size
            of_plugin[one.plugin] = (own + 1, own_bytes + one.size)
        else:
            gone.append(one)
    return gone


class CapsuleStore:
    """A folder of capsules. Its methods block: they are for threads.

    Args:
        folder: Made, 0700, if it is missing; what an earlier daemon did not finish is removed.
        bounds: How many are kept.
    """

    def __init__(self, folder: Path, bounds: CapsuleSettings) -> None:
        self._folder = folder
        self._bounds = bounds
        self._known: dict[str, Kept] | None = None  # what is there, once it was looked at; only `add` changes it
        folder.mkdir(mode=0o700, exist_ok=True)
        for left in folder.glob(".*.tmp"):
            left.unlink(missing_ok=True)

    def path(self, capsule_id: str) -> Path:
        """Where the capsule of an id is, or would be."""
        return self._folder / (capsule_id + SUFFIX)

    def frame(self, capsule_id: str) -> Path:
        """Where its frame is, or would be."""
        return self._folder / (capsule_id + FRAME_SUFFIX)

    def add(self, capsule_id: str, content: bytes, *, frame: Iterable[bytes] | None = None) -> None:
        """Write a capsule, and remove those that are too many now.

        Args:
            capsule_id: As of `new_id`.
            content: Of its file.
            frame: Of the file beside it, in parts.

        Raises:
            OSError: The disk is full or not writable; nothing is left behind.
        """
        size = len(content)
        if frame is not None:
            size += self._write(self.frame(capsule_id), frame)
        try:
            self._write(self.path(capsule_id), [content])
        except BaseException:
            self.frame(capsule_id).unlink(missing_ok=True)
            raise
        if self._known is None:
            self._known = {one.capsule_id: one for one in self._kept()}
        self._known[capsule_id] = Kept(capsule_id, _plugin(capsule_id), size)
        for one in excess(self._known.values(), self._bounds):
            if one.capsule_id != capsule_id:  # a clock that was set back makes the newest look old
                self._remove(one)

    def read(self, capsule_id: str) -> bytes | None:
        """Return the content of a capsule; None if there is no such."""
        try:
            return self.path(capsule_id).read_bytes()
        except FileNotFoundError:
            return None

    def heads(self) -> list[CapsuleInfo]:
        """Return what there is, newest first; files that cannot be read are left out."""
        found = []
        for one in self._kept():
            with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
                found.append(_heads.decode(self.path(one.capsule_id).read_bytes()))
        return sorted(found, key=lambda head: head.id, reverse=True)

    def _remove(self, one: Kept) -> None:
        try:
            self.path(one.capsule_id).unlink()
        except FileNotFoundError:  # somebody else removes files too: look again, next time
            self._known = None
        self.frame(one.capsule_id).unlink(missing_ok=True)
        if self._known is not None:
            del self._known[one.capsule_id]

    def _kept(self) -> list[Kept]:
        kept = []
        for path in self._folder.glob(f"*{SUFFIX}"):
            capsule_id = path.name.removesuffix(SUFFIX)
            with contextlib.suppress(FileNotFoundError):  # it went meanwhile
                size = path.stat().st_size
                with contextlib.suppress(FileNotFoundError):
                    size += self.frame(capsule_id).stat().st_size
                kept.append(Kept(capsule_id, _plugin(capsule_id), size))
        return kept

    def _write(self, target: Path, parts: Iterable[bytes]) -> int:
        staged = self._folder / f".{secrets.token_hex(8)}.tmp"
        try:
            descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | disk.BINARY, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.writelines(parts)
                size = stream.tell()
            staged.rename(target)
        except BaseException:
            staged.unlink(missing_ok=True)
            raise
        return size


def _plugin(capsule_id: str) -> str:
    return "-".join(capsule_id.split("-")[-2:-1])
