"""A scripted daemon behind a real Unix socket: what a test scripts is all that it knows.

Threads and blocking sockets, so that it serves asynchronous and blocking clients alike.
"""

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from plugind_protocol import PROTOCOL_VERSION, envelope, framing
from plugind_protocol import methods as m
from plugind_protocol.errors import MethodNotFound, PlugindError

LATER = object()
"""What a script returns to answer later, by `Link.send`."""

SESSION = m.InitializeResult(
    protocol_version=PROTOCOL_VERSION,
    daemon=m.DaemonInfo(name="scripted", version="0"),
    sandbox=m.SandboxInfo(layers=[]),
    engines=[],
)


class Link:
    """One client's connection, seen from the peer."""

    def __init__(self, peer: "Peer", sock: socket.socket) -> None:
        self.peer = peer
        self.sock = sock
        self.id: Any = None
        """Id of the request being answered."""

    def send(self, body: bytes) -> None:
        self.sock.sendall(framing.encode(body, framing.Framing.LINES))

    def notify(self, method: str, params: Any) -> None:
        self.send(envelope.encode_notification(method, params))

    def close(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)

    def serve(self) -> None:
        decoder = framing.Decoder(framing=framing.Framing.LINES)
        with self.sock:
            while data := self._receive():
                for text in decoder.feed(data):
                    assert isinstance(text, bytes)
                    message = envelope.decode(text)
                    assert isinstance(message, envelope.Message)
                    self._take(message)

    def _receive(self) -> bytes:
        try:
            return self.sock.recv(65536)
        except OSError:
            return b""

    def _take(self, message: envelope.Message) -> None:
        method = message.method
        params = msgspec.json.decode(message.params) if isinstance(message.params, msgspec.Raw) else None
        if not isinstance(method, str) or message.is_notification:
            self.peer.received.put(message)
            return
        self.id = message.id
        try:
            script = self.peer.scripts.get(method)
            if script is None:
                raise MethodNotFound(f"Unknown method {method!r}")
            self.peer.calls.append((method, params))
            result = script(params, self) if callable(script) else script
            if result is not LATER:
                self.send(envelope.encode_result(message.id, result))
        except PlugindError as exc:
            self.send(envelope.encode_error(message.id, exc.to_object()))
        except BrokenPipeError:
            pass  # the client has gone


Script = Callable[[Any, Link], Any] | Any


class Peer:
    """What the fake daemon answers, and what it was asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.scripts: dict[str, Script] = {"initialize": SESSION}
        """Method → its result, or a function ``(params, link) → result`` that may raise a PlugindError."""
        self.calls: list[tuple[str, Any]] = []
        """Requests as they came."""
        self.received: queue.Queue[envelope.Message] = queue.Queue()
        """Notifications and answers of clients."""
        self.links: queue.Queue[Link] = queue.Queue()
        """Connections as they came."""

    def next_message(self) -> envelope.Message:
        return self.received.get(timeout=10)

    def next_link(self) -> Link:
        return self.links.get(timeout=10)

    def asked(self, method: str) -> list[Any]:
        return [params for name, params in self.calls if name == method]


@contextmanager
def peer(path: Path) -> Iterator[Peer]:
    """Serve a scripted peer at ``path``."""
    scripted = Peer(path)
    threads: list[threading.Thread] = []
    links: list[Link] = []

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            link = Link(scripted, sock)
            links.append(link)
            scripted.links.put(link)
            thread = threading.Thread(target=link.serve)
            threads.append(thread)
            thread.start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield scripted
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join(10)
            for link in links:
                try:
                    link.close()
                except OSError:
                    continue  # it has gone already
            for thread in threads:
                thread.join(10)
