"""Where the data folder keeps what belongs to each plugin: its storage file and its private folder."""

import contextlib
import shutil
from pathlib import Path
from typing import Final

from plugind_protocol import disk

_STORAGE: Final = "storage.db"
_FILES: Final = "files"
_DOOMED: Final = "doomed"
_REMOVING: Final = "~"  # no plugin id has a tilde


class PrivateFolders:
    """One folder per plugin, made when it is first needed.

    Args:
        root: The folder for all of them; made when needed, mode 0700.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def storage(self, plugin_id: str) -> Path:
        """Where a plugin's storage file is, or will be."""
        return self._folder(plugin_id) / _STORAGE

    def files(self, plugin_id: str) -> Path:
        """Where a plugin's private folder is, or will be."""
        return self._folder(plugin_id) / _FILES

    def prepare(self, plugin_id: str, *, files: bool = False) -> None:
        """Make a plugin's folder durably, and the private folder in it if that is wanted.

        Raises:
            OSError: The disk is full or takes no changes.
        """
        folder = self._folder(plugin_id)
        for path in (self._root, folder, *([folder / _FILES] if files else [])):
            try:
                path.mkdir(mode=0o700)
            except FileExistsError:
                continue
            disk.sync_folder(path.parent)

    def remove(self, plugin_id: str) -> None:
        """Remove everything of a plugin; nothing when there is nothing.

        It is set aside by one rename first: what a kill leaves half removed is never taken for a plugin's.
        """
        folder = self._folder(plugin_id)
        doomed = self._root / f"{folder.name}{_REMOVING}"
        shutil.rmtree(doomed, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            folder.rename(doomed)
            disk.sync_folder(self._root)
        shutil.rmtree(doomed, ignore_errors=True)

    def doom(self, plugin_id: str) -> None:
        """Note durably that everything of a plugin goes once it is not installed any more.

        Raises:
            OSError: The disk is full or takes no changes.
        """
        folder = self._folder(plugin_id)
        if folder.is_dir():
            (folder / _DOOMED).touch(mode=0o600)
            disk.sync_folder(folder)

    def settle(self, installed: frozenset[str]) -> None:
        """Finish removals that were interrupted, or take them back where the plugin is still there.

        Args:
            installed: The installed plugins.
        """
        names = {self._folder(plugin_id).name for plugin_id in installed}
        for entry in self._root.iterdir() if self._root.is_dir() else ():
            if entry.name.endswith(_REMOVING) or (entry.name not in names and (entry / _DOOMED).exists()):
                shutil.rmtree(entry, ignore_errors=True)
            else:
                (entry / _DOOMED).unlink(missing_ok=True)

    def _folder(self, plugin_id: str) -> Path:
        return self._root / plugin_id.replace("/", "+")  # no plugin id has a plus
