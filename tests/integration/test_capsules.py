"""What is left of a crash: one capsule, with all that is needed to understand it, and nothing that is secret."""

import hashlib
import json
import os
import signal
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import psutil
import pytest
from tests.harness.daemon import Daemon
from tests.harness.waiting import until

from plugind_client import AsyncClient, FrameBuffers
from plugind_protocol import errors
from plugind_protocol.capsule import SCHEMA, decode
from plugind_protocol.methods import CapsuleFile, FrameRef, LimitChanges

pytestmark = [pytest.mark.anyio, pytest.mark.process]

SECRET = "xyzzy-Plugh-31415"
GRANT = "requested"


async def computing(client: AsyncClient, plugin_id: str) -> int:
    """Wait until a plugin's worker computes; return its pid."""

    async def at_it() -> int | None:
        pid = (await client.get_plugin(plugin_id)).pid
        return pid if pid is not None and psutil.Process(pid).cpu_times().user >= 0.05 else None

    pid = await until(at_it)
    assert pid is not None
    return pid


async def ids(client: AsyncClient, plugin_id: str) -> set[str]:
    return {head.id for head in await client.capsules_list(plugin_id)}


async def of(client: AsyncClient, error: errors.PlugindError) -> CapsuleFile:
    assert error.data.capsule is not None
    return await client.capsules_get(error.data.capsule)


