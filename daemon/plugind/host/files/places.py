"""Where the places of a plugin's tree are on the disk at this moment, and what may be done there."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from plugind.host.files.picked import Picks
from plugind.host.private import PrivateFolders
from plugind.policy.files import Located, Place, shown
from plugind_protocol.errors import HostUnavailable, NotFound

_OWN_MODE: Final = 0o600
_USERS_MODE: Final = 0o666
"""Less what the daemon's umask takes away."""


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """One place on the disk where a path may lead."""

    root: Path
    parts: tuple[str, ...]
    """Names below the root."""
    writable: bool = False
    private: bool = False
    """In the plugin's private folder: made when needed, and counted."""
    mode: int = _USERS_MODE
    """Permission bits of new files."""


class Places:
    """Finds sites.

    Args:
        package: Folder of a plugin's package, by its id.
        project: Folder of the open project, if one is open.
        picks: What users picked.
        private: The private folders.
    """

    def __init__(
        self,
        package: Callable[[str], Path],
        project: Callable[[], Path | None],
        *,
        picks: Picks,
        private: PrivateFolders,
    ) -> None:
        self._package = package
        self._project = project
        self._picks = picks
        self._private = private
        self._finders: Final = {
            Place.ASSETS: self._assets,
            Place.PROJECT: self._in_project,
            Place.PICKED: self._picked,
            Place.PRIVATE: self._in_private,
        }

    def sites(self, plugin_id: str, located: Located) -> tuple[Site, ...]:
        """Return where a path may lead, in the order to try.

        Raises:
            NotFound: Nothing was picked by this name.
            HostUnavailable: No project is open.
        """
        return self._finders[located.place](plugin_id, located)

    def _assets(self, plugin_id: str, located: Located) -> tuple[Site, ...]:
        root = self._package(plugin_id)
        return tuple(Site(root=root, parts=parts) for parts in ((Place.ASSETS.value, *located.parts), located.parts))

    def _in_project(self, plugin_id: str, located: Located) -> tuple[Site, ...]:
        root = self._project()
        if root is None:
            raise HostUnavailable(
                f"{plugin_id} asked for {shown(located.virtual)}, and no project is open",
                hint="Open a project in the editor, which says so in initialize.project.",
                plugin_id=plugin_id,
            )
        return (Site(root=root, parts=located.parts, writable=True),)

    def _picked(self, plugin_id: str, located: Located) -> tuple[Site, ...]:
        token, *names = located.parts or ("",)
        pick = self._picks.get(plugin_id, token)
        if pick is None or (pick.name is not None and names != [pick.shown]):
            raise NotFound(
                f"{plugin_id}: nothing was picked as {shown(located.virtual)}",
                hint="Use a path that ui.pickFile or ui.pickDirectory returned since the plugin was loaded.",
                plugin_id=plugin_id,
            )
        parts = tuple(names) if pick.name is None else (pick.name,)
        return (Site(root=pick.folder, parts=parts, writable=pick.writable),)

    def _in_private(self, plugin_id: str, located: Located) -> tuple[Site, ...]:
        root = self._private.files(plugin_id)
        return (Site(root=root, parts=located.parts, writable=True, private=True, mode=_OWN_MODE),)
