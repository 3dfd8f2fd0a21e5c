"""Files that are whole or not there, whatever stops the machine: written aside, synced, renamed as one step."""

import os
import secrets
from pathlib import Path

from plugind_protocol import disk


def replace(path: Path, data: bytes) -> None:
    """Write a file, or replace it, as one step: afterwards it is on the disk.

    Args:
        path: The file; its folder exists.
        data: Its new contents.

    Raises:
        OSError: The disk is full or takes no changes; the file is as it was.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | disk.BINARY, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(handle)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    disk.sync_folder(path.parent)
