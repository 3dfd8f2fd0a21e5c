"""The ``network.*`` host methods: HTTP requests of plugins, made by the daemon.

One connection for each request, closed after it. Certificates are always checked; size and time are bounded; a request
ends with the plugin's call. Redirects are answered as they come: where they lead is another host, maybe one that the
plugin may not ask. Where a host's name leads is looked at before anything is connected (`reach`).
"""

import base64
import binascii
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import anyio
import h11
from anyio.abc import ByteStream
from anyio.streams.tls import TLSStream

from plugind.config import NetworkSettings
from plugind.host.caller import Caller
from plugind.host.network import reach
from plugind.host.network import target as targets
from plugind.host.network.target import Target
from plugind_protocol import __version__
from plugind_protocol.errors import HostUnavailable, InvalidParams, Overloaded, PlugindError, Timeout, TooLarge
from plugind_protocol.host.network import HttpRequest, HttpResponse
from plugind_protocol.permissions import Permission

_RECEIVE_BYTES: Final = 64 * 1024
_SENDING: Final = frozenset({"POST", "PUT", "PATCH"})
_Event = h11.Event | type[h11.PAUSED]
Resolve = Callable[[str, int], Awaitable[list[Any]]]
"""Returns what ``getaddrinfo`` does."""


async def _resolve(host: str, port: int) -> list[Any]:
    return list(await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM))


class NetworkBroker:
    """Answers ``network.*``.

    Args:
        settings: How large, how long, how many.
        resolve: Looks names up.
    """

    def __init__(self, settings: NetworkSettings, resolve: Resolve = _resolve) -> None:
        self._settings = settings
        self._resolve = resolve
        self._context: ssl.SSLContext | None = None
        self._running: Counter[str] = Counter()

    @staticmethod
    def needed(_caller: Caller, params: HttpRequest) -> Permission:
        """Return the permission that a request takes: that of its host."""
        return Permission("network", targets.parse(params.url).host)

    async def request(self, caller: Caller, params: HttpRequest) -> HttpResponse:
        """Make a request.

        Raises:
            InvalidParams: The URL leads nowhere, or the body is not base64.
            HostUnavailable: The server cannot be reached, has no valid certificate, or does not speak HTTP.
            TooLarge: The answer is larger than the settings allow.
            Timeout: It does not come in time.
            Overloaded: The plugin has too many requests under way.
        """
        target, seconds = targets.parse(params.url), self._settings.total_seconds
        body = _body(params)
        with self._counted(caller):
            try:
                with anyio.fail_after(seconds):
                    return await self._exchange(target, params, body)
            except TimeoutError as exc:
                raise _about(caller, Timeout(f"{target} did not answer within {seconds:g} s", cause="timeout")) from exc
            except PlugindError as exc:
                raise _about(caller, exc) from exc

    @contextmanager
    def _counted(self, caller: Caller) -> Iterator[None]:
        if self._running[caller.plugin_id] >= self._settings.at_once:
            raise _about(
                caller,
                Overloaded(
                    f"it has {self._settings.at_once} requests under way", hint="Wait for one of them, and try again."
                ),
            )
        self._running[caller.plugin_id] += 1
        try:
            yield
        finally:
            self._running[caller.plugin_id] -= 1
            self._running += Counter()  # without those that have none

    async def _exchange(self, target: Target, params: HttpRequest, body: bytes) -> HttpResponse:
        headers = targets.headers(target, params.headers, length=len(body), sends=params.method in _SENDING)
        if not any(name.lower() == "user-agent" for name, _ in headers):
            headers.append(("user-agent", f"plugind/{__version__}"))
        request = _head(params.method, target, headers)
        async with self._connected(target) as stream:
            exchange = _Exchange(stream, target, most=self._settings.response_bytes)
            await exchange.send(request, body)
            return await exchange.answer()

    @asynccontextmanager
    async def _connected(self, target: Target) -> AsyncIterator[ByteStream]:
        seconds = self._settings.connect_seconds
        try:
            with anyio.fail_after(seconds):
                stream = await self._connect(target)
        except ssl.SSLCertVerificationError as exc:
            raise HostUnavailable(
                f"{target.host} cannot prove that it is {target.host}: {exc.verify_message}",
                hint="Its certificate must be valid; an authority of your own is set by ca_file in [network].",
            ) from exc
        except TimeoutError as exc:
            raise _unreachable(target, f"no connection within {seconds:g} s") from exc
        except (OSError, anyio.BrokenResourceError, anyio.EndOfStream) as exc:
            raise _unreachable(target, exc) from exc
        try:
            yield stream
        finally:
            await anyio.aclose_forcefully(stream)

    async def _connect(self, target: Target) -> ByteStream:
        stream = await self._dial(target)
        if target.scheme == "http":
            return stream
        try:
            if self._context is None:
                self._context = await anyio.to_thread.run_sync(self._make_context)
            # Not standard: a server may leave out TLS's farewell, since HTTP says where an answer ends.
            return await TLSStream.wrap(
                stream,
                server_side=False,
                hostname=target.host,
                ssl_context=self._context,
                standard_compatible=False,
            )
        except BaseException:
            await anyio.aclose_forcefully(stream)
            raise

    async def _dial(self, target: Target) -> ByteStream:
        """Connect to the first of a host's addresses that answers, of those that its name may lead to."""
        found = list(dict.fromkeys(str(one[-1][0]) for one in await self._resolve(target.host, target.port)))
        addresses = [address for address in found if reach.allowed(target.host, address)]
        if found and not addresses:
            raise HostUnavailable(
                f"{target.host} leads to {found[0]}, on this machine or its network: a name of the Internet must not",
                hint="Ask for the machine by its address or its local name, with a permission for that.",
            )
        failed: OSError | None = None
        for address in addresses:
            with anyio.move_on_after(self._settings.connect_seconds / len(addresses)):
                try:
                    return await anyio.connect_tcp(address, target.port)
                except OSError as exc:
                    failed = exc
        raise failed or TimeoutError

    def _make_context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._settings.ca_file)
        except (OSError, ssl.SSLError) as exc:
            raise HostUnavailable(
                f"the certificates of {self._settings.ca_file} cannot be read: {exc}",
                hint="Correct ca_file in [network] of the configuration.",
            ) from exc


