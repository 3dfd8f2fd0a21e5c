"""Reaching the daemon: where this user's listens, and a connection to it."""

import os
import sys
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import ByteStream

from plugind_client.errors import NoDaemon
from plugind_client.link import CONNECT_SECONDS
from plugind_protocol import endpoint, systems


def default_path() -> str:
    """Return where this user's daemon listens by default."""
    return endpoint.default_path(environ=os.environ, uid=systems.user(), platform=sys.platform)


def dialler(path: str, stream: ByteStream | None) -> Callable[[], Awaitable[ByteStream]]:
    """Return what opens a connection.

    Args:
        path: The daemon's socket.
        stream: A connection that is there already; it goes before the path.

    Returns:
        A function that returns a connection, or raises `NoDaemon`.
    """

    async def given() -> ByteStream:
        assert stream is not None
        return stream

    async def dial() -> ByteStream:
        try:
            with anyio.fail_after(CONNECT_SECONDS):
                return await _connect(path)
        except FileNotFoundError as exc:
            raise NoDaemon(path, "no such socket") from exc
        except TimeoutError as exc:
            raise NoDaemon(path, "it does not accept connections") from exc
        except OSError as exc:
            raise NoDaemon(path, (exc.strerror or str(exc)).lower()) from exc

    return dial if stream is None else given


if sys.platform == "win32":

    async def _connect(path: str) -> ByteStream:
        raise NoDaemon(path, systems.why_no_workers() or "this client does not connect to named pipes yet")
else:

    async def _connect(path: str) -> ByteStream:
        return await anyio.connect_unix(path)
