"""Turns what a handler raised into the error that its client sees."""

from typing import Final

import structlog

from plugind_protocol.errors import ErrorObject, InternalError, PlugindError

_log: Final = structlog.get_logger(__name__)


def describe(exc: BaseException, method: str) -> ErrorObject:
    """Return the wire form of a handler's failure.

    An error of the contract goes out as it is, from within groups of one too. Anything else is a fault of ours: it goes
    to the log, and the client learns no more than that.

    Args:
        exc: What was raised.
        method: The method that raised it.
    """
    root = exc
    while isinstance(root, BaseExceptionGroup) and len(root.exceptions) == 1:
        root = root.exceptions[0]
    if isinstance(root, PlugindError):
        return root.to_object()
    _log.error("a handler failed", method=method, exc_info=exc)
    return InternalError(f"{method} failed for a reason of the daemon's own").to_object()
