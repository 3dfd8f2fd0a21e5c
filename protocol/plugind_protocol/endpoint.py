"""Where the daemon listens when nobody says otherwise: one rule for the daemon and every client.

A pure function of environment, user and platform; who makes the folder, and what it must look like (0700, the user's
own), is the daemon's business.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

SOCKET_VARIABLE: Final = "PLUGIND_SOCKET"
"""Environment variable that names the socket, before all other rules."""
SOCKET_NAME: Final = "plugind.sock"
FOLDER_NAME: Final = "plugind"


def default_path(*, environ: Mapping[str, str], uid: int, platform: str) -> str:
    """Return the socket's path.

    ``PLUGIND_SOCKET`` wins; then ``$XDG_RUNTIME_DIR/plugind/plugind.sock``; then a folder of the user's own in the
    folder for temporary files. Relative values of the two folder variables do not count, as XDG has it.

    Args:
        environ: The environment, as ``os.environ``.
        uid: The user's number, as ``os.getuid()``; on Windows, where there is none, anything.
        platform: As ``sys.platform``.

    Returns:
        A path; on Windows the name of a pipe.
    """
    if named := environ.get(SOCKET_VARIABLE):
        return named
    if platform == "win32":
        return rf"\\.\pipe\plugind-{environ.get('USERNAME') or 'user'}"
    if runtime := _absolute(environ.get("XDG_RUNTIME_DIR")):
        return str(runtime / FOLDER_NAME / SOCKET_NAME)
    temporary = _absolute(environ.get("TMPDIR")) or PurePosixPath("/tmp")  # noqa: S108 - the folder in it is the user's
    return str(temporary / f"{FOLDER_NAME}-{uid}" / SOCKET_NAME)


def _absolute(value: str | None) -> PurePosixPath | None:
    path = PurePosixPath(value or "")
    return path if path.is_absolute() else None
