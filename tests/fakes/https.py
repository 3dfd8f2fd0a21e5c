"""A web server with a certificate of an authority of its own, in a thread; its routes are what a test makes them."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

Route = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers by the server's routes."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        """Answer one request."""
        self.server.seen.append(self.path)
        self.close_connection = True
        self.server.routes[self.path.partition("?")[0]](self)

    def give(self, body: bytes, *, status: int = 200, length: bool = True, **headers: str) -> None:
        self.send_response(status)
        if length:
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class has it so
        """Be quiet."""


class Server(ThreadingHTTPServer):
    """The server."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext, ca_file: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.ca_file = str(ca_file)
        self.routes: dict[str, Route] = {}
        self.seen: list[str] = []
        self.release = threading.Event()
        """What a route waits for that never answers by itself."""

    def url(self, path: str, *, host: str = "localhost") -> str:
        return f"https://{host}:{self.server_address[1]}{path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is part of the test."""


@contextmanager
def serve(folder: Path, *, name: str = "localhost") -> Iterator[Server]:
    """Serve with a certificate for ``name``; its authority's is in ``folder``."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    server = Server(context, folder / "ca.pem")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
