"""Plugins by Extism's own plugin kits, unmodified, in a real daemon. tests/extism has their sources."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.harness.consoles import console
from tests.harness.daemon import ROOT, Daemon
from tests.harness.engines import require

from plugind_client import AsyncClient
from plugind_protocol import errors

pytestmark = [pytest.mark.anyio, pytest.mark.process]

PLUGINS = ROOT / "tests" / "plugins"


def plugin(folder: Path, source: str, **fields: Any) -> str:
    """Copy a plugin, with other fields in its manifest."""
    target = folder / source
    shutil.copytree(PLUGINS / source, target)
    manifest = json.loads((target / "manifest.json").read_text())
    (target / "manifest.json").write_text(json.dumps({**manifest, **fields}))
    return str(target)


@pytest.fixture
async def rust(client: AsyncClient) -> str:
    return (await client.install(str(PLUGINS / "extism-rust"), grant="requested")).plugin_id


async def test_a_plugin_by_the_assemblyscript_kit(client: AsyncClient) -> None:
    info = await client.install(str(PLUGINS / "extism-as"))
    answer = json.loads(await client.call_plugin(info.plugin_id, "count_vowels", args="Hello, World!"))
    assert answer == {"count": 3, "config": "of the manifest", "a": "this is var a"}
    entries = await console(client, info.plugin_id, "counted 3")
    assert (entries[-1].level, entries[-1].message) == ("info", "counted 3")
    with pytest.raises(errors.PluginError, match="failed with code 3"):
        await client.call_plugin(info.plugin_id, "three")


async def test_a_plugin_by_the_rust_kit(client: AsyncClient, rust: str) -> None:
    for total in (3, 6):
        answer = json.loads(await client.call_plugin(rust, "count_vowels", args="Hello, World!"))
        assert answer == {"count": 3, "total": total}, "a variable goes on from call to call"
    await client.call_plugin(rust, "forget")
    assert json.loads(await client.call_plugin(rust, "count_vowels", args="a"))["total"] == 1
    assert await client.call_plugin(rust, "reverse", args="stressed") == "desserts"
    assert await client.call_plugin(rust, "reverse", args={"base64": "AP8="}) == {"base64": "/wA="}
    assert await client.call_plugin(rust, "nothing") == ""
    big = "x" * 3_000_000 + "y"
    assert await client.call_plugin(rust, "reverse", args=big) == big[::-1]
    with pytest.raises(errors.FunctionNotFound) as caught:
        await client.call_plugin(rust, "nope")
    assert "count_vowels" in caught.value.hint


async def test_configuration_is_the_manifests_under_the_users(start: Callable[..., Daemon], tmp_path: Path) -> None:
    config = tmp_path / "plugind.toml"
    config.write_text('[plugin_config.extism-rust]\ngreeting = "Grüß dich"\n')
    daemon = await anyio.to_thread.run_sync(start, "--config", str(config))
    async with AsyncClient.connect(daemon.socket, name="tests") as client:
        await client.install(str(PLUGINS / "extism-rust"))
        assert await client.call_plugin("extism-rust", "greet", args="Ada") == "Grüß dich, Ada! missing is (none)"


async def test_errors_reach_the_caller(client: AsyncClient, rust: str) -> None:
    with pytest.raises(errors.PluginError, match=r"extism-rust 1\.0\.0: not today") as caught:
        await client.call_plugin(rust, "fail", args="not today")
    assert (caught.value.data.error.code, caught.value.data.error.message) == (42, "not today")
    with pytest.raises(errors.Trap, match=r"extism-rust 1\.0\.0: executed an unreachable instruction"):
        await client.call_plugin(rust, "panics", args="this")
    with pytest.raises(errors.InvalidParams, match="takes its args as a string"):
        await client.call_plugin(rust, "reverse", args=[1, 2])
    assert await client.call_plugin(rust, "reverse", args="ab") == "ba"


async def test_what_is_logged_is_in_the_console(client: AsyncClient, rust: str) -> None:
    await client.console_clear(rust)
    await client.call_plugin(rust, "say", args="ü")
    entries = [(entry.level, entry.message) for entry in await console(client, rust, "error ü")]
    assert entries == [(level, f"{level} ü") for level in ("trace", "debug", "info", "warn", "error")]


async def test_host_methods_by_our_own_function(client: AsyncClient, rust: str) -> None:
    assert json.loads(await client.call_plugin(rust, "remember", args="warm")) == {
        "result": {"value": "warm", "exists": True}
    }
    await client.revoke(rust, ["storage"])
    answer = json.loads(await client.call_plugin(rust, "remember", args="cold"))
    assert answer["error"]["code"] == errors.PermissionDenied.code
    await client.grant(rust, ["storage"])


@pytest.mark.threat("Extism", "blocks, variables and output without end")
async def test_limits_hold(client: AsyncClient, rust: str) -> None:
    for function, error, words in (
        ("hoard", (errors.Trap, errors.MemoryLimit, errors.PluginError), r"extism-rust 1\.0\.0"),
        (
            "overfill",
            errors.TooLarge,
            r"extism-rust 1\.0\.0: var_set: its variables would take more than 1048576 bytes",
        ),
    ):
        with pytest.raises(error, match=words):
            await client.call_plugin(rust, function)
        assert await client.call_plugin(rust, "reverse", args="ab") == "ba"
    with pytest.raises(errors.Timeout, match=r"extism-rust 1\.0\.0"):
        await client.call_plugin(rust, "spin", timeout_ms=200)
    assert await client.call_plugin(rust, "reverse", args="ab") == "ba"


class Server:
    """A server of HTTP on this machine: tells what it was asked."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.asked: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0)
        self.asked.append(head + await reader.readexactly(length))
        status, more = (b"302 Found", b"Location: /other\r\n") if b"/moved" in head else (b"200 OK", b"")
        writer.write(b"HTTP/1.1 %s\r\n%sContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nhere" % (status, more))
        await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    found = Server(0)
    running = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}"
    async with running:
        yield found


