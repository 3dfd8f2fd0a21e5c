"""Fetches packages over https: certificates always checked, redirects counted, size and time bounded.

Everything waits in the event loop and can be cancelled there; what computes or writes runs in threads.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote, urljoin, urlsplit

import anyio
import h11
import msgspec
from anyio.abc import ByteStream
from anyio.streams.tls import TLSStream

from plugind.config import DownloadSettings
from plugind.registry.sources import Report
from plugind_protocol import __version__
from plugind_protocol.errors import HostUnavailable, InvalidParams, Timeout, TooLarge
from plugind_protocol.methods import InstallProgress
from plugind_protocol.permissions import Permission

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_RECEIVE_BYTES: Final = 64 * 1024
_WRITE_BYTES: Final = 1024 * 1024
"""How much is gathered before a thread writes it."""
_KEPT_IN_URLS: Final = "%/:=&?~#+!$,;'@()*[]"


class _Target(msgspec.Struct, frozen=True):
    """Where a URL leads."""

    host: str
    port: int
    path: str
    """With its query."""

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"https://{self.authority}{self.path.partition('?')[0]}"  # a query may hold a secret


class Downloader:
    """Fetches packages.

    Args:
        settings: From where, how large and how long.
    """

    def __init__(self, settings: DownloadSettings) -> None:
        self._settings = settings
        self._context: ssl.SSLContext | None = None

    async def fetch(self, url: str, file: Path, report: Report) -> None:
        """Fetch a package.

        Args:
            url: ``https://…``.
            file: Where it is put; not there yet. What was begun when this fails is the caller's to remove.
            report: Told how far it is.

        Raises:
            InvalidParams: It is no URL that this would follow.
            HostUnavailable: The server cannot be reached, has no valid certificate, or does not give it.
            TooLarge: It is larger than the settings allow.
            Timeout: It does not come in time.
            OSError: The disk is full.
        """
        seconds = self._settings.total_seconds
        try:
            with anyio.fail_after(seconds):
                await self._follow(self._target(url), file, report)
        except TimeoutError as exc:
            raise Timeout(
                f"{self._target(url)} did not come within {seconds:g} s",
                hint="Try again, or raise total_seconds in [downloads] of the configuration.",
                cause="timeout",
            ) from exc

    async def _follow(self, target: _Target, file: Path, report: Report) -> None:
        for _ in range(self._settings.redirects + 1):
            report(InstallProgress(stage="downloading", done=0))
            async with self._answer(target) as (response, body):
                if response.status_code not in _REDIRECTS:
                    await self._take(target, response, body, file, report)
                    return
                location = _header(response, b"location")
                target = self._target(urljoin(f"{target}", location))
        raise HostUnavailable(
            f"{target} redirects more than {self._settings.redirects} times", hint="Give the URL of the package itself."
        )

    def _target(self, url: str) -> _Target:
        """Take a URL apart, and refuse what must not be followed."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", 443 if parts.port is None else parts.port
        except ValueError as exc:
            raise _refused("is not a URL") from exc
        if parts.scheme != "https" or not host:
            raise _refused(f"leads to {parts.scheme or 'no'} URL; packages come over https only")
        if "@" in parts.netloc:
            raise _refused("has a user name in it; that would end up in logs")
        if not host.isascii() or not host.isprintable():
            raise _refused("has a host name that is not ASCII; write it as xn--…")
        allowed = self._settings.allow_hosts
        if allowed and not any(Permission("network", one).covers(Permission("network", host)) for one in allowed):
            raise _refused(f"leads to {host}, which is not in allow_hosts of the configuration")
        path = quote(parts.path or "/", safe=_KEPT_IN_URLS) + (
            f"?{quote(parts.query, safe=_KEPT_IN_URLS)}" if parts.query else ""
        )
        return _Target(host, port, path)

    @asynccontextmanager
    async def _answer(self, target: _Target) -> AsyncIterator[tuple[h11.Response, "_Body"]]:
        """Ask for a target, and give the answer's head and its body."""
        stream = await self._connect(target)
        try:
            body = _Body(stream, target, idle_seconds=self._settings.idle_seconds)
            yield await body.ask(), body
        finally:
            await anyio.aclose_forcefully(stream)

    async def _connect(self, target: _Target) -> ByteStream:
        if self._context is None:
            self._context = await anyio.to_thread.run_sync(self._make_context)
        try:
            with anyio.fail_after(self._settings.connect_seconds):
                stream = await anyio.connect_tcp(target.host, target.port)
                try:
                    # Not standard: a server may leave out TLS's farewell, since the length of what comes is known.
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
        except ssl.SSLCertVerificationError as exc:
            raise HostUnavailable(
                f"{target.host} cannot prove that it is {target.host}: {exc.verify_message}",
                hint="Its certificate must be valid; an authority of your own is set by ca_file in [downloads].",
            ) from exc
        except (OSError, anyio.BrokenResourceError, anyio.EndOfStream) as exc:
            late = f"no connection within {self._settings.connect_seconds:g} s"
            raise _unreachable(target, late if isinstance(exc, TimeoutError) else exc) from exc

    def _make_context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._settings.ca_file)
        except (OSError, ssl.SSLError) as exc:
            raise HostUnavailable(
                f"the certificates of {self._settings.ca_file} cannot be read: {exc}",
                hint="Correct ca_file in [downloads] of the configuration.",
            ) from exc

    async def _take(self, target: _Target, response: h11.Response, body: "_Body", file: Path, report: Report) -> None:
        """Write the body of an answer into the file."""
        if response.status_code != 200:
            raise HostUnavailable(
                f"{target} was not given: the server answered {response.status_code} "
                f"{response.reason.decode('ascii', 'replace')[:64]}".rstrip(),
                hint="See whether the URL is right and needs no login.",
            )
        if _header(response, b"content-encoding") not in ("", "identity"):
            raise HostUnavailable(f"{target} came compressed although it was not to be", hint="Configure the server.")
        length = _header(response, b"content-length")
        if not length and not _header(response, b"transfer-encoding"):
            raise HostUnavailable(f"{target} came without its length, so that its end is not known")
        total, most = int(length) if length else None, self._settings.max_bytes
        if total is not None and total > most:
            raise _too_large(target, most)
        done = 0
        with await anyio.to_thread.run_sync(lambda: file.open("xb")) as out:
            async for gathered in _gathered(body):
                done += len(gathered)
                if done > most:
                    raise _too_large(target, most)
                await anyio.to_thread.run_sync(_write, out, gathered)
                report(InstallProgress(stage="downloading", done=done, total=total))


