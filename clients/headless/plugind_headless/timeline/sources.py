"""Where a clip's media lies: as plugins name it, and as OTIO stores it.

Plugins say ``project/footage/a.mp4``, an absolute path or a URL. The file has a URL that is relative to its own folder
for what lies below that folder, so that a project can be moved as a whole. Pure.
"""

import os
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import quote, urlsplit

from opentimelineio import url_utils

from plugind_protocol.errors import InvalidParams

_PROJECT: Final = "project"


class Sources:
    """The names of media files.

    Args:
        folder: The project's folder, absolute; None where the timeline is in memory only.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def to_url(self, source: str) -> str:
        """Return the URL to store for what a plugin named.

        Raises:
            InvalidParams: It names neither a file of the project, nor an absolute path, nor a URL.
        """
        if _is_url(source):
            return source
        path = self.to_path(source)
        if self._folder is not None and path.is_relative_to(self._folder):
            return quote(path.relative_to(self._folder).as_posix())
        return path.as_uri()

    def from_url(self, url: str) -> str:
        """Return the name for plugins of a stored URL: such as `to_url` and `to_path` take, where there is one."""
        if not url or (_is_url(url) and not url.startswith("file:")):
            return url
        path = PurePosixPath(os.path.normpath(url_utils.filepath_from_url(url)))
        if self._folder is None:
            return str(path)
        whole = Path(os.path.normpath(self._folder / path))
        return f"{_PROJECT}/{whole.relative_to(self._folder)}" if whole.is_relative_to(self._folder) else str(whole)

    def to_path(self, source: str) -> Path:
        """Return the absolute path of what a plugin named; whether it exists is not looked at.

        Raises:
            InvalidParams: It is a URL, or in no folder that the host knows.
        """
        if _is_url(source):
            raise InvalidParams(f"{source!r} is not a file: this host reads files only", path="$.path")
        if "\0" in source:
            raise InvalidParams("a path cannot have a null character", path="$.path")
        parts = PurePosixPath(source).parts
        if parts and parts[0] == "/":
            return Path(os.path.normpath(source))
        if self._folder is not None and parts[:1] == (_PROJECT,):
            path = Path(os.path.normpath(self._folder.joinpath(*parts[1:])))
            if path.is_relative_to(self._folder):
                return path
        raise InvalidParams(
            f"{source!r} is not in the project",
            hint="Name a file as project/…, where a project is open, or by its absolute path or URL.",
        )

    def owns(self, path: Path) -> bool:
        """Whether a file lies in the project's folder for real, links followed."""
        return self._folder is not None and path.resolve().is_relative_to(self._folder.resolve())


def _is_url(source: str) -> bool:
    return len(urlsplit(source).scheme) > 1 if ":" in source else False
