"""Where pluginctl keeps what can be made again at any time, for the next run."""

import os
from pathlib import Path

from plugind_protocol import disk


def folder(name: str) -> Path:
    """Return a folder of the user's cache, which may not be there yet.

    Args:
        name: What it is for.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "plugind" / name


def compiled() -> Path | None:
    """Return the folder of compiled modules, for daemons that are gone after a while; it is made.

    Without it each compiles anew: QuickJS alone takes two seconds.

    Returns:
        None where there can be none, or it is open to others, which a daemon would not use.
    """
    path = folder("compiled")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = disk.is_private(path.stat())
    except OSError:
        return None
    return path if private and os.access(path, os.W_OK) else None
