"""One round of the loop after the other: read, build, put in place, have it taken, ask it something.

Each step may fail, and is then told; what ran before goes on. What a build is needed for, and whether there is anything
new at all, is found from what has changed.
"""

import time
from pathlib import Path
from typing import Any, Final

import msgspec

from pluginctl.building.plan import Plan, plan
from pluginctl.building.run import build, place
from pluginctl.developing import showing
from pluginctl.developing.showing import Show
from pluginctl.developing.sources import places
from pluginctl.developing.watching import Counts, authored, counting, saved_at
from pluginctl.failure import CommandFailed
from pluginctl.project import Call, Project, read
from plugind_client import AsyncClient
from plugind_client.calls import Granting
from plugind_protocol.errors import HostUnavailable, PlugindError
from plugind_protocol.manifest import MANIFEST_NAME
from plugind_protocol.methods import State
from plugind_protocol.package import digest, folder

_EFFECT: Final = "effect"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the user chose."""

    folder: Path
    grant: Granting = "requested"
    activate: bool = True
    optimize: bool = False
    """Compile as for an installed plugin."""
    call: Call | None = None
    """Instead of what the manifest says."""
    quiet: bool = False
    """Keep what a build says, and tell it, instead of letting it through."""


class Rounds:
    """The loop's state.

    Args:
        options: What the user chose.
        show: Told what happens.
    """

    def __init__(self, options: Options, show: Show) -> None:
        self.client: AsyncClient
        """A session with the daemon; set before the first round."""
        self._options = options
        self._show = show
        self._counts: Counts = _everything
        self._project: Project | None = None
        self._plan: Plan | None = None
        self._digest = ""
        self._held: showing.NotTaken | None = None
        """What is wrong with what may only be half written yet."""
        self._built = (0.0, 0.0)
        """When the last build began and ended, in s since 1970."""
        self._broken: bytes | None = None
        """The manifest of which was told already what is wrong with it."""
        self._inactive = False
        """Whether it could not be activated."""
        self._alone = False
        """Whether the plugin cannot be active, since there is no editor."""
        self._stale = False
        """Whether the last build failed or could not be, so that the next change of anything asks for one."""
        self.plugin_id: str | None = None
        """The plugin, once it is loaded."""
        self.version: str | None = None
        """The version that serves."""

    @property
    def expected(self) -> str | None:
        """The plugin's id, also while it is loaded for the first time."""
        return self.plugin_id or (self._project.manifest.name if self._project is not None else None)

    def counts(self, path: str, *, gone: bool = False) -> bool:
        """Whether a file, by relative path, counts; it follows the manifest."""
        return self._counts(path, gone=gone)

    def begin(self) -> None:
        """Look at the folder.

        Raises:
            CommandFailed: Something is missing to build it.
            ManifestInvalid: There is no plugin in the folder.
        """
        self._read()

    async def first(self) -> None:
        """Build and load the plugin."""
        await self._round([], at=time.time(), building=True)

    async def changed(self, paths: list[Path]) -> None:
        """Go round once more.

        Args:
            paths: What has changed; nothing when nothing has for a while, and what is wrong counts.
        """
        if paths and not (paths := authored(paths, self._built)):
            return
        if not paths:
            if self._held is not None:
                self._show(self._held)
                self._held = None
            return
        at = saved_at(paths, now=time.time())
        before = self._plan
        try:
            self._read()
        except (PlugindError, CommandFailed) as exc:
            self._tell_broken(exc, paths)
            return
        self._broken = None
        new_plan = before is not None and self._plan is not None and self._plan.commands != before.commands
        needed = self._stale or new_plan or (before is None) != (self._plan is None) or not self._packaged(paths)
        await self._round(paths, at=at, building=needed)

    def _read(self) -> None:
        project = read(self._options.folder)
        self._plan = plan(project)
        self._project = project
        self._counts = counting(project, built=self._plan is not None)

    async def _round(self, paths: list[Path], *, at: float, building: bool) -> None:
        assert self._project is not None
        began = time.time()
        try:
            if building and self._plan is not None and not await self._build(self._project, self._plan):
                return
            build_seconds = self._built[1] - began if building and self._plan is not None else 0.0
            contents = folder.read(self._project.folder)
            found = digest.of_files(contents.files)
            if found == self._digest and self.plugin_id is not None:
                self._held = None
                self._show(showing.Unchanged(saved=self._names(paths)))
                return
            first = self.plugin_id is None
            await self._take(self._project)
            self._digest, self._held = found, None
            wanted = first or self._project.manifest.type == _EFFECT
            effects = await self._effects() if wanted and not self._inactive else []
        except (PlugindError, CommandFailed) as exc:
            self._fail(self._not_taken(exc))
            return
        if first:
            await self._tell_loaded(effects)
        await self._ask(self._names(paths), at=at, build_seconds=build_seconds)

    async def _build(self, project: Project, chosen: Plan) -> bool:
        self._show(showing.Building(commands=[step.shown for step in chosen.steps]))
        began = time.time()
        try:
            built = await build(project, chosen, quiet=self._options.quiet)
            if built.ok:
                place(project, built)
        except CommandFailed as exc:
            self._stale = True
            self._show(showing.BuildFailed(reason=str(exc), hint=exc.hint, output="", serving=self._serving))
            return False
        finally:
            self._built = (began, time.time())
        self._stale = not built.ok
        if not built.ok:
            reason = f"{built.failed} did not succeed"
            self._show(showing.BuildFailed(reason=reason, hint=built.hint, output=built.output, serving=self._serving))
            return False
        self._show(showing.Built(seconds=round(built.seconds, 3), output=built.output))
        return True

    async def _take(self, project: Project) -> None:
        """Have the daemon run what is in the folder now."""
        if self.plugin_id is None:
            info = await self.client.load_development(
                str(project.folder), grant=self._options.grant, optimize=self._options.optimize
            )
            self.plugin_id = info.plugin_id
            if info.state is State.ERROR:
                self.version = None
                raise CommandFailed(info.reason or "it does not load")
        else:
            info = await self.client.reload(self.plugin_id)
        self.version = info.version
        if self._options.activate and not self._alone and info.state is not State.ACTIVE:
            await self._activate(info.plugin_id)

    async def _activate(self, plugin_id: str) -> None:
        """Activate the plugin; one that cannot be is told, and can be called all the same."""
        self._inactive = False
        try:
            await self.client.activate(plugin_id)
        except PlugindError as exc:
            self._inactive = True
            await self.client.deactivate(plugin_id)  # so that loading it does not try that again
            await self.client.load(plugin_id)
            own = exc.data.error
            # not again where nobody answers what it asks an editor: each try would cost it its instance, and its state
            self._alone = own is not None and own.code == HostUnavailable.code
            hint = showing.no_editor() if self._alone else exc.data.hint
            found = places(exc.message, self._options.folder)
            self._show(showing.NotActive(reason=exc.message, hint=hint or "", places=found))

    async def _effects(self) -> list[str]:
        assert self.plugin_id is not None
        return [effect.effect_id for effect in await self.client.effects_list(self.plugin_id)]

    async def _tell_loaded(self, effects: list[str]) -> None:
        assert self.plugin_id is not None
        info = await self.client.get_plugin(self.plugin_id)
        self._show(
            showing.Loaded(
                plugin_id=info.plugin_id,
                version=info.version,
                state=str(info.state),
                effects=effects,
                granted=info.permissions.granted,
            )
        )

    async def _ask(self, saved: list[str], *, at: float, build_seconds: float) -> None:
        """Have the new code answer, and tell how long that took from the moment at which it was saved."""
        assert self._project is not None
        assert self.plugin_id is not None
        call = self._options.call or self._project.dev.call
        answer: Any = None
        error: str | None = None
        if call is not None:
            try:
                answer = await self.client.call_plugin(self.plugin_id, call.function, args=call.args)
            except PlugindError as exc:
                error = exc.message
        passed = max(0.0, time.time() - at - build_seconds)
        self._show(
            showing.Answered(
                version=self.version or "",
                saved=saved,
                ms=round(1000 * passed, 1),
                build_ms=round(1000 * build_seconds, 1),
                function=call.function if call is not None else None,
                answer=answer,
                error=error,
            )
        )

    def _fail(self, told: showing.NotTaken) -> None:
        """Tell what is wrong; at once where a build has just made it, else once nothing changes any more."""
        if self._plan is None and self.plugin_id is not None:
            self._held = told
        else:
            self._show(told)

    def _tell_broken(self, failure: PlugindError | CommandFailed, paths: list[Path]) -> None:
        """Tell what is wrong with the manifest; not again where it was only written once more, in two steps."""
        manifest = self._options.folder / MANIFEST_NAME
        found = manifest.read_bytes() if manifest.is_file() else b""
        if paths != [manifest] or found != self._broken:
            self._show(self._not_taken(failure))
        self._broken = found
        self._stale = self._stale or paths != [manifest]  # what else has changed is built once it can be

    def _not_taken(self, failure: PlugindError | CommandFailed) -> showing.NotTaken:
        message = failure.message if isinstance(failure, PlugindError) else str(failure)
        hint = failure.data.hint if isinstance(failure, PlugindError) else failure.hint
        found = places(message, self._options.folder)
        return showing.NotTaken(reason=message, hint=hint or "", serving=self._serving, places=found)

    @property
    def _serving(self) -> str | None:
        return f"{self.plugin_id} {self.version}" if self.version is not None else None

    def _packaged(self, paths: list[Path]) -> bool:
        """Whether all that has changed goes into the package as it is, so that nothing needs to be built."""
        assert self._project is not None
        try:
            files = {path.resolve() for path in folder.read(self._project.folder).files.values()}
        except PlugindError:
            return False
        return all(path.resolve() in files for path in paths)

    def _names(self, paths: list[Path]) -> list[str]:
        """Name what was saved; what an editor had there for a moment only is left out."""
        there = [path for path in paths if path.exists()] or paths
        return [path.relative_to(self._options.folder).as_posix() for path in there]


def _everything(path: str, *, gone: bool = False) -> bool:
    del path, gone
    return True
