"""Asks servers by HTTP: one connection for each request, closed after it.

It owns connecting and certificates, which are always checked, how an answer is read, and the words for what goes wrong
on the way. Which servers may be asked, how large an answer may be and how long all may take is for those that ask.
"""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
import h11
import msgspec
from anyio.abc import ByteStream
from anyio.streams.tls import TLSStream

from plugind.web.target import Target
from plugind_protocol.errors import HostUnavailable

_RECEIVE_BYTES: Final = 64 * 1024

Dial = Callable[[Target], Awaitable[ByteStream]]
"""Connects to a server, without TLS. Raises OSError."""


class Purpose(msgspec.Struct, frozen=True):
    """What is asked for, as errors say it."""

    done: str
    """What is done with a server: ``asked``."""
    section: str
    """Of the configuration, where ``ca_file`` stands: ``network``."""


async def _dial(target: Target) -> ByteStream:
    return await anyio.connect_tcp(target.host, target.port)


class Client:
    """Connects to servers.

    Args:
        purpose: What for.
        ca_file: Certificate authorities (PEM) that are trusted in place of the system's.
        connect_seconds: How long connecting may take.
        idle_seconds: How long a server may send nothing; None for as long as it likes.
        dial: Connects.
    """

    def __init__(
        self,
        purpose: Purpose,
        *,
        ca_file: str | None,
        connect_seconds: float,
        idle_seconds: float | None = None,
        dial: Dial = _dial,
    ) -> None:
        self._purpose = purpose
        self._ca_file = ca_file
        self._connect_seconds = connect_seconds
        self._idle_seconds = idle_seconds
        self._dial = dial
        self._context: ssl.SSLContext | None = None

    @asynccontextmanager
    async def connected(self, target: Target) -> AsyncIterator["Exchange"]:
        """Connect to a server, for one request.

        Raises:
            HostUnavailable: It cannot be reached, or has no valid certificate.
        """
        stream = await self._reach(target)
        try:
            yield Exchange(stream, target, self._purpose, idle_seconds=self._idle_seconds)
        finally:
            await anyio.aclose_forcefully(stream)

    async def _reach(self, target: Target) -> ByteStream:
        try:
            with anyio.fail_after(self._connect_seconds):
                return await self._connect(target)
        except ssl.SSLCertVerificationError as exc:
            raise HostUnavailable(
                f"{target.host} cannot prove that it is {target.host}: {exc.verify_message}",
                hint="Its certificate must be valid; an authority of your own is set by "
                f"ca_file in [{self._purpose.section}].",
            ) from exc
        except TimeoutError as exc:
            raise _unreachable(target, self._purpose, f"no connection within {self._connect_seconds:g} s") from exc
        except (OSError, anyio.BrokenResourceError, anyio.EndOfStream) as exc:
            raise _unreachable(target, self._purpose, exc) from exc

    async def _connect(self, target: Target) -> ByteStream:
        if target.scheme == "http":
            return await self._dial(target)
        if self._context is None:
            self._context = await anyio.to_thread.run_sync(self._make_context)
        stream = await self._dial(target)
        try:
            # Not standard: a server may leave out TLS's farewell, since HTTP says where an answer ends.
            return await TLSStream.wrap(
                stream,
                server_side=False,
                hostname=target.host,
                ssl_context=self._context,
                standard_compatible=False,
            )
        except BaseException:  # cancelled too: nobody else knows the connection yet
            await anyio.aclose_forcefully(stream)
            raise

    def _make_context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except (OSError, ssl.SSLError) as exc:
            raise HostUnavailable(
                f"the certificates of {self._ca_file} cannot be read: {exc}",
                hint=f"Correct ca_file in [{self._purpose.section}] of the configuration.",
            ) from exc


class Exchange:
    """One request and its answer, on a connection of their own."""

    def __init__(self, stream: ByteStream, target: Target, purpose: Purpose, *, idle_seconds: float | None) -> None:
        self._stream = stream
        self._target = target
        self._purpose = purpose
        self._idle_seconds = idle_seconds
        self._http = h11.Connection(h11.CLIENT)

    async def ask(self, request: h11.Request, body: bytes = b"") -> h11.Response:
        """Send the request, and return the head of its answer.

        Raises:
            HostUnavailable: The connection breaks, or what comes is not HTTP.
        """
        parts = [self._http.send(one) for one in (request, h11.Data(data=body), h11.EndOfMessage())]
        try:
            with anyio.fail_after(self._idle_seconds):
                await self._stream.send(b"".join(part or b"" for part in parts))
        except (OSError, anyio.BrokenResourceError) as exc:
            raise self._unreachable(exc) from exc
        while not isinstance(event := await self._event(), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise self._unreachable("it closed the connection without an answer")
        return event

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body of the answer as it comes.

        Raises:
            HostUnavailable: It does not come to its end.
        """
        while isinstance(event := await self._event(), h11.Data):
            yield bytes(event.data)
        if not isinstance(event, h11.EndOfMessage):
            raise self._unreachable("it closed the connection too early")

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._receive())
        except h11.RemoteProtocolError as exc:
            raise self._unreachable(f"what it sent is not HTTP, or ended too early: {exc}") from exc
        return event  # type: ignore[return-value]  # NEED_DATA was taken care of

    async def _receive(self) -> bytes:
        with anyio.move_on_after(self._idle_seconds):
            try:
                return await self._stream.receive(_RECEIVE_BYTES)
            except anyio.EndOfStream:
                return b""
            except (OSError, anyio.BrokenResourceError) as exc:
                raise self._unreachable(exc) from exc
        raise self._unreachable(f"nothing came for {self._idle_seconds:g} s")

    def _unreachable(self, why: str | Exception) -> HostUnavailable:
        return _unreachable(self._target, self._purpose, why)


def _unreachable(target: Target, purpose: Purpose, why: str | Exception) -> HostUnavailable:
    words = str(why) or str(getattr(why, "__cause__", None) or "the connection broke")
    return HostUnavailable(
        f"{target} cannot be {purpose.done}: {words}", hint="See whether the server runs, and try again."
    )
