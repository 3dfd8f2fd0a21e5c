"""Plays a script against a daemon of its own, and says whether the failure came again."""

import hashlib
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from pluginctl.private import private_daemon
from pluginctl.replaying import script as steps
from pluginctl.replaying.answers import NAMESPACES, Answers
from pluginctl.replaying.script import Script, Step, script
from pluginctl.replaying.source import Found
from pluginctl.replaying.verdict import Outcome, Verdict, judge, recorded, seen
from plugind_client import AsyncClient, FrameBuffers, Handler
from plugind_client.calls import PixelFormatName
from plugind_protocol import __version__
from plugind_protocol.capsule import CallRecord, Capsule
from plugind_protocol.errors import PlugindError
from plugind_protocol.methods import FrameRef, FrameWindow, LimitChanges

_PATTERN: Final = bytes((i * 31 + (i >> 8) * 7) & 0x3F for i in range(1 << 16))
"""Stands in for a frame that was not kept. Below 0x40, so that no float of it is infinite or no number."""
_MANY: Final = 1_000_000
_OWN_ENGINE: Final = "wasmtime"
"""Runs by the daemon's own Python."""


async def replay(found: Found, folder: Path, *, sandbox: str | None = None) -> Verdict:
    """Replay a capsule.

    Args:
        found: The capsule.
        folder: The plugin's, with the module that failed.
        sandbox: What the private daemon does without essential layers, if not its default.

    Returns:
        Whether the failure came again, and what differed.
    """
    capsule = found.capsule
    plan = script(capsule)
    answers = Answers(plan.calls)
    options = ["--engine", capsule.engine.name, *(["--sandbox", sandbox] if sandbox is not None else [])]
    async with private_daemon(*options, purpose="replay", settings=settings(found)) as socket:
        handlers: dict[str, Handler] = dict.fromkeys(NAMESPACES, answers.answer)
        opened = AsyncClient.connect(socket, name="pluginctl-replay", version=__version__, handlers=handlers)
        async with opened as client:
            player = _Player(client, found, plan, answers)
            return await player.play(folder)


def settings(found: Found) -> dict[str, dict[str, Any]]:
    """Return what the private daemon's configuration says beside its defaults, by table."""
    capsule = found.capsule
    hooks = [call.timeout_ms for call in capsule.calls if call.step == "hook"]
    tables: dict[str, dict[str, Any]] = {
        "supervision": {
            "max_restarts": _MANY,
            "backoff_first_seconds": 0.001,
            "hook_timeout_seconds": max([*hooks, 10_000.0]) / 1000,
        },
        "engines.plugins": {capsule.plugin_id: capsule.engine.name},  # the manifest may name another
    }
    if capsule.engine.name != _OWN_ENGINE and found.interpreter is not None:
        tables[f"engines.{capsule.engine.name}"] = {"interpreter": found.interpreter}
    return tables


class _Player:
    def __init__(self, client: AsyncClient, found: Found, plan: Script, answers: Answers) -> None:
        self._client = client
        self._capsule = found.capsule
        self._frame = found.frame
        self._plan = plan
        self._answers = answers
        self._windows: dict[int, FrameWindow] = {}
        self._differences: list[str] = []
        self._notes = [*_other_versions(client, found.capsule), *plan.notes]

    async def play(self, folder: Path) -> Verdict:
        plugin_id = self._capsule.plugin_id
        await self._client.install(str(folder), grant=self._capsule.granted)
        limits = {name: value for name, value in msgspec.structs.asdict(self._capsule.limits).items() if value}
        await self._client.set_resource_limits(plugin_id, LimitChanges(**limits))
        outcome = None
        for step in self._plan.steps:
            outcome = await self._step(step)
            if step.fatal or (outcome is not None and step.record is None):
                break
        fatal = any(step.fatal for step in self._plan.steps)
        self._answers.finish()
        return judge(
            recorded(self._capsule),
            outcome if fatal else None,
            idle=not fatal,
            differences=[*self._differences, *self._answers.differences],
            notes=self._notes,
        )

    async def _step(self, step: Step) -> Outcome | None:
        """Do one step; return how it failed, if it did."""
        try:
            await self._do(step)
        except PlugindError as error:
            name = error.data.capsule
            made = (await self._client.capsules_get(name)).capsule if name is not None else None
            outcome: Outcome | None = seen(error, made)
            kind = error.data.kind
        else:
            outcome, kind = None, "ok"
        record = step.record
        if record is not None and not step.fatal and kind != record.outcome:
            self._differences.append(f"{record.name} ended with {kind}, recorded is {record.outcome}")
        return outcome

    async def _do(self, step: Step) -> None:
        client, plugin_id = self._client, self._capsule.plugin_id
        match step.action:
            case steps.Load():
                await client.load(plugin_id)
            case steps.Activate():
                await client.activate(plugin_id)
            case steps.Deactivate():
                await client.deactivate(plugin_id)
            case steps.Unload():
                await client.unload(plugin_id)
            case steps.OpenWindow(shape):
                self._windows[shape.window] = await client.frames_open(
                    plugin_id,
                    width=shape.width,
                    height=shape.height,
                    pixel_format=cast("PixelFormatName", shape.format),
                    slots=shape.slots,
                )
            case steps.CloseWindow(window):
                if (opened := self._windows.pop(window, None)) is not None:
                    await client.frames_close(opened.window_id)
            case steps.CallFunction(name, params, timeout_ms):
                await client.call_plugin(plugin_id, name, args=params, timeout_ms=timeout_ms)
            case steps.ProcessFrame() as frame:
                await self._process(frame, step)

    async def _process(self, frame: steps.ProcessFrame, step: Step) -> None:
        window = self._windows[frame.window]
        self._fill(window, frame.input, step)
        await self._client.effects_process(
            self._capsule.plugin_id,
            frame.name,
            frame=FrameRef(window_id=window.window_id, input=frame.input, output=frame.output, pts_us=frame.pts_us),
            params=frame.params,
            deadline_ms=frame.timeout_ms,
        )

    def _fill(self, window: FrameWindow, slot: int, step: Step) -> None:
        kept = self._frame.read_bytes() if step.fatal and self._frame is not None else None
        content = kept if kept is not None and len(kept) == window.slot_bytes else _pattern(window.slot_bytes)
        with FrameBuffers(window) as buffers:
            buffers.bytes(slot)[:] = content
        if step.fatal:
            self._notes.append(_frame_note(step.record, content, kept=kept is content))


def _pattern(size: int) -> bytes:
    return (_PATTERN * (size // len(_PATTERN) + 1))[:size]


def _frame_note(record: CallRecord | None, content: bytes, *, kept: bool) -> str:
    digest = record.frame.sha256 if record is not None and record.frame is not None else None
    if digest == hashlib.sha256(content).hexdigest():
        return "the frame is the recorded one"
    if kept:
        return "the kept frame is not the one that was recorded: its hash differs"
    return "the frame was not kept (capsule_frames); a fixed pattern stands in for it, so the outcome may differ"


def _other_versions(client: AsyncClient, capsule: Capsule) -> list[str]:
    here = next((engine for engine in client.session.engines if engine.name == capsule.engine.name), None)
    pairs = [
        ("plugind", capsule.daemon_version, client.session.daemon.version),
        (capsule.engine.name, capsule.engine.version, here.version if here is not None else "missing"),
    ]
    return [f"recorded with {name} {was}, replayed with {now}" for name, was, now in pairs if was != now]
