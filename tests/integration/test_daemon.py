"""The daemon as a process: how it starts, who may share what with it, and that nothing outlives it."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.harness.daemon import Daemon
from tests.harness.plugins import altered
from tests.harness.waiting import wait_until

from plugind_client import Client
from plugind_protocol.errors import InvalidParams

pytestmark = pytest.mark.process


def refused(tmp_path: Path, *arguments: str) -> str:
    """Start a daemon that must not start; return its words."""
    command = [sys.executable, "-m", "plugind", "--socket", str(tmp_path / "plugind.sock")]
    done = subprocess.run(
        [*command, "--data-dir", str(tmp_path / "data"), *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


def test_ready_line_and_private_socket(start: Callable[..., Daemon], tmp_path: Path) -> None:
    daemon = start()
    assert daemon.ready == {
        "event": "ready",
        "socket": str(daemon.socket),
        "pid": daemon.process.pid,
        "protocolVersion": "1.0",
    }
    assert stat.S_IMODE(daemon.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(daemon.data_dir.stat().st_mode) == 0o700


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_gracefully(start: Callable[..., Daemon], plugins: Path, number: signal.Signals) -> None:
    daemon = start()
    with Client.connect(daemon.socket) as client:
        client.install(str(plugins / "probe"))
        client.load("probe")
        assert daemon.stop(number) == 0
    assert not daemon.socket.exists()


def test_a_second_signal_stops_it_at_once(start: Callable[..., Daemon], plugins: Path) -> None:
    daemon = start()
    with Client.connect(daemon.socket) as client:
        client.install(str(plugins / "spin"))
        client.load("spin")
        started = daemon.descendants()
        call = client.portal.start_task_soon(lambda: client.asynchronous.call_plugin("spin", "spin"))
        wait_until(lambda: psutil.Process(client.get_plugin("spin").pid).cpu_times().user >= 0.05)
        daemon.process.send_signal(signal.SIGTERM)
        wait_until(lambda: b"stopping" in daemon.log.read_bytes())
        assert daemon.stop(signal.SIGTERM, timeout=4) == 0
        assert call.exception() is not None
    assert not psutil.wait_procs(started, timeout=1)[1]


def test_a_guest_that_never_ends_does_not_keep_it(start: Callable[..., Daemon], plugins: Path, tmp_path: Path) -> None:
    (tmp_path / "plugind.toml").write_text("drain_seconds = 0.3\n")
    daemon = start("--config", str(tmp_path / "plugind.toml"))
    with Client.connect(daemon.socket) as client:
        client.install(str(plugins / "spin"))
        client.load("spin")
        call = client.portal.start_task_soon(lambda: client.asynchronous.call_plugin("spin", "spin"))
        wait_until(lambda: psutil.Process(client.get_plugin("spin").pid).cpu_times().user >= 0.05)
        assert daemon.stop(timeout=6) == 0
        assert call.exception() is not None


def test_shutdown_by_method(start: Callable[..., Daemon]) -> None:
    daemon = start()
    with Client.connect(daemon.socket) as client:
        client.daemon_shutdown()
        assert daemon.process.wait(10) == 0
    assert not daemon.socket.exists()


def test_a_sidecar_ends_with_its_stdin(start: Callable[..., Daemon]) -> None:
    daemon = start("--exit-with-stdin", stdin=subprocess.PIPE)
    daemon.process.stdin.write("ignored\n")
    daemon.process.stdin.flush()
    with Client.connect(daemon.socket) as client:
        assert client.daemon_status().pid == daemon.process.pid
    daemon.process.stdin.close()
    assert daemon.process.wait(10) == 0


@pytest.mark.threat("Supervision", "daemon killed with -9")
def test_no_worker_outlives_a_killed_daemon_and_the_next_one_takes_over(
    start: Callable[..., Daemon], plugins: Path
) -> None:
    daemon = start()
    with Client.connect(daemon.socket) as client:
        client.install(str(plugins / "spin"))
        client.install(str(plugins / "probe"))
        client.load("probe")
        client.frames_open("probe", width=64, height=64)
        client.load("spin")
        client.portal.start_task_soon(lambda: client.asynchronous.call_plugin("spin", "spin"))
        wait_until(lambda: psutil.Process(client.get_plugin("spin").pid).cpu_times().user >= 0.05)
        assert daemon.stop(signal.SIGKILL) == -9
    assert daemon.socket.exists()
    again = start()
    with Client.connect(again.socket) as client:
        assert [info.plugin_id for info in client.list_plugins()] == ["probe", "spin"]
        assert client.call_plugin("probe", "echo", args=1) == 1


@pytest.mark.threat("Supervision", "stale or foreign socket path")
def test_a_second_daemon_on_the_same_socket_is_refused_and_the_first_serves_on(
    start: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = start()
    other = tmp_path / "other"
    other.mkdir()
    words = refused(tmp_path, "--data-dir", str(other / "data"))
    assert str(daemon.socket) in words
    assert str(daemon.process.pid) in words
    words = refused(tmp_path)
    assert str(daemon.socket) in words
    assert str(daemon.process.pid) in words
    with Client.connect(daemon.socket) as client:
        assert client.daemon_status().pid == daemon.process.pid


@pytest.mark.threat("Supervision", "stale or foreign socket path")
def test_a_stale_socket_is_taken_over(start: Callable[..., Daemon], tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "plugind.sock"))
    daemon = start()
    with Client.connect(daemon.socket) as client:
        assert client.list_plugins() == []


@pytest.mark.threat("Supervision", "stale or foreign socket path")
@pytest.mark.parametrize("kind", ["file", "symlink", "folder"])
def test_what_is_no_socket_of_ours_is_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "plugind.sock"
    if kind == "file":
        path.write_text("precious")
    elif kind == "symlink":
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.mkdir()
    assert str(path) in refused(tmp_path)
    assert os.path.lexists(path)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--data-dir", "/proc/nothing"], "/proc/nothing"),
        (["--config", "/nonexistent.toml"], "nonexistent.toml"),
        (["--project", "x.otio"], "--project"),
        (["--socket", "/tmp/" + "x" * 200], "107"),
    ],
)
def test_start_up_errors_say_what_to_do(tmp_path: Path, arguments: list[str], word: str) -> None:
    assert word in refused(tmp_path, *arguments)


def test_a_damaged_state_file_is_kept_and_rebuilt_from_the_packages(
    start: Callable[..., Daemon], plugins: Path, tmp_path: Path
) -> None:
    first = start()
    with Client.connect(first.socket) as client:
        client.install(str(plugins / "probe"), grant="requested")
        client.install(str(plugins / "spin"))
        client.uninstall("spin")
        client.install(altered(plugins / "probe", tmp_path / "two", version="2.0.0"))
        client.rollback("probe")
    assert first.stop() == 0
    state = first.data_dir / "state.db"
    state.write_bytes(b"damaged" * 1000)
    again = start()
    assert "rebuilt from the packages" in again.log.read_text()
    with Client.connect(again.socket) as client:
        (info,) = client.list_plugins()
        assert (info.version, info.permissions.granted) == ("1.0.0", [])
        assert [one.version for one in client.versions("probe").versions] == ["1.0.0", "2.0.0"]
        assert client.call_plugin("probe", "echo", args=1) == 1
        found = client.daemon_status().state
        assert found is not None
        assert found.recovered is not None
        assert found.recovered.plugins == ["probe"]
        assert found.recovered.set_aside is not None
        assert Path(found.recovered.set_aside).read_bytes() == b"damaged" * 1000
    assert again.stop() == 0
    with Client.connect(start().socket) as client:
        later = client.daemon_status().state
        assert later is not None
        assert (later.recovered, later.set_aside) == (None, [found.recovered.set_aside])


def test_plugins_and_grants_survive_a_restart(start: Callable[..., Daemon], plugins: Path) -> None:
    first = start()
    with Client.connect(first.socket) as client:
        client.install(str(plugins / "probe"), grant=["timeline.read"])
        client.disable("probe")
        before = client.get_plugin("probe")
    assert first.stop() == 0
    with Client.connect(start().socket) as client:
        assert client.get_plugin("probe") == before
        assert before.permissions.granted == ["timeline.read"]


def test_a_lost_package_is_reported_and_the_daemon_starts(start: Callable[..., Daemon], plugins: Path) -> None:
    first = start()
    with Client.connect(first.socket) as client:
        client.install(str(plugins / "probe"))
        client.install(str(plugins / "spin"))
    assert first.stop() == 0
    packages = first.data_dir / "packages"
    lost = next(one for one in packages.iterdir() if json.loads((one / "manifest.json").read_text())["name"] == "spin")
    (lost / "manifest.json").unlink()
    again = start()
    with Client.connect(again.socket) as client:
        assert [info.plugin_id for info in client.list_plugins()] == ["probe"]
        state = client.daemon_status().state
        assert state is not None
        assert [(one.plugin_id, one.version) for one in state.lost] == [("spin", "1.0.0")]
        client.install(str(plugins / "spin"))
        state = client.daemon_status().state
        assert state is not None
        assert state.lost == []
    assert "plugin cannot be restored" in again.log.read_text()


def test_a_projects_folder_must_be_absolute(start: Callable[..., Daemon]) -> None:
    daemon = start()
    with Client.connect(daemon.socket) as client:
        client.call("initialize", {"client": {"name": "editor"}, "project": {"path": "/films"}})
        with pytest.raises(InvalidParams, match="absolute") as caught:
            client.call("initialize", {"client": {"name": "editor"}, "project": {"path": "films"}})
        assert caught.value.data.path == "$.project.path"
