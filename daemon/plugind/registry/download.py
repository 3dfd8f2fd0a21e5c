"""Fetches packages over https: redirects counted, size and time bounded.

Everything waits in the event loop and can be cancelled there; what computes or writes runs in threads.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urljoin, urlsplit

import anyio
import h11

from plugind.config import DownloadSettings
from plugind.registry.sources import Report
from plugind.web import target as targets
from plugind.web.client import Client, Exchange, Purpose
from plugind.web.target import PORTS, Target
from plugind_protocol import __version__
from plugind_protocol.errors import HostUnavailable, InvalidParams, Timeout, TooLarge
from plugind_protocol.methods import InstallProgress
from plugind_protocol.permissions import Permission

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_WRITE_BYTES: Final = 1024 * 1024
"""How much is gathered before a thread writes it."""


class Downloader:
    """Fetches packages.

    Args:
        settings: From where, how large and how long.
    """

    def __init__(self, settings: DownloadSettings) -> None:
        self._settings = settings
        self._client = Client(
            Purpose(done="fetched", section="downloads"),
            ca_file=settings.ca_file,
            connect_seconds=settings.connect_seconds,
            idle_seconds=settings.idle_seconds,
        )

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

    async def _follow(self, target: Target, file: Path, report: Report) -> None:
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

    def _target(self, url: str) -> Target:
        """Take a URL apart, and refuse what must not be followed."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", PORTS["https"] if parts.port is None else parts.port
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
        return Target("https", host, port, targets.path(parts))

    @asynccontextmanager
    async def _answer(self, target: Target) -> AsyncIterator[tuple[h11.Response, Exchange]]:
        """Ask for a target, and give the answer's head and its body."""
        async with self._client.connected(target) as exchange:
            yield await exchange.ask(_request(target)), exchange

    async def _take(self, target: Target, response: h11.Response, body: Exchange, file: Path, report: Report) -> None:
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


def _request(target: Target) -> h11.Request:
    headers = [
        ("Host", target.authority),
        ("User-Agent", f"plugind/{__version__}"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    return h11.Request(method="GET", target=target.path, headers=headers)


async def _gathered(body: Exchange) -> AsyncIterator[bytes]:
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


def _too_large(target: Target, most: int) -> TooLarge:
    return TooLarge(
        f"{target} is larger than {most} bytes", hint="Raise max_bytes in [downloads] of the configuration."
    )
