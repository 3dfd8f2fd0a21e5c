"""The journal of state changes: each is written down, numbered, before anybody is told of it.

One JSON text a line, appended by one system call and not synced: what is written outlives the daemon, killed or not.
What must outlive a loss of power is in the state file before it gets here, and `plugind.registry.lifecycle.closing`
tells at the start what the journal does not know yet (ADR 0017). Numbers go on over restarts; a journal that is lost
begins again under another epoch.
"""

import contextlib
import datetime as dt
import os
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import structlog

from plugind_protocol import disk
from plugind_protocol.methods import State, StateChanged

_FORMAT: Final = 1
_MAX_BYTES: Final = 64 * 1024 * 1024
"""A file larger than this is not ours."""

_log = structlog.get_logger(__name__)
_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(StateChanged)


class _Head(msgspec.Struct, frozen=True):
    """First line of the file."""

    format: int
    epoch: str
    after: int
    """Number of the last change that is not in the file any more."""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Journal:
    """The last state changes of all plugins.

    Args:
        path: The file; made if missing. What cannot be read of it is dropped, from the first bad line on.
        kept: How many changes are kept, at least 1.
        now: The time of day.
    """

    def __init__(self, path: Path, *, kept: int, now: Callable[[], dt.datetime] = _now) -> None:
        self._path = path
        self._now = now
        self._changes: deque[StateChanged] = deque(maxlen=kept)
        self._states: dict[str, State] = {}
        self._file = -1
        self._lines = 0
        self.fault: str | None = None
        """Why changes are not written at the moment, if they are not; they are still numbered and told."""
        self.epoch = secrets.token_hex(8)
        """Tells this sequence of numbers from every other."""
        self.seq = 0
        """Number of the last change."""
        self._read()
        self._write_anew()

    def append(
        self, plugin_id: str, before: State, to: State, *, version: str | None = None, reason: str | None = None
    ) -> StateChanged:
        """Write one change down.

        Args:
            plugin_id: The plugin.
            before: Its state before.
            to: Its state now.
            version: The version that is meant.
            reason: Why.

        Returns:
            The change as it may now be told.
        """
        change = StateChanged(
            plugin_id=plugin_id,
            from_=before,
            to=to,
            reason=reason,
            at=self._now().isoformat(timespec="milliseconds"),
            seq=self.seq + 1,
            version=version,
        )
        self._remember(change)
        if self._file < 0 or self._lines >= 2 * (self._changes.maxlen or 1):
            self._write_anew()
        else:
            self._write(_encoder.encode(change) + b"\n")
        return change

    def since(self, seq: int) -> list[StateChanged] | None:
        """Return the changes after a number, oldest first; None if that is too long ago, or was never given out."""
        if not self.seq - len(self._changes) <= seq <= self.seq:
            return None
        return [change for change in self._changes if change.seq > seq]

    def states(self) -> dict[str, State]:
        """Return the last state of every plugin that is in the journal."""
        return dict(self._states)

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _remember(self, change: StateChanged) -> None:
        if len(self._changes) == self._changes.maxlen:
            self._forget(self._changes[0])
        self._changes.append(change)
        self._states[change.plugin_id] = change.to
        self.seq = change.seq

    def _forget(self, oldest: StateChanged) -> None:
        """Drop what is known of a plugin with its last change, if it is gone; of others the state stays known."""
        if oldest.to is State.NOT_INSTALLED and self._states.get(oldest.plugin_id) is State.NOT_INSTALLED:
            newer = (change.plugin_id for change in self._changes if change is not oldest)
            if oldest.plugin_id not in newer:
                del self._states[oldest.plugin_id]

    # --- the file ---------------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            data = self._path.read_bytes() if self._path.stat().st_size <= _MAX_BYTES else b""
            lines = iter(data.splitlines(keepends=True))
            head = msgspec.json.decode(next(lines), type=_Head)
            if head.format != _FORMAT:
                raise ValueError(f"format {head.format}")  # noqa: TRY301  # one way out for all that is not ours
        except FileNotFoundError:
            return
        except (OSError, ValueError, StopIteration) as exc:
            _log.warning("the journal cannot be read; another is begun", reason=str(exc) or "it is empty")
            return
        self.epoch, self.seq = head.epoch, head.after
        for change in _whole(lines, after=head.after):
            self._remember(change)

    def _write(self, line: bytes) -> None:
        """Append."""
        try:
            if os.write(self._file, line) != len(line):
                raise OSError("the disk is full")  # noqa: TRY301  # one way out for all that can fail
        except OSError as exc:
            self._give_up(exc)
        else:
            self._lines += 1

    def _give_up(self, exc: OSError) -> None:
        if self.fault is None:
            _log.error("the journal cannot be written; changes are told all the same", reason=str(exc))
        self.fault = exc.strerror or str(exc)
        with contextlib.suppress(OSError):  # after a restart these numbers would be given out again: not in this epoch
            self._path.unlink(missing_ok=True)
        self.close()

    def _write_anew(self) -> None:
        """Write all that is kept into another file, and put it in the place of this one."""
        self.close()
        aside = self._path.with_name(self._path.name + ".new")
        head = _Head(format=_FORMAT, epoch=self.epoch, after=self.seq - len(self._changes))
        data = b"".join(_encoder.encode(part) + b"\n" for part in (head, *self._changes))
        try:
            self._file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | disk.BINARY, 0o600)
            if os.write(self._file, data) != len(data):
                raise OSError("the disk is full")  # noqa: TRY301  # one way out for all that can fail
            aside.replace(self._path)
        except OSError as exc:
            self._give_up(exc)
            return
        self._lines, self.fault = len(self._changes), None


def _whole(lines: Iterator[bytes], *, after: int) -> Iterator[StateChanged]:
    """Go through changes up to the first that is torn, damaged or out of turn."""
    for number, line in enumerate(lines, after + 1):
        try:
            change = _decoder.decode(line)
        except msgspec.DecodeError:
            return
        if not line.endswith(b"\n") or change.seq != number:
            return
        yield change
