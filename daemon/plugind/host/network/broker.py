"""The ``network.*`` host methods: HTTP requests of plugins, made by the daemon.

Size and time are bounded; a request ends with the plugin's call. Redirects are answered as they come: where they lead
is another host, maybe one that the plugin may not ask. Where a host's name leads is looked at before anything is
connected (`reach`).
"""

import base64
import binascii
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import anyio
import h11
from anyio.abc import ByteStream

from plugind.config import NetworkSettings
from plugind.host.caller import Caller
from plugind.host.network import reach
from plugind.host.network import target as targets
from plugind.web.client import Client, Exchange, Purpose
from plugind.web.target import Target
from plugind_protocol import __version__
from plugind_protocol.errors import HostUnavailable, InvalidParams, Overloaded, PlugindError, Timeout, TooLarge
from plugind_protocol.host.network import HttpRequest, HttpResponse
from plugind_protocol.permissions import Permission

_SENDING: Final = frozenset({"POST", "PUT", "PATCH"})
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
        self._client = Client(
            Purpose(done="asked", section="network"),
            ca_file=settings.ca_file,
            connect_seconds=settings.connect_seconds,
            dial=self._dial,
        )
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
        async with self._client.connected(target) as exchange:
            head = await exchange.ask(request, body)
            return _response(head, await self._taken(exchange, target))

    async def _taken(self, exchange: Exchange, target: Target) -> bytes:
        body = bytearray()
        async for piece in exchange.pieces():
            body += piece
            if len(body) > self._settings.response_bytes:
                raise TooLarge(
                    f"the answer of {target} is larger than {self._settings.response_bytes} bytes",
                    hint="Raise response_bytes in [network] of the configuration.",
                    cause="limit",
                )
        return bytes(body)

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
