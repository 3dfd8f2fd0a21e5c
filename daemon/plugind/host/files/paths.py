"""Paths in what plugins ask of an editor, and in what it answers: the plugin's own here, real ones there."""

import os
import re
from pathlib import Path
from typing import Any, Final

import msgspec

from plugind.host.caller import Caller
from plugind.host.files.broker import FileBroker
from plugind.host.files.picked import Picks
from plugind.host.threads import HostThreads
from plugind.policy import files as rules
from plugind.policy.files import Need
from plugind_protocol.errors import HostUnavailable
from plugind_protocol.host import timeline, ui
from plugind_protocol.permissions import Permission

_FOREIGN: Final = re.compile(r"[/\\]|[A-Za-z][A-Za-z0-9+.-]*:")
"""How absolute paths and URLs begin; no path in a plugin's tree is taken for one."""

_NAMED: Final = frozenset(place.value for place in rules.Place if place.value)


class Paths:
    """Translates paths between plugins and editors.

    Args:
        broker: Knows where plugins' files are.
        picks: Remembers what users picked.
        threads: Where disks are looked at.
    """

    def __init__(self, broker: FileBroker, picks: Picks, threads: HostThreads) -> None:
        self._broker = broker
        self._picks = picks
        self._threads = threads

    @staticmethod
    def media_needed(caller: Caller, params: Any) -> Permission:
        """Return the permission for a media file.

        A scope is matched with the path in the plugin's tree. For its own package and for what the user picked any
        scope will do; for absolute paths and URLs none.
        """
        unscoped = Permission(Need.MEDIA.value)
        if foreign(params.path):
            return unscoped
        needed = rules.needed(params.path, Need.MEDIA, windows=os.name == "nt")
        return needed or next((have for have in caller.granted if have.name == Need.MEDIA.value), unscoped)

    async def media_request(self, caller: Caller, params: Any) -> Any:
        """Return params with the real path."""
        if foreign(params.path):
            return params
        real = await self._broker.real(caller, params.path, method="media")
        return msgspec.structs.replace(params, path=real)

    @staticmethod
    def media_result(_caller: Caller, params: Any, result: Any) -> Any:
        """Return a result that names the file as the plugin did."""
        return msgspec.structs.replace(result, path=params.path)

    async def clip_request(self, caller: Caller, params: timeline.AddClip) -> timeline.AddClip:
        """Return params with the real path of the clip's media, where it is a path in the plugin's tree.

        Only one that begins with ``assets``, ``project`` or ``picked``: what else is not absolute may mean something to
        the editor.
        """
        source = params.clip.source
        if foreign(source) or source.partition("/")[0] not in _NAMED:
            return params
        real = await self._broker.real(caller, source, method="timeline.addClip")
        return msgspec.structs.replace(params, clip=msgspec.structs.replace(params.clip, source=real))

    async def picked_files(self, caller: Caller, params: ui.PickFile, result: ui.PickedFiles) -> ui.PickedFiles:
        """Return what was picked as paths in the plugin's tree.

        Raises:
            HostUnavailable: The editor answered with a path that is not absolute.
        """
        for path in result.files:
            _absolute(path, caller)

        def keep() -> list[str]:
            return [self._picks.file(caller.plugin_id, path, save=params.save) for path in result.files]

        return msgspec.structs.replace(result, files=await self._threads.run(caller.plugin_id, keep))

    async def picked_directory(
        self, caller: Caller, _params: ui.PickDirectory, result: ui.PickedDirectory
    ) -> ui.PickedDirectory:
        """Return what was picked as a path in the plugin's tree.

        Raises:
            HostUnavailable: The editor answered with a path that is not absolute.
        """
        picked = result.directory
        if picked is None:
            return result
        _absolute(picked, caller)
        path = await self._threads.run(caller.plugin_id, lambda: self._picks.folder(caller.plugin_id, picked))
        return msgspec.structs.replace(result, directory=path)


def foreign(path: str) -> bool:
    """Whether a path is absolute, or a URL, and so outside a plugin's tree."""
    return _FOREIGN.match(path) is not None


def _absolute(path: str, caller: Caller) -> None:
    if not Path(path).is_absolute():
        raise HostUnavailable(
            "the editor answered with a path that is not absolute",
            hint="Report it to the editor's author.",
            plugin_id=caller.plugin_id,
            version=caller.version,
        )
