"""What a child of the zygote gives up before it touches anything of a plugin's: a table of layers, applied in order.

It must work for root and for ordinary users alike. A layer either holds or ends the process; one that a system may
lack reports so by returning False.
"""

import ctypes
import os
import resource
import signal
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

MAX_DESCRIPTORS: Final = 256
"""RLIMIT_NOFILE of a child: its channel, its module, and its frame windows."""

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_SIGNALS: Final = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Confinement(msgspec.Struct, frozen=True):
    """What the layers need to know."""

    parent: int
    """Process that must be alive for this one to live."""
    descriptors: Sequence[int]
    """Kept beside 0, 1 and 2."""


def apply(confinement: Confinement) -> list[str]:
    """Apply every layer.

    Args:
        confinement: What the layers need to know.

    Returns:
        Names of the layers that hold now.

    Raises:
        OSError: A layer could not be applied.
    """
    return [name for name, layer in LAYERS if layer(confinement)]


def die_with(parent: int) -> None:
    """End this process by SIGKILL when its parent ends.

    Args:
        parent: The parent's id, read before this process could have lost it.

    Raises:
        OSError: The kernel refused.
        ProcessLookupError: The parent has ended already.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise ProcessLookupError(f"the parent {parent} is gone")


def own_session() -> None:
    """Leave the terminal and the group of the parent; nothing to do for a session's leader."""
    if os.getsid(0) != os.getpid():
        os.setsid()


def _signals(_: Confinement) -> bool:
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return True


def _parent_death(confinement: Confinement) -> bool:
    die_with(confinement.parent)
    return True


def _session(_: Confinement) -> bool:
    own_session()
    return True


def _descriptors(confinement: Confinement) -> bool:
    start = 3
    for kept in sorted(confinement.descriptors):
        os.closerange(start, kept)
        start = kept + 1
    os.closerange(start, os.sysconf("SC_OPEN_MAX"))
    return True


def _environment(_: Confinement) -> bool:
    os.environ.clear()
    return True


def _rlimits(_: Confinement) -> bool:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_DESCRIPTORS, MAX_DESCRIPTORS))
    return True


def _no_new_privs(_: Confinement) -> bool:
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    return True


LAYERS: Final[tuple[tuple[str, Callable[[Confinement], bool]], ...]] = (
    ("signals", _signals),
    ("parent-death", _parent_death),
    ("session", _session),
    ("descriptors", _descriptors),
    ("environment", _environment),
    ("rlimits", _rlimits),
    ("no-new-privs", _no_new_privs),
)
"""Name and function of each layer, in the order in which they are applied."""


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        errno = ctypes.get_errno()
        raise OSError(errno, f"prctl {option}: {os.strerror(errno)}")
