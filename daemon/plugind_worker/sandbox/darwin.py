"""The layers of macOS. Type-checked, and never run: workers do not start there yet, since the zygote needs Linux.

Seatbelt does what Landlock and the system call filter do together. There is no parent-death signal; a worker ends when
its control socket is closed. The kernel does not keep RLIMIT_DATA, so that the engine's limiter alone holds memory.
"""

import ctypes
import resource
import sys
from typing import Final

from plugind_worker.sandbox import process
from plugind_worker.sandbox.layer import Confinement, Job, Layer, Missing, Stage

assert sys.platform != "win32"  # for type checkers: `plugind_worker.sandbox.windows` has its own

_PROFILE: Final = b"(version 1)(deny default)"
"""Nothing: descriptors that are open stay usable, everything else is refused."""
_DESCRIPTORS: Final = 256


def parent_death(_: Confinement) -> None:
    """Say that there is no such thing.

    Raises:
        Missing: Always.
    """
    raise Missing("macOS has no parent-death signal; workers end when their control socket closes")


def limits(confinement: Confinement) -> None:
    """Allow no files, core dumps or locked memory, few descriptors, and the processor time that is set."""
    fixed = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_FSIZE: confinement.file_bytes,
        resource.RLIMIT_NOFILE: confinement.file_descriptors or _DESCRIPTORS,
    }
    if confinement.cpu_seconds is not None:
        fixed[resource.RLIMIT_CPU] = confinement.cpu_seconds
    for limit, most in fixed.items():
        resource.setrlimit(limit, (most, most))


def seal(_: Confinement) -> None:
    """Allow no further process."""
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def seatbelt(_: Confinement) -> None:
    """Deny everything that asks the kernel for something new.

    Raises:
        Missing: The system takes no profile.
    """
    system = ctypes.CDLL("/usr/lib/libSystem.dylib")
    message = ctypes.c_char_p()
    if system.sandbox_init(_PROFILE, ctypes.c_uint64(0), ctypes.byref(message)) != 0:
        reason = (message.value or b"no reason given").decode(errors="replace")
        system.sandbox_free_error(message)
        raise Missing(f"sandbox_init: {reason}")


LAYERS: Final = (
    Layer("signals", Stage.ENTRY, process.signals),
    Layer("parent-death", Stage.ENTRY, parent_death, essential=False),
    Layer("session", Stage.ENTRY, process.session),
    Layer("descriptors", Stage.ENTRY, process.descriptors),
    Layer("environment", Stage.ENTRY, process.environment),
    Layer("rlimits", Stage.ORDERED, limits),
    Layer("no-processes", Stage.LAST, seal, jobs=frozenset({Job.LAUNCH, Job.UNPACK})),
    Layer("seatbelt", Stage.LAST, seatbelt),
)
"""In the order in which they are applied."""
