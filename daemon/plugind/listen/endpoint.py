"""The address of the client socket: a value, checked before anything is created."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from plugind.listen.errors import ListenError
from plugind_protocol import systems
from plugind_protocol.endpoint import default_path

LONGEST_PATH: Final = {"linux": 107, "darwin": 103}
"""Bytes of a path that fit into a socket address, by platform."""
_SHORTEST_LIMIT: Final = 103
_PIPE_PREFIX: Final = "\\\\.\\pipe\\"


class Endpoint(msgspec.Struct, frozen=True):
    """Where the daemon listens; made by `resolve`, which checks it."""

    path: str
    """Absolute path of a Unix socket; on Windows the name of a pipe."""


def resolve(configured: str | None, environ: Mapping[str, str], *, platform: str = sys.platform) -> Endpoint:
    """Return the address to listen at.

    Args:
        configured: What the user asked for; ``None`` for the default that clients expect too.
        environ: The environment, as ``os.environ``.
        platform: As ``sys.platform``.

    Returns:
        The checked address.

    Raises:
        ListenError: The path does not fit into a socket address, or does not name a pipe (Windows).
    """
    path = configured or default_path(environ=environ, uid=systems.user(), platform=platform)
    if platform == "win32":
        if not path.lower().startswith(_PIPE_PREFIX):
            raise ListenError(rf"{path} is not the name of a pipe: name one as {_PIPE_PREFIX}NAME")
        return Endpoint(path)
    path = str(Path(path).absolute())
    size, longest = len(os.fsencode(path)), LONGEST_PATH.get(platform, _SHORTEST_LIMIT)
    if size > longest:
        raise ListenError(f"the socket path has {size} bytes, {longest} fit: choose a shorter one (--socket): {path}")
    if "\0" in path:
        raise ListenError("the socket path contains a NUL character")
    return Endpoint(path)
