"""Resource limits of a child.

The hard limit of memory stays where it was: the daemon moves the soft one while the plugin runs, and the system call
filter keeps the child from doing so.
"""

import resource
from typing import Final

from plugind_worker.sandbox.layer import Confinement, Job

HEADROOM_BYTES: Final = 160 * 1024 * 1024
"""What a worker itself may take beyond what it has at its start: copies of the largest message, and Python."""
COMPILE_BYTES: Final = 1024 * 1024 * 1024
"""What a compiling child may take beyond what it has at its start."""
ARTEFACT_BYTES: Final = 512 * 1024 * 1024
"""Largest artefact that a compiling child may write."""
OWN_DESCRIPTORS: Final = 8
"""0, 1, 2, the channel's two, the module's two, and one that is on its way in."""


def apply(confinement: Confinement) -> None:
    """Set every limit but that of processes; `seal` follows when all threads are there."""
    launch = confinement.job is Job.LAUNCH
    data = _data_bytes() + (HEADROOM_BYTES + confinement.data_bytes if launch else COMPILE_BYTES)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (_least(data, hard), hard))
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0 if launch else ARTEFACT_BYTES,
        resource.RLIMIT_NOFILE: OWN_DESCRIPTORS + confinement.windows,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_RTPRIO: 0,
        resource.RLIMIT_NICE: 0,
    }
    if confinement.cpu_seconds is not None:
        limits[resource.RLIMIT_CPU] = confinement.cpu_seconds
    for limit, most in limits.items():
        value = _least(most, resource.getrlimit(limit)[1])
        resource.setrlimit(limit, (value, value))


def seal(_: Confinement) -> None:
    """Allow no further process or thread; the kernel does not hold root to it, the system call filter does."""
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _least(wanted: int, hard: int) -> int:
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def _data_bytes() -> int:
    """Return how much private writable memory this process has, as RLIMIT_DATA counts it, and its stack."""
    with open("/proc/self/statm", "rb", buffering=0) as file:
        return int(file.read().split()[5]) * resource.getpagesize()
