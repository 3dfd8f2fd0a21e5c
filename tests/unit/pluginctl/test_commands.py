import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.fakes.peer import LATER, Link, Peer

from pluginctl.__main__ import run
from pluginctl.app import COMMANDS
from plugind_protocol import envelope
from plugind_protocol import methods as m
from plugind_protocol.errors import DependencyConflict, ErrorObject, PluginError, PluginNotFound

Command = Callable[..., int]

INFO: dict[str, Any] = {
    "pluginId": "blur",
    "version": "1.2.3",
    "state": "active",
    "type": "effect",
    "pid": 77,
    "engine": "wasmtime",
    "abi": "timeline",
    "permissions": {"requested": ["storage", "events"], "granted": ["storage"]},
    "limits": {"memoryBytes": 67108864, "callTimeoutMs": 500},
    "description": "soft\x1b]0;owned\x07 focus",
}
CACHE: dict[str, Any] = {"bytes": 3 << 20, "maxBytes": 1 << 30, "artefacts": 4, "hits": 9, "misses": 5}
CACHE |= {"evicted": 1, "refused": 2}
STATUS: dict[str, Any] = {
    "daemon": {"name": "plugind", "version": "0.1.0"},
    "protocolVersion": "1.0",
    "pid": 12,
    "uptimeSeconds": 3725.0,
    "socket": "/s",
    "dataDir": "/d",
    "host": "headless",
    "clients": 2,
    "plugins": {"active": 3, "error": 0},
    "sandbox": {
        "layers": ["seccomp", "landlock"],
        "missing": [
            {"layer": "namespaces", "reason": "unshare: Operation not permitted", "essential": False},
            {"layer": "rlimits", "reason": "forgotten", "essential": True},
        ],
        "mode": "degrade",
    },
    "engines": [
        {"name": "wasmtime", "version": "50", "available": True},
        {"name": "wasmer", "version": "", "available": False, "reason": "no wheel"},
    ],
    "cache": CACHE,
}
METRICS: dict[str, Any] = {
    "plugins": [
        {field.encode_name: 0 for field in msgspec.structs.fields(m.PluginMetrics)}
        | {
            "pluginId": name,
            "state": "active",
            "pid": 5,
            "cpuPercent": cpu,
            "memoryBytes": 3 << 20,
            "calls": 10,
            "rest": None,
        }
        | {"errors": 1, "frames": 4, "p50Us": 120.0, "p99Us": 2500.0, "frameUs": 340.0}
        for name, cpu in (("calm", 0.5), ("busy", 99.0))
    ],
    "memoryBytes": 41 << 20,
    "cpuSeconds": 7.0,
    "cache": CACHE,
    "prometheus": "",
}


def line(seq: int, plugin: str = "blur", message: str = "hello") -> dict[str, Any]:
    return {"seq": seq, "pluginId": plugin, "level": "warn", "message": message, "at": "2026-01-01T00:00:00Z"}


def missing(params: Any, _link: Link) -> Any:
    raise PluginNotFound(f"No plugin {params['pluginId']!r} is installed", plugin_id=params["pluginId"])


# --- exit statuses and errors


def test_no_daemon_is_3_and_says_how_to_start_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = str(tmp_path / "none.sock")
    assert run(["--socket", where, "list"]) == 3
    error = capsys.readouterr().err
    assert f"No daemon at {where}" in error
    assert f"plugind --socket {where}" in error
    assert run(["--socket", where, "--json", "list"]) == 3
    assert json.loads(capsys.readouterr().err)["data"]["kind"] == "NoDaemon"


