"""What the daemon itself provides to plugins, built and held together: storage, files and events."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from plugind.config import NetworkSettings
from plugind.host.allowance import Allowance
from plugind.host.caller import Answer
from plugind.host.events.bus import EventBus, Ways
from plugind.host.files.broker import FileBroker
from plugind.host.files.paths import Paths
from plugind.host.files.picked import Picks
from plugind.host.files.places import Places
from plugind.host.network.broker import NetworkBroker
from plugind.host.private import PrivateFolders
from plugind.host.router import Turn
from plugind.host.storage.files import StorageFiles
from plugind.host.storage.provider import Storage
from plugind.host.threads import HostThreads
from plugind.policy.files import Need

_log: Final = structlog.get_logger(__name__)


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What the providers need to know of the rest of the daemon. Called in the event loop, but for ``limit``."""

    package: Callable[[str], Path]
    """Folder of a plugin's package."""
    project: Callable[[], Path | None]
    """Folder of the open project."""
    limit: Callable[[str], int | None]
    """Bytes that a plugin may keep on disk; called in threads."""
    warn: Callable[[str, int, int], None]
    """Plugin, bytes used and limit, when it comes near that."""
    console: Callable[[str, int, str], None]
    """Plugin, level (0 … 4), text."""
    events: Ways


class OwnProviders:
    """The daemon's own providers.

    Args:
        data_dir: The daemon's data folder.
        surroundings: The rest of the daemon.
        open_stores: Storage files open at once.
        network: How HTTP requests are made.
    """

    def __init__(
        self, data_dir: Path, surroundings: Surroundings, *, open_stores: int, network: NetworkSettings
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._around = surroundings
        self._private = PrivateFolders(data_dir / "private")
        self._threads = HostThreads()
        self._picks = Picks()
        allowance = Allowance(surroundings.limit, partial(self._from_thread, surroundings.warn))
        self._stores = StorageFiles(
            self._private,
            self._threads,
            allowance,
            damaged=partial(self._from_thread, self._damaged),
            most_open=open_stores,
        )
        self._allowance = allowance
        self._storage = Storage(self._stores)
        places = Places(surroundings.package, surroundings.project, picks=self._picks, private=self._private)
        self._broker = FileBroker(places, self._private, self._threads, allowance)
        self._paths = Paths(self._broker, self._picks, self._threads)
        self._network = NetworkBroker(network)
        self.events = EventBus(surroundings.events)

    @property
    def answers(self) -> Mapping[str, Answer]:
        """What answers each method that the daemon provides."""
        return {
            "file.read": self._broker.read,
            "file.write": self._broker.write,
            "file.list": self._broker.list,
            "file.stat": self._broker.stat,
            "file.remove": self._broker.remove,
            "storage.get": self._storage.get,
            "storage.set": self._storage.set,
            "storage.remove": self._storage.remove,
            "storage.keys": self._storage.keys,
            "storage.clear": self._storage.clear,
            "events.on": self.events.on,
            "events.off": self.events.off,
            "events.emit": self.events.emit,
            "network.request": self._network.request,
        }

    @property
    def turns(self) -> Mapping[str, Turn]:
        """Permissions of paths and hosts, and the translation of paths on the way to an editor and back."""
        read, write = (Turn(needed=partial(self._broker.needed, need)) for need in (Need.READ, Need.WRITE))
        media = Turn(needed=self._paths.media_needed, request=self._paths.media_request)
        return {
            "file.read": read,
            "file.list": read,
            "file.stat": read,
            "file.write": write,
            "file.remove": write,
            "media.getInfo": msgspec.structs.replace(media, result=self._paths.media_result),
            "media.generateThumbnail": media,
            "network.request": Turn(needed=self._network.needed),
            "timeline.addClip": Turn(request=self._paths.clip_request),
            "ui.pickFile": Turn(result=self._paths.picked_files),
            "ui.pickDirectory": Turn(result=self._paths.picked_directory),
        }

    async def settle(self, installed: frozenset[str]) -> None:
        """Finish, or take back, removals that the daemon's end has interrupted.

        Args:
            installed: The installed plugins.
        """
        await self._threads.run("", lambda: self._private.settle(installed))

    async def keep(self) -> None:
        """Keep what plugins store safe from power cuts; never returns."""
        await self._storage.keep_synced()

    def forget(self, plugin_id: str) -> None:
        """Drop what belongs to a plugin as long as it is loaded: its subscriptions and what was picked for it."""
        self.events.forget(plugin_id)
        self._picks.forget(plugin_id)

    async def doom(self, plugin_id: str) -> None:
        """Note durably that what a plugin keeps goes once it is not installed any more.

        Raises:
            OSError: The disk takes no changes.
        """
        await self._threads.run(plugin_id, lambda: self._private.doom(plugin_id))

    async def remove(self, plugin_id: str) -> None:
        """Remove everything that a plugin keeps; what the disk does not let go of now goes at the next start."""
        await self._stores.close(plugin_id)
        try:
            await self._threads.run(plugin_id, lambda: self._private.remove(plugin_id))
        except OSError as exc:
            _log.error(
                "what a plugin kept cannot be removed", plugin=plugin_id, reason=exc.strerror
            )  # its stack says nothing
        self._allowance.forget(plugin_id)

    async def close(self) -> None:
        """Wait for what is being written, and close everything."""
        await self._threads.idle()
        self._stores.close_all()

    def _damaged(self, plugin_id: str) -> None:
        _log.error("storage was damaged and is set aside", plugin=plugin_id)
        self._around.console(
            plugin_id, 4, "its storage was damaged: it is set aside as storage.db.damaged, and the plugin starts anew"
        )

    def _from_thread(self, function: Callable[..., object], *arguments: Any) -> None:
        self._loop.call_soon_threadsafe(function, *arguments)
