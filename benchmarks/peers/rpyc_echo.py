"""RPyC over a Unix socket: a well-known way to call Python in another process. Its server is this module by itself."""

import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.peers.served import served


class Remote:
    """A connection to the server.

    Args:
        connection: RPyC's.
        in_flight: Makes an asynchronous call of what it is given.
    """

    def __init__(self, connection: Any, in_flight: Any) -> None:
        self.echo = connection.root.echo  # looked up once: each look-up is a request
        self._later = in_flight(self.echo)

    def per_second(self, text: str, *, in_flight: int, count: int) -> float:
        """Keep a number of calls on their way; return how many are answered in a second."""
        began = time.perf_counter()
        waiting = deque(self._later(text) for _ in range(in_flight))
        for _ in range(count - in_flight):
            waiting.popleft().wait()
            waiting.append(self._later(text))
        for one in waiting:
            one.wait()
        return count / (time.perf_counter() - began)


@contextmanager
def rpyc_echo() -> Iterator[Remote]:
    """Start a server; yield a connection to it.

    Raises:
        Missing: rpyc is not installed.
    """
    with served("benchmarks.peers.rpyc_echo", "rpyc") as path:
        import rpyc  # noqa: PLC0415  # an optional peer

        connection = rpyc.utils.factory.unix_connect(str(path))
        try:
            yield Remote(connection, rpyc.async_)
        finally:
            connection.close()


def serve(path: str) -> None:
    """Answer one client with what it sends, until it goes."""
    import rpyc  # noqa: PLC0415  # an optional peer

    class Echo(rpyc.Service):  # type: ignore[misc]  # rpyc has no types
        """The service."""

        def exposed_echo(self, sent: str) -> str:
            """Answer."""
            return sent

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)
        client, _ = listener.accept()
    rpyc.utils.factory.connect_stream(rpyc.SocketStream(client), Echo).serve_all()


if __name__ == "__main__":
    serve(sys.argv[1])
