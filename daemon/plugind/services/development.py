"""``plugins.loadDevelopment``: a plugin that runs from the folder it is developed in, and again when that changes.

What the manifest names is looked at, so that build trees make no noise. A change is taken once it is whole: a module
that does not compile yet, or a manifest that is broken, leaves the version before it serving, and is said once nothing
more has changed for a while. Calls in flight end on the version they began on.
"""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.abc
import anyio.to_thread
import msgspec
import structlog
import watchfiles

from plugind.config import Config
from plugind.policy import grants
from plugind.registry import folder
from plugind.registry.database import Database
from plugind.registry.store import PackageStore
from plugind.rpc.session import Session
from plugind.services.catalog import Catalog
from plugind.services.installer import Installer
from plugind.services.runtime import Runtime
from plugind.supervisor.pool import Pool
from plugind_protocol.errors import InvalidParams, PackageInvalid, PlugindError
from plugind_protocol.manifest import MANIFEST_NAME
from plugind_protocol.methods import LoadDevelopment, PluginId, PluginInfo, State

_QUIET_MS: Final = 100
"""A change is looked at once nothing has changed for so long."""
_SETTLED_MS: Final = 1000
"""What is wrong is said once nothing has changed for so long."""
_ERROR: Final = 4
_INFO: Final = 2

Signature = frozenset[tuple[str, int, int, int]]
"""Name, time of change in ns, size and number of each file of a plugin: it is as it was if these are."""

_log = structlog.get_logger(__name__)


class _Remembered(msgspec.Struct, frozen=True):
    """How a folder is to be watched after a start."""

    grant: Any
    """As of `LoadDevelopment`."""
    optimize: bool = False


class _Watched:
    """One folder.

    Args:
        path: The folder.
        grant: What its plugin is granted, whatever it asks for.
        optimize: Whether its module is compiled as that of an installed plugin is.
    """

    def __init__(self, path: Path, grant: Any, *, optimize: bool) -> None:
        self.path = path
        self.grant = grant
        self.optimize = optimize
        self.scope = anyio.CancelScope()
        self.looking = anyio.Lock()
        """Held while its folder is looked at, by its watch or because somebody asked."""
        self.plugin_id = ""
        self.signature: Signature | None = None
        self.fault: PlugindError | OSError | None = None
        """Why what is there is not taken."""
        self.complaint: str | None = None
        """What is wrong, as long as it has not been said."""


