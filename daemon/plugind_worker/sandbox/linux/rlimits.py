"""Resource limits of a child.

The daemon moves the soft limits of memory, processor time and descriptors while the plugin runs, so that the hard ones
leave room; the system call filter keeps the child from moving them itself.
"""

import os
import resource
import sys
from typing import Final

from plugind_worker.sandbox.layer import Confinement, Job

assert sys.platform != "win32"  # for type checkers: `plugind_worker.sandbox.windows` has its own

HEADROOM_BYTES: Final = 160 * 1024 * 1024
"""What a worker itself may take beyond what it has at its start: copies of the largest message, and Python.

Measured: a worker that echoes 15 MB has 107 MB more in memory, the 33 MB in the guest included; 16 MB at its start."""
ADDRESS_BYTES: Final = 64 * 1024 * 1024 * 1024
"""What a child may reserve, so that its page tables have an end: a guest's memory reserves 4 GiB and its guards."""
DESCRIPTORS: Final = {Job.LAUNCH: 256, Job.COMPILE: 16, Job.UNPACK: 16}
"""Most descriptors that a child can be allowed: its channel, its module, and its frame windows."""

_STATM_BYTES: Final = 256


def apply(confinement: Confinement) -> None:
    """Set every limit but that of processes; `seal` follows when all threads are there."""
    headroom = HEADROOM_BYTES if confinement.job is Job.LAUNCH else 0
    fixed = {
        resource.RLIMIT_AS: ADDRESS_BYTES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: confinement.file_bytes,
        resource.RLIMIT_NOFILE: DESCRIPTORS[confinement.job],
        resource.RLIMIT_MEMLOCK: 0,
    }
    if sys.platform == "linux":  # for whoever reads the types on another system
        fixed |= dict.fromkeys((resource.RLIMIT_MSGQUEUE, resource.RLIMIT_RTPRIO, resource.RLIMIT_NICE), 0)
    for limit, most in fixed.items():
        value = _least(most, resource.getrlimit(limit)[1])
        resource.setrlimit(limit, (value, value))
    moving = {
        resource.RLIMIT_DATA: _data_bytes() + headroom + confinement.data_bytes,
        resource.RLIMIT_CPU: confinement.cpu_seconds,
        resource.RLIMIT_NOFILE: confinement.file_descriptors,
    }
    for limit, wanted in moving.items():
        if wanted is not None:
            _, hard = resource.getrlimit(limit)
            resource.setrlimit(limit, (_least(wanted, hard), hard))


def seal(_: Confinement) -> None:
    """Allow no further process or thread; the kernel does not hold root to it, the system call filter does."""
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _least(wanted: int, hard: int) -> int:
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def _data_bytes() -> int:
    """Return how much private writable memory this process has, as RLIMIT_DATA counts it, and its stack."""
    descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(descriptor, _STATM_BYTES).split()[5]) * resource.getpagesize()
    finally:
        os.close(descriptor)
