"""Runs a plugin's tests in a daemon of their own, and says of each case what came of it."""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import anyio
import msgspec
from msgspec import UNSET

from pluginctl import cache
from pluginctl.failure import CommandFailed
from pluginctl.private import private_daemon
from pluginctl.testing import comparing
from pluginctl.testing.cases import Case, File, update
from pluginctl.testing.host import NAMESPACES, ScriptedHost
from plugind_client import AsyncClient, FrameBuffers, Handler
from plugind_protocol.errors import PlugindError
from plugind_protocol.methods import FrameRef

_WAIT_SECONDS: Final = 5.0
"""How long the plugin has for what it is to ask, or to write, after it has answered."""
DIFFERENCES: Final = "test-differences"
"""Folder for pictures, in the plugin's."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of a case."""

    file: str
    name: str
    ok: bool
    ms: float
    problems: list[str] = []
    pictures: list[str] = []
    """Pictures of differences that were written."""
    updated: bool = False
    """Whether what it expects was written anew."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How tests are run."""

    folder: Path
    """The plugin's."""
    pictures: Path
    """Where pictures of differences go."""
    update: bool = False
    """Write what is found as what is expected."""
    pattern: str = ""
    """Only cases with this in their name, or their file's."""
    engine: str | None = None
    """Name of the wasm engine, if not the default."""


class _Checked(msgspec.Struct):
    """What is known of a case that runs."""

    problems: list[str] = msgspec.field(default_factory=list)
    pictures: list[str] = msgspec.field(default_factory=list)
    answer: Any = UNSET
    """To be written as what is expected."""
    updated: bool = False


async def run(settings: Settings, files: list[File], tell: Callable[[Outcome], None]) -> None:
    """Run tests.

    Args:
        settings: How.
        files: What.
        tell: Told what came of each case, as it does.

    Raises:
        PlugindError: The plugin cannot be installed.
        CommandFailed: The daemon does not start, or a picture cannot be read or written.
    """
    host = ScriptedHost()
    handlers: dict[str, Handler] = dict.fromkeys(NAMESPACES, host.answer)
    engine = ("--engine", settings.engine) if settings.engine is not None else ()
    async with AsyncExitStack() as stack:
        socket = await stack.enter_async_context(private_daemon(*engine, purpose="test", compiled=cache.compiled()))
        # without a version: it would be taken for the editor's, and compared with what the plugin needs
        opened = AsyncClient.connect(socket, name="pluginctl-test", handlers=handlers)
        client = await stack.enter_async_context(opened)
        for file in files:
            await _Tests(client, host, settings, file).run(tell)


