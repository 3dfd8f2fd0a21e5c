"""The choice of engines: by the daemon, by a manifest, by the user; and what is said where one is missing."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.harness.daemon import ROOT, Daemon
from tests.harness.engines import require

from plugind_client import Client
from plugind_protocol.errors import PackageInvalid, Timeout
from plugind_protocol.methods import State

pytestmark = pytest.mark.process

Start = Callable[..., Daemon]


def plugin(folder: Path, source: str, *, engine: str | None = None) -> str:
    """Copy a test plugin, with an engine in its manifest."""
    target = folder / (engine or "any") / source
    shutil.copytree(ROOT / "tests" / "plugins" / source, target)
    manifest = json.loads((target / "manifest.json").read_text())
    if engine is not None:
        manifest["engine"] = engine
    (target / "manifest.json").write_text(json.dumps(manifest))
    return str(target)


@pytest.fixture
def without(tmp_path: Path) -> list[str]:
    """Arguments of a daemon that has no wasmer."""
    config = tmp_path / "without.toml"
    config.write_text('[engines.wasmer]\ninterpreter = "/nonexistent/python3.10"\n')
    return ["--config", str(config)]


@pytest.fixture
def wasmer() -> None:
    """Skip where there is no wasmer."""
    require("wasmer")


def test_a_missing_engine_is_listed_with_what_to_do(start: Start, without: list[str], tmp_path: Path) -> None:
    with Client.connect(start(*without).socket) as client:
        engines = {engine.name: engine for engine in client.daemon_status().engines}
        assert engines["wasmtime"].available
        assert not engines["wasmer"].available
        assert "/nonexistent/python3.10 cannot be started" in engines["wasmer"].reason
        assert "make wasmer" in engines["wasmer"].reason
        with pytest.raises(PackageInvalid, match="spin wants engine wasmer, which is not available") as caught:
            client.install(plugin(tmp_path, "spin", engine="wasmer"))
        assert "make wasmer" in caught.value.hint
        assert client.list_plugins() == []


def test_a_default_engine_that_is_missing_ends_the_start(without: list[str], tmp_path: Path) -> None:
    where = ["--socket", str(tmp_path / "plugind.sock"), "--data-dir", str(tmp_path / "data")]
    command = [sys.executable, "-m", "plugind", *where, *without, "--engine", "wasmer"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "the configuration wants engine wasmer, which is not available" in done.stderr
    assert "make wasmer" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("wasmer")
def test_plugins_choose_and_the_user_overrules(start: Start, without: list[str], tmp_path: Path) -> None:
    config = tmp_path / "choice.toml"
    config.write_text('[engines.plugins]\ntrapper = "wasmer"\n')
    daemon = start("--config", str(config))
    with Client.connect(daemon.socket) as client:
        client.install(plugin(tmp_path, "spin"))
        client.install(plugin(tmp_path, "grower", engine="wasmer"))
        client.install(plugin(tmp_path, "trapper", engine="wasmtime"))
        chosen = {info.plugin_id: info.engine for info in client.list_plugins()}
        assert chosen == {"spin": "wasmtime", "grower": "wasmer", "trapper": "wasmer"}
        for name in chosen:
            assert client.load(name).state is State.LOADED
    assert daemon.stop() == 0
    with Client.connect(start(*without).socket) as client:  # the user took the environment away
        assert client.load("spin").state is State.LOADED
        assert client.load("trapper").engine == "wasmtime"
        with pytest.raises(PackageInvalid, match=r"grower 1\.0\.0 wants engine wasmer"):
            client.load("grower")
        assert client.get_plugin("grower").state is State.ERROR


@pytest.mark.usefixtures("wasmer")
def test_a_call_past_its_deadline_does_not_count_as_a_crash(start: Start, tmp_path: Path) -> None:
    with Client.connect(start("--engine", "wasmer").socket) as client:
        client.install(plugin(tmp_path, "spin"))
        client.activate("spin")
        for _ in range(5):  # more often than a plugin may crash
            with pytest.raises(Timeout, match="wasmer stops no guest"):
                client.call_plugin("spin", "spin", timeout_ms=50)
        (figures,) = client.daemon_metrics().plugins
        assert figures.crashes == 0
        client.activate("spin")
        assert client.get_plugin("spin").state is State.ACTIVE
