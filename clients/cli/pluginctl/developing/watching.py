"""Says when something that counts has changed in a plugin's folder, once it has been quiet for a moment."""

import os
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

import anyio
import watchfiles
from anyio.streams.memory import MemoryObjectSendStream

from pluginctl.developing.ignoring import NOISE, Ignored
from pluginctl.project import Project
from plugind_protocol.manifest import MANIFEST_NAME

QUIET_MS: Final = 25
"""Changes are told once nothing has changed for so long: an editor writes a file in several steps."""
_LONGEST_MS: Final = 250
"""They are told after so long at the latest."""
_LOCK_FILES: Final = frozenset({"Cargo.lock", "package-lock.json"})
"""What a build writes where it is not there yet, and else its author has written anew, for newer packages."""
_COARSE: Final = 0.02
"""How far a file's time may be behind the clock, in s."""
SETTLED_MS: Final = 1000
"""What is not whole by then is wrong."""


class Counts(Protocol):
    """Tells what counts."""

    def __call__(self, path: str, *, gone: bool = False) -> bool:
        """Whether a file counts.

        Args:
            path: Its path, relative.
            gone: It is not there any more, and so may have been a folder.
        """


def counting(project: Project, *, built: bool) -> Counts:
    """Return what tells which files count.

    Args:
        project: The plugin.
        built: Whether its ``main`` is made by a build, and so a change of it none of the author's.
    """
    own = _lines(project.folder / ".gitignore")
    ignored = Ignored((*NOISE, *own, *project.dev.ignore, *_made(project.dev.artefact)))
    main = Path(project.manifest.main).as_posix()

    def counts(path: str, *, gone: bool = False) -> bool:
        if path == main:
            return not built
        return path == MANIFEST_NAME or not ignored(path, folder=gone)

    return counts


async def feed(folder: Path, counts: Counts, changed: MemoryObjectSendStream[list[Path]]) -> None:
    """Tell what has changed, as it does; an empty list when nothing has for `SETTLED_MS` while somebody waited for it.

    What changes while nobody waits is told together. It watches before it first gives way to others.

    Args:
        folder: The folder; absolute.
        counts: Asked for each file, by relative path.
        changed: Told of files, by absolute path.
    """

    def chosen(_change: watchfiles.Change, path: str) -> bool:
        if os.path.isdir(path):  # noqa: PTH112  # called for each file of a build; what is in it counts, if it does
            return False
        return counts(Path(os.path.relpath(path, folder)).as_posix(), gone=not os.path.lexists(path))

    async for found in watchfiles.awatch(
        folder,
        watch_filter=chosen,
        step=QUIET_MS,
        debounce=_LONGEST_MS,
        rust_timeout=SETTLED_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
    ):
        if found:
            await changed.send(sorted({Path(path) for _, path in found}))
        else:
            with suppress(anyio.WouldBlock):  # nobody waits
                changed.send_nowait([])


def authored(paths: list[Path], built: tuple[float, float]) -> list[Path]:
    """Return what the last build has not written itself, as far as that can be told.

    Args:
        paths: The files; some may be gone.
        built: When it began and ended, in s since 1970.
    """
    began, ended = built
    return [
        path
        for path in paths
        if path.name not in _LOCK_FILES or not began - _COARSE <= saved_at([path], now=ended + 1) <= ended
    ]


def saved_at(paths: list[Path], *, now: float) -> float:
    """Return when the last of some files was saved, in s since 1970; now, where that cannot be told.

    Args:
        paths: The files; some may be gone.
        now: In s since 1970.
    """
    times = []
    for path in paths:
        try:
            times.append(path.stat().st_mtime)
        except OSError:
            continue
    return min(max(times), now) if times else now


def _made(artefact: str | None) -> list[str]:
    """What a build makes, with what it leaves beside it."""
    if artefact is None:
        return []
    folder = PurePosixPath(artefact).parent.as_posix()
    return [f"/{artefact}"] if folder == "." else [f"/{folder}/"]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
