"""A daemon's wire without a daemon: the real socket, connections and dispatch, with handlers of the test's own."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path as FilePath
from types import TracebackType
from typing import Any, Self

import anyio
import msgspec

from plugind.config import WireLimits
from plugind.listen.endpoint import Endpoint
from plugind.listen.serve import Server, serve
from plugind.pace import Pace
from plugind.rpc.connection import Connection
from plugind.rpc.dispatch import ControlHandler, Dispatcher, HotHandler
from plugind.rpc.session import Session, Sessions
from plugind_protocol.errors import InvalidState
from plugind_protocol.framing import Framing
from plugind_protocol.methods import METHODS, Path


class Wire(msgspec.Struct, frozen=True):
    """What a test sees of the daemon's side."""

    path: FilePath
    server: Server
    sessions: Sessions


async def refuse(session: Session, params: Any) -> Any:
    raise InvalidState("no handler in this test")


def refuse_hot(session: Session, params: Any) -> bytes:
    raise InvalidState("no handler in this test")


def dispatcher(
    control: Mapping[str, ControlHandler] | None = None, hot: Mapping[str, HotHandler] | None = None
) -> Dispatcher:
    names = {path: [name for name, row in METHODS.items() if row.path is path] for path in Path}
    return Dispatcher(
        control=dict.fromkeys(names[Path.CONTROL], refuse) | dict(control or {}),
        hot=dict.fromkeys(names[Path.HOT], refuse_hot) | dict(hot or {}),
    )


@asynccontextmanager
async def wire(
    path: FilePath,
    *,
    control: Mapping[str, ControlHandler] | None = None,
    hot: Mapping[str, HotHandler] | None = None,
    limits: WireLimits | None = None,
    stall_seconds: float = 60.0,
    pace: Pace | None = None,
    on_offer: Callable[[Session], object] = lambda _session: None,
) -> AsyncIterator[Wire]:
    """Serve the given handlers; every other method answers InvalidState."""
    answering, sessions = dispatcher(control, hot), Sessions(on_offer)
    pace = pace or Pace()
    async with anyio.create_task_group() as tasks:

        def connect() -> Connection:
            return Connection(
                answering,
                sessions,
                tasks=tasks,
                limits=limits or WireLimits(),
                pace=pace,
                stall_seconds=stall_seconds,
            )

        async with serve(Endpoint(str(path)), connect) as server:
            yield Wire(path, server, sessions)
        await sessions.disconnect()
        tasks.cancel_scope.cancel()


class RawClient:
    """Speaks bytes, so that it can also say what no client should."""

    def __init__(self, path: FilePath, *, framing: Framing = Framing.LINES) -> None:
        self._path = path
        self._headers = framing is Framing.HEADERS
        self._reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        self._reader, self.writer = await asyncio.open_unix_connection(self._path, limit=64 * 1024 * 1024)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.transport.abort()

    @property
    def socket(self) -> socket.socket:
        found: socket.socket = self.writer.get_extra_info("socket")
        return found

    def frame(self, message: Any) -> bytes:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return b"Content-Length: %d\r\n\r\n%b" % (len(body), body) if self._headers else body + b"\n"

    async def send(self, *messages: Any) -> None:
        """Send messages, given as bytes or as what becomes JSON."""
        await self.send_raw(b"".join(map(self.frame, messages)))

    async def send_raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def read_bytes(self) -> bytes:
        """The next message; empty at the end."""
        if not self._headers:
            return await self._reader.readline()
        if not (first := await self._reader.read(1)):
            return b""
        header = first + await self._reader.readuntil(b"\r\n\r\n")
        return await self._reader.readexactly(int(header.removeprefix(b"Content-Length: ")))

    async def read(self) -> Any:
        text = await self.read_bytes()
        assert text, "the connection was closed"
        return json.loads(text)

    async def closed(self) -> bool:
        """Wait for the end; whether nothing came before it."""
        try:
            return await self._reader.read(1) == b""
        except ConnectionResetError:
            return True

    async def drain(self) -> None:
        """Read until the end, whatever comes."""
        with contextlib.suppress(ConnectionError):
            await self._reader.read()

    async def call(self, method: str, params: Any = None, *, id: Any = 1) -> Any:  # noqa: A002 - as on the wire
        await self.send(request(method, params, id=id))
        return await self.read()


def request(method: str, params: Any = None, *, id: Any = 1) -> dict[str, Any]:  # noqa: A002 - as on the wire
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}}


def notification(method: str, params: Any = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "params": params or {}}