@pytest.mark.threat("Extism", "HTTP without permission")
async def test_http_is_made_by_the_daemon_with_the_permission_only(
    client: AsyncClient, rust: str, server: Server
) -> None:
    wanted = {"url": f"{server.url}/luts?x=1", "method": "POST", "body": "grün"}
    answer = json.loads(await client.call_plugin(rust, "fetch", args=json.dumps(wanted)))
    assert answer == {"status": 200, "kind": "text/plain", "body": "here"}
    (asked,) = server.asked
    assert asked.startswith(b"POST /luts?x=1 HTTP/1.1\r\n")
    assert b"x-from: extism" in asked.lower()
    assert asked.endswith("grün".encode())
    moved = json.loads(await client.call_plugin(rust, "fetch", args=json.dumps({"url": f"{server.url}/moved"})))
    assert moved["status"] == 302, "redirects are the plugin's to follow"

    for url, reason in (
        (server.url.replace("127.0.0.1", "localhost"), "network:localhost"),
        (server.url, "network:127"),
    ):
        if reason == "network:127":
            await client.revoke(rust, ["network"])
        with pytest.raises(errors.PluginError, match=f"without permission {reason}") as caught:
            await client.call_plugin(rust, "fetch", args=json.dumps({"url": url}))
        assert caught.value.data.error.code == errors.PermissionDenied.code
    await client.grant(rust, ["network:127.0.0.1"])
    assert len(server.asked) == 2, "nothing else was asked"
    assert not (await client.get_plugin(rust)).quarantine
    assert await client.call_plugin(rust, "reverse", args="ab") == "ba"


async def test_a_server_that_is_not_there_is_an_error_in_words(client: AsyncClient, rust: str, server: Server) -> None:
    del server
    with pytest.raises(
        errors.PluginError, match=r"extism-rust 1\.0\.0: .*http://127\.0\.0\.1:1/ cannot be asked"
    ) as caught:
        await client.call_plugin(rust, "fetch", args='{"url": "http://127.0.0.1:1/"}')
    assert caught.value.data.error.code == errors.HostUnavailable.code


async def test_the_manifest_is_held_to_what_it_says(client: AsyncClient, tmp_path: Path) -> None:
    with pytest.raises(errors.UnsupportedAbi, match="the manifest says abi timeline, the module is extism"):
        await client.install(plugin(tmp_path, "extism-as", abi="timeline", name="other"))
    with pytest.raises(errors.ManifestInvalid, match=r"\$\.config\.thing"):
        await client.install(plugin(tmp_path / "2", "extism-as", config={"thing": 5}))


async def test_wasmer_refuses_it_with_what_to_do(start: Callable[..., Daemon]) -> None:
    require("wasmer")
    daemon = await anyio.to_thread.run_sync(start, "--engine", "wasmer")
    async with AsyncClient.connect(daemon.socket, name="tests") as client:
        with pytest.raises(errors.UnsupportedAbi, match="extism ABI, which wasmer cannot run") as caught:
            await client.install(str(PLUGINS / "extism-as"))
        assert '"engine": "wasmtime"' in caught.value.hint
