"""Layers made of ordinary process attributes, on every POSIX system: signals, session, descriptors, environment."""

import _signal  # type: ignore[import-not-found]  # what signal wraps: the wrapper makes 40 pages of memory a child's own
import os
import signal
import sys
from typing import Final

from plugind_worker.sandbox.layer import Confinement

assert sys.platform != "win32"  # for type checkers: `plugind_worker.sandbox.windows` has its own

_SIGNALS: Final = tuple(map(int, (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)))
_DEFAULT: Final = int(signal.SIG_DFL)


def signals(_: Confinement) -> None:
    """Undo what the zygote does with signals."""
    _signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        _signal.signal(number, _DEFAULT)
    _signal.pthread_sigmask(signal.SIG_SETMASK, ())


def session(_: Confinement) -> None:
    """Leave the parent's session."""
    own_session()


def descriptors(confinement: Confinement) -> None:
    """Keep the descriptors named; let 0, 1 and 2 lead nowhere, so that nothing can be written to a log or terminal."""
    kept = [*confinement.descriptors, *([] if confinement.empty_root is None else [confinement.empty_root])]
    start = 3
    for descriptor in sorted(kept):
        os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, os.sysconf("SC_OPEN_MAX"))
    silence((0, 1, 2))


def environment(_: Confinement) -> None:
    """Forget every variable."""
    if os.environ:
        os.environ.clear()


def silence(numbers: tuple[int, ...]) -> None:
    """Let descriptors lead to the null device."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in numbers:
        os.dup2(nowhere, number)
    if nowhere not in numbers:
        os.close(nowhere)


def own_session() -> None:
    """Leave the terminal and the group of the parent; nothing to do for a session's leader."""
    if os.getsid(0) != os.getpid():
        os.setsid()
