"""Children of a zygote: which of them work on something. One that is forked ahead waits, and holds no file."""

from collections.abc import Iterable

import psutil


def at_work(children: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return those that hold a file: a module, a package, or what they write."""
    return [child for child in children if _files(child)]


def _files(child: psutil.Process) -> bool:
    try:
        return bool(child.open_files())
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended, and may be a zombie
        return False
