"""What stops the daemon from outside: signals, and the end of stdin."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator

import anyio
import structlog

_log = structlog.get_logger(__name__)


async def on_signals(stop: anyio.Event, everything: anyio.CancelScope) -> None:
    """Stop at the first signal, and at once at the second.

    Args:
        stop: Set at the first.
        everything: Cancelled at the second.
    """
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            if stop.is_set():
                _log.warning("second signal, stopping at once", signal=number.name)
                everything.cancel()
            stop.set()


@contextlib.contextmanager
def with_stdin(stop: anyio.Event) -> Iterator[None]:
    """Stop when stdin closes; at once when it is not something that can be waited for, such as /dev/null."""
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()

    def readable() -> None:
        if not os.read(descriptor, 4096):
            stop.set()
            loop.remove_reader(descriptor)

    try:
        loop.add_reader(descriptor, readable)
    except OSError:
        stop.set()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            loop.remove_reader(descriptor)
