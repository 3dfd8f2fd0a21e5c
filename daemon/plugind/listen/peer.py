"""Who is at the other end of a Unix socket, as the kernel says."""

import ctypes
import os
import select
import socket
import struct
import sys
from collections.abc import Callable
from typing import Final

import msgspec

_SO_PEERCRED: Final = 17  # Linux; struct ucred {pid_t, uid_t, gid_t}
_UCRED: Final = struct.Struct("=iII")
_SOL_LOCAL: Final = 0  # macOS; struct xucred {u32 version, uid_t, short ngroups, gid_t groups[16]}
_LOCAL_PEERCRED: Final = 1
_XUCRED: Final = struct.Struct("=IIh2x16I")


class Peer(msgspec.Struct, frozen=True):
    """The process that connected."""

    uid: int
    gid: int
    pid: int | None = None
    """Where the system says it."""


def credentials(sock: socket.socket) -> Peer:
    """Ask the kernel who connected.

    Args:
        sock: A connected Unix socket.

    Returns:
        The peer's identity at the time it connected.

    Raises:
        OSError: The system does not say; treat the peer as a stranger.
    """
    return _BY_PLATFORM.get(sys.platform, _getpeereid)(sock)


def has_left(descriptor: int) -> bool:
    """Tell a peer that is gone from one that only sends no more but still reads.

    Args:
        descriptor: A connected Unix socket at whose end of file we are.
    """
    if sys.platform == "win32":
        return True  # pipes close both ways at once
    poller = select.poll()
    poller.register(descriptor, 0)
    return any(events & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, events in poller.poll(0))


def _linux(sock: socket.socket) -> Peer:
    pid, uid, gid = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, _SO_PEERCRED, _UCRED.size))
    return Peer(uid=uid, gid=gid, pid=pid)


def _darwin(sock: socket.socket) -> Peer:
    _, uid, _, gid, *_ = _XUCRED.unpack(sock.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED.size))
    return Peer(uid=uid, gid=gid)


def _getpeereid(sock: socket.socket) -> Peer:
    """The BSDs' own call, from the C library."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "getpeereid", None)
    uid, gid = ctypes.c_uint32(), ctypes.c_uint32()
    if function is None:
        raise OSError("this system does not tell who connected")
    if function(sock.fileno(), ctypes.byref(uid), ctypes.byref(gid)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return Peer(uid=uid.value, gid=gid.value)


_BY_PLATFORM: Final[dict[str, Callable[[socket.socket], Peer]]] = {"linux": _linux, "darwin": _darwin}
