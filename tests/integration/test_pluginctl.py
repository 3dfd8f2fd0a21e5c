"""Every command of pluginctl against a real daemon."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.harness.daemon import Daemon
from tests.harness.waiting import wait_until

from pluginctl.__main__ import run
from plugind_client import Client

pytestmark = pytest.mark.process


@pytest.fixture
def pluginctl(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Run a command; returns status, stdout and stderr. The daemon is left without plugins."""

    def command(*arguments: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        status = run(["--socket", str(daemon.socket), *map(str, arguments)])
        return (status, *capsys.readouterr())

    yield command
    with Client.connect(daemon.socket) as client:
        for info in client.list_plugins():
            client.uninstall(info.plugin_id)


Command = Callable[..., tuple[int, str, str]]


def asked(outcome: tuple[int, str, str]) -> Any:
    status, out, error = outcome
    assert (status, error) == (0, ""), error
    return json.loads(out)


def test_the_life_of_a_plugin(pluginctl: Command, examples: Path) -> None:
    status, out, _ = pluginctl("install", examples / "invert")
    assert status == 0
    assert "pluginctl grant invert effects.create" in out
    assert asked(pluginctl("info", "invert", "--json"))["permissions"]["granted"] == []
    assert pluginctl("grant", "invert", "effects.create")[:2] == (0, "invert holds: effects.create\n")
    for command, state in (
        ("load", "loaded"),
        ("activate", "active"),
        ("reload", "active"),
        ("deactivate", "loaded"),
        ("unload", "installed"),
        ("disable", "installed"),
        ("enable", "installed"),
    ):
        assert asked(pluginctl("--json", command, "invert"))["state"] == state, command
    assert [effect["effectId"] for effect in asked(pluginctl("--json", "effects", "invert"))] == ["invert"]
    assert [plugin["pluginId"] for plugin in asked(pluginctl("--json", "list"))] == ["invert"]
    assert asked(pluginctl("--json", "revoke", "invert", "effects.create"))["granted"] == []
    assert pluginctl("uninstall", "invert")[0] == 0
    assert asked(pluginctl("--json", "list")) == []


def test_calls_and_their_errors(pluginctl: Command, examples: Path) -> None:
    assert pluginctl("install", examples / "adder", "--grant-requested")[0] == 0
    assert asked(pluginctl("call", "adder", "add", "[2,3]")) == 5
    assert asked(pluginctl("rpc", "plugins.call", '{"pluginId":"adder","function":"add","args":[2,3]}')) == 5
    status, out, error = pluginctl("call", "adder", "subtract", "[2,3]")
    assert (status, out) == (1, "")
    assert "FunctionNotFound -32017" in error
    assert "hint: It has: add" in error
    status, _, error = pluginctl("--json", "call", "unknown", "f")
    assert status == 1
    assert json.loads(error)["data"]["kind"] == "PluginNotFound"
    assert pluginctl("rpc", "no.such")[0] == 1


def test_words_for_people(pluginctl: Command, examples: Path) -> None:
    assert pluginctl("install", examples / "gaussian-blur", "--grant-requested")[0] == 0
    assert pluginctl("activate", "gaussian-blur")[0] == 0
    for arguments, words in (
        (["status"], "1 active"),
        (["list"], "gaussian-blur"),
        (["info", "gaussian-blur"], "ABI timeline"),
        (["effects"], "radius"),
        (["top", "--once"], "gaussian-blur"),
    ):
        status, out, error = pluginctl(*arguments)
        assert (status, error) == (0, "")
        assert words in out
    status, out, _ = pluginctl("--json", "top", "--once")
    (metrics,) = json.loads(out)["plugins"]
    assert metrics["pid"] is not None
    assert metrics["memoryBytes"] > 0


def test_logs(pluginctl: Command, plugins: Path) -> None:
    assert pluginctl("install", plugins / "wasi-hello")[0] == 0
    assert pluginctl("call", "wasi-hello", "hello")[0] == 0
    status, out, error = pluginctl("logs", "wasi-hello")
    assert (status, error) == (0, "")
    assert [line.partition("wasi-hello ")[2] for line in out.splitlines()] == ["info  hello from wasi", "error oops"]
    assert pluginctl("logs", "unheard-of")[:2] == (0, "")


def test_a_second_process_and_its_completion(daemon: Daemon, pluginctl: Command, examples: Path) -> None:
    assert pluginctl("install", examples / "adder")[0] == 0
    environ = os.environ | {
        "PLUGIND_SOCKET": str(daemon.socket),
        "_PLUGINCTL_COMPLETE": "bash_complete",
        "COMP_WORDS": "pluginctl info a",
        "COMP_CWORD": "2",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pluginctl"], env=environ, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "plain,adder\n"


def test_the_environment_names_the_socket(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLUGIND_SOCKET", str(daemon.socket))
    assert run(["--json", "status"]) == 0
    assert json.loads(capsys.readouterr().out)["pid"] == daemon.process.pid


def test_no_daemon_and_a_daemon_that_went_away(
    tmp_path: Path, start: Callable[..., Daemon], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--socket", str(tmp_path / "plugind.sock"), "status"]) == 3
    assert "Start it with: plugind --socket" in capsys.readouterr().err
    running = start()
    assert run(["--socket", str(running.socket), "status"]) == 0
    following = subprocess.Popen(
        [sys.executable, "-m", "pluginctl", "--socket", str(running.socket), "--json", "logs", "-f"],
        stderr=subprocess.PIPE,
        text=True,
    )
    with following, Client.connect(running.socket) as client:
        wait_until(lambda: client.daemon_status().clients == 2)
        assert running.stop(signal.SIGTERM) == 0
        assert following.stderr is not None
        assert json.loads(following.stderr.read())["data"]["kind"] == "Disconnected"
        assert following.wait(10) == 1
    assert run(["--socket", str(running.socket), "status"]) == 3
