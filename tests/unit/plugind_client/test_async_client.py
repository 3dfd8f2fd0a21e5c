import gc
import inspect
import logging
import socket
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec
import pytest
from tests.fakes.peer import LATER, Link, Peer

from plugind_client import AsyncClient, Client, Disconnected, NoDaemon, UnexpectedAnswer
from plugind_client.calls import Calls
from plugind_protocol import envelope
from plugind_protocol import methods as m
from plugind_protocol.errors import (
    ErrorObject,
    InvalidState,
    MethodNotFound,
    PlugindError,
    PluginError,
    PluginNotFound,
    TooLarge,
)

pytestmark = pytest.mark.anyio

INFO = {
    "pluginId": "blur",
    "version": "1.2.3",
    "state": "active",
    "type": "effect",
    "pid": 77,
    "engine": "wasmtime",
    "abi": "timeline",
    "permissions": {"requested": ["storage"], "granted": []},
    "limits": {"memoryBytes": 65536},
}


async def test_the_session_says_who_connects_and_what_it_provides(daemon: Peer) -> None:
    async def answer(_method: str, _params: Any) -> None: ...

    handlers = {"media": answer, "timeline.getState": answer, "own.thing": answer}
    async with AsyncClient.connect(daemon.path, name="t", version="9", handlers=handlers) as client:
        assert client.session.daemon.name == "scripted"
    (opening,) = daemon.asked("initialize")
    assert opening["client"] == {"name": "t", "version": "9"}
    assert opening["provides"] == ["timeline", "media"]
    assert "project" not in opening


async def test_the_session_says_which_project_is_open(daemon: Peer, tmp_path: Path) -> None:
    async with AsyncClient.connect(daemon.path, project=tmp_path):
        pass
    (opening,) = daemon.asked("initialize")
    assert opening["project"] == {"path": str(tmp_path)}


async def test_results_are_typed(daemon: Peer) -> None:
    daemon.scripts["plugins.list"] = [INFO]
    async with AsyncClient.connect(daemon.path) as client:
        (info,) = await client.list_plugins()
        assert (info.plugin_id, info.state, info.limits.memory_bytes) == ("blur", m.State.ACTIVE, 65536)
        assert await client.call("plugins.list") == [info]
        assert msgspec.json.decode(await client.call_raw("plugins.list")) == [INFO]


async def test_params_have_wire_names(daemon: Peer) -> None:
    daemon.scripts["plugins.call"] = 5
    daemon.scripts["effects.process"] = {"output": 1, "guestUs": 12}
    async with AsyncClient.connect(daemon.path) as client:
        assert await client.call_plugin("calc", "add", args=[2, 3], timeout_ms=9) == 5
        frame = m.FrameRef(window_id=4, output=1, pts_us=40_000)
        done = await client.effects_process("blur", "soft", frame=frame, params=msgspec.Raw(b'{"radius":2}'))
        assert (done.output, done.guest_us) == (1, 12)
    assert daemon.asked("plugins.call") == [{"pluginId": "calc", "function": "add", "args": [2, 3], "timeoutMs": 9}]
    assert daemon.asked("effects.process") == [
        {
            "pluginId": "blur",
            "effectId": "soft",
            "frame": {"windowId": 4, "output": 1, "ptsUs": 40_000},
            "params": {"radius": 2},
        }
    ]


async def test_every_method_of_the_table_has_a_typed_name() -> None:
    asked: dict[str, Any] = {}

    class Recording(Calls):
        async def _ask(self, method: str, params: m.Params, result: Any) -> Any:
            assert type(params) is m.METHODS[method].params
            asked[method] = result
            return b"null"

    values: dict[str, Any] = {"permissions": [], "frame": m.FrameRef(window_id=1), "width": 16, "height": 16}
    names = [name for name, function in vars(Calls).items() if inspect.iscoroutinefunction(function) and name[0] != "_"]
    for name in names:
        function = getattr(Recording(), name)
        required = [p.name for p in inspect.signature(function).parameters.values() if p.default is p.empty]
        await function(**{parameter: values.get(parameter, "x") for parameter in required})
        assert callable(getattr(Client, name)), f"the blocking client lacks {name}"
    assert set(asked) == set(m.METHODS) - {"initialize"}
    for method, result in asked.items():
        assert result in (m.METHODS[method].result, msgspec.Raw), method


