"""How the operating system's scheduler treats the daemon and its workers; none of it needs a privilege.

With a short slice, a thread that wakes runs at once, before those with longer ones have had theirs; with a long one,
everybody else runs before it. Neither changes how much of a processor a thread gets in the end. Only Linux (from 6.12
on; before, the call has no effect) has such slices; elsewhere everything stays as it is.
"""

import contextlib
import os
import platform
import sys
from pathlib import Path
from typing import Final

ANSWER_NS: Final = 100_000
"""Slice of what answers, in ns: the shortest that the kernel gives."""
COMPUTE_NS: Final = 100_000_000
"""Slice of what computes, in ns: the longest that the kernel gives."""

if sys.platform == "linux":
    import ctypes
    import struct

    _NUMBER: Final = {"x86_64": 314, "aarch64": 274}.get(platform.machine())
    """Of the system call ``sched_setattr``."""
    _LIBC: Final = ctypes.CDLL(None)
    _ATTRIBUTES: Final = struct.Struct("=IIQiIQQQII")
    """``struct sched_attr``: size, policy, flags, nice value, priority, runtime, deadline, period, two clamps."""
    _KEEP_POLICY: Final = 0x08

    def _set_slice(thread: int, nanoseconds: int) -> bool:
        if _NUMBER is None:
            return False
        with contextlib.suppress(OSError):
            nice = os.getpriority(os.PRIO_PROCESS, thread)
            wanted = _ATTRIBUTES.pack(_ATTRIBUTES.size, 0, _KEEP_POLICY, nice, 0, nanoseconds, 0, 0, 0, 0)
            return int(_LIBC.syscall(_NUMBER, thread, wanted, 0)) == 0
        return False

    def has_thread(process: int, thread: int) -> bool:
        """Return whether a process has a thread of this number; what a process says of itself may be anything."""
        return Path(f"/proc/{process}/task/{thread}").exists()
else:

    def _set_slice(thread: int, nanoseconds: int) -> bool:  # noqa: ARG001  # nothing to be done here
        return False

    def has_thread(process: int, thread: int) -> bool:  # noqa: ARG001  # nothing to be found out here
        """Return False: threads make no difference here."""
        return False


def answer(thread: int) -> bool:
    """Let a thread run at once when it has something to do.

    Args:
        thread: Its id, which may be gone; 0 is the one that calls. What it starts afterwards inherits this.

    Returns:
        Whether the system took it.
    """
    return _set_slice(thread, ANSWER_NS)


def compute(thread: int) -> bool:
    """Let a thread run when nobody else has something to do at once.

    Args:
        thread: Its id, which may be gone; 0 is the one that calls.

    Returns:
        Whether the system took it.
    """
    return _set_slice(thread, COMPUTE_NS)