class _Exchange:
    """One request and its answer on a connection of their own."""

    def __init__(self, stream: ByteStream, target: Target, *, most: int) -> None:
        self._stream = stream
        self._target = target
        self._most = most
        self._http = h11.Connection(h11.CLIENT)

    async def send(self, request: h11.Request, body: bytes) -> None:
        parts = [self._http.send(one) for one in (request, h11.Data(data=body), h11.EndOfMessage())]
        try:
            await self._stream.send(b"".join(part or b"" for part in parts))
        except (OSError, anyio.BrokenResourceError) as exc:
            raise _unreachable(self._target, exc) from exc

    async def answer(self) -> HttpResponse:
        while not isinstance(event := await self._event(), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise _unreachable(self._target, "it closed the connection without an answer")
        body = bytearray()
        while isinstance(more := await self._event(), h11.Data):
            body += more.data
            if len(body) > self._most:
                raise TooLarge(
                    f"the answer of {self._target} is larger than {self._most} bytes",
                    hint="Raise response_bytes in [network] of the configuration.",
                    cause="limit",
                )
        if not isinstance(more, h11.EndOfMessage):
            raise _unreachable(self._target, "it closed the connection too early")
        return _response(event, bytes(body))

    async def _event(self) -> _Event:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._receive())
        except h11.RemoteProtocolError as exc:
            raise _unreachable(self._target, f"what it sent is not HTTP, or ended too early: {exc}") from exc
        return event  # type: ignore[return-value]  # NEED_DATA was taken care of

    async def _receive(self) -> bytes:
        try:
            return await self._stream.receive(_RECEIVE_BYTES)
        except anyio.EndOfStream:
            return b""
        except (OSError, anyio.BrokenResourceError) as exc:
            raise _unreachable(self._target, exc) from exc


def _head(method: str, target: Target, headers: list[tuple[str, str]]) -> h11.Request:
    try:
        encoded = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
        return h11.Request(method=method, target=target.path, headers=encoded)
    except (h11.LocalProtocolError, UnicodeEncodeError) as exc:
        raise InvalidParams(f"it is no HTTP request: {exc}", path="$.headers") from exc


def _response(head: h11.Response, body: bytes) -> HttpResponse:
    headers: dict[str, str] = {}
    for raw, value in head.headers:
        name, text = raw.decode("ascii", "replace"), value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    try:
        return HttpResponse(status=head.status_code, headers=headers, body=body.decode(), encoding="utf8")
    except UnicodeDecodeError:
        text = base64.b64encode(body).decode()
        return HttpResponse(status=head.status_code, headers=headers, body=text, encoding="base64")


def _body(params: HttpRequest) -> bytes:
    if params.encoding == "utf8":
        return params.body.encode()
    try:
        return base64.b64decode(params.body, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidParams("the body is not base64", path="$.body") from exc


def _about(caller: Caller, error: PlugindError) -> PlugindError:
    """Say which plugin an error is about."""
    if error.data.plugin_id is None:
        error.data.plugin_id, error.data.version = caller.plugin_id, caller.version
        error.message = f"{caller.plugin_id} {caller.version}: {error.message}"
    return error


def _unreachable(target: Target, why: str | Exception) -> HostUnavailable:
    words = str(why) or str(getattr(why, "__cause__", None) or "the connection broke")
    return HostUnavailable(f"{target} cannot be asked: {words}", hint="See whether the server runs, and try again.")
