"""The contract's methods as typed coroutines, one each, over a single generic call.

``plugins.install`` is ``install``, ``plugins.list`` is ``list_plugins``; outside that namespace ``effects.process`` is
``effects_process``. Every one raises `plugind_protocol.errors.PlugindError` classes and `Disconnected`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import msgspec

from plugind_protocol import dependencies as d
from plugind_protocol import methods as m
from plugind_protocol.capsule import CapsuleInfo
from plugind_protocol.manifest import Limits
from plugind_protocol.presets import PresetName

T = TypeVar("T")

PixelFormatName = Literal["RGBA8", "RGBA16F", "RGBA32F", "YUV420P8"]

Granting = Sequence[str] | Literal["requested"] | PresetName
"""Permissions by name, all that is requested, or a preset's part of that."""


class Calls(ABC):
    """What can be asked of the daemon."""

    @abstractmethod
    async def _ask(self, method: str, params: m.Params, result: type[T]) -> T:
        """Send a request and decode its result."""

    # --- daemon

    async def daemon_status(self) -> m.DaemonStatus:
        """Health of the daemon."""
        return await self._ask("daemon.status", m.Empty(), m.DaemonStatus)

    async def daemon_metrics(self) -> m.DaemonMetrics:
        """Figures of the daemon and each plugin."""
        return await self._ask("daemon.metrics", m.Empty(), m.DaemonMetrics)

    async def daemon_shutdown(self) -> None:
        """Stop the daemon gracefully."""
        await self._ask("daemon.shutdown", m.Empty(), msgspec.Raw)

    async def rpc_discover(self) -> dict[str, Any]:
        """Describe every method, as OpenRPC 1.3."""
        return await self._ask("rpc.discover", m.Empty(), dict[str, Any])

    # --- plugins

    async def install(
        self,
        source: str,
        *,
        grant: Granting = (),
        allow_unsigned: bool = False,
        sha256: str | None = None,
        progress_token: int | str | None = None,
        grant_dependencies: Literal["requested"] | None = None,
    ) -> m.InstallResult:
        """Install a plugin, or another version of an installed one.

        Args:
            source: A folder or package, as the daemon sees it: make it absolute. Or a package's URL, or ``id@range``.
            grant: Permissions to grant at once, ``requested`` for all that the manifest asks for, or a preset.
            allow_unsigned: Whether an unsigned package will do.
            sha256: What the package has to be, hex.
            progress_token: Comes back in the notifications ``$/progress`` that this asks for.
            grant_dependencies: Grant what dependencies that come with it ask for.
        """
        granted: Any = grant if isinstance(grant, str) else list(grant)
        params = m.Install(
            source=source,
            grant=granted,
            allow_unsigned=allow_unsigned,
            sha256=sha256,
            progress_token=progress_token,
            grant_dependencies=grant_dependencies,
        )
        return await self._ask("plugins.install", params, m.InstallResult)

    async def uninstall(self, plugin_id: str, *, keep_data: bool = False, force: bool = False) -> m.PluginInfo:
        """Stop and remove a plugin.

        Args:
            plugin_id: Which.
            keep_data: Keep its storage and its private folder, for when it is installed again.
            force: Remove it even if other installed plugins need it.
        """
        params = m.Uninstall(plugin_id=plugin_id, keep_data=keep_data, force=force)
        return await self._ask("plugins.uninstall", params, m.PluginInfo)

    async def load(self, plugin_id: str) -> m.PluginInfo:
        """Start the plugin's worker and load its module."""
        return await self._ask("plugins.load", m.PluginId(plugin_id=plugin_id), m.PluginInfo)

    async def unload(self, plugin_id: str) -> m.PluginInfo:
        """Stop the plugin's worker."""
        return await self._ask("plugins.unload", m.PluginId(plugin_id=plugin_id), m.PluginInfo)

    async def activate(self, plugin_id: str) -> m.PluginInfo:
        """Activate: run lifecycle.activate and main."""
        return await self._ask("plugins.activate", m.PluginId(plugin_id=plugin_id), m.PluginInfo)

    async def deactivate(self, plugin_id: str) -> m.PluginInfo:
        """Deactivate; the plugin stays loaded."""
        return await self._ask("plugins.deactivate", m.PluginId(plugin_id=plugin_id), m.PluginInfo)

    async def enable(self, plugin_id: str) -> m.PluginInfo:
        """Allow the plugin to be loaded."""
        return await self._ask("plugins.enable", m.PluginId(plugin_id=plugin_id), m.PluginInfo)

    async def disable(self, plugin_id: str) -> m.PluginInfo:
        """Unload the plugin and do not load it on demand."""
        return await self._ask("plugins.disable", m.PluginId(plugin_id=plugin_id), m.PluginInfo)

    async def reload(self, plugin_id: str) -> m.PluginInfo:
        """Replace the worker by a fresh one, in the same state."""
        return await self._ask("plugins.reload", m.PluginId(plugin_id=plugin_id), m.PluginInfo)

    async def release(self, plugin_id: str, *, fallback: bool = False) -> m.PluginInfo:
        """End a quarantine; or leave the version there and switch to the earlier one that the quarantine names."""
        return await self._ask("plugins.release", m.Release(plugin_id=plugin_id, fallback=fallback), m.PluginInfo)

    async def update(self, plugin_id: str, source: str | None = None, *, grant: Granting = ()) -> m.UpdateResult:
        """Update a plugin.

        Args:
            plugin_id: The plugin.
            source: What to update to, as in `install`; None for the newest version where it came from or in the
                daemon's package folders, if that is newer.
            grant: Permissions to grant besides those it has.
        """
        granted: Any = grant if isinstance(grant, str) else list(grant)
        params = m.Update(plugin_id=plugin_id, source=source, grant=granted)
        return await self._ask("plugins.update", params, m.UpdateResult)

    async def load_development(
        self, path: str, *, grant: Granting = "requested", remember: bool = False, optimize: bool = False
    ) -> m.PluginInfo:
        """Load a plugin from the folder that it is developed in, and again whenever something there changes.

        Args:
            path: The folder; absolute.
            grant: Permissions to grant, also when the manifest changes.
            remember: Whether to watch the folder again after the daemon's restart.
            optimize: Compile its module as that of an installed plugin is: it takes longer, and runs faster.
        """
        granted: Any = grant if isinstance(grant, str) else list(grant)
        params = m.LoadDevelopment(path=path, grant=granted, remember=remember, optimize=optimize)
        return await self._ask("plugins.loadDevelopment", params, m.PluginInfo)

    async def versions(self, plugin_id: str) -> m.Versions:
        """The versions of a plugin that are kept, the current one first."""
        return await self._ask("plugins.versions", m.PluginId(plugin_id=plugin_id), m.Versions)

    async def rollback(self, plugin_id: str, version: str | None = None) -> m.PluginInfo:
        """Go back to a version that is kept; without one, to the one that was current last and is not in quarantine."""
        return await self._ask("plugins.rollback", m.Rollback(plugin_id=plugin_id, version=version), m.PluginInfo)

    async def changes(self, since: int | None = None, *, epoch: str | None = None) -> m.Changes:
        """State changes since one that is known, or the state of everything where that is not possible.

        Args:
            since: ``seq`` of the last change that is known; None to begin.
            epoch: Its epoch, from an earlier answer.
        """
        return await self._ask("plugins.changes", m.ChangesSince(since=since, epoch=epoch), m.Changes)

    async def set_resource_limits(self, plugin_id: str, limits: m.LimitChanges) -> Limits:
        """Change the limits that are given; return all that are in force."""
        params = m.SetResourceLimits(plugin_id=plugin_id, limits=limits)
        return await self._ask("plugins.setResourceLimits", params, Limits)

    async def get_resource_limits(self, plugin_id: str) -> Limits:
        """The limits in force."""
        return await self._ask("plugins.getResourceLimits", m.PluginId(plugin_id=plugin_id), Limits)

    async def list_plugins(self) -> list[m.PluginInfo]:
        """All installed plugins."""
        return await self._ask("plugins.list", m.Empty(), list[m.PluginInfo])

    async def get_plugin(self, plugin_id: str) -> m.PluginInfo:
        """One installed plugin."""
        return await self._ask("plugins.get", m.PluginId(plugin_id=plugin_id), m.PluginInfo)

    async def get_state(self, plugin_id: str) -> m.State:
        """The state of a plugin; ``not_installed`` for an unknown one."""
        return await self._ask("plugins.getState", m.PluginId(plugin_id=plugin_id), m.State)

    async def call_plugin(
        self, plugin_id: str, function: str, *, args: Any = None, timeout_ms: int | None = None
    ) -> Any:
        """Call a function of a plugin, which is loaded on demand.

        Args:
            plugin_id: The plugin.
            function: Its function.
            args: Any value msgspec can encode; `msgspec.Raw` is JSON already.
            timeout_ms: Deadline in ms, 1 … 3 600 000; None for the daemon's default.

        Returns:
            The function's own result.
        """
        params = m.Call(plugin_id=plugin_id, function=function, args=_raw(args), timeout_ms=timeout_ms)
        return msgspec.json.decode(await self._ask("plugins.call", params, msgspec.Raw))

    async def grant(self, plugin_id: str, permissions: Sequence[str]) -> m.Permissions:
        """Grant permissions that the manifest requests."""
        params = m.Grant(plugin_id=plugin_id, permissions=list(permissions))
        return await self._ask("plugins.grant", params, m.Permissions)

    async def revoke(self, plugin_id: str, permissions: Sequence[str]) -> m.Permissions:
        """Revoke permissions, at once."""
        params = m.Grant(plugin_id=plugin_id, permissions=list(permissions))
        return await self._ask("plugins.revoke", params, m.Permissions)

    async def get_permissions(self, plugin_id: str) -> m.PermissionLedger:
        """What a plugin requested and was granted, and what it did with it."""
        return await self._ask("plugins.getPermissions", m.PluginId(plugin_id=plugin_id), m.PermissionLedger)

    async def apply_preset(self, plugin_id: str, preset: PresetName) -> m.Permissions:
        """Grant exactly what a preset covers of what the manifest requests; revoke the rest."""
        params = m.ApplyPreset(plugin_id=plugin_id, preset=preset)
        return await self._ask("plugins.applyPreset", params, m.Permissions)

    async def accept_update(self, plugin_id: str, *, grant: Granting = ()) -> m.PluginInfo:
        """Take an update that is held since it asks for more; ``grant`` is given besides what the plugin has."""
        granted: Any = grant if isinstance(grant, str) else list(grant)
        params = m.AcceptUpdate(plugin_id=plugin_id, grant=granted)
        return await self._ask("plugins.acceptUpdate", params, m.PluginInfo)

    async def reject_update(self, plugin_id: str) -> m.PluginInfo:
        """Drop an update that is held; the plugin stays as it is."""
        return await self._ask("plugins.rejectUpdate", m.PluginId(plugin_id=plugin_id), m.PluginInfo)

    async def list_presets(self) -> list[m.PresetInfo]:
        """The presets of permissions, the narrowest first."""
        return await self._ask("plugins.listPresets", m.Empty(), list[m.PresetInfo])

    # --- dependencies

    async def resolve(self, source: str, *, update: Sequence[str] = ()) -> d.Resolution:
        """Ask what installing a source would bring with it.

        Args:
            source: As of `install`; the id of an installed plugin is that plugin.
            update: Plugins of which the newest version is preferred to the installed one.

        Raises:
            DependencyConflict: It cannot be; ``data.conflict`` says why, and the message says it in a sentence.
        """
        return await self._ask("plugins.resolve", d.Resolve(source=source, update=list(update)), d.Resolution)

    async def lock(self, path: str | None = None) -> d.LockResult:
        """Write down exactly which plugins are installed.

        Args:
            path: An absolute path: a file, or a folder to write ``plugins.lock`` in; None to write nothing.
        """
        return await self._ask("plugins.lock", d.Lock(path=path), d.LockResult)

    async def restore(self, path: str, *, dry_run: bool = False) -> d.RestoreResult:
        """Bring back exactly what was locked, or change nothing.

        Args:
            path: An absolute path: the lock file, or the folder with ``plugins.lock``.
            dry_run: Find and check everything, and change nothing.

        Raises:
            PackageInvalid: Something is not there as it was locked.
        """
        return await self._ask("plugins.restore", d.Restore(path=path, dry_run=dry_run), d.RestoreResult)

    # --- effects and frames

    async def effects_list(self, plugin_id: str | None = None) -> list[m.Effect]:
        """The effects of active plugins; or of one plugin, which is activated on demand."""
        return await self._ask("effects.list", m.EffectsList(plugin_id=plugin_id), list[m.Effect])

    async def effects_process(
        self,
        plugin_id: str,
        effect_id: str,
        *,
        frame: m.FrameRef,
        params: Any = None,
        deadline_ms: int | None = None,
        fallback: Literal["bypass", "lastGood", "fail"] = "fail",
    ) -> m.ProcessResult:
        """Run an effect on one frame of an open window.

        Args:
            plugin_id: The plugin.
            effect_id: Its effect.
            frame: Window and slots.
            params: Values of the effect's parameters by name; `msgspec.Raw` is JSON already.
            deadline_ms: Deadline in ms; None for the daemon's default.
            fallback: What the output gets where the plugin fails or is late; the result's ``degraded`` says so.
        """
        process = m.Process(
            plugin_id=plugin_id,
            effect_id=effect_id,
            frame=frame,
            params=_raw({} if params is None else params),
            deadline_ms=deadline_ms,
            fallback=fallback,
        )
        return await self._ask("effects.process", process, m.ProcessResult)

    async def frames_open(
        self, plugin_id: str, *, width: int, height: int, pixel_format: PixelFormatName = "RGBA8", slots: int = 2
    ) -> m.FrameWindow:
        """Open a window of frames shared with one plugin; it belongs to this connection and closes with it.

        Args:
            plugin_id: The plugin.
            width: Pixels, 16 … 7680.
            height: Pixels, 16 … 4320.
            pixel_format: Format of every slot.
            slots: How many frames the window holds, 1 … 64.
        """
        params = m.FramesOpen(plugin_id=plugin_id, width=width, height=height, format=pixel_format, slots=slots)
        return await self._ask("frames.open", params, m.FrameWindow)

    async def frames_close(self, window_id: int) -> None:
        """Close a window."""
        await self._ask("frames.close", m.FramesClose(window_id=window_id), msgspec.Raw)

    # --- console

    async def console_get(self, plugin_id: str | None = None, *, since: int = 0) -> m.ConsoleMessages:
        """What plugins have logged, after the sequence number ``since``."""
        return await self._ask("console.get", m.ConsoleGet(plugin_id=plugin_id, since=since), m.ConsoleMessages)

    async def console_clear(self, plugin_id: str | None = None) -> None:
        """Empty the console of one plugin or of all."""
        await self._ask("console.clear", m.ConsoleClear(plugin_id=plugin_id), msgspec.Raw)

    # --- capsules

    async def capsules_list(self, plugin_id: str | None = None) -> list[CapsuleInfo]:
        """Crash capsules, newest first; of one plugin only, if one is named."""
        return await self._ask("capsules.list", m.CapsulesList(plugin_id=plugin_id), list[CapsuleInfo])

    async def capsules_get(self, capsule_id: str) -> m.CapsuleFile:
        """Read one crash capsule, and say where its files and its package are."""
        return await self._ask("capsules.get", m.CapsulesGet(id=capsule_id), m.CapsuleFile)

    # --- events

    async def events_publish(self, name: str, payload: Any = None, *, plugin_id: str | None = None) -> None:
        """Tell plugins something, as the editor.

        Args:
            name: Without ``/``, such as ``timeline.selectionChange``.
            payload: Any JSON value.
            plugin_id: Tell only this plugin, whether it asked for it or not.
        """
        params = m.PublishEvent(name=name, payload=_raw(payload), plugin_id=plugin_id)
        await self._ask("events.publish", params, msgspec.Raw)

    # --- a host without an editor

    async def headless_state(self) -> m.HeadlessState:
        """What the headless host has: timeline, menus, panels, what plugins asked and told."""
        return await self._ask("headless.state", m.Empty(), m.HeadlessState)

    async def headless_set(self, *, current_time: float | None = None, selection: Sequence[str] | None = None) -> None:
        """Move the headless host's playhead (in s), or select clips."""
        chosen = None if selection is None else list(selection)
        await self._ask("headless.set", m.HeadlessSet(current_time=current_time, selection=chosen), msgspec.Raw)

    async def headless_choose_menu(self, item_id: str, *, plugin_id: str | None = None) -> None:
        """Choose a menu item of the headless host."""
        await self._ask("headless.chooseMenu", m.ChooseMenu(id=item_id, plugin_id=plugin_id), msgspec.Raw)

    async def headless_reload(self) -> None:
        """Let the headless host read its project file again, which another program has changed."""
        await self._ask("headless.reload", m.Empty(), msgspec.Raw)


def _raw(value: Any) -> msgspec.Raw:
    return value if isinstance(value, msgspec.Raw) else msgspec.Raw(msgspec.json.encode(value))