def test_a_failed_call_is_1_with_code_kind_and_hint(
    daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.scripts["plugins.get"] = missing
    assert pluginctl("info", "x") == 1
    out, error = capsys.readouterr()
    assert out == ""
    assert "No plugin 'x' is installed [PluginNotFound -32001]" in error
    assert "hint: See plugins.list" in error
    assert pluginctl("info", "x", "--json") == 1
    reported = json.loads(capsys.readouterr().err)
    assert (reported["code"], reported["data"]["pluginId"]) == (-32001, "x")


def test_the_plugins_own_error_is_shown(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_params: Any, _link: Link) -> Any:
        raise PluginError("blur failed", error=ErrorObject(-5, "radius\x1b[31m too large"))

    daemon.scripts["plugins.call"] = fail
    assert pluginctl("call", "blur", "f") == 1
    assert "blur failed: radius\\x1b[31m too large (-5) [PluginError -32018]" in capsys.readouterr().err


def test_a_lost_connection_is_1(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.scripts["plugins.list"] = lambda _params, link: link.close() or LATER
    assert pluginctl("list") == 1
    assert "connection to the daemon was lost" in capsys.readouterr().err


def test_an_answer_of_another_version_is_1(
    daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.scripts["plugins.list"] = [{"pluginId": 1}]
    assert pluginctl("list") == 1
    assert "versions that do not fit" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["rpc"],
        ["rpc", "a.b", "{"],
        ["call", "p", "f", "nope"],
        ["call", "p", "f", "--timeout", "0"],
        ["grant", "p"],
        ["install", "x", "--grant", "storage", "--grant-requested"],
        ["render", "p", "e", "in.mp4", "out.mp4", "--param", "nothing"],
        ["render", "p", "e", "in.mp4"],
    ],
)
def test_usage_is_2(pluginctl: Command, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert pluginctl(*arguments) == 2
    assert "Usage: pluginctl" in capsys.readouterr().err


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    overview = capsys.readouterr().out
    for name in COMMANDS:
        assert name in overview
        assert run([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert text.startswith(f"Usage: pluginctl {name}")
        assert "--json" in text


# --- commands


def test_rpc_prints_what_came(
    daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.scripts["a.b"] = lambda params, _link: {"got": params, "big": 12345678901234567890123}
    assert pluginctl("rpc", "a.b", '{"x":[1]}') == 0
    out = capsys.readouterr().out
    assert json.loads(out) == {"got": {"x": [1]}, "big": 12345678901234567890123}
    assert "\n  " in out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"y":2}')))
    assert pluginctl("--json", "rpc", "a.b", "-") == 0
    assert capsys.readouterr().out == '{"got":{"y":2},"big":12345678901234567890123}\n'


def test_status(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.scripts["daemon.status"] = STATUS
    assert pluginctl("status") == 0
    out = capsys.readouterr().out
    for words in (
        "plugind 0.1.0",
        "1h 2m",
        "3 active",
        "seccomp, landlock",
        "without namespaces: unshare",
        "INCOMPLETE: plugins run all the same",
        "wasmer (not available: no wheel)",
    ):
        assert words in out
    assert "4 compiled modules, 3.0M of 1.0G; 9 hits, 5 misses, 1 evicted, 2 refused" in " ".join(out.split())
    assert pluginctl("--json", "status") == 0
    assert json.loads(capsys.readouterr().out)["uptimeSeconds"] == 3725.0


def test_list_and_info(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.scripts["plugins.get"] = INFO
    daemon.scripts["plugins.list"] = [INFO, INFO | {"pluginId": "off", "enabled": False, "state": "error", "pid": None}]
    assert pluginctl("list") == 0
    out = capsys.readouterr().out
    assert "blur" in out
    assert "disabled" in out
    assert pluginctl("list", "--json") == 0
    assert [each["pluginId"] for each in json.loads(capsys.readouterr().out)] == ["blur", "off"]
    assert pluginctl("info", "blur") == 0
    out = capsys.readouterr().out
    assert "64.0M" in out
    assert "\x1b]0;" not in out
    assert "soft\\x1b]0;owned\\x07 focus" in out


def test_an_empty_list_says_what_to_do(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.scripts["plugins.list"] = []
    assert pluginctl("list") == 0
    assert "pluginctl install" in capsys.readouterr().out
    assert pluginctl("--json", "list") == 0
    assert capsys.readouterr().out == "[]\n"


def test_install(
    daemon: Peer,
    pluginctl: Command,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = ["storage", "events"]
    core = {"pluginId": "core", "version": "2.0.0", "previous": "1.0.0", "requestedPermissions": []}
    result = {"pluginId": "blur", "version": "1.2.3", "state": "installed", "requestedPermissions": wanted}
    result |= {"dependencies": [core]}
    daemon.scripts |= {
        "plugins.install": result,
        "plugins.getPermissions": {"requested": wanted, "granted": ["storage"]},
    }
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    assert pluginctl("install", "folder", "--grant", "storage", "--allow-unsigned") == 0
    out = capsys.readouterr().out
    assert out.startswith("updated core 2.0.0, which it needs\ninstalled blur 1.2.3")
    assert "pluginctl grant blur events" in out
    assert pluginctl("install", "blur@^1", "--grant-requested", "--grant-dependencies", "--json") == 0
    assert json.loads(capsys.readouterr().out) == result
    first, second = daemon.asked("plugins.install")
    assert first["source"] == str(tmp_path / "folder")
    assert (first["grant"], first["allowUnsigned"]) == (["storage"], True)
    assert (second["source"], second["grant"]) == ("blur@^1", "requested")
    assert (first.get("grantDependencies"), second["grantDependencies"]) == (None, "requested")


def resolved(plugin: str, change: str, *needs: tuple[str, str]) -> dict[str, Any]:
    return {
        "pluginId": plugin,
        "version": "1.0.0",
        "source": "/shelf/x\x1b[31m" if change != "none" else "installed",
        "reason": "newest" if change != "none" else "installed",
        "change": change,
        "installedVersion": {"install": None, "none": "1.0.0", "update": "0.9.0"}[change],
        "dependencies": [{"pluginId": name, "range": wanted, "version": "1.0.0"} for name, wanted in needs],
    }


def test_resolve_draws_a_tree(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]) -> None:
    answer = {
        "pluginId": "app",
        "version": "1.0.0",
        "plugins": [
            resolved("core", "none"),
            resolved("mid", "update", ("core", "^1"), ("app", "*")),
            resolved("app", "install", ("mid", "~1"), ("core", "*"), ("mid", "^1")),
        ],
        "cycles": [["app", "mid"]],
        "notes": ["not checked"],
        "unusable": [{"path": "/shelf/bad", "reason": "no manifest"}],
    }
    daemon.scripts["plugins.resolve"] = answer
    assert pluginctl("resolve", "app@^1", "--update", "core") == 0
    assert capsys.readouterr().out.splitlines() == [
        "app 1.0.0  from /shelf/x\\x1b[31m",
        "├── mid 1.0.0  ~1  updates 0.9.0, from /shelf/x\\x1b[31m",
        "│   ├── core 1.0.0  ^1  installed",
        "│   └── app 1.0.0  from /shelf/x\\x1b[31m, see above",
        "├── core 1.0.0  installed",
        "└── mid 1.0.0  ^1  updates 0.9.0, from /shelf/x\\x1b[31m",
        "need each other: app, mid",
        "not checked",
        "not usable: /shelf/bad: no manifest",
        "1 to install, 1 to update",
    ]
    assert daemon.asked("plugins.resolve") == [{"source": "app@^1", "update": ["core"]}]
    assert pluginctl("resolve", "app", "--json") == 0
    assert json.loads(capsys.readouterr().out) == answer


def test_a_conflict_is_told_in_words(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(_params: Any, _link: Link) -> Any:
        raise DependencyConflict("a 1.0.0 needs b ^1, but there is only 2.0.0", hint="Ask for another range.")

    daemon.scripts["plugins.resolve"] = refuse
    assert pluginctl("resolve", "a") == 1
    err = capsys.readouterr().err
    assert "a 1.0.0 needs b ^1, but there is only 2.0.0 [DependencyConflict -32014]" in err
    assert "Ask for another range." in err


def test_lock_and_restore(
    daemon: Peer,
    pluginctl: Command,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = str(tmp_path / "plugins.lock")
    daemon.scripts["plugins.lock"] = {"path": path, "text": "{}", "plugins": [], "leftOut": ["dev"]}
    assert pluginctl("lock") == 0
    assert capsys.readouterr().out == (f"locked 0 plugins in {path}\nleft out, since they are in development: dev\n")
    assert daemon.asked("plugins.lock") == [{"path": path}]
    row = {"pluginId": "core", "version": "1.0.0", "source": "kept", "change": "update", "previous": "2.0.0"}
    daemon.scripts["plugins.restore"] = {"path": path, "restored": False, "plugins": [row], "others": ["more"]}
    assert pluginctl("restore") == 2  # there is no such file
    (tmp_path / "plugins.lock").write_text("{}")
    assert pluginctl("restore", "--dry-run") == 0
    out = capsys.readouterr().out
    assert "to change (was 2.0.0)" in out
    assert "not in the lock file, and left as they are: more" in out
    assert daemon.asked("plugins.restore") == [{"path": path, "dryRun": True}]


@pytest.mark.parametrize(
    "name", ["uninstall", "load", "unload", "activate", "deactivate", "enable", "disable", "reload"]
)
def test_steps(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str], name: str) -> None:
    daemon.scripts[f"plugins.{name}"] = INFO
    assert pluginctl(name, "blur") == 0
    assert capsys.readouterr().out.endswith("blur 1.2.3 (active, pid 77)\n")
    assert pluginctl("--json", name, "blur") == 0
    assert json.loads(capsys.readouterr().out)["pluginId"] == "blur"
    assert daemon.asked(f"plugins.{name}") == [{"pluginId": "blur"}] * 2


def test_release(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.scripts["plugins.release"] = INFO
    assert pluginctl("release", "blur", "--fallback") == 0
    assert capsys.readouterr().out == "released blur 1.2.3 (active, pid 77)\n"
    assert daemon.asked("plugins.release") == [{"pluginId": "blur", "fallback": True}]


def test_limits(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.scripts["plugins.getResourceLimits"] = {"memoryBytes": 65536}
    daemon.scripts["plugins.setResourceLimits"] = {"memoryBytes": 64 << 20, "callTimeoutMs": 500}
    assert pluginctl("limits", "blur") == 0
    assert capsys.readouterr().out == "memoryBytes=65536\n"
    assert pluginctl("limits", "blur", "memoryBytes=64M", "callTimeoutMs=500") == 0
    assert capsys.readouterr().out == "memoryBytes=67108864\ncallTimeoutMs=500\n"
    changed = {"memoryBytes": 64 << 20, "callTimeoutMs": 500}
    assert daemon.asked("plugins.setResourceLimits") == [{"pluginId": "blur", "limits": changed}]


@pytest.mark.parametrize("change", ["memory=1", "memoryBytes", "memoryBytes=", "memoryBytes=M", "memoryBytes=-1"])
def test_limits_that_are_none(pluginctl: Command, capsys: pytest.CaptureFixture[str], change: str) -> None:
    assert pluginctl("limits", "blur", change) == 2
    assert "memoryBytes" in capsys.readouterr().err


def test_a_quarantine_is_shown(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]) -> None:
    quarantine = {field.encode_name: None for field in msgspec.structs.fields(m.Quarantine)}
    quarantine |= {"cause": "trap", "version": "1.2.3", "reason": "unreachable", "fallback": "1.2.2"}
    daemon.scripts["plugins.get"] = INFO | {"state": "error", "quarantine": quarantine}
    assert pluginctl("info", "blur") == 0
    out = capsys.readouterr().out
    assert "quarantined: trap" in out
    assert "1.2.3 until released: unreachable" in out
    assert "1.2.2, by: pluginctl release --fallback blur" in out


@pytest.mark.parametrize("name", ["grant", "revoke"])
def test_permissions(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str], name: str) -> None:
    daemon.scripts[f"plugins.{name}"] = {"requested": ["storage"], "granted": ["storage"]}
    assert pluginctl(name, "blur", "storage", "events") == 0
    assert capsys.readouterr().out == "blur holds: storage\n"
    assert daemon.asked(f"plugins.{name}") == [{"pluginId": "blur", "permissions": ["storage", "events"]}]


LEDGER: dict[str, Any] = {
    "requested": ["storage", "file.read:assets/**"],
    "granted": ["file.read:assets/luts"],
    "preset": None,
    "used": [
        {
            "permission": "file.read",
            "method": "file.read",
            "allowed": 4,
            "denied": 2,
            "first": "2026-01-01T00:00:00.000+00:00",
            "last": "2026-01-02T00:00:00.000+00:00",
            "details": ["assets/a", "assets/b\x1b[2J"],
        }
    ],
    "changes": [
        {
            "at": "2026-01-01T00:00:00.000+00:00",
            "action": "granted",
            "permissions": ["file.read:assets/luts"],
            "by": "pluginctl",
        }
    ],
}


def test_the_ledger_is_shown(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.scripts["plugins.getPermissions"] = LEDGER
    assert pluginctl("permissions", "blur") == 0
    out = capsys.readouterr().out
    assert "preset: none" in out
    storage, file = (
        next(line.split() for line in out.splitlines() if line.startswith(name)) for name in ("stor", "file")
    )
    assert storage[1:] == ["no", "0", "0", "never"]
    assert file[1:6] == ["in", "part", "4", "2", "2026-01-02T00:00:00.000+00:00"]
    assert "assets/b\\x1b" in out
    assert "granted file.read:assets/luts, by pluginctl" in out
    assert pluginctl("--json", "permissions", "blur") == 0
    assert json.loads(capsys.readouterr().out) == LEDGER
    daemon.scripts["plugins.getPermissions"] = LEDGER | {"requested": [], "granted": []}
    assert pluginctl("permissions", "blur") == 0
    assert "asks for no permissions" in capsys.readouterr().out


def test_a_preset_is_granted(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.scripts["plugins.applyPreset"] = {"requested": ["storage"], "granted": [], "preset": "minimal"}
    assert pluginctl("grant", "blur", "--preset", "minimal") == 0
    assert capsys.readouterr().out == "blur holds: no permissions\n"
    assert daemon.asked("plugins.applyPreset") == [{"pluginId": "blur", "preset": "minimal"}]
    assert pluginctl("grant", "blur", "storage", "--preset", "minimal") == 2
    assert pluginctl("install", "blur", "--grant", "storage", "--preset", "minimal") == 2


def test_call(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.scripts["plugins.call"] = 5
    assert pluginctl("call", "calc", "add", "[2, 3]", "--timeout", "70") == 0
    assert capsys.readouterr().out == "5\n"
    assert daemon.asked("plugins.call") == [{"pluginId": "calc", "function": "add", "args": [2, 3], "timeoutMs": 70}]


def test_effects(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]) -> None:
    parameters = [
        {"name": "radius", "default": 2.5, "min": 0.0, "max": 64.0},
        {"name": "mode", "type": "choice", "choices": ["fast", "fine"]},
    ]
    effect = {"pluginId": "blur", "effectId": "gauss", "name": "Gaussian", "category": "", "parameters": parameters}
    daemon.scripts["effects.list"] = [effect, effect | {"effectId": "bare", "parameters": []}]
    assert pluginctl("effects", "blur") == 0
    out = capsys.readouterr().out
    for words in ("gauss", "2.5", "0 … 64", "fast | fine", "bare"):
        assert words in out
    daemon.scripts["effects.list"] = []
    assert pluginctl("effects") == 0
    assert "No active plugin" in capsys.readouterr().out


def test_logs(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.scripts["console.get"] = {"messages": [line(1), line(2, message="two\x1b[2J\nlines")], "dropped": 3}
    assert pluginctl("logs", "blur") == 0
    out, error = capsys.readouterr()
    assert out.splitlines()[1] == "2026-01-01T00:00:00Z blur warn  two\\x1b[2J lines"
    assert "3 messages were dropped" in error
    assert pluginctl("--json", "logs") == 0
    assert [json.loads(each)["seq"] for each in capsys.readouterr().out.splitlines()] == [1, 2]


def test_logs_follow_until_the_daemon_goes(
    daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    def get(_params: Any, link: Link) -> Any:
        link.notify("plugins.console", line(2, message="met twice"))
        link.send(envelope.encode_result(link.id, {"messages": [line(1), line(2, message="met twice")], "dropped": 0}))
        link.notify("plugins.console", line(3, message="new"))
        link.notify("plugins.console", line(4, plugin="other"))
        link.close()
        return LATER

    daemon.scripts["console.get"] = get
    assert pluginctl("logs", "-f", "blur") == 1
    assert [each.split()[-1] for each in capsys.readouterr().out.splitlines()] == ["hello", "twice", "new"]


def test_ctrl_c_ends_logs_well_and_calls_with_130(daemon: Peer, pluginctl: Command) -> None:
    def interrupt(_params: Any, _link: Link) -> Any:
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        return LATER

    def then_interrupt(_params: Any, link: Link) -> Any:
        link.send(envelope.encode_result(link.id, {"messages": [line(1)], "dropped": 0}))
        daemon.scripts["console.get"] = None
        threading.Timer(0.2, interrupt, [None, link]).start()
        return LATER

    daemon.scripts["plugins.call"] = interrupt
    assert pluginctl("call", "p", "f") == 130
    daemon.scripts["console.get"] = then_interrupt
    assert pluginctl("logs", "-f") == 0


def test_top_once(daemon: Peer, pluginctl: Command, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.scripts["daemon.metrics"] = METRICS
    assert pluginctl("top") == 0  # stdout is no terminal here
    out = capsys.readouterr().out
    assert out.index("busy") < out.index("calm")
    for words in ("99.0%", "3.0M", "120µs", "2.5ms", "340µs", "41.0M", "2 workers with 6.0M"):
        assert words in out
    assert pluginctl("--json", "top", "--once") == 0
    assert len(json.loads(capsys.readouterr().out)["plugins"]) == 2


def test_top_on_a_terminal_ends_at_q(daemon: Peer) -> None:
    daemon.scripts["daemon.metrics"] = METRICS
    controller, terminal = os.openpty()
    command = [sys.executable, "-m", "pluginctl", "--socket", str(daemon.path), "top", "--interval", "30"]
    environ = os.environ | {"TERM": "xterm", "COLUMNS": "160", "LINES": "40"}
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environ) as process:
        os.close(terminal)
        seen = b""
        while b"busy" not in seen:
            seen += os.read(controller, 65536)
        os.write(controller, b"q")
        assert process.wait(10) == 0
    os.close(controller)


# --- streams and completion


def test_a_reader_that_leaves_is_no_traceback(daemon: Peer) -> None:
    left = threading.Event()
    daemon.scripts["plugins.list"] = lambda _params, _link: left.wait(10) and [INFO]
    command = [sys.executable, "-m", "pluginctl", "--socket", str(daemon.path), "rpc", "plugins.list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        left.set()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(10) == 141


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_PLUGINCTL_COMPLETE" in capsys.readouterr().out


def complete(daemon: Peer, words: str) -> list[str]:
    environ = os.environ | {
        "_PLUGINCTL_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "PLUGIND_SOCKET": str(daemon.path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pluginctl"], env=environ, capture_output=True, text=True, timeout=30, check=True
    )
    return [each.partition(",")[2] for each in done.stdout.split("\n")[:-1]]


def test_plugin_and_effect_ids_complete_from_the_daemon(daemon: Peer) -> None:
    daemon.scripts["plugins.list"] = [INFO, INFO | {"pluginId": "bright"}, INFO | {"pluginId": "grade"}]
    daemon.scripts["effects.list"] = [
        {"pluginId": "blur", "effectId": "gauss", "name": "Gaussian", "category": "", "parameters": []}
    ]
    assert complete(daemon, "pluginctl info b") == ["blur", "bright"]
    assert complete(daemon, "pluginctl render blur g") == ["gauss"]
    assert complete(daemon, "pluginctl rpc frames.") == ["frames.open", "frames.close"]
    assert complete(daemon, "pluginctl un") == ["uninstall", "unload"]


def test_completion_without_a_daemon_offers_nothing(daemon: Peer) -> None:
    daemon.scripts["plugins.list"] = lambda _params, link: link.close() or LATER
    assert complete(daemon, "pluginctl info b") == [""]


def test_rpc_loads_neither_rich_nor_av() -> None:
    code = (
        "import sys, pluginctl.__main__, pluginctl.rpc; print([m for m in ('rich', 'av', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "[]\n"
