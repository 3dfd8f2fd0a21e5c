"""Turns what a handler raised into the error that its client sees."""

import errno
from typing import Final

import structlog

from plugind_protocol.errors import ErrorObject, InternalError, PlugindError

_log: Final = structlog.get_logger(__name__)
_SYSTEM: Final = {
    errno.ENOSPC: "Make room on the disk and try again; nothing was changed.",
    errno.EDQUOT: "Make room on the disk and try again; nothing was changed.",
    errno.EROFS: "Let the daemon write to its data folder, and try again; nothing was changed.",
    errno.EIO: "The disk does not work; nothing was changed.",
    errno.EMFILE: "The daemon has no descriptors left; close connections or frames, or raise its limit.",
    errno.ENFILE: "The system has no descriptors left; try again later.",
}
"""What the machine lacks is no fault of ours: the client learns the reason, and what would help."""


def describe(exc: BaseException, method: str) -> ErrorObject:
    """Return the wire form of a handler's failure.

    An error of the contract goes out as it is, from within groups of one too; so does what the machine lacks. Anything
    else is a fault of ours: it goes to the log, and the client learns no more than that.

    Args:
        exc: What was raised.
        method: The method that raised it.
    """
    root = exc
    while isinstance(root, BaseExceptionGroup) and len(root.exceptions) == 1:
        root = root.exceptions[0]
    if isinstance(root, PlugindError):
        return root.to_object()
    if isinstance(root, OSError) and root.errno in _SYSTEM:
        _log.error("the machine refused", method=method, reason=str(root))
        return InternalError(f"{method} failed: {root.strerror}", hint=_SYSTEM[root.errno]).to_object()
    _log.error("a handler failed", method=method, exc_info=exc)
    return InternalError(f"{method} failed for a reason of the daemon's own").to_object()