class _Tests:
    """The cases of one file, in one instance of the plugin."""

    def __init__(self, client: AsyncClient, host: ScriptedHost, settings: Settings, file: File) -> None:
        self._client = client
        self._host = host
        self._settings = settings
        self._file = file
        self._plugin = ""
        self._lines: list[str] = []

    async def run(self, tell: Callable[[Outcome], None]) -> None:
        """Run them, in their order."""
        chosen = [(i, case) for i, case in enumerate(self._file.cases.cases) if self._wanted(case)]
        if not chosen:
            return
        self._host.begin(self._file.cases.host, ())
        installed = await self._client.install(str(self._settings.folder), grant=self._file.cases.grant)
        self._plugin = installed.plugin_id
        answers: dict[int, Any] = {}
        try:
            for index, case in chosen:
                began = time.perf_counter()
                checked = await self._case(case)
                if checked.answer is not UNSET:
                    answers[index] = checked.answer
                tell(
                    Outcome(
                        file=self._file.shown,
                        name=case.title,
                        ok=not checked.problems,
                        ms=round(1000 * (time.perf_counter() - began), 1),
                        problems=checked.problems,
                        pictures=checked.pictures,
                        updated=checked.updated or checked.answer is not UNSET,
                    )
                )
        finally:
            await self._client.uninstall(self._plugin)
        if answers:
            update(self._file, answers)

    def _wanted(self, case: Case) -> bool:
        return self._settings.pattern in case.title or self._settings.pattern in self._file.shown

    async def _case(self, case: Case) -> _Checked:
        self._host.begin(self._file.cases.host, case.host)
        await self._client.console_clear(self._plugin)
        checked = _Checked()
        try:
            await self._act(case, checked)
            if case.error is not None:
                checked.problems.append(f"it succeeded, expected was an error: {_words(case)}")
        except PlugindError as exc:
            problem = comparing.failure(case.error, exc) if case.error is not None else f"it failed: {_told(exc)}"
            checked.problems += [problem] if problem is not None else []
        await self._wait_for(case)
        checked.problems += self._host.finish()
        said = "\n".join(self._lines)
        checked.problems += [
            f"the console does not have {comparing.shown(part)}" for part in case.console if part not in said
        ]
        if checked.problems and self._lines:
            checked.problems += [f"console: {line}" for line in self._lines]
        return checked

    async def _act(self, case: Case, checked: _Checked) -> None:
        client, plugin = self._client, self._plugin
        if case.call is not None:
            answer = await client.call_plugin(plugin, case.call, args=case.args, timeout_ms=case.timeout_ms)
            self._check_answer(case, answer, checked)
        elif case.effect is not None:
            await self._process(case, case.effect, checked)
        elif case.event is not None:
            await client.events_publish(case.event, payload=case.payload, plugin_id=plugin)
        elif case.activate:
            await client.activate(plugin)
        else:
            await client.reload(plugin)

    def _check_answer(self, case: Case, answer: Any, checked: _Checked) -> None:
        if case.expect is UNSET:
            return
        found = comparing.difference(case.expect, answer, tolerance=case.tolerance)
        if found is not None and self._settings.update:
            checked.answer = answer
        elif found is not None:
            checked.problems.append(f"the answer differs: {found}")

    async def _process(self, case: Case, effect: str, checked: _Checked) -> None:
        try:
            from pluginctl.testing import golden  # noqa: PLC0415 - PyAV and numpy are extras
        except ImportError as exc:
            raise CommandFailed("Golden frames need PyAV and numpy", hint='pip install "plugind[media]"') from exc
        assert case.input is not None
        picture = golden.read_png(self._file.path.parent / case.input)
        height, width = picture.shape[:2]
        window = await self._client.frames_open(
            self._plugin, width=width, height=height, pixel_format=case.format, slots=2
        )
        try:
            with FrameBuffers(window) as buffers:
                golden.to_slot(picture, buffers.array(0), case.format)
                await self._client.effects_process(
                    self._plugin,
                    effect,
                    frame=FrameRef(window_id=window.window_id, input=0, output=1, pts_us=case.pts_us),
                    params=case.params,
                    deadline_ms=case.timeout_ms,
                )
                found = golden.from_slot(buffers.array(1), case.format)
        finally:
            await self._client.frames_close(window.window_id)
        if case.output is not None and case.error is None:
            self._check_picture(case, self._file.path.parent / case.output, found, checked)

    def _check_picture(self, case: Case, path: Path, found: Any, checked: _Checked) -> None:
        from pluginctl.testing import golden  # noqa: PLC0415 - as above

        if self._settings.update and not path.is_file():
            golden.write_png(path, found)
            checked.updated = True
            return
        expected = golden.read_png(path)
        if expected.shape != found.shape:
            sizes = [f"{one.shape[1]}x{one.shape[0]}" for one in (expected, found)]
            checked.problems.append(f"{case.output} has {sizes[0]} pixels, the frame {sizes[1]}")
            return
        off = golden.compare(expected, found, tolerance=case.tolerance)
        if off is None:
            return
        if self._settings.update:
            golden.write_png(path, found)
            checked.updated = True
            return
        written = self._settings.pictures / f"{self._file.path.stem}-{path.stem}.png"
        golden.write_png(written, golden.picture(expected, found))
        checked.pictures.append(str(written))
        checked.problems.append(
            f"{off.pixels} pixels are off by up to {off.largest} of 255, allowed is {case.tolerance:g}; "
            f"most at {off.x},{off.y}: {off.found}, expected {off.expected}"
        )

    async def _wait_for(self, case: Case) -> None:
        """Wait for what the plugin does on its own account, and read its console."""
        with anyio.move_on_after(_WAIT_SECONDS if case.host or case.console else 0.0, shield=True):
            while True:
                if self._host.done and await self._has_said(case.console):
                    return
                await anyio.lowlevel.checkpoint()
        with anyio.CancelScope(shield=True):
            await self._has_said(case.console)

    async def _has_said(self, parts: list[str]) -> bool:
        console = await self._client.console_get(self._plugin)
        self._lines = [line.message for line in console.messages]
        said = "\n".join(self._lines)
        return all(part in said for part in parts)


def _words(case: Case) -> str:
    return comparing.shown({k: v for k, v in msgspec.to_builtins(case.error).items() if v is not None})


def _told(error: PlugindError) -> str:
    own = error.data.error
    inner = f": {own.message} ({own.code})" if own is not None and own.message not in error.message else ""
    return f"{error.message}{inner} [{error.data.kind}]"
