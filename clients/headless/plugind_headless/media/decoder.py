"""The host's side of the decoder: starts it when it is needed, hands it open files, and ends it when it takes too long.

It is another process, because files may be made to break decoders: what breaks is the decoder, and the next request
starts another.
"""

import contextlib
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import msgspec

from plugind_headless.media.messages import MAX_ANSWER, Answer, Request
from plugind_protocol import disk, scheduling, sockets
from plugind_protocol.errors import HostUnavailable, InvalidParams, Timeout, TooLarge

DEADLINE_SECONDS: Final = 20.0
"""For one file."""
_START_SECONDS: Final = 20.0
_READ_BYTES: Final = 256 * 1024
_END_SECONDS: Final = 5.0


class Decoder:
    """Looks at media files, one at a time.

    Args:
        deadline: Seconds for one file.
    """

    def __init__(self, *, deadline: float = DEADLINE_SECONDS) -> None:
        self._deadline = deadline
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._turn = anyio.Lock()
        self.missing: list[str] | None = None
        """Layers of its confinement that do not hold; None before it has started."""

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._process is None else self._process.pid

    async def ask(self, path: Path, request: Request) -> Answer:
        """Look at a file.

        Args:
            path: Absolute.
            request: What to look for.

        Returns:
            The result.

        Raises:
            InvalidParams: There is no such file, it is damaged, or has not what was asked for.
            TooLarge: It would take too much.
            Timeout: It took too long.
            HostUnavailable: It broke the decoder.
        """
        async with self._turn:
            if self._socket is None:
                self._launch()  # by this thread: the process dies with the thread that started it
            return await anyio.to_thread.run_sync(self._ask, path, request)

    def close(self) -> None:
        """End the process."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            self._process.kill()
            self._process.wait(_END_SECONDS)
            self._process = None

    def _ask(self, path: Path, request: Request) -> Answer:
        file = _open(path)
        try:
            answer = self._exchange(path, request, file)
        except TimeoutError as exc:
            self.close()
            raise Timeout(f"{path.name} was not decoded within {self._deadline:g} s") from exc
        except (OSError, EOFError, msgspec.DecodeError) as exc:
            self.close()
            raise HostUnavailable(
                f"the decoder ended while it read {path.name}: the file is damaged, or made to break decoders",
                hint="The host goes on; do not use this file.",
            ) from exc
        finally:
            os.close(file)
        if answer.unreadable:
            raise InvalidParams(f"{path.name} cannot be used: {answer.unreadable}", path="$.path")
        if answer.too_much:
            raise TooLarge(f"{path.name} cannot be used: {answer.too_much}")
        return answer

    def _exchange(self, path: Path, request: Request, file: int) -> Answer:
        assert self._socket is not None
        if self.missing is None:
            self.missing = self._receive(time.monotonic() + _START_SECONDS).missing
        until = time.monotonic() + self._deadline
        asked = msgspec.structs.replace(request, seconds=int(self._deadline), suffix=path.suffix.lower().lstrip("."))
        sockets.send(self._socket, msgspec.json.encode(asked), [file])
        return self._receive(until)

    def _launch(self) -> None:
        try:
            ours, theirs = sockets.streams()
        except OSError as exc:
            raise HostUnavailable(f"media files cannot be looked at: {exc.strerror}") from exc
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", __package__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={},
            )
        scheduling.compute(self._process.pid)  # a damaged file costs a start, and nobody who calls is to wait for it
        self._socket = ours
        self.missing = None

    def _receive(self, until: float) -> Answer:
        assert self._socket is not None
        text = bytearray()
        while not text.endswith(b"\n"):
            self._socket.settimeout(max(0.001, until - time.monotonic()))
            more = self._socket.recv(_READ_BYTES)
            if not more or len(text) > MAX_ANSWER:
                raise EOFError
            text += more
        return msgspec.json.decode(text, type=Answer)


def _open(path: Path) -> int:
    """Open a regular file; anything else, a pipe above all, could keep us waiting."""
    try:
        descriptor = os.open(path, os.O_RDONLY | disk.NO_WAIT)
    except OSError as exc:
        raise InvalidParams(f"{path.name} cannot be opened: {exc.strerror}", path="$.path") from exc
    except ValueError as exc:
        raise InvalidParams(f"this is not a path: {exc}", path="$.path") from exc
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, descriptor)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidParams(f"{path.name} is not a file", path="$.path")
        undo.pop_all()
    return descriptor
