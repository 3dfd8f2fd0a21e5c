"""What the machine refuses a plugin becomes an error of the contract: the reason, and no path of the user's."""

import errno
import os
from typing import Final

import structlog

from plugind_protocol.errors import InternalError, PlugindError

_log: Final = structlog.get_logger(__name__)
_HINTS: Final = {
    errno.ENOSPC: "Make room on the disk and try again; nothing was changed.",
    errno.EDQUOT: "Make room on the disk and try again; nothing was changed.",
    errno.EROFS: "The disk takes no changes; nothing was changed.",
    errno.EIO: "The disk does not work.",
    errno.EMFILE: "The daemon has no descriptors left; try again later.",
    errno.ENFILE: "The system has no descriptors left; try again later.",
}


def refused(exc: OSError, method: str, plugin_id: str) -> PlugindError:
    """Return the error a guest gets for what the system refused.

    Args:
        exc: What was raised; its path stays out.
        method: The host method.
        plugin_id: Who asked.
    """
    reason = os.strerror(exc.errno) if exc.errno else type(exc).__name__
    _log.error("the machine refused", plugin=plugin_id, method=method, reason=reason)
    return InternalError(
        f"{method} of {plugin_id} failed: {reason}",
        hint=_HINTS.get(exc.errno or 0, "The daemon's log has the details."),
        plugin_id=plugin_id,
    )