async def test_errors_are_the_classes_of_the_contract(daemon: Peer) -> None:
    def missing(params: Any, _link: Link) -> Any:
        raise PluginNotFound("No plugin 'x'", plugin_id=params["pluginId"])

    def own(_params: Any, _link: Link) -> Any:
        raise PluginError("it failed", error=ErrorObject(-1, "inner", {"a": 1}))

    daemon.scripts |= {"plugins.get": missing, "plugins.call": own}
    async with AsyncClient.connect(daemon.path) as client:
        with pytest.raises(PluginNotFound, match="No plugin 'x'") as caught:
            await client.get_plugin("x")
        assert caught.value.data.plugin_id == "x"
        assert "plugins.list" in caught.value.hint
        with pytest.raises(PluginError) as failed:
            await client.call_plugin("x", "f")
        assert failed.value.data.error == ErrorObject(-1, "inner", {"a": 1})
        with pytest.raises(MethodNotFound):
            await client.call("no.such")


async def test_an_error_in_the_block_comes_out_as_it_is(daemon: Peer) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with AsyncClient.connect(daemon.path):
            raise KeyError("mine")


async def test_an_answer_of_another_shape_is_said_to_be_one(daemon: Peer) -> None:
    daemon.scripts["plugins.get"] = {"pluginId": 7}
    async with AsyncClient.connect(daemon.path) as client:
        with pytest.raises(UnexpectedAnswer, match=r"plugins\.get: .*pluginId"):
            await client.get_plugin("x")


async def test_answers_may_come_in_any_order(daemon: Peer) -> None:
    waiting: list[tuple[Any, str]] = []

    def call(params: Any, link: Link) -> Any:
        waiting.append((link.id, params["function"]))
        if len(waiting) < 3:
            return LATER
        for request_id, name in reversed(waiting):
            link.send(envelope.encode_result(request_id, name))
        return LATER

    daemon.scripts["plugins.call"] = call
    got: list[tuple[str, str]] = []
    async with AsyncClient.connect(daemon.path) as client, anyio.create_task_group() as tasks:

        async def one(name: str) -> None:
            got.append((name, await client.call_plugin("p", name)))

        for name in "abc":
            tasks.start_soon(one, name)
    assert sorted(got) == [("a", "a"), ("b", "b"), ("c", "c")]


async def test_cancelling_the_wait_cancels_the_request(daemon: Peer) -> None:
    async with AsyncClient.connect(daemon.path) as client:
        scope = anyio.CancelScope()
        ids: list[Any] = []

        def call(params: Any, link: Link) -> Any:
            if params["function"] == "quick":
                return 1
            ids.append(link.id)
            anyio.from_thread.run_sync(scope.cancel, token=token)
            return LATER

        token = anyio.lowlevel.current_token()
        daemon.scripts["plugins.call"] = call
        with scope:
            await client.call_plugin("p", "slow")
        assert scope.cancelled_caught
        cancel = await anyio.to_thread.run_sync(daemon.next_message)
        assert (cancel.method, bytes(cancel.params)) == ("$/cancelRequest", b'{"id":%d}' % ids[0])  # type: ignore[arg-type]
        link = daemon.next_link()
        link.send(envelope.encode_result(ids[0], "too late"))
        assert await client.call_plugin("p", "quick") == 1


