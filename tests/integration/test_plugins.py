"""Plugins from install to uninstall, and everything that can be wrong with them."""

import json
from pathlib import Path

import pytest
from tests.harness.daemon import Daemon
from tests.harness.plugins import altered

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.methods import State

pytestmark = [pytest.mark.anyio, pytest.mark.process]


async def test_a_numeric_plugin_by_its_exports(client: AsyncClient, examples: Path) -> None:
    installed = await client.install(str(examples / "adder"))
    assert (installed.state, installed.requested_permissions) == (State.INSTALLED, [])
    assert await client.call_plugin(installed.plugin_id, "add", args=[2, 3]) == 5
    assert await client.call_plugin(installed.plugin_id, "divmod", args=[17, 5]) == [3, 2]
    assert await client.call_plugin(installed.plugin_id, "fib", args=[90]) == "2880067194370816120"
    assert await client.call_plugin(installed.plugin_id, "add64", args=["9007199254740993", 1]) == "9007199254740994"
    with pytest.raises(errors.FunctionNotFound, match="no_such"):
        await client.call_plugin(installed.plugin_id, "no_such", args=[])
    for wrong in ([1], [1, 2, 3], {"a": 1}, [1.5, 2], ["x", 2], [2**40, 1], None):
        with pytest.raises(errors.InvalidParams):
            await client.call_plugin(installed.plugin_id, "add", args=wrong)


async def test_the_way_through_the_states(client: AsyncClient, plugins: Path) -> None:
    changes = client.notifications("plugins.stateChanged")
    assert await client.get_state("probe") == State.NOT_INSTALLED
    await client.install(str(plugins / "probe"))
    assert (await client.load("probe")).state == State.LOADED
    assert await client.call_plugin("probe", "hooks") == ["lifecycle.load"]
    assert (await client.activate("probe")).state == State.ACTIVE
    assert await client.call_plugin("probe", "hooks") == ["lifecycle.load", "lifecycle.activate", "main"]
    assert (await client.deactivate("probe")).state == State.LOADED
    info = await client.unload("probe")
    assert (info.state, info.pid) == (State.INSTALLED, None)
    assert (await client.uninstall("probe")).state == State.NOT_INSTALLED
    seen = [await anext(changes) for _ in range(8)]
    assert [change.to for change in seen] == [
        State.INSTALLING,
        State.INSTALLED,
        State.LOADING,
        State.LOADED,
        State.ACTIVE,
        State.LOADED,
        State.INSTALLED,
        State.NOT_INSTALLED,
    ]
    assert [change.from_ for change in seen[1:]] == [change.to for change in seen[:-1]]


