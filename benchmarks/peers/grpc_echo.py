"""Python gRPC over a Unix socket, one hop: client here, server (this module, run by itself) in another process.

Messages are bytes, so that what it costs to build them counts for nobody.
"""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from benchmarks.peers.served import served

METHOD = "/plugins.Plugins/Call"


@contextmanager
def grpc_echo() -> Iterator[Callable[[bytes], bytes]]:
    """Start a server; yield a call of it.

    Raises:
        Missing: grpcio is not installed.
    """
    os.environ["GRPC_VERBOSITY"] = "NONE"  # it would say on stderr that the server ends
    with served("benchmarks.peers.grpc_echo", "grpc") as path:
        import grpc  # noqa: PLC0415  # an optional peer

        with grpc.insecure_channel(f"unix:{path}") as channel:
            yield channel.unary_unary(METHOD)


def serve(path: str) -> None:
    """Answer with what was sent, until stdin ends."""
    import grpc  # noqa: PLC0415  # an optional peer

    def echo(sent: bytes, _context: Any) -> bytes:
        return sent

    service, method = METHOD[1:].split("/")
    handler = grpc.method_handlers_generic_handler(service, {method: grpc.unary_unary_rpc_method_handler(echo)})
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"unix:{path}")
    server.start()
    print("ready", flush=True)
    sys.stdin.read()
    server.stop(None)


if __name__ == "__main__":
    serve(sys.argv[1])
