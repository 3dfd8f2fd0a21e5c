"""The process of the headless host: started over a socket pair, heard, and ended. Knows the process, not what it does.

It is a client like any editor, in a process of its own, since it decodes media that may be made to break decoders. It
ends when its socket closes, and dies with the daemon.
"""

import importlib.util
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import anyio
import anyio.abc
import msgspec
import structlog
from anyio.streams.text import TextReceiveStream

from plugind.errors import StartupError

PACKAGE: Final = "plugind_headless"
NEEDED: Final = ("opentimelineio", "av")
"""What its package imports, and the daemon does not."""
START_SECONDS: Final = 30.0
END_SECONDS: Final = 3.0
"""How long it may take to end once its socket is closed."""
_LINE: Final = 2000
_PASSED_ON: Final = ("TERM", "COLORTERM", "NO_COLOR")

_log: Final = structlog.get_logger(__name__)

Attach = Callable[[socket.socket], Awaitable[object]]
"""Makes a client connection of our end of the socket pair."""


class Options(msgspec.Struct, frozen=True):
    """How the host is started."""

    project: str | None
    """An ``.otio`` file; None for a timeline in memory."""
    dialogs: str
    """``cancel``, ``accept``, ``prompt``, or a file with answers."""


class _Said(msgspec.Struct, frozen=True):
    """The one line on its stdout."""

    event: str
    reason: str = ""


def check_installed() -> None:
    """Find out whether it can be started at all.

    Raises:
        StartupError: Something it needs is not installed; the message says what.
    """
    missing = [name for name in (PACKAGE, *NEEDED) if importlib.util.find_spec(name) is None]
    if missing:
        raise StartupError(
            f"--host headless needs {' and '.join(missing)}, which this Python does not have: "
            "install plugind[headless] (OpenTimelineIO has no release for CPython 3.14 yet)"
        )


class HeadlessProcess:
    """One life of the process.

    Args:
        options: How it is started.
        environ: The daemon's environment.
    """

    def __init__(self, options: Options, environ: Mapping[str, str]) -> None:
        self._options = options
        self._environ = {name: environ[name] for name in _PASSED_ON if name in environ}
        self._process: anyio.abc.Process | None = None
        self._lines: list[str] = []

    @property
    def pid(self) -> int | None:
        """Of the process, once it is started."""
        return None if self._process is None else self._process.pid

    async def start(self, attach: Attach, tasks: anyio.abc.TaskGroup) -> None:
        """Start it, and wait until it has introduced itself.

        Args:
            attach: Makes a client connection of our end.
            tasks: Where its words are read, until it ends.

        Raises:
            StartupError: It did not come up; the message has its words.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)  # noqa: FBT003  # the standard library wants it so
            await attach(ours)
            self._process = await anyio.open_process(
                self._command(theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                env=self._environ,
            )
        tasks.start_soon(self._log_words, self._process)
        try:
            with anyio.fail_after(START_SECONDS):
                said = await self._first_word(self._process)
        except TimeoutError as exc:
            await self.stop()
            raise StartupError(f"the headless host was not ready within {START_SECONDS:.0f} s") from exc
        if said.event != "ready":
            await self.stop()
            raise StartupError(said.reason or f"the headless host ended at start: {' | '.join(self._lines[-5:])}")

    async def wait(self) -> int:
        """Wait for its end; return its status."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self) -> None:
        """Wait for its end, which a closed socket is the sign for; kill it if it takes long."""
        process = self._process
        if process is None:
            return
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(END_SECONDS):
                await process.wait()
            if process.returncode is None:
                process.kill()
            await process.wait()

    def _command(self, descriptor: int) -> list[str]:
        command = [sys.executable, "-I", "-m", PACKAGE, "--descriptor", str(descriptor)]
        if self._options.project is not None:
            command.append(f"--project={self._options.project}")
        return [*command, f"--dialogs={self._options.dialogs}"]

    async def _first_word(self, process: anyio.abc.Process) -> _Said:
        assert process.stdout is not None
        text = ""
        async for part in TextReceiveStream(process.stdout, errors="replace"):
            text += part
            if "\n" in text:
                break
        try:
            return msgspec.json.decode(text.partition("\n")[0], type=_Said)
        except msgspec.DecodeError:
            await self._process_ended(process)
            return _Said("failed")

    async def _process_ended(self, process: anyio.abc.Process) -> None:
        """Give it the time to say its last words."""
        with anyio.move_on_after(END_SECONDS):
            await process.wait()

    async def _log_words(self, process: anyio.abc.Process) -> None:
        assert process.stderr is not None
        rest = ""
        async for part in TextReceiveStream(process.stderr, errors="replace"):
            *lines, rest = (rest + part).split("\n")
            for line in lines:
                self._heard(line)
            rest = rest[-_LINE:]
        self._heard(rest)

    def _heard(self, line: str) -> None:
        if line:
            self._lines = [*self._lines[-20:], line[:_LINE]]
            _log.info("headless host", words=line[:_LINE])
