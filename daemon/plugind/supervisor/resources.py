"""What the operating system knows of a running worker: how much it uses, and the limits that it keeps (prlimit)."""

import contextlib
import sys

import msgspec
import psutil

from plugind_protocol.manifest import Limits


class Use(msgspec.Struct, frozen=True):
    """What a process uses."""

    private_bytes: int
    """Resident memory that is not of files or shared: for a worker, what its zygote had and what it added."""
    cpu_seconds: float


def use(pid: int) -> Use | None:
    """Return what a process uses now; ``None`` when it has ended."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            memory, times = process.memory_info(), process.cpu_times()
    except psutil.Error:
        return None
    shared = getattr(memory, "shared", 0)  # where the system does not tell, all of it counts
    return Use(private_bytes=memory.rss - shared, cpu_seconds=times.user + times.system)


if sys.platform == "linux":
    import resource

    def change(pid: int, limits: Limits) -> None:
        """Set the limits that are given, of a process that may have ended meanwhile.

        A worker over ``cpu_seconds`` is ended by SIGXCPU. Memory is kept by the engine's limiter, and by the limit
        that the worker puts on itself before it meets the plugin; `allow_memory` moves that.

        Args:
            pid: The worker.
            limits: ``cpu_seconds`` and ``file_descriptors`` are used; ``None`` leaves one as it is.
        """
        with contextlib.suppress(ProcessLookupError):
            if limits.cpu_seconds is not None:
                _, hard = resource.prlimit(pid, resource.RLIMIT_CPU)
                resource.prlimit(pid, resource.RLIMIT_CPU, (limits.cpu_seconds, hard))  # without root none could rise
            if limits.file_descriptors is not None:
                _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(limits.file_descriptors, hard), hard))

    def share(pid: int, *, cpu_seconds: int | None, file_descriptors: int | None) -> None:
        """Set the limits of a process that several plugins share, which may have ended meanwhile.

        Args:
            pid: The process.
            cpu_seconds: Of its whole life; ``None`` for no limit.
            file_descriptors: ``None`` for as many as it can be allowed.
        """
        with contextlib.suppress(ProcessLookupError):
            for limit, wanted in ((resource.RLIMIT_CPU, cpu_seconds), (resource.RLIMIT_NOFILE, file_descriptors)):
                _, hard = resource.prlimit(pid, limit)
                soft = hard if wanted is None else wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
                resource.prlimit(pid, limit, (soft, hard))

    def allow_memory(pid: int, more_bytes: int) -> None:
        """Move the limit of private memory of a worker, which may have ended meanwhile.

        Args:
            pid: The worker.
            more_bytes: By how much; less than nothing lowers it.
        """
        with contextlib.suppress(ProcessLookupError):
            soft, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
            if soft != resource.RLIM_INFINITY:
                moved = soft + more_bytes
                soft = moved if hard == resource.RLIM_INFINITY else min(moved, hard)
                resource.prlimit(pid, resource.RLIMIT_DATA, (soft, hard))
else:

    def change(pid: int, limits: Limits) -> None:
        """Do nothing: limits of another process cannot be changed on this system."""

    def share(pid: int, *, cpu_seconds: int | None, file_descriptors: int | None) -> None:
        """Do nothing, likewise."""

    def allow_memory(pid: int, more_bytes: int) -> None:
        """Do nothing, likewise."""