class Development:
    """Watches folders.

    Args:
        config: The daemon's settings.
        catalog: The plugins.
        database: Where folders are remembered.
        pool: Who compiles.
        tasks: Where folders are watched; ends with the daemon.
        console: Told what is wrong: plugin, level, text.
        data: A folder of our own for copies; emptied.
    """

    def __init__(
        self,
        config: Config,
        catalog: Catalog,
        *,
        database: Database,
        pool: Pool,
        tasks: anyio.abc.TaskGroup,
        console: Callable[[str, int, str], None],
        data: Path,
    ) -> None:
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700, parents=True)
        self._catalog = catalog
        self._database = database
        self._tasks = tasks
        self._console = console
        self._installer = Installer(config, PackageStore(data, synced=False), pool, referred=catalog.folders.developed)
        self._watched: dict[str, _Watched] = {}
        catalog.folders.on_left = self._left

    async def load(self, _session: Session | None, params: LoadDevelopment) -> PluginInfo:
        """Load the plugin in a folder and watch it.

        Raises:
            InvalidParams: The path is not absolute.
            PlugindError: There is no plugin that could be installed; one that does not load is watched all the same.
        """
        path = Path(params.path)
        if not path.is_absolute():
            raise InvalidParams(f"the folder must be an absolute path, not {params.path!r}", path="$.path")
        watched = _Watched(path, params.grant, optimize=params.optimize)
        runtime = await self._take(watched)
        if (before := self._watched.get(runtime.plugin_id)) is not None:
            before.scope.cancel()
        self._watched[runtime.plugin_id] = watched
        if params.remember:
            text = msgspec.json.encode(_Remembered(params.grant, params.optimize)).decode()
            await anyio.to_thread.run_sync(self._database.develop, str(path), text)
        self._tasks.start_soon(self._watch, watched)
        try:
            await runtime.ensure(State.LOADED)
        except PlugindError as exc:  # the state says so too; the next change may mend it
            self._console(runtime.plugin_id, _ERROR, f"development: {exc.message}")
        return runtime.info()

    async def reload(self, _session: Session, params: PluginId) -> PluginInfo:
        """Take at once what has changed in a plugin's folder; where nothing has, or there is none, restart its worker.

        Raises:
            PluginNotFound: It is not installed.
            PlugindError: What is in the folder is not taken; the version before it goes on.
        """
        runtime = self._catalog.get(params.plugin_id)
        watched = self._watched.get(params.plugin_id)
        if watched is None or not await self._look_now(watched):
            await runtime.reload()
        return runtime.info()

    async def _look_now(self, watched: _Watched) -> bool:
        """Take what has changed; whoever asked is told what is wrong with it, so that the console need not be."""
        async with watched.looking:
            before = watched.signature
            try:
                await self._take(watched)
                if watched.fault is not None:  # the watch was first
                    raise watched.fault
            except OSError as exc:
                raise PackageInvalid(f"{watched.path} cannot be read: {exc.strerror}") from exc
            finally:
                watched.complaint = None
            return watched.signature != before

    async def restore(self) -> None:
        """Watch the folders again that were to be remembered; one that cannot be loaded is said, and left."""
        for path, text in await anyio.to_thread.run_sync(self._database.developed):
            found = msgspec.json.decode(text, type=_Remembered | list[str] | str)  # the grant alone, of earlier daemons
            kept = found if isinstance(found, _Remembered) else _Remembered(found)
            try:
                await self.load(None, LoadDevelopment(path=path, grant=kept.grant, optimize=kept.optimize))
            except PlugindError as exc:
                _log.warning("a plugin in development cannot be loaded", path=path, reason=exc.message)

    def _left(self, plugin_id: str) -> None:
        """Stop watching: the plugin was uninstalled."""
        if (watched := self._watched.pop(plugin_id, None)) is not None:
            watched.scope.cancel()

    async def _watch(self, watched: _Watched) -> None:
        with watched.scope:
            async for changed in _changes(watched.path):
                async with watched.looking:
                    await self._look(watched, settled=not changed)
            self._console(watched.plugin_id, _ERROR, f"development: {watched.path} is not watched any more")

    async def _look(self, watched: _Watched, *, settled: bool) -> None:
        """Take what has changed, if it is whole; say what is wrong with it once nothing changes any more."""
        try:
            before = watched.signature
            runtime = await self._take(watched)
            if watched.signature != before:
                version = runtime.installed.record.version
                self._console(watched.plugin_id, _INFO, f"development: {version} is loaded from {watched.path}")
                watched.complaint = None
        except (PlugindError, OSError) as exc:
            watched.complaint = exc.message if isinstance(exc, PlugindError) else str(exc)
        if settled and watched.complaint is not None:
            words = f"development: what is in {watched.path} is not taken: {watched.complaint}"
            self._console(watched.plugin_id, _ERROR, words)
            watched.complaint = None

    async def _take(self, watched: _Watched) -> Runtime:
        """Let the plugin run from what its folder holds, unless that is what it held the last time."""
        try:
            contents, signature = await anyio.to_thread.run_sync(_read, watched.path)
        except (PlugindError, OSError) as exc:
            broken = await anyio.to_thread.run_sync(_manifest_signature, watched.path)
            if broken == watched.signature:
                return self._catalog.get(watched.plugin_id)
            watched.signature, watched.fault = broken, exc
            raise
        if signature == watched.signature:
            return self._catalog.get(watched.plugin_id)
        watched.signature, watched.fault = signature, None
        try:
            return await self._develop(watched, contents)
        except (PlugindError, OSError) as exc:
            watched.fault = exc
            raise

    async def _develop(self, watched: _Watched, contents: folder.Contents) -> Runtime:
        if watched.plugin_id not in ("", contents.manifest.name):
            raise PackageInvalid(f"it is {contents.manifest.name} now, not {watched.plugin_id}")
        chosen = grants.choose(watched.grant, contents.manifest.requested)
        runtime = await self._catalog.folders.develop(
            contents, chosen, path=str(watched.path), installer=self._installer, quick=not watched.optimize
        )
        watched.plugin_id = runtime.plugin_id
        return runtime


async def _changes(path: Path) -> AsyncIterator[bool]:
    """Say that something below a folder has changed; False when nothing has for a while."""
    async for changes in watchfiles.awatch(
        path, step=_QUIET_MS, rust_timeout=_SETTLED_MS, yield_on_timeout=True, raise_interrupt=False
    ):
        yield bool(changes)


def _read(path: Path) -> tuple[folder.Contents, Signature]:
    """Read a folder, with a signature that is no younger than what is read: what changes meanwhile is seen later."""
    manifest = path / MANIFEST_NAME
    before = manifest.stat() if manifest.is_file() else None
    contents = folder.read(path)
    found = (
        (name, before if name == MANIFEST_NAME and before else file.stat()) for name, file in contents.files.items()
    )
    return contents, frozenset((name, state.st_mtime_ns, state.st_size, state.st_ino) for name, state in found)


def _manifest_signature(path: Path) -> Signature:
    """Tell apart what cannot be read as a plugin: by its manifest, and by what lies beside it."""
    try:
        found = [(one.name, one.stat()) for one in path.iterdir() if one.is_file()]
    except OSError:
        return frozenset({("", 0, 0, 0)})
    return frozenset((f"?{name}", state.st_mtime_ns, state.st_size, state.st_ino) for name, state in found)
