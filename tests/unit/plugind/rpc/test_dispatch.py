"""From a method's name and params to its answer, or to an error that helps."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest
import structlog
from structlog.testing import capture_logs
from tests.fakes.wire import RawClient, dispatcher, refuse, refuse_hot, request, wire

from plugind.rpc.dispatch import Dispatcher
from plugind.rpc.params import ParamsDecoder
from plugind.rpc.session import Session
from plugind_protocol.errors import InvalidParams, InvalidState, MethodNotFound, PluginNotFound
from plugind_protocol.methods import METHODS, Call, Empty, Install, Path, PluginId

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: FilePath) -> FilePath:
    return tmp_path / "d.sock"


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    with capture_logs():
        yield
    structlog.reset_defaults()


# --- the table --------------------------------------------------------------------------------------------------------

CONTROL = {name: refuse for name, row in METHODS.items() if row.path is Path.CONTROL}
HOT = {name: refuse_hot for name, row in METHODS.items() if row.path is Path.HOT}


def test_every_row_needs_its_handler() -> None:
    Dispatcher(control=CONTROL, hot=HOT)
    less = {name: handler for name, handler in CONTROL.items() if name not in ("plugins.get", "daemon.status")}
    with pytest.raises(ValueError, match=r"no control handler for daemon\.status, plugins\.get"):
        Dispatcher(control=less, hot=HOT)
    with pytest.raises(ValueError, match=r"no hot handler for plugins\.call"):
        Dispatcher(control=CONTROL, hot={name: one for name, one in HOT.items() if name != "plugins.call"})


def test_every_handler_needs_its_row() -> None:
    with pytest.raises(ValueError, match=r"without its row: plugins\.gte"):
        Dispatcher(control=CONTROL | {"plugins.gte": refuse}, hot=HOT)
    with pytest.raises(ValueError, match=r"hot handler without its row: plugins\.get"):
        Dispatcher(control=CONTROL, hot=HOT | {"plugins.get": refuse_hot})


@pytest.mark.parametrize(
    ("method", "near"),
    [
        ("plugins.gte", "plugins.get"),
        ("plugins.getstate", "plugins.getState"),
        ("plugin.call", "plugins.call"),
        ("effects.proces", "effects.process"),
        ("Initialize", "initialize"),
    ],
)
def test_unknown_methods_get_a_hint(method: str, near: str) -> None:
    with pytest.raises(MethodNotFound) as caught:
        dispatcher().check(method)
    assert f"Did you mean {near}" in caught.value.hint
    assert method in caught.value.message


@pytest.mark.parametrize("method", ["", "zzz", "x" * 1_000_000, "__class__", "\n\x1b[31m"])
def test_methods_near_nothing(method: str) -> None:
    with pytest.raises(MethodNotFound) as caught:
        dispatcher().check(method)
    assert "rpc.discover" in caught.value.hint
    assert len(caught.value.message) < 200
    assert caught.value.message.isprintable()


# --- params -----------------------------------------------------------------------------------------------------------


def decode(method: str, text: bytes) -> Any:
    return ParamsDecoder(method, METHODS[method].params).decode(msgspec.Raw(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"pluginId":"p","function":"f"}', Call(plugin_id="p", function="f")),
        (b' {"pluginId":"p","function":"f","timeoutMs":5}', Call(plugin_id="p", function="f", timeout_ms=5)),
        (b'["p","f"]', Call(plugin_id="p", function="f")),
        (b'["p","f",null,5]', Call(plugin_id="p", function="f", timeout_ms=5)),
    ],
)
def test_params_by_name_and_by_position(text: bytes, expected: Call) -> None:
    assert decode("plugins.call", text) == expected


@pytest.mark.parametrize(
    "text", [b'{"pluginId":"p","function":"f","args":{"a": [1.0, "\\u00e9"]}}', b'["p","f",{"a": [1.0, "\\u00e9"]}]']
)
def test_args_stay_the_bytes_they_were(text: bytes) -> None:
    assert bytes(decode("plugins.call", text).args) == b'{"a": [1.0, "\\u00e9"]}'


@pytest.mark.parametrize(
    ("method", "text", "path", "message", "hint"),
    [
        ("plugins.get", b"{}", "$", "missing required field `pluginId`", "plugins.get takes {pluginId}."),
        ("plugins.get", b'{"pluginId":1}', "$.pluginId", "Expected `str`, got `int`", "{pluginId}"),
        ("plugins.get", b"[1]", "$.pluginId", "Expected `str`, got `int`", "{pluginId}"),
        ("plugins.get", b'["a","b"]', None, "2 positional params, at most 1", "{pluginId}"),
        ("plugins.list", b"[1]", None, "1 positional params, at most 0", "plugins.list takes {}."),
        ("plugins.get", b'{"pluginID":"p"}', "$", "unknown field `pluginID`", "Did you mean 'pluginId'?"),
        ("plugins.get", b'{"plugin_id":"p"}', "$", "unknown field", "Did you mean 'pluginId'?"),
        ("plugins.get", b'{"zzz":"p"}', "$", "unknown field", "plugins.get takes"),
        ("plugins.call", b"{}", "$", "missing", "{pluginId, function, args?, timeoutMs?}"),
        ("plugins.install", b'{"source":"x","grant":[1]}', "$.grant[0]", "Expected `str`", "{source, grant?"),
        ("plugins.install", b'{"source":"x","grant":"all"}', "$.grant", "'all'", "{source, grant?"),
        ("effects.process", b'["p","e",{"windowId":"1"}]', "$.frame.windowId", "`int`", "frame"),
        ("plugins.get", b'{"' + b"x" * 100_000 + b'":1}', "$", "unknown field", "plugins.get takes"),
    ],
)  # fmt: skip
def test_params_that_do_not_fit(method: str, text: bytes, path: str | None, message: str, hint: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        decode(method, text)
    assert caught.value.data.path == path
    assert message in caught.value.message
    assert caught.value.message.startswith(f"{method}: ")
    assert hint in caught.value.hint
    assert len(caught.value.message) < 500
    assert len(caught.value.hint) < 500


async def test_handlers_get_the_struct_of_the_row(path: FilePath) -> None:
    seen: list[Any] = []

    async def handler(session: Session, params: Any) -> None:
        seen.append(params)

    control = dict.fromkeys(["plugins.get", "plugins.install", "plugins.list"], handler)
    async with wire(path, control=control), RawClient(path) as client:
        await client.call("plugins.get", {"pluginId": "session"})
        await client.call("plugins.install", ["folder", "requested", True])
        await client.call("plugins.list", [])
        bad = await client.call("plugins.get", {"session": 1, "self": 2, "params": 3})
    assert seen == [
        PluginId(plugin_id="session"),
        Install(source="folder", grant="requested", allow_unsigned=True),
        Empty(),
    ]
    assert bad["error"]["code"] == -32602
    assert bad["error"]["data"]["path"] == "$"


# --- results and failures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, None), (PluginId(plugin_id="p"), {"pluginId": "p"}), ([], []), (msgspec.Raw(b'{"a":1}'), {"a": 1})],
)
async def test_results_are_encoded(path: FilePath, value: Any, expected: Any) -> None:
    async def handler(session: Session, params: Any) -> Any:
        return value

    async with wire(path, control={"plugins.list": handler}), RawClient(path) as client:
        assert await client.call("plugins.list") == {"jsonrpc": "2.0", "id": 1, "result": expected}


def grouped(exc: Exception) -> Exception:
    return ExceptionGroup("outer", [ExceptionGroup("inner", [exc])])


@pytest.mark.parametrize("method", ["plugins.get", "plugins.call", "plugins.call later"])
@pytest.mark.parametrize("wrap", [lambda exc: exc, grouped], ids=["plain", "grouped"])
async def test_errors_of_the_contract_go_out_whole(path: FilePath, method: str, wrap: Any) -> None:
    error = PluginNotFound("No plugin x", plugin_id="x", cause="limit", hint="try y")
    answer = await answer_to(path, method, wrap(error))
    assert answer["error"] == {
        "code": -32001,
        "message": "No plugin x",
        "data": {"kind": "PluginNotFound", "hint": "try y", "pluginId": "x", "cause": "limit"},
    }


@pytest.mark.parametrize("method", ["plugins.get", "plugins.call", "plugins.call later"])
@pytest.mark.parametrize(
    "exc",
    [
        RuntimeError("/home/mia/secret token"),
        KeyError("secret"),
        RecursionError("secret"),
        AssertionError("secret"),
        ExceptionGroup("secret", [PluginNotFound("secret"), InvalidState("secret")]),
        msgspec.ValidationError("secret"),
    ],
    ids=lambda exc: type(exc).__name__,
)
async def test_other_failures_tell_the_log_and_not_the_client(path: FilePath, method: str, exc: Exception) -> None:
    with capture_logs() as log:
        answer = await answer_to(path, method, exc)
    assert answer["error"]["code"] == -32603
    assert "secret" not in str(answer)
    assert answer["error"]["data"]["kind"] == "InternalError"
    (event,) = [one for one in log if one["log_level"] == "error"]
    assert event["exc_info"] is exc
    assert event["method"] == method.removesuffix(" later")


async def answer_to(path: FilePath, method: str, exc: Exception) -> Any:
    """What a client sees of a handler's exception, having checked that the connection goes on."""

    async def control(session: Session, params: Any) -> None:
        await anyio.lowlevel.checkpoint()
        raise exc

    def hot(session: Session, params: Call) -> asyncio.Future[bytes | msgspec.Raw]:
        if not method.endswith("later"):
            raise exc
        answer: asyncio.Future[bytes | msgspec.Raw] = asyncio.get_running_loop().create_future()
        answer.get_loop().call_soon(answer.set_exception, exc)
        return answer

    async with wire(path, control={"plugins.get": control}, hot={"plugins.call": hot}), RawClient(path) as client:
        params = {"pluginId": "p"} | ({} if method == "plugins.get" else {"function": "f"})
        answer = await client.call(method.removesuffix(" later"), params, id=7)
        assert answer["id"] == 7
        assert (await client.call("plugins.list"))["error"]["code"] == -32002
        return answer