async def test_losing_the_connection_fails_everything_that_waits(daemon: Peer) -> None:
    daemon.scripts["plugins.call"] = lambda _params, link: link.close() or LATER
    async with AsyncClient.connect(daemon.path) as client:
        notes = client.notifications("plugins.stateChanged")
        with pytest.raises(Disconnected, match="closed the connection"):
            await client.call_plugin("p", "f")
        with pytest.raises(Disconnected):
            await client.list_plugins()
        with pytest.raises(Disconnected):
            await anext(notes)
        with pytest.raises(Disconnected):
            await anext(client.notifications("plugins.console"))


@pytest.mark.parametrize("garbage", [b"{not json}\n", b"Content-Length: 2\r\n\r\n{}", b"[1]\n", b'{"jsonrpc":"2.0"}\n'])
async def test_what_is_not_the_protocol_ends_the_connection(daemon: Peer, garbage: bytes) -> None:
    daemon.scripts["plugins.call"] = lambda _params, link: link.sock.sendall(garbage) or LATER
    async with AsyncClient.connect(daemon.path) as client:
        with pytest.raises(Disconnected, match=r"protocol|framing"):
            await client.call_plugin("p", "f")


async def test_an_error_without_id_answers_the_only_request(daemon: Peer) -> None:
    error = TooLarge("over the limit").to_object()
    daemon.scripts["plugins.call"] = lambda _params, link: link.send(envelope.encode_error(None, error)) or LATER
    async with AsyncClient.connect(daemon.path) as client:
        with pytest.raises(TooLarge, match="over the limit"):
            await client.call_plugin("p", "f")


async def test_a_request_over_the_limit_is_not_sent(daemon: Peer) -> None:
    async with AsyncClient.connect(daemon.path) as client:
        with pytest.raises(TooLarge):
            await client.call_plugin("p", "f", args="x" * (16 << 20))
    assert daemon.asked("plugins.call") == []


async def test_requests_of_the_daemon_are_answered(daemon: Peer, caplog: pytest.LogCaptureFixture) -> None:
    async def timeline(method: str, params: Any) -> Any:
        return {"method": method, "of": params["pluginId"]}

    async def time(_method: str, _params: Any) -> Any:
        return 12.5

    async def denied(_method: str, _params: Any) -> Any:
        raise InvalidState("no project is open")

    async def broken(_method: str, _params: Any) -> Any:
        raise ZeroDivisionError("secret detail")

    handlers = {"timeline": timeline, "timeline.getCurrentTime": time, "ui.a": denied, "ui.b": broken}
    async with AsyncClient.connect(daemon.path, handlers=handlers):
        link = daemon.next_link()
        outcomes = {}
        names = ["timeline.getState", "timeline.getCurrentTime", "ui.a", "ui.b", "media.getInfo"]
        for name in names:
            link.send(envelope.encode_request(name, name, {"pluginId": "p"}))
            message = await anyio.to_thread.run_sync(daemon.next_message)
            outcomes[message.id] = message
    assert bytes(outcomes["timeline.getState"].result) == b'{"method":"timeline.getState","of":"p"}'
    assert bytes(outcomes["timeline.getCurrentTime"].result) == b"12.5"
    assert outcomes["ui.a"].error.code == InvalidState.code
    assert outcomes["ui.b"].error.code == PlugindError.code
    assert "secret" not in outcomes["ui.b"].error.message
    assert "secret detail" in caplog.text
    assert outcomes["media.getInfo"].error.code == MethodNotFound.code


async def test_a_request_is_served_while_its_client_waits(daemon: Peer) -> None:
    """The daemon asks the client in the middle of the client's own call."""

    def call(_params: Any, link: Link) -> Any:
        outer.append(link.id)
        link.send(envelope.encode_request("h1", "timeline.getState", {"pluginId": "p"}))
        return LATER

    outer: list[Any] = []
    daemon.scripts["plugins.call"] = call

    async def timeline(_method: str, _params: Any) -> Any:
        daemon.next_link().send(envelope.encode_result(outer[0], "done"))
        return "state"

    async with AsyncClient.connect(daemon.path, handlers={"timeline": timeline}) as client:
        assert await client.call_plugin("p", "f") == "done"
        answered = await anyio.to_thread.run_sync(daemon.next_message)
        assert (answered.id, bytes(answered.result)) == ("h1", b'"state"')  # type: ignore[arg-type]


