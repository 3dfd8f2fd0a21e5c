"""The socket as others use it: raw bytes, both framings, many clients at once."""

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any, Self

import anyio
import pytest
from tests.harness.daemon import ROOT, Daemon

from plugind_client import AsyncClient

pytestmark = [pytest.mark.anyio, pytest.mark.process]


class Raw:
    """A client that only knows bytes."""

    def __init__(self, daemon: Daemon) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(daemon.socket))
        self.stream = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def line(self) -> Any:
        return json.loads(self.stream.readline())

    def headed(self) -> Any:
        length = int(self.stream.readline().removeprefix(b"Content-Length:"))
        assert self.stream.readline() == b"\r\n"
        return json.loads(self.stream.read(length))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stream.close()
        self.socket.close()


def headed(text: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%b" % (len(text), text)


STATE = b'{"jsonrpc":"2.0","id":%d,"method":"plugins.getState","params":{"pluginId":"nobody"}}'


def test_both_framings_on_one_socket_at_once(daemon: Daemon) -> None:
    with Raw(daemon) as lines, Raw(daemon) as headers:
        for number in range(50):
            lines.send(STATE % number + b"\n")
            headers.send(headed(STATE % number))
        expected = [{"jsonrpc": "2.0", "id": number, "result": "not_installed"} for number in range(50)]
        assert sorted((lines.line() for _ in expected), key=lambda one: one["id"]) == expected
        assert sorted((headers.headed() for _ in expected), key=lambda one: one["id"]) == expected


async def test_64_clients_at_once(client: AsyncClient, daemon: Daemon, plugins: Path) -> None:
    await client.install(str(plugins / "probe"))
    answers: dict[int, list[Any]] = {}

    async def work(number: int) -> None:
        async with AsyncClient.connect(daemon.socket, name=f"client {number}") as one:
            answers[number] = [await one.call_plugin("probe", "echo", args=[number, turn]) for turn in range(20)]

    async with anyio.create_task_group() as tasks:
        for number in range(64):
            tasks.start_soon(work, number)
    assert answers == {number: [[number, turn] for turn in range(20)] for number in range(64)}


async def test_many_calls_in_flight_keep_their_answers(client: AsyncClient, plugins: Path, examples: Path) -> None:
    await client.install(str(plugins / "probe"))
    adder = (await client.install(str(examples / "adder"))).plugin_id
    answers: dict[int, Any] = {}

    async def work(number: int) -> None:
        if number % 2:
            answers[number] = await client.call_plugin("probe", "echo", args=number)
        else:
            answers[number] = await client.call_plugin(adder, "add", args=[number, 0])

    async with anyio.create_task_group() as tasks:
        for number in range(200):
            tasks.start_soon(work, number)
    assert answers == {number: number for number in range(200)}


@pytest.mark.threat("Wire", "id in use, batches of all kinds")
def test_a_batch(daemon: Daemon) -> None:
    with Raw(daemon) as raw:
        batch = [json.loads(STATE % number) for number in range(3)]
        raw.send(json.dumps([*batch, 1, {"jsonrpc": "2.0", "method": "daemon.status"}]).encode() + b"\n")
        answers = raw.line()
    assert sorted(one["id"] for one in answers if one["id"] is not None) == [0, 1, 2]
    assert [one["error"]["code"] for one in answers if one["id"] is None] == [-32600]


@pytest.mark.threat("Wire", "bad JSON")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"daemon.status","params":' + b"[" * 10_000 + b"]" * 10_000 + b"}", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"plugins.call","params":{"pluginId":"\\ud800"}}', -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"daemon.status","params":{"a":NaN}}', -32700),
        (b"[]", -32600),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"daemon.status"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"daemon.nothing"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"plugins.get","params":{"pluginID":"x"}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"plugins.get","params":{"pluginId":5}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"plugins.call","params":{"pluginId":"x"}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"plugins.call","params":{"pluginId":"x","function":"f"}}', -32001),
    ],
)
def test_a_bad_message_gets_its_error_and_the_connection_goes_on(daemon: Daemon, text: bytes, code: int) -> None:
    with Raw(daemon) as raw:
        raw.send(text + b"\n")
        assert raw.line()["error"]["code"] == code
        raw.send(STATE % 7 + b"\n")
        assert raw.line() == {"jsonrpc": "2.0", "id": 7, "result": "not_installed"}


@pytest.mark.threat("Wire", "huge announced sizes")
def test_a_message_over_the_limit_is_skipped(daemon: Daemon) -> None:
    with Raw(daemon) as raw:
        raw.send(b'"' + b"x" * (17 * 1024 * 1024) + b'"\n' + STATE % 1 + b"\n")
        assert raw.line()["error"]["code"] == -32011
        assert raw.line()["id"] == 1


def test_discover_describes_what_can_be_called(daemon: Daemon) -> None:
    with Raw(daemon) as raw:
        raw.send(b'{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}\n')
        document = raw.line()["result"]
    assert document["openrpc"].startswith("1.")
    assert {"plugins.call", "effects.process", "initialize"} <= {one["name"] for one in document["methods"]}
    assert document == json.loads((ROOT / "protocol" / "schema" / "openrpc.json").read_text())


@pytest.mark.skipif(shutil.which("node") is None or shutil.which("npm") is None, reason="needs Node.js and npm")
def test_vscode_jsonrpc_connects_as_it_is(daemon: Daemon, examples: Path, plugins: Path) -> None:
    folder = ROOT / "tests" / "node"
    if not (folder / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=120)
    done = subprocess.run(
        ["node", "vscode_jsonrpc.mjs", str(daemon.socket), str(examples / "adder"), str(plugins / "probe")],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["states"][:4] == ["installing", "installed", "loading", "loaded"]
    del report["states"]
    assert report == {
        "daemon": "plugind",
        "sum": 5,
        "asked": {"pluginId": "probe"},
        "answer": {"plugins": 2},
        "error": {"code": -32001, "kind": "PluginNotFound"},
        "cancelled": -32800,
    }
