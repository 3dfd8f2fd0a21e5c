"""Listens at an endpoint: the one place that chooses the transport by the operating system.

How a daemon uses it: enter ``serve(resolve(config.socket, os.environ), make_connection)``, announce that it is ready,
wait for the order to stop, call ``stop_accepting()``, let the connections drain, leave the context.
"""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from plugind.listen.endpoint import Endpoint

if sys.platform == "win32":
    from plugind.listen.named_pipe import serve as _serve
else:
    from plugind.listen.unix import serve as _serve


class Server(Protocol):
    """A server that listens."""

    @property
    def accepting(self) -> bool:
        """Whether connections are accepted now."""

    def stop_accepting(self) -> None:
        """Accept no more; connections go on. May be called twice."""


def serve(endpoint: Endpoint, protocol_factory: Callable[[], asyncio.Protocol]) -> AbstractAsyncContextManager[Server]:
    """Listen for as long as the context lasts.

    Args:
        endpoint: Where, as `plugind.listen.endpoint.resolve` made it.
        protocol_factory: Makes the protocol of one connection.

    Returns:
        A context with the server. At its end accepting stops and the address is given up; connections that are open
        stay with their protocols.

    Raises:
        AddressInUse: (on entering) Another daemon listens there.
        ListenError: (on entering) The address cannot be used safely.
    """
    return _serve(endpoint, protocol_factory)