async def test_the_daemon_may_cancel_its_request(daemon: Peer) -> None:
    async def hang(_method: str, _params: Any) -> Any:
        link.notify("$/cancelRequest", {"id": "other"})
        link.notify("$/cancelRequest", {"wrong": 1})
        link.notify("$/cancelRequest", {"id": "h1"})
        await anyio.sleep_forever()

    async with AsyncClient.connect(daemon.path, handlers={"ui": hang}):
        link = daemon.next_link()
        link.send(envelope.encode_request("h1", "ui.showDialog", {}))
        answered = await anyio.to_thread.run_sync(daemon.next_message)
        assert answered.id == "h1"
        assert answered.error.code == -32800  # type: ignore[union-attr]


def changed(seq: int) -> dict[str, Any]:
    return {"pluginId": "p", "from": "loaded", "to": "active", "reason": None, "at": "2026-01-01T00:00:00Z", "seq": seq}


async def test_notifications_are_typed_and_end_with_the_client(daemon: Peer) -> None:
    async with AsyncClient.connect(daemon.path) as client:
        notes = client.notifications("plugins.stateChanged")
        link = daemon.next_link()
        link.notify("effects.changed", {"pluginId": "p", "effects": []})
        link.notify("plugins.stateChanged", changed(1))
        first = await anext(notes)
        assert (first.from_, first.to, first.seq) == (m.State.LOADED, m.State.ACTIVE, 1)
        link.notify("plugins.stateChanged", {"pluginId": "p"})
        link.notify("plugins.stateChanged", changed(2))
        with pytest.raises(UnexpectedAnswer, match="stateChanged"):
            await anext(notes)
        assert (await anext(notes)).seq == 2
    assert [note async for note in notes] == []


async def test_a_slow_reader_loses_the_oldest_and_is_told(daemon: Peer, caplog: pytest.LogCaptureFixture) -> None:
    daemon.scripts["daemon.ping"] = 1
    async with AsyncClient.connect(daemon.path) as client:
        notes = client.notifications("plugins.stateChanged", capacity=2)
        link = daemon.next_link()
        for seq in range(5):
            link.notify("plugins.stateChanged", changed(seq))
        with caplog.at_level(logging.WARNING):
            await client.call("daemon.ping")
        assert [(await anext(notes)).seq for _ in range(2)] == [3, 4]
        assert notes.dropped == 3
        assert "oldest notifications are dropped" in caplog.text


async def test_a_dropped_iterator_unsubscribes(daemon: Peer) -> None:
    async with AsyncClient.connect(daemon.path) as client:
        notes = client.notifications("plugins.console")
        assert len(client._link.subscribers) == 1
        del notes
        gc.collect()
        assert len(client._link.subscribers) == 0


async def test_no_daemon(tmp_path: Path) -> None:
    with pytest.raises(NoDaemon, match="no such socket") as caught:
        async with AsyncClient.connect(tmp_path / "none.sock"):
            pass
    assert caught.value.path == str(tmp_path / "none.sock")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "stale.sock"))
    with pytest.raises(NoDaemon, match="refused"):
        async with AsyncClient.connect(tmp_path / "stale.sock"):
            pass


async def test_a_daemon_that_never_answers_is_none(daemon: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugind_client.link.CONNECT_SECONDS", 0.05)
    daemon.scripts["initialize"] = LATER
    with pytest.raises(NoDaemon, match="no answer to initialize"):
        async with AsyncClient.connect(daemon.path):
            pass


async def test_the_default_path_is_the_daemons(daemon: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUGIND_SOCKET", str(daemon.path))
    async with AsyncClient.connect() as client:
        assert client.session.daemon.name == "scripted"
