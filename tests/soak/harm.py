"""What goes wrong meanwhile: workers are killed or stopped, and some clients are slow, deaf or rude."""

import collections
import contextlib
import os
import random
import signal
import socket
from pathlib import Path
from typing import Final

import anyio

from plugind_client import AsyncClient

SIGNALS: Final = (signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP)
_REQUEST: Final = b'{"jsonrpc":"2.0","id":1,"method":"plugins.list","params":{}}\n'
_GARBAGE: Final = (b"\xff\xfe\x00garbage\n", b"Content-Length: -5\r\n\r\n", b"{" * 10_000 + b"\n", _REQUEST[:30], b"")


class Harm:
    """Does harm until it is cancelled, and counts it.

    Args:
        path: The daemon's socket.
        seed: Makes its choices its own.
    """

    def __init__(self, path: Path, *, seed: int) -> None:
        self._path = path
        self._chance = random.Random(seed)
        self.kills: collections.Counter[str] = collections.Counter()
        self.rude: collections.Counter[str] = collections.Counter()

    async def kill_workers(self, *, per_second: float) -> None:
        """Send one of `SIGNALS` to a worker chosen at random, again and again."""
        async with AsyncClient.connect(self._path, name="soak, killing") as client:
            due = anyio.current_time()
            while True:
                due += 1 / per_second
                await anyio.sleep_until(due)
                running = [info.pid for info in await client.list_plugins() if info.pid is not None]
                number = self._chance.choice(SIGNALS)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._chance.choice(running), number)
                    self.kills[number.name] += 1

    async def trickle(self) -> None:
        """Send requests byte by byte, and break off some of them."""
        while True:
            async with await anyio.connect_unix(self._path) as stream:
                with contextlib.suppress(anyio.BrokenResourceError, anyio.EndOfStream):
                    for byte in _REQUEST[: self._chance.choice((len(_REQUEST), 20))]:
                        await stream.send(bytes([byte]))
                        await anyio.sleep(0.02)
                    if byte == _REQUEST[-1]:
                        await stream.receive()
            self.rude["slow"] += 1

    async def never_read(self) -> None:
        """Ask for much, read nothing, and go."""
        while True:
            with socket.socket(socket.AF_UNIX) as deaf:
                deaf.setblocking(False)
                deaf.connect(os.fspath(self._path))
                with contextlib.suppress(BlockingIOError, BrokenPipeError):
                    while True:
                        deaf.send(_REQUEST * 20)
                await anyio.sleep(2)
            self.rude["deaf"] += 1

    async def be_rude(self) -> None:
        """Send garbage, or nothing at all, and go without a word."""
        while True:
            with socket.socket(socket.AF_UNIX) as rude:
                rude.setblocking(False)
                with contextlib.suppress(BlockingIOError, BrokenPipeError):
                    rude.connect(os.fspath(self._path))
                    rude.send(self._chance.choice(_GARBAGE))
                    await anyio.sleep(0.05)
            self.rude["rude"] += 1