async def test_a_result_that_cannot_be_encoded_is_our_fault(path: FilePath) -> None:
    async def handler(session: Session, params: Any) -> Any:
        return object()

    with capture_logs() as log:
        async with wire(path, control={"plugins.list": handler}), RawClient(path) as client:
            assert (await client.call("plugins.list"))["error"]["code"] == -32603
            assert (await client.call("daemon.status"))["error"]["code"] == -32002
    assert [one["event"] for one in log if one["log_level"] == "error"] == ["a handler failed"]


async def test_a_handler_s_own_cancellation_is_an_answer_too(path: FilePath) -> None:
    def hot(session: Session, params: Call) -> asyncio.Future[bytes | msgspec.Raw]:
        answer: asyncio.Future[bytes | msgspec.Raw] = asyncio.get_running_loop().create_future()
        answer.cancel()
        return answer

    async with wire(path, hot={"plugins.call": hot}), RawClient(path) as client:
        assert (await client.call("plugins.call", {"pluginId": "p", "function": "f"}))["error"]["code"] == -32800


async def test_control_requests_of_one_client_run_side_by_side(path: FilePath) -> None:
    meet = anyio.Event()

    async def first(session: Session, params: Any) -> str:
        await meet.wait()
        return "first"

    async def second(session: Session, params: Any) -> str:
        meet.set()
        return "second"

    control = {"plugins.list": first, "daemon.status": second}
    async with wire(path, control=control), RawClient(path) as client:
        await client.send(request("plugins.list", id=1), request("daemon.status", id=2))
        assert {(await client.read())["result"], (await client.read())["result"]} == {"first", "second"}


def test_importing_needs_no_warning_but_the_known_one() -> None:
    known = ["-W", "ignore:read_text is:DeprecationWarning", "-W", "ignore:open_text is:DeprecationWarning"]
    code = "import plugind.rpc.connection, plugind.listen.serve"
    subprocess.run([sys.executable, "-W", "error", *known, "-c", code], check=True)
