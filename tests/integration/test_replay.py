"""Failures that come again when their capsules are replayed, and failures that do not, told apart."""

import json
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.harness.daemon import Daemon
from tests.harness.engines import require
from tests.harness.plugins import altered
from tests.harness.waiting import wait_until

from pluginctl.__main__ import run
from plugind_client import Client, FrameBuffers
from plugind_protocol import errors
from plugind_protocol import methods as m
from plugind_protocol.capsule import REDACTED
from plugind_protocol.methods import FrameRef, LimitChanges

pytestmark = pytest.mark.process

SECRET = "xyzzy-Plugh-31415"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("plugind")
    settings = folder / "plugind.toml"
    settings.write_text("capsule_frames = true\n[supervision]\nmax_restarts = 1000\nbackoff_first_seconds = 0.001\n")
    running = Daemon(folder, "--config", str(settings))
    yield running
    assert running.stop() == 0, running.log.read_text()


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Client]:
    with Client.connect(daemon.socket, name="test") as connected:
        yield connected
        for info in connected.list_plugins():
            connected.uninstall(info.plugin_id)


@pytest.fixture
def replay(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Replay a capsule; returns the exit status and the verdict."""

    def command(capsule: str | None, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
        assert capsule is not None
        capsys.readouterr()
        status = run(["--socket", str(daemon.socket), "--json", "replay", capsule, *map(str, arguments)])
        out, error = capsys.readouterr()
        return status, json.loads(out or error)

    return command


Replay = Callable[..., tuple[int, dict[str, Any]]]


def failed(client: Client, plugin: str, function: str, args: Any = None, **options: Any) -> str | None:
    """Make a call that fails; returns the id of its capsule."""
    with pytest.raises(errors.PlugindError) as caught:
        client.call_plugin(plugin, function, args=args, **options)
    return caught.value.data.capsule


def registered(client: Client, plugins: Path) -> m.FrameWindow:
    client.install(str(plugins / "probe"), grant="requested")
    client.activate("probe")
    client.call_plugin("probe", "host", args={"method": "effects.register", "params": {"id": "copy"}})
    return client.frames_open("probe", width=64, height=32, slots=2)


@pytest.mark.parametrize("function", ["divide", "recurse", "bounds"])
def test_a_trap_comes_again(client: Client, plugins: Path, replay: Replay, function: str) -> None:
    client.install(str(plugins / "trapper"))
    status, verdict = replay(failed(client, "trapper", function, {"n": 1}))
    assert (status, verdict["reproduced"], verdict["differences"]) == (0, True, []), verdict
    assert verdict["seen"] == verdict["expected"]
    assert verdict["seen"]["top"]
    assert verdict["notes"] == []


OnWasmer = Callable[[Path, Path], str]


@pytest.fixture
def on_wasmer() -> OnWasmer:
    """Copy a plugin so that it runs on wasmer; returns its folder."""
    require("wasmer")
    return lambda source, target: altered(source, target, engine="wasmer")


@pytest.mark.parametrize("function", ["divide", "recurse", "bounds"])
def test_a_trap_on_wasmer_comes_again_on_wasmer(
    client: Client, plugins: Path, replay: Replay, tmp_path: Path, *, on_wasmer: OnWasmer, function: str
) -> None:
    client.install(on_wasmer(plugins / "trapper", tmp_path / "p"))
    capsule = failed(client, "trapper", function, {"n": 1})
    assert client.capsules_get(str(capsule)).capsule.engine.name == "wasmer"
    status, verdict = replay(capsule)
    assert (status, verdict["differences"], verdict["notes"]) == (0, [], []), verdict
    assert verdict["seen"] == verdict["expected"]
    assert verdict["seen"]["top"]
    elsewhere = altered(plugins / "trapper", tmp_path / "other", engine="wasmtime")
    status, verdict = replay(capsule, "--plugin", elsewhere)  # the capsule's engine counts, not the manifest's
    assert (status, verdict["notes"]) == (0, []), verdict


def test_hooks_calls_and_the_memory_limit_on_wasmer(
    client: Client, plugins: Path, replay: Replay, on_wasmer: OnWasmer, tmp_path: Path
) -> None:
    client.install(on_wasmer(plugins / "probe", tmp_path / "p"), grant="requested")
    client.activate("probe")
    for _ in range(3):
        client.call_plugin("probe", "count")
    status, verdict = replay(failed(client, "probe", "panic"))
    assert (status, verdict["differences"], verdict["notes"]) == (0, [], []), verdict
    client.set_resource_limits("probe", LimitChanges(memory_bytes=3 * 65536))
    client.unload("probe")
    status, verdict = replay(failed(client, "probe", "echo", "x" * 60_000))
    assert (status, verdict["differences"], verdict["notes"]) == (0, [], []), verdict


def test_processor_time_used_up_on_wasmer(
    client: Client, plugins: Path, replay: Replay, on_wasmer: OnWasmer, tmp_path: Path
) -> None:
    client.install(on_wasmer(plugins / "spin", tmp_path / "p"))
    client.set_resource_limits("spin", LimitChanges(cpu_seconds=1))
    status, verdict = replay(failed(client, "spin", "spin", timeout_ms=20_000))
    assert (status, verdict["seen"]["signal"]) == (0, "SIGXCPU"), verdict


def test_a_deadline_on_wasmer_is_no_failure_of_the_plugins(
    client: Client, plugins: Path, on_wasmer: OnWasmer, tmp_path: Path
) -> None:
    client.install(on_wasmer(plugins / "spin", tmp_path / "p"))
    before = len(client.capsules_list("spin"))
    assert failed(client, "spin", "spin", timeout_ms=50) is None
    client.load("spin")
    assert len(client.capsules_list("spin")) == before


def test_a_start_function_that_never_ends(start: Callable[..., Daemon], plugins: Path, tmp_path: Path) -> None:
    settings = tmp_path / "plugind.toml"
    settings.write_text("[supervision]\nload_timeout_seconds = 0.3\n")
    with Client.connect(start("--config", str(settings)).socket) as client:
        client.install(str(plugins / "spin-start"))
        with pytest.raises(errors.Timeout, match="not loaded") as caught:
            client.load("spin-start")
        found = client.capsules_get(str(caught.value.data.capsule)).capsule
        assert (found.kind, found.cause) == ("Timeout", "timeout")


def test_what_came_before_is_repeated(client: Client, plugins: Path, replay: Replay, tmp_path: Path) -> None:
    """The answers of the calls before are the same only in an instance with the same hooks and the same calls."""
    client.install(str(plugins / "probe"), grant="requested")
    client.activate("probe")
    failed(client, "probe", "panic")  # a fresh instance: what was before does not count
    for _ in range(3):
        client.call_plugin("probe", "count")
    failed(client, "probe", "fail", {"code": 7, "message": "its own"})
    status, verdict = replay(failed(client, "probe", "panic"))
    assert (status, verdict["differences"], verdict["notes"]) == (0, [], []), verdict


def divided(client: Client, plugins: Path, first: int) -> str:
    """Let the frame fail whose first byte is 200; returns the capsule's id."""
    client.install(str(plugins / "divider"), grant="requested")
    client.activate("divider")
    window = client.frames_open("divider", width=64, height=32, slots=2)
    frame = FrameRef(window_id=window.window_id, input=0, output=1, pts_us=40_000)
    with FrameBuffers(window) as buffers:
        buffers.bytes(0)[:] = os.urandom(window.slot_bytes)
        buffers.bytes(0)[0] = 7
        client.effects_process("divider", "divide", frame=frame)
        buffers.bytes(0)[0] = first
        with pytest.raises(errors.Trap, match="divided by zero") as caught:
            client.effects_process("divider", "divide", frame=frame)
        assert caught.value.data.capsule is not None
        client.capsules_get(caught.value.data.capsule)  # it is written before the slot is used again
    return caught.value.data.capsule


def test_a_division_by_zero_in_a_frame(client: Client, plugins: Path, replay: Replay) -> None:
    file = client.capsules_get(divided(client, plugins, 200)).path
    status, verdict = replay(file)  # a file, and the daemon says where the package is
    assert (status, verdict["differences"]) == (0, []), verdict
    assert verdict["seen"]["top"] == "average"
    assert verdict["notes"] == ["the frame is the recorded one"]


def test_without_its_frame_it_may_not_come_again(client: Client, plugins: Path, replay: Replay) -> None:
    found = client.capsules_get(divided(client, plugins, 200))
    assert found.frame is not None
    Path(found.frame).unlink()
    status, verdict = replay(found.capsule.id)
    assert (status, verdict["summary"], verdict["seen"]) == (1, "not reproduced", None)
    (note,) = verdict["notes"]
    assert "fixed pattern" in note


def test_an_effect_that_a_call_registered(client: Client, plugins: Path, replay: Replay) -> None:
    window = registered(client, plugins)
    with pytest.raises(errors.Trap) as caught:
        client.effects_process("probe", "copy", frame=FrameRef(window_id=window.window_id), params={"do": "trap"})
    status, verdict = replay(caught.value.data.capsule)
    assert (status, verdict["differences"]) == (0, []), verdict


def test_the_memory_limit_holds_in_the_replay_too(client: Client, plugins: Path, replay: Replay) -> None:
    client.install(str(plugins / "probe"))
    client.set_resource_limits("probe", LimitChanges(memory_bytes=3 * 65536))
    capsule = failed(client, "probe", "echo", "x" * 60_000)  # it fits where there is more
    status, verdict = replay(capsule)
    assert (status, verdict["differences"]) == (0, []), verdict
    client.set_resource_limits("probe", LimitChanges(memory_bytes=1 << 24))
    assert len(client.call_plugin("probe", "echo", args="x" * 60_000)) == 60_000


def test_a_guest_without_memory_for_its_params(client: Client, plugins: Path, replay: Replay) -> None:
    client.install(str(plugins / "liar"))
    client.call_plugin("liar", "alloc-zero")
    with pytest.raises(errors.MemoryLimit) as caught:
        client.call_plugin("liar", "truth", args="x" * 4200)  # such as has no place yet
    status, verdict = replay(caught.value.data.capsule)
    assert (status, verdict["differences"]) == (0, []), verdict
    assert verdict["seen"]["cause"] == "memory"


def test_answers_of_the_host_are_those_recorded(client: Client, daemon: Daemon, plugins: Path, replay: Replay) -> None:
    client.install(str(plugins / "probe"), grant="requested")

    def timeline(_method: str, params: Any) -> Any:
        if params["clip"]["start"] == 9:
            raise errors.InvalidState("the editor's own words")
        return {"clipId": f"c{params['clip']['start']}"}

    def add(start: int) -> dict[str, Any]:
        clip = {"source": "a.mp4", "start": start, "sourceStart": None}
        return {"method": "timeline.addClip", "params": {"clip": clip, "track": 0}}

    asked = [add(start) for start in range(3)]
    with Client.connect(daemon.socket, handlers={"timeline.addClip": timeline}):
        for one in asked:
            client.call_plugin("probe", "host", args=one)
        failed(client, "probe", "host", add(9))
    failed(client, "probe", "host", {"method": "media.getInfo", "params": {"path": "/a.mp4"}})  # nobody provides it
    client.call_plugin("probe", "host", args={"method": "system.getInfo", "params": {}})
    status, verdict = replay(failed(client, "probe", "panic"))
    assert (status, verdict["differences"], verdict["notes"]) == (0, [], []), verdict


TIME = {"seconds": 1.5, "timecode": "00:00:01:12", "fps": 25.0}


def test_a_host_call_that_differs_is_told(client: Client, daemon: Daemon, plugins: Path, replay: Replay) -> None:
    client.install(str(plugins / "probe"), grant="requested")
    with Client.connect(daemon.socket, handlers={"timeline": lambda _method, _params: TIME}):
        client.call_plugin("probe", "host", args={"method": "timeline.getCurrentTime", "params": {}})
    file = Path(client.capsules_get(str(failed(client, "probe", "panic"))).path)
    capsule = json.loads(file.read_text())
    (call,) = [call for call in capsule["calls"] if call["name"] == "host"]
    call["hostCalls"][0]["method"] = "timeline.addClip"
    changed = file.with_name("changed.capsule.json")
    changed.write_text(json.dumps(capsule))
    status, verdict = replay(str(changed))
    changed.unlink()
    assert status == 0
    assert any("timeline.getCurrentTime where timeline.addClip was recorded" in text for text in verdict["differences"])


def test_a_runaway_that_had_to_be_killed(client: Client, plugins: Path, replay: Replay) -> None:
    client.install(str(plugins / "spin"))
    pid = client.load("spin").pid
    assert pid is not None
    timer = threading.Timer(0.05, os.kill, (pid, signal.SIGSTOP))  # it cannot react to the interrupt
    timer.start()
    capsule = failed(client, "spin", "spin", timeout_ms=300)
    timer.join()
    status, verdict = replay(capsule)
    assert (status, verdict["seen"]["kind"], verdict["seen"]["cause"]) == (0, "Timeout", "timeout"), verdict


def test_processor_time_used_up(client: Client, plugins: Path, replay: Replay) -> None:
    client.install(str(plugins / "spin"))
    client.set_resource_limits("spin", LimitChanges(cpu_seconds=1))
    status, verdict = replay(failed(client, "spin", "spin", timeout_ms=20_000))
    assert (status, verdict["reproduced"]) == (0, True), verdict
    assert (verdict["seen"]["cause"], verdict["seen"]["signal"]) == ("limit", "SIGXCPU")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_signal_from_outside_does_not_come_again(
    client: Client, plugins: Path, replay: Replay, number: signal.Signals
) -> None:
    client.install(str(plugins / "spin"))
    pid = client.load("spin").pid
    assert pid is not None

    def kill() -> None:
        wait_until(lambda: psutil.Process(pid).cpu_times().user >= 0.05)
        os.kill(pid, number)

    thread = threading.Thread(target=kill)
    thread.start()
    capsule = failed(client, "spin", "spin")
    thread.join()
    status, verdict = replay(capsule)
    assert (status, verdict["reproduced"]) == (1, False)
    assert "killed from outside?" in verdict["summary"]
    assert number.name in verdict["summary"]


def test_an_idle_worker_that_was_killed(client: Client, plugins: Path, replay: Replay) -> None:
    client.install(str(plugins / "probe"), grant="requested")
    info = client.activate("probe")
    client.call_plugin("probe", "echo", args={"a": 1})
    known = {one.id for one in client.capsules_list("probe")}
    assert info.pid is not None
    os.kill(info.pid, signal.SIGKILL)
    new = wait_until(lambda: {one.id for one in client.capsules_list("probe")} - known)
    status, verdict = replay(new.pop())
    assert (status, verdict["seen"]) == (1, None)
    assert "killed from outside? The worker was idle" in verdict["summary"]
    assert verdict["differences"] == ["WorkerCrashed was recorded; this time nothing failed"]


def test_secrets_taken_out_are_told(client: Client, plugins: Path, replay: Replay) -> None:
    client.install(str(plugins / "probe"), grant="requested")
    client.call_plugin("probe", "echo", args={"text": "x" * 10_000})
    capsule = failed(client, "probe", "panic", {"token": SECRET})
    running = client.capsules_get(str(capsule)).capsule.running
    assert running is not None
    assert running.params.text == f'{{"token":"{REDACTED}"}}'
    status, verdict = replay(capsule)
    assert status == 0
    assert verdict["notes"] == ["params were cut or had secrets taken out, so the outcome may differ: echo, panic"]


def test_the_module_must_be_the_one_that_failed(client: Client, plugins: Path, replay: Replay, tmp_path: Path) -> None:
    client.install(str(plugins / "trapper"))
    capsule = failed(client, "trapper", "divide")
    other = tmp_path / "other"
    shutil.copytree(plugins / "trapper", other)
    module = other / "plugin.wat"
    module.write_text(module.read_text() + ";; changed\n")
    status, error = replay(capsule, "--plugin", other)
    assert status == 1
    assert "another module" in error["message"]
    same = altered(plugins / "trapper", tmp_path / "same", description="another manifest, the same module")
    assert replay(capsule, "--plugin", same)[0] == 0
    client.uninstall("trapper")
    status, error = replay(capsule)
    assert (status, error["data"]["hint"]) == (1, "Say where its folder is: --plugin FOLDER")
    assert replay(capsule, "--plugin", plugins / "trapper")[0] == 0


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this process makes its temporary folders; a short path, since sockets lie in them."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def test_it_needs_no_running_daemon(
    client: Client, plugins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], temporary: Path
) -> None:
    client.install(str(plugins / "trapper"))
    name = failed(client, "trapper", "divide")
    file = shutil.copy(client.capsules_get(str(name)).path, tmp_path / "mine.capsule.json")
    arguments = ["--socket", str(tmp_path / "nobody"), "replay", str(file), "--plugin", str(plugins / "trapper")]
    assert run(arguments) == 0
    out, _ = capsys.readouterr()
    assert out.splitlines()[0] == "reproduced"
    assert "recorded: Trap, cause trap, in function 5" in out
    assert list(temporary.iterdir()) == []
    assert run(arguments[:-2]) == 1
    assert run(["--socket", str(tmp_path / "nobody"), "replay", "some-id"]) == 3
    (tmp_path / "no.json").write_text("{}")
    assert run(["replay", str(tmp_path / "no.json")]) == 1


def test_capsules_are_shown(client: Client, daemon: Daemon, plugins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client.install(str(plugins / "probe"), grant="requested")
    client.call_plugin("probe", "log", args={"message": "before\x1b[2J"})
    name = str(failed(client, "probe", "panic", {"password": SECRET, "n": 1}))

    def shown(*arguments: str) -> str:
        capsys.readouterr()
        assert run(["--socket", str(daemon.socket), *arguments]) == 0
        return capsys.readouterr().out

    listed = shown("capsules", "probe")
    assert name in listed
    assert "Trap" in listed
    assert json.loads(shown("--json", "capsules"))[0]["id"] == name
    view = shown("capsule", name)
    for text in (name, "probe 1.0.0", "Trap, cause trap", "guest stack", "→", "panic", "before", "taken out", REDACTED):
        assert text in view, text
    assert "\x1b" not in view
    assert SECRET not in view
    assert json.loads(shown("capsule", name, "--json"))["id"] == name
    assert shown("capsules", "nobody").startswith("There are no capsules")