@asynccontextmanager
async def failing(client: AsyncClient, plugin_id: str, function: str, args: Any = None) -> AsyncIterator[list[Any]]:
    """Let a call run in the background that fails; yields where its error will be."""
    caught: list[errors.PlugindError] = []

    async def call() -> None:
        with pytest.raises(errors.PlugindError) as raised:
            await client.call_plugin(plugin_id, function, args=args)
        caught.append(raised.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        yield caught


async def register(client: AsyncClient) -> None:
    await client.activate("probe")
    await client.call_plugin("probe", "host", args={"method": "effects.register", "params": {"id": "copy"}})


@pytest.mark.parametrize(
    ("function", "innermost"), [("divide", "function 5"), ("unreachable", "function 5"), ("recurse", "recurse")]
)
async def test_a_trap(client: AsyncClient, daemon: Daemon, plugins: Path, function: str, innermost: str) -> None:
    await client.install(str(plugins / "trapper"))
    with pytest.raises(errors.FunctionNotFound):
        await client.call_plugin("trapper", "before", args={"n": 1})
    with pytest.raises(errors.Trap) as caught:
        await client.call_plugin("trapper", function, args=["x"])
    found = await of(client, caught.value)
    capsule = found.capsule
    path = Path(found.path)
    assert path.parent == daemon.data_dir / "capsules"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert decode(path.read_bytes()) == capsule
    assert (capsule.schema, capsule.id) == (SCHEMA, caught.value.data.capsule)
    assert (capsule.plugin_id, capsule.version, capsule.abi) == ("trapper", "1.0.0", "timeline")
    assert (capsule.kind, capsule.cause, capsule.reason) == ("Trap", "trap", caught.value.message)
    assert capsule.stack == caught.value.data.stack
    assert capsule.stack[0] == innermost
    assert capsule.exit is None  # the worker goes on
    assert (capsule.state, capsule.hooks) == ("loaded", ["lifecycle.load"])
    assert [(call.name, call.outcome, call.running) for call in capsule.calls] == [
        ("lifecycle.load", "ok", False),
        ("before", "FunctionNotFound", False),
        (function, "Trap", True),
    ]
    assert [call.params.text for call in capsule.calls] == ["null", '{"n":1}', '["x"]']
    assert capsule.during == function
    status = await client.daemon_status()
    (engine,) = [one for one in status.engines if one.name == capsule.engine.name]
    assert capsule.engine.version == engine.version
    assert capsule.layers == status.sandbox.layers
    assert capsule.limits == (await client.get_plugin("trapper")).limits
    module = Path(found.package or "") / "plugin.wat"
    assert hashlib.sha256(module.read_bytes()).hexdigest() == capsule.module_hash
    assert "capsule written" in daemon.log.read_text()


async def test_a_trap_in_a_frame(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"), grant=GRANT)
    await register(client)
    window = await client.frames_open("probe", width=64, height=32, slots=3)
    frame = FrameRef(window_id=window.window_id, input=1, output=2, pts_us=40_000)
    with FrameBuffers(window) as buffers:
        buffers.bytes(1)[:] = bytes(range(256)) * (window.slot_bytes // 256)
        content = bytes(buffers.bytes(1))
    with pytest.raises(errors.Trap) as caught:
        await client.effects_process("probe", "copy", frame=frame, params={"do": "trap", "level": 0.5})
    found = await of(client, caught.value)
    assert found.frame is None
    running = found.capsule.running
    assert running is not None
    assert (running.step, running.name, running.params.text) == ("process", "copy", '{"do":"trap","level":0.5}')
    assert running.frame is not None
    assert (running.frame.input, running.frame.output, running.frame.pts_us) == (1, 2, 40_000)
    assert running.frame.sha256 == hashlib.sha256(content).hexdigest()
    (shape,) = found.capsule.windows
    assert (shape.window, shape.width, shape.height, shape.format, shape.stride, shape.slots) == (
        window.window_id, 64, 32, "RGBA8", window.stride, 3,
    )  # fmt: skip
    assert found.capsule.hooks == ["lifecycle.load", "lifecycle.activate", "main"]
    assert [call.step for call in found.capsule.calls] == ["hook"] * 3 + ["call", "openWindow", "process"]


async def test_a_frame_is_kept_where_that_is_wanted(
    start: Callable[..., Daemon], plugins: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "plugind.toml"
    settings.write_text("capsule_frames = true\n")
    async with AsyncClient.connect(start("--config", str(settings)).socket) as client:
        await client.install(str(plugins / "probe"), grant=GRANT)
        await register(client)
        window = await client.frames_open("probe", width=16, height=16, slots=1)
        with FrameBuffers(window) as buffers:
            buffers.bytes(0)[:] = content = os.urandom(window.slot_bytes)
        with pytest.raises(errors.Trap) as caught:
            await client.effects_process(
                "probe", "copy", frame=FrameRef(window_id=window.window_id), params={"do": "trap"}
            )
        found = await of(client, caught.value)
        assert found.capsule.frame_kept
        assert found.frame is not None
        assert Path(found.frame).read_bytes() == content
        assert stat.S_IMODE(Path(found.frame).stat().st_mode) == 0o600


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
async def test_a_signal_from_outside(client: AsyncClient, plugins: Path, number: signal.Signals) -> None:
    await client.install(str(plugins / "spin"))
    async with failing(client, "spin", "spin") as caught:
        os.kill(await computing(client, "spin"), number)
    (error,) = caught
    assert isinstance(error, errors.WorkerCrashed)
    capsule = (await of(client, error)).capsule
    assert (capsule.kind, capsule.cause, capsule.during) == ("WorkerCrashed", "crash", "spin")
    assert capsule.exit is not None
    assert (capsule.exit.signal, capsule.exit.status, capsule.exit.by_daemon) == (number.name, None, False)
    assert capsule.running is not None
    assert (capsule.running.outcome, capsule.running.ms > 0) == ("lost", True)
    assert number.name in capsule.reason


async def test_a_worker_killed_at_the_deadline(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"))
    pid = (await client.load("probe")).pid
    assert pid is not None
    known = await ids(client, "probe")
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(errors.Timeout) as caught:
        await client.call_plugin("probe", "echo", args={"a": 1}, timeout_ms=50)
    capsule = (await of(client, caught.value)).capsule  # named by the answer, though the worker was not gone yet
    assert await ids(client, "probe") == known | {capsule.id}
    assert (capsule.kind, capsule.cause, capsule.during) == ("Timeout", "timeout", "echo")
    assert capsule.exit is not None
    assert (capsule.exit.signal, capsule.exit.by_daemon) == ("SIGKILL", True)
    assert capsule.running is not None
    assert capsule.running.timeout_ms == 50


async def test_an_interrupt_that_works_leaves_none(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "spin"))
    known = await ids(client, "spin")
    with pytest.raises(errors.Timeout) as caught:
        await client.call_plugin("spin", "spin", timeout_ms=50)
    assert caught.value.data.capsule is None
    assert await ids(client, "spin") == known


async def test_processor_time_used_up(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "spin"))
    await client.set_resource_limits("spin", LimitChanges(cpu_seconds=1))
    with pytest.raises(errors.WorkerCrashed) as caught:
        await client.call_plugin("spin", "spin", timeout_ms=20_000)
    capsule = (await of(client, caught.value)).capsule
    assert (capsule.cause, capsule.limits.cpu_seconds) == ("limit", 1)
    assert capsule.exit is not None
    assert capsule.exit.signal == "SIGXCPU"


async def test_a_crash_during_a_host_call(client: AsyncClient, daemon: Daemon, plugins: Path) -> None:
    await client.install(str(plugins / "probe"), grant=GRANT)
    pid = (await client.load("probe")).pid
    assert pid is not None

    async def timeline(method: str, params: Any) -> Any:
        if method == "timeline.getSelectedClips":
            return {"clips": []}
        os.kill(pid, signal.SIGSEGV)
        return await anyio.sleep_forever()

    async with AsyncClient.connect(daemon.socket, name="editor", handlers={"timeline": timeline}):
        asked = {"method": "timeline.getSelectedClips", "params": {}}
        assert await client.call_plugin("probe", "host", args=asked) == {"clips": []}
        with pytest.raises(errors.WorkerCrashed) as caught:
            await client.call_plugin("probe", "host", args={"method": "timeline.getCurrentTime", "params": {}})
    calls = (await of(client, caught.value)).capsule.calls
    ((answered,), (open_,)) = (call.host_calls for call in calls[-2:])
    assert (answered.method, answered.params.text, answered.failed) == ("timeline.getSelectedClips", "{}", False)
    assert answered.answer is not None
    assert answered.answer.text == '{"clips":[]}'
    assert (open_.method, open_.answer) == ("timeline.getCurrentTime", None)


async def test_quarantine_names_the_last_capsule(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "trapper"))
    for _ in range(4):
        with pytest.raises(errors.Trap) as caught:
            await client.call_plugin("trapper", "bounds")
    info = await client.get_plugin("trapper")
    assert info.quarantine
    assert info.quarantine.capsule == caught.value.data.capsule is not None
    heads = await client.capsules_list("trapper")
    assert heads[0].id == caught.value.data.capsule
    assert len(heads) <= 10


async def test_only_so_many_are_kept(start: Callable[..., Daemon], plugins: Path, tmp_path: Path) -> None:
    settings = tmp_path / "plugind.toml"
    settings.write_text(
        "[capsules]\nper_plugin = 2\ncalls = 3\npayload_bytes = 10\n[supervision]\nmax_restarts = 100\n"
    )
    daemon = start("--config", str(settings))
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"))
        await client.install(str(plugins / "trapper"))
        with pytest.raises(errors.Trap):
            await client.call_plugin("trapper", "divide")
        names = []
        for number in range(4):
            await client.call_plugin("probe", "echo", args="x" * 100 + str(number))
            with pytest.raises(errors.Trap) as caught:
                await client.call_plugin("probe", "panic")
            names.append((await of(client, caught.value)).capsule.id)
        assert [head.id for head in await client.capsules_list("probe")] == [names[3], names[2]]
        assert len(await client.capsules_list()) == 3
        capsule = (await client.capsules_get(names[3])).capsule
        assert len(capsule.calls) == 4  # those before, and the one that failed
        before = capsule.calls[-2].params
        assert (before.text, before.size, before.cut) == ('"xxxxxxxxx', 103, True)
        assert before.sha256 == hashlib.sha256(b'"' + b"x" * 100 + b'3"').hexdigest()
    assert len(list((daemon.data_dir / "capsules").iterdir())) == 3


async def test_an_unknown_id_is_refused(client: AsyncClient) -> None:
    with pytest.raises(errors.InvalidParams, match="no capsule"):
        await client.capsules_get("nothing")
    for name in ("../state.db", "/etc/passwd", ".x", "a/b", ""):
        with pytest.raises(errors.InvalidParams):
            await client.capsules_get(name)


KEPT: list[tuple[str, dict[str, Any]]] = [
    ("storage.set", {"key": "n", "value": SECRET + "7"}),
    ("file.write", {"path": "f", "data": SECRET + "9"}),
    ("events.emit", {"name": "done", "payload": SECRET + "a"}),
    ("events.on", {"name": "**"}),
]
"""Host calls whose contents are the user's; the call that makes them says them too, under a key that tells it."""


@pytest.mark.threat("Files", "contents in logs, errors and capsules")
async def test_secrets_are_nowhere(start: Callable[..., Daemon], plugins: Path, tmp_path: Path) -> None:
    """In params, in a storage value, in a path, on the console: not in a capsule, an error, the log, or any file."""
    settings = tmp_path / "plugind.toml"
    settings.write_text('capsule_redact = ["x-license*"]\n[supervision]\nmax_restarts = 100\n')
    home = tmp_path / "home" / "someone"
    home.mkdir(parents=True)
    daemon = start("--config", str(settings), env={**os.environ, "HOME": str(home)})
    notes = []
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"), grant=GRANT)
        echoed = {
            "pass\u0077ord": SECRET + "1",
            "deep": [{"authToken": {"value": [SECRET + "2"]}}],
            "X-License": SECRET + "3",
            "text": json.dumps({"cookie": SECRET + "4"}),
            "path": f"{home}/private/{SECRET[:3]}.mp4",
        }
        await client.call_plugin("probe", "echo", args=echoed)
        for message in (f"token={SECRET}5", f"Authorization: Bearer {SECRET}6", f"as said: {SECRET}1", f"see {home}/x"):
            await client.call_plugin("probe", "log", args={"message": message})
        for method, params in KEPT:
            await client.call_plugin("probe", "host", args={"method": method, "params": params})
        await client.events_publish("editor.said", SECRET + "b")

        async def heard() -> int:
            return (await client.daemon_metrics()).plugins[0].events

        await until(heard)
        with pytest.raises(errors.Trap) as caught:
            await client.call_plugin("probe", "panic", args={"apiKey": SECRET + "8", "note": SECRET + "1"})
        capsule = (await of(client, caught.value)).capsule
        notes.append(str(caught.value.to_object()))
        (pid,) = [(await client.get_plugin("probe")).pid]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        async def both() -> bool:
            return len(await client.capsules_list()) == 2

        await until(both)
    assert capsule.redacted
    assert capsule.calls[-1].params.redacted
    assert capsule.calls[1].params.redacted
    assert "~/private/" in capsule.calls[1].params.text
    assert [line.message for line in capsule.console][-1] == "see ~/x"
    assert daemon.stop() == 0
    files = [path for path in daemon.data_dir.rglob("*") if path.is_file() and "private" not in path.parts]
    assert len([path for path in files if path.name.endswith(".capsule.json")]) == 2
    for path in (*files, daemon.log):
        content = path.read_bytes()
        assert SECRET.encode() not in content, path
        if path.suffix == ".json":
            assert str(home).encode() not in content, path
    assert not any(SECRET in note for note in notes)
