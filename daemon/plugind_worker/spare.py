"""A worker that waits for its plugin: forked ahead, confined as far as that does not depend on the plugin, rehearsed.

Forking copies the zygote's page tables, and a child's first steps touch its memory page by page; a plugin that is
loaded should wait for neither. The zygote keeps one spare, makes another when one was taken, and reaches it by its
*door*: one datagram with the order and its descriptors, after which the door is closed. A spare holds nothing of any
plugin's, and whatever a worker must have given up when the plugin's code runs, it gives up afterwards as every worker.
"""

import socket
from collections.abc import Sequence
from typing import Final

import msgspec

from plugind_protocol import sockets
from plugind_protocol.worker import Spawn

MAX_DATAGRAM: Final = 64 * 1024
DESCRIPTORS: Final = 4
"""How many come with a launch at most."""


class Spare:
    """The zygote's end.

    Args:
        pid: The process.
        door: Our end of the socket that it waits at.
    """

    def __init__(self, pid: int, door: socket.socket) -> None:
        self.pid = pid
        self._door = door

    def give(self, order: bytes, descriptors: Sequence[int]) -> bool:
        """Let it be what was ordered, and close the door.

        Args:
            order: A `Spawn` that launches, encoded.
            descriptors: Those of the order; the caller keeps its own.

        Returns:
            False when it has ended meanwhile: nobody got the order.
        """
        with self._door:
            try:
                sockets.send(self._door, order, descriptors)
            except (BrokenPipeError, ConnectionResetError):
                return False
        return True

    def close(self) -> None:
        """Let it end."""
        self._door.close()


def wait(door: socket.socket) -> tuple[Spawn, list[int]] | None:
    """Wait for an order, as the spare.

    Args:
        door: The spare's end; closed afterwards.

    Returns:
        The order and its descriptors; None when none will come.
    """
    with door:
        try:
            data, descriptors = sockets.receive(door, MAX_DATAGRAM, DESCRIPTORS)
        except ConnectionResetError:
            return None
    return (msgspec.json.decode(data, type=Spawn), descriptors) if data else None