async def test_a_call_loads_on_demand_and_arguments_pass_unchanged(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"))
    value = {"ü": [1, 2.5, None, True, "😀\u2028"], "nested": {"deep": [[[]]]}, "big": 2**53}
    assert await client.call_plugin("probe", "echo", args=value) == value
    assert (await client.get_plugin("probe")).state == State.LOADED
    text = "x" * 1_000_000
    assert await client.call_plugin("probe", "echo", args=text) == text


async def test_disabled_plugins_are_not_loaded(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"))
    await client.load("probe")
    info = await client.disable("probe")
    assert (info.enabled, info.state, info.pid) == (False, State.INSTALLED, None)
    with pytest.raises(errors.InvalidState, match="disabled") as caught:
        await client.call_plugin("probe", "echo")
    assert "pluginctl enable probe" in caught.value.hint
    await client.enable("probe")
    assert await client.call_plugin("probe", "echo", args=1) == 1


async def test_another_version_is_an_update_and_the_state_is_kept(
    client: AsyncClient, plugins: Path, tmp_path: Path
) -> None:
    await client.install(str(plugins / "probe"), grant=["timeline.read"])
    await client.activate("probe")
    before = await client.get_plugin("probe")
    updated = await client.install(altered(plugins / "probe", tmp_path / "new", version="2.0.0"))
    assert updated.version == "2.0.0"
    after = await client.get_plugin("probe")
    assert (after.state, after.version, after.permissions.granted) == (State.ACTIVE, "2.0.0", ["timeline.read"])
    assert after.pid != before.pid
    assert await client.call_plugin("probe", "hooks") == ["lifecycle.load", "lifecycle.activate", "main"]


async def test_a_failed_update_leaves_the_old_version_serving(
    client: AsyncClient, plugins: Path, tmp_path: Path
) -> None:
    await client.install(str(plugins / "probe"))
    await client.load("probe")
    before = await client.get_plugin("probe")
    broken = Path(altered(plugins / "probe", tmp_path / "new", version="2.0.0"))
    module = broken / json.loads((broken / "manifest.json").read_text())["main"]
    module.write_bytes(module.read_bytes()[:100])
    with pytest.raises(errors.PackageInvalid):
        await client.install(str(broken))
    assert await client.get_plugin("probe") == before
    assert await client.call_plugin("probe", "echo", args=7) == 7


BAD = {
    "bad-import": (errors.UnsupportedAbi, "env.nope"),
    "wrong-abi-type": (errors.UnsupportedAbi, "plugin_call"),
    "truncated": (errors.PackageInvalid, "module"),
    "missing-main": (errors.PackageInvalid, "manifest.json names"),
    "bad-types": (errors.ManifestInvalid, r"\$\.name"),
}


@pytest.mark.threat("Guest", "invalid module, or a proposal that is off")
@pytest.mark.threat("Guest", "import outside the list")
@pytest.mark.parametrize("name", BAD)
async def test_a_bad_plugin_is_refused_and_leaves_nothing(
    client: AsyncClient, daemon: Daemon, plugins: Path, name: str
) -> None:
    kind, words = BAD[name]
    with pytest.raises(kind, match=words) as caught:
        await client.install(str(plugins / name))
    assert caught.value.hint
    assert await client.list_plugins() == []
    assert list((daemon.data_dir / "packages").iterdir()) == []
    assert list((daemon.data_dir / "staging").iterdir()) == []
    assert not list((daemon.data_dir / "cache" / "modules").glob("*.part"))


@pytest.mark.parametrize(
    ("manifest", "path"),
    [
        (b"", "$"),
        (b"{", "$"),
        (b"[]", "$"),
        (b'{"name": "a"}', "$"),
        (b'{"name": "a", "name": "b", "version": "1.0.0", "main": "a.wasm"}', "$.name"),
        (b'{"name": "../a", "version": "1.0.0", "main": "a.wasm"}', "$.name"),
        (b'{"name": "a", "version": "1", "main": "a.wasm"}', "$.version"),
        (b'{"name": "a", "version": "1.0.0", "main": "../a.wasm"}', "$.main"),
        (b'{"name": "a", "version": "1.0.0", "main": "a.exe"}', "$.main"),
        (b'{"name": "a", "version": "1.0.0", "main": "a.wasm", "permissions": ["all"]}', "$.permissions[0]"),
        (b'{"name": "a", "version": "1.0.0", "main": "a.wasm", "metadata": {"tags": [1]}}', "$.metadata.tags[0]"),
        (b'{"name": "a", "version": "1.0.0", "main": "a.wasm", "api_version": "2.0"}', "$.api_version"),
    ],
)
async def test_a_bad_manifest_is_refused_with_its_path(
    client: AsyncClient, tmp_path: Path, manifest: bytes, path: str
) -> None:
    (tmp_path / "manifest.json").write_bytes(manifest)
    with pytest.raises(errors.ManifestInvalid) as caught:
        await client.install(str(tmp_path))
    assert caught.value.data.path == path


async def test_nowhere_and_nobody(client: AsyncClient, tmp_path: Path, plugins: Path) -> None:
    with pytest.raises(errors.PackageInvalid, match="is not a folder"):
        await client.install(str(tmp_path / "nothing"))
    with pytest.raises(errors.ManifestInvalid, match=r"no manifest\.json"):
        await client.install(str(tmp_path))
    for call in (client.load, client.uninstall, client.activate, client.get_plugin, client.get_permissions):
        with pytest.raises(errors.PluginNotFound, match="'nobody'"):
            await call("nobody")
    with pytest.raises(errors.PluginNotFound):
        await client.call_plugin("nobody", "echo")
    await client.install(str(plugins / "probe"))
    with pytest.raises(errors.FunctionNotFound, match="nothing_such"):
        await client.call_plugin("probe", "nothing_such")


async def test_a_module_of_another_abi_than_its_manifest_says(
    client: AsyncClient, examples: Path, tmp_path: Path
) -> None:
    with pytest.raises(errors.UnsupportedAbi, match="numeric"):
        await client.install(altered(examples / "adder", tmp_path / "p", abi="timeline"))
    with pytest.raises(errors.UnsupportedAbi, match="javascript"):
        await client.install(altered(examples / "adder", tmp_path / "q", abi="javascript"))


async def test_a_module_of_the_next_abi_version_is_refused(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "future-abi"))
    with pytest.raises(errors.UnsupportedAbi, match="2"):
        await client.load("future-abi")
    info = await client.get_plugin("future-abi")
    assert (info.state, info.pid) == (State.ERROR, None)
    assert info.reason


async def test_the_console_keeps_what_guests_say_and_terminals_do_not_obey_it(
    client: AsyncClient, plugins: Path
) -> None:
    heard = client.notifications("plugins.console")
    await client.install(str(plugins / "probe"))
    await client.install(str(plugins / "wasi-hello"))
    await client.call_plugin("probe", "log", args={"level": 3, "message": "\x1b[31mred\x07"})
    await client.call_plugin("wasi-hello", "hello")
    console = await client.console_get()
    assert [(one.plugin_id, one.level, one.message) for one in console.messages] == [
        ("probe", "warn", "\\x1b[31mred\\x07"),
        ("wasi-hello", "info", "hello from wasi"),
        ("wasi-hello", "error", "oops"),
    ]
    assert [(await anext(heard)) for _ in console.messages] == console.messages
    assert (await client.console_get("probe")).messages == console.messages[:1]
    assert (await client.console_get(since=console.messages[1].seq)).messages == console.messages[2:]
    await client.console_clear()
    assert (await client.console_get()).messages == []


async def test_metrics_count(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"))
    for _ in range(5):
        await client.call_plugin("probe", "echo")
    with pytest.raises(errors.PluginError):
        await client.call_plugin("probe", "fail", args={"code": 7, "message": "no"})
    (figures,) = (await client.daemon_metrics()).plugins
    # lifecycle.load counts as a call, and is one
    assert (figures.calls, figures.errors, figures.crashes) == (7, 1, 0)
    assert figures.p99_us >= figures.p50_us > 0
    assert figures.memory_bytes > 100_000
    metrics = await client.daemon_metrics()
    assert 'plugind_plugin_calls_total{plugin="probe"} 7' in metrics.prometheus.splitlines()
    status = await client.daemon_status()
    assert (status.plugins, status.clients) == ({State.LOADED: 1}, 1)
    assert status.engines[0].name == "wasmtime"
