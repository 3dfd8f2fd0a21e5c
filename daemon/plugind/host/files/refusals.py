"""What goes wrong with a plugin's files, in words of the contract; none of them has a real path, or content, in it."""

import contextlib
import errno
from collections.abc import Iterator
from typing import Final

from plugind.host import faults
from plugind.host.caller import Caller
from plugind.host.files.base import Reason, RefusedError
from plugind.policy.files import Located, shown
from plugind_protocol.errors import HostUnavailable, InvalidParams, NotFound, PermissionDenied, PlugindError

_REFUSED: Final[dict[Reason, type[PlugindError]]] = {Reason.FOLDER: InvalidParams, Reason.SYSTEM: HostUnavailable}
_LINKS: Final = frozenset((errno.ELOOP, errno.EXDEV))
_ABSENT: Final = frozenset((errno.ENOENT, errno.ENOTDIR))
_FORBIDDEN: Final = frozenset((errno.EACCES, errno.EPERM, errno.ETXTBSY))
_SPECIAL: Final = frozenset((errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP))
"""What opening a socket, or a device that is not there, ends with."""
_WRONG: Final = {
    errno.EISDIR: "it is a folder",
    errno.ENAMETOOLONG: "its name is too long",
    errno.EEXIST: "there is something else already",
    errno.ENOTEMPTY: "the folder is not empty",
    errno.EINVAL: "the disk cannot hold such a name",
    errno.EILSEQ: "the disk cannot hold such a name",
}


@contextlib.contextmanager
def told(method: str, caller: Caller, located: Located) -> Iterator[None]:
    """Turn what goes wrong in the block into errors of the contract.

    Args:
        method: What the plugin called.
        caller: The plugin.
        located: What it named.
    """
    try:
        yield
    except RefusedError as exc:
        raise _error(_REFUSED.get(exc.reason, PermissionDenied), method, caller, located, str(exc)) from exc
    except OSError as exc:
        raise _translated(exc, method, caller, located) from exc


def _translated(exc: OSError, method: str, caller: Caller, located: Located) -> PlugindError:
    number = exc.errno or 0
    if number in _ABSENT:
        return _error(NotFound, method, caller, located, "there is no such file or folder")
    if number in _LINKS:
        return _error(PermissionDenied, method, caller, located, "a link leads there, and links are not followed")
    if number in _FORBIDDEN:
        return _error(PermissionDenied, method, caller, located, "the system does not let the user do that")
    if number in _SPECIAL:
        return _error(PermissionDenied, method, caller, located, Reason.SPECIAL.value)
    if number in _WRONG:
        return _error(InvalidParams, method, caller, located, _WRONG[number])
    return faults.refused(exc, method, caller.plugin_id)


def _error(kind: type[PlugindError], method: str, caller: Caller, located: Located, why: str) -> PlugindError:
    what = shown(located.virtual) or "the private folder"
    return kind(
        f"{method} of {caller.plugin_id} {caller.version}: {what}: {why}",
        plugin_id=caller.plugin_id,
        version=caller.version,
    )