class _Body:
    """One request and its answer."""

    def __init__(self, stream: ByteStream, target: _Target, *, idle_seconds: float) -> None:
        self._stream = stream
        self._target = target
        self._idle_seconds = idle_seconds
        self._http = h11.Connection(h11.CLIENT)

    async def ask(self) -> h11.Response:
        headers = [
            ("Host", self._target.authority),
            ("User-Agent", f"plugind/{__version__}"),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
        ]
        data = self._http.send(h11.Request(method="GET", target=self._target.path, headers=headers))
        assert data is not None
        end = self._http.send(h11.EndOfMessage())
        try:
            with anyio.fail_after(self._idle_seconds):
                await self._stream.send(data + (end or b""))
        except (OSError, anyio.BrokenResourceError) as exc:
            raise _unreachable(self._target, exc) from exc
        while not isinstance(event := await self._event(), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise _unreachable(self._target, "it closed the connection without an answer")
        return event

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        while isinstance(event := await self._event(), h11.Data):
            yield bytes(event.data)
        if not isinstance(event, h11.EndOfMessage):
            raise _unreachable(self._target, "it closed the connection too early")

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._receive())
        except h11.RemoteProtocolError as exc:
            raise _unreachable(self._target, f"what it sent is not HTTP, or ended too early: {exc}") from exc
        return event  # type: ignore[return-value]  # NEED_DATA was taken care of

    async def _receive(self) -> bytes:
        try:
            with anyio.fail_after(self._idle_seconds):
                return await self._stream.receive(_RECEIVE_BYTES)
        except anyio.EndOfStream:
            return b""
        except TimeoutError as exc:
            raise _unreachable(self._target, f"nothing came for {self._idle_seconds:g} s") from exc
        except (OSError, anyio.BrokenResourceError) as exc:
            raise _unreachable(self._target, exc) from exc


async def _gathered(body: _Body) -> AsyncIterator[bytes]:
    gathered = bytearray()
    async for piece in body.pieces():
        gathered += piece
        if len(gathered) >= _WRITE_BYTES:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


def _write(out: BinaryIO, data: bytes) -> None:
    out.write(data)
    out.flush()


def _header(response: h11.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in response.headers if key == name), "")


def _refused(problem: str) -> InvalidParams:
    return InvalidParams(
        f"Invalid params: the URL {problem}", hint="Give an https:// URL of a package.", path="$.source"
    )


def _unreachable(target: _Target, why: str | Exception) -> HostUnavailable:
    words = str(why) or str(getattr(why, "__cause__", None) or "the connection broke")
    return HostUnavailable(f"{target} cannot be fetched: {words}", hint="See whether the server runs, and try again.")


def _too_large(target: _Target, most: int) -> TooLarge:
    return TooLarge(
        f"{target} is larger than {most} bytes", hint="Raise max_bytes in [downloads] of the configuration."
    )
