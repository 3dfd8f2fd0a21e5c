"""How a host call is routed: by the table, with permission, params and result checked each time."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.fakes.providers import Free, ScriptedEditor, caller

from plugind.host.caller import Answer, Caller
from plugind.host.editor import Editor
from plugind.host.providers import Providers
from plugind.host.router import HostRouter, Turn, Used
from plugind_protocol.errors import (
    HostUnavailable,
    InvalidParams,
    InvalidState,
    MethodNotFound,
    PermissionDenied,
    PlugindError,
)
from plugind_protocol.host import HOST_METHODS
from plugind_protocol.host.storage import GetValue, StoredValue
from plugind_protocol.permissions import Permission
from plugind_protocol.table import HostMethod

pytestmark = pytest.mark.anyio

EDITORS = [row for row in HOST_METHODS.values() if row.provider == "editor"]
FREE = Free()


class Bench:
    """A router with an editor that provides everything."""

    def __init__(
        self,
        answers: dict[str, Any] | None = None,
        *,
        own: dict[str, Answer] | None = None,
        turns: dict[str, Turn] | None = None,
        used: Used | None = None,
    ) -> None:
        self.editor = ScriptedEditor(answers)
        self.providers = Providers(lambda _changed: None)
        self.providers.offer(self.editor, ["timeline", "media", "effects", "ui"])
        self.router = HostRouter(Editor(self.providers), own or {}, turns=turns, used=used)

    async def ask(self, asking: Caller, method: str, params: Any = None) -> Any:
        answer = self.router.call(asking, method, msgspec.json.encode(params), FREE)
        return msgspec.json.decode(answer if isinstance(answer, bytes | msgspec.Raw) else await answer)


async def failure(bench: Bench, asking: Caller, method: str, params: Any = None) -> PlugindError:
    with pytest.raises(PlugindError) as caught:
        await bench.ask(asking, method, params)
    assert caught.value.data.plugin_id in (None, "p")
    return caught.value


@pytest.mark.parametrize("row", EDITORS, ids=lambda row: row.name)
async def test_each_method_of_the_editor(row: HostMethod) -> None:
    bench = Bench({row.name: row.example.result})
    answer = await bench.ask(caller(row.permission or ""), row.name, row.example.params)
    assert answer == row.example.result
    ((method, params),) = bench.editor.asked
    assert method == row.name
    assert {key: params[key] for key in row.example.params} == row.example.params
    assert params["pluginId"] == "p"
    assert isinstance(await failure(bench, caller(), row.name, row.example.params), PermissionDenied)


STRICT = [row for row in HOST_METHODS.values() if row.name != "effects.register"]
"""A definition may have fields of later versions."""


@pytest.mark.parametrize("row", STRICT, ids=lambda row: row.name)
async def test_unknown_params_are_refused_by_their_path(row: HostMethod) -> None:
    bench = Bench()
    error = await failure(bench, caller(row.permission or ""), row.name, {**row.example.params, "future": 1})
    assert isinstance(error, InvalidParams)
    assert "future" in error.message
    assert row.name in error.hint
    assert error.data.path == "$"
    assert bench.editor.asked == []


async def test_wrong_params_are_refused_by_their_path() -> None:
    params = {"clip": {"source": "a.mp4", "start": -1}, "track": 0}
    error = await failure(Bench(), caller("timeline.write"), "timeline.addClip", params)
    assert isinstance(error, InvalidParams)
    assert error.data.path == "$.clip.start"
    assert "p 1.0.0" in error.message


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ({"seconds": "soon", "timecode": "", "fps": 25}, "$.seconds"),
        ({"seconds": 1.0, "timecode": ""}, "$"),
        (None, "$"),
        ({"seconds": -1, "timecode": "", "fps": 25}, "$.seconds"),
    ],
)
async def test_a_wrong_answer_is_not_passed_on(answer: Any, path: str) -> None:
    bench = Bench({"timeline.getCurrentTime": answer})
    error = await failure(bench, caller("timeline.read"), "timeline.getCurrentTime")
    assert isinstance(error, HostUnavailable)
    assert error.data.path == path
    assert "editor 1.0" in error.message
    assert "timeline.getCurrentTime" in error.message


async def test_further_fields_are_passed_on_where_the_result_is_open() -> None:
    time = {"seconds": 1.0, "timecode": "x", "fps": 25.0, "frame": 25}
    applied = {"clipId": "c", "effect": {"id": "e", "effectId": "x", "pluginId": "p", "params": {}, "more": 1}}
    bench = Bench({"timeline.getCurrentTime": time, "effects.applyToClip": applied})
    assert await bench.ask(caller("timeline.read"), "timeline.getCurrentTime") == time
    answer = await bench.ask(caller("effects.apply"), "effects.applyToClip", {"effect": "e", "clipId": "c"})
    assert "more" not in answer["effect"]


async def test_what_the_editor_refuses_reaches_the_guest() -> None:
    bench = Bench({"timeline.removeClip": InvalidState("locked"), "timeline.getState": MethodNotFound("?")})
    asking = caller("timeline.write", "timeline.read")
    assert isinstance(await failure(bench, asking, "timeline.removeClip", {"clipId": "c"}), InvalidState)
    error = await failure(bench, asking, "timeline.getState")  # -32601 would be the guest's own "no such function"
    assert isinstance(error, HostUnavailable)
    assert "timeline.getState" in error.message


async def test_unknown_methods() -> None:
    error = await failure(Bench(), caller(), "timeline.explode")
    assert isinstance(error, MethodNotFound)
    assert "timeline.explode" in error.message


async def test_what_the_daemon_lacks_is_unavailable() -> None:
    error = await failure(Bench(), caller("storage"), "storage.get", {"key": "k"})
    assert isinstance(error, HostUnavailable)
    assert "'storage'" in error.message


async def test_an_answer_at_once_needs_no_waiting_and_another_may_wait() -> None:
    def get(asking: Caller, params: GetValue) -> StoredValue:
        return StoredValue(value=msgspec.Raw(b'"%s"' % params.key.encode()), exists=asking.plugin_id == "p")

    async def keys(_asking: Caller, _params: object) -> dict[str, list[str]]:
        await asyncio.sleep(0)
        return {"keys": ["a"]}

    bench = Bench(own={"storage.get": get, "storage.keys": keys})
    at_once = bench.router.call(caller("storage"), "storage.get", b'{"key":"k"}', FREE)
    assert at_once == b'{"value":"k","exists":true}'
    assert await bench.ask(caller("storage"), "storage.keys") == {"keys": ["a"]}


async def test_a_scope_is_matched_with_its_param() -> None:
    info = HOST_METHODS["media.getInfo"].example.result
    bench = Bench({"media.getInfo": info})
    asking = caller("media.read:project/**")
    assert await bench.ask(asking, "media.getInfo", {"path": "project/a.mp4"}) == info
    error = await failure(bench, asking, "media.getInfo", {"path": "project/../a.mp4"})
    assert isinstance(error, PermissionDenied)
    assert "media.read:project/../a.mp4" in error.message
    assert isinstance(await failure(bench, asking, "media.getInfo", {}), InvalidParams)
    assert isinstance(await failure(bench, caller("media.write"), "media.getInfo", {}), PermissionDenied)


async def test_each_check_is_told() -> None:
    seen: list[tuple[Any, ...]] = []
    bench = Bench({"media.getInfo": HOST_METHODS["media.getInfo"].example.result}, used=lambda *one: seen.append(one))
    await bench.ask(caller("media.read"), "media.getInfo", {"path": "a.mp4"})
    await failure(bench, caller(), "timeline.getState")
    assert seen == [
        ("p", Permission("media.read", "a.mp4"), "media.getInfo", True, "a.mp4"),
        ("p", Permission("timeline.read"), "timeline.getState", False, ""),
    ]


async def test_a_turn_decides_changes_and_rewrites() -> None:
    def needed(_asking: Caller, params: Any) -> Permission | None:
        return None if params.path.startswith("assets/") else Permission("media.read")

    async def request(_asking: Caller, params: Any) -> Any:
        return msgspec.structs.replace(params, path="/real/" + params.path)

    def result(_asking: Caller, params: Any, found: Any) -> Any:
        return msgspec.structs.replace(found, path=params.path)

    info = {**HOST_METHODS["media.getInfo"].example.result, "path": "/real/assets/a.mp4"}
    bench = Bench({"media.getInfo": info}, turns={"media.getInfo": Turn(needed, request, result)})
    assert (await bench.ask(caller(), "media.getInfo", {"path": "assets/a.mp4"}))["path"] == "assets/a.mp4"
    assert bench.editor.asked[0][1]["path"] == "/real/assets/a.mp4"
    assert isinstance(await failure(bench, caller(), "media.getInfo", {"path": "b"}), PermissionDenied)


def test_a_row_that_is_not_there_is_a_mistake_of_ours() -> None:
    providers = Providers(lambda _changed: None)
    with pytest.raises(ValueError, match=r"storage\.gte"):
        HostRouter(Editor(providers), {"storage.gte": lambda _caller, _params: None})
    with pytest.raises(ValueError, match=r"timeline\.getState"):
        HostRouter(Editor(providers), {"timeline.getState": lambda _caller, _params: None})
