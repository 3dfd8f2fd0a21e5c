"""Lets other threads have the interpreter while one looks at thousands of files.

Each small call of the system lets go of the interpreter's lock and has it again at once, too soon for a thread that
waits for it and has to be woken first: beside a package of 9 000 files the daemon's loop got it 40 ms later.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

_WORK_SECONDS: Final = 0.001
_REST_SECONDS: Final = 0.0005

T = TypeVar("T")


def by_turns(things: Iterable[T]) -> Iterator[T]:
    """Yield all, with a rest of half a millisecond after each millisecond; what takes less than that has none."""
    until = time.perf_counter() + _WORK_SECONDS
    for thing in things:
        yield thing
        if time.perf_counter() > until:
            time.sleep(_REST_SECONDS)
            until = time.perf_counter() + _WORK_SECONDS


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it, `by_turns`, as far as it is there and can be removed.

    Args:
        folder: One that nobody else writes to; links in it are removed, and not followed.
    """
    for path, remove in by_turns(_below(folder)):
        with contextlib.suppress(OSError):
            remove(path)


def _below(folder: Path) -> Iterator[tuple[Path, Callable[[Path], None]]]:
    for home, folders, files in os.walk(folder, topdown=False):
        for name in files:
            yield Path(home, name), Path.unlink
        for path in (Path(home, name) for name in folders):
            if path.is_symlink():
                yield path, Path.unlink
        yield Path(home), Path.rmdir
