"""Sockets between processes of ours: descriptors that travel with a message, datagrams, a look at what has arrived.

Windows has none of it: there, each function says so. What takes its place (`socket.share`, handles that are
duplicated into another process) is to be written with the spawner of workers.
"""

import errno
import select
import socket
import sys
from collections.abc import Sequence

if sys.platform == "win32":

    def pair() -> tuple[socket.socket, socket.socket]:
        """Refuse."""
        raise _missing()

    def streams() -> tuple[socket.socket, socket.socket]:
        """Refuse."""
        raise _missing()

    def send(sock: socket.socket, data: bytes, descriptors: Sequence[int] = ()) -> None:  # noqa: ARG001  # nothing is sent
        """Refuse."""
        raise _missing()

    def receive(sock: socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:  # noqa: ARG001  # nothing comes
        """Refuse."""
        raise _missing()

    def arrived(sock: socket.socket) -> bool:  # noqa: ARG001  # nothing comes
        """Refuse."""
        raise _missing()

    def wait(sock: socket.socket, seconds: float) -> bool:  # noqa: ARG001  # nothing comes
        """Refuse."""
        raise _missing()

    def _missing() -> OSError:
        return OSError(errno.ENOTSUP, "open files cannot be sent to another process on Windows yet")

else:
    if sys.platform == "linux":
        _CLOSE_ON_EXEC = socket.MSG_CMSG_CLOEXEC
        """So that no program that is started gets what was received."""
    else:
        _CLOSE_ON_EXEC = 0

    def pair() -> tuple[socket.socket, socket.socket]:
        """Return two connected sockets that keep messages whole and in order, and show when the other is closed."""
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def streams() -> tuple[socket.socket, socket.socket]:
        """Return two connected sockets for bytes."""
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)

    def send(sock: socket.socket, data: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send bytes, and descriptors with them; the caller keeps its own.

        Args:
            sock: A connected Unix socket.
            data: At least one byte; what is longer than the socket takes at once is an error of the caller's.
            descriptors: What travels with the first byte.

        Raises:
            OSError: Nothing was sent: the other end is gone, or (BlockingIOError) takes no more now.
        """
        socket.send_fds(sock, [data], list(descriptors))

    def receive(sock: socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:
        """Receive bytes, and the descriptors that came with them; those are the caller's to close.

        Args:
            sock: A connected Unix socket.
            size: How many bytes at most.
            most: How many descriptors at most; the kernel closes what is beyond.

        Returns:
            The bytes, none at the end, and the descriptors.

        Raises:
            OSError: The other end is gone with something of ours unread (ConnectionResetError), or nothing is there
                (BlockingIOError, where the socket does not block).
        """
        data, descriptors, _, _ = socket.recv_fds(sock, size, most, _CLOSE_ON_EXEC)
        return data, descriptors

    def arrived(sock: socket.socket) -> bool:
        """Tell whether something, or the end, can be received without waiting."""
        try:
            sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            pass
        return True

    def wait(sock: socket.socket, seconds: float) -> bool:
        """Wait until something, or the end, can be received; False when nothing came in time."""
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
