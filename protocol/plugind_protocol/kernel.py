"""What daemon and workers need of the kernel that not every system has; where it is missing, each says so.

A pidfd refers to one process, whatever happens to its number.
"""

import errno
import os
import signal
import sys

if sys.platform == "linux":

    def pidfd_signal(pidfd: int, number: int) -> None:
        """Send a signal to the process of a descriptor."""
        signal.pidfd_send_signal(pidfd, number)

    def allocate(descriptor: int, size: int) -> None:
        """Give a file its size, and the room for it at once."""
        os.posix_fallocate(descriptor, 0, size)

else:

    def pidfd_signal(pidfd: int, number: int) -> None:
        """Send a signal to the process of a descriptor."""
        raise OSError(errno.ENOSYS, f"this system sends no signal {number} by descriptor {pidfd}")

    def allocate(descriptor: int, size: int) -> None:
        """Give a file its size; its room comes with its content."""
        os.ftruncate(descriptor, size)
