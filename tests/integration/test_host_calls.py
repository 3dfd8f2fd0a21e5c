"""What guests ask for: answered by the daemon or by a connected editor, and only with permission."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.harness.daemon import Daemon

from plugind_client import AsyncClient
from plugind_protocol import errors

pytestmark = [pytest.mark.anyio, pytest.mark.process]

TIME = {"seconds": 1.5, "timecode": "00:00:01:12", "fps": 25.0}


@pytest.fixture
async def probe(client: AsyncClient, plugins: Path) -> Callable[..., Any]:
    """Make the probe perform a host call."""
    await client.install(str(plugins / "probe"), grant="requested")

    async def host(method: str, params: Any = None) -> Any:
        return await client.call_plugin("probe", "host", args={"method": method, "params": params})

    return host


@asynccontextmanager
async def editor(daemon: Daemon, namespace: str, handler: Any) -> AsyncIterator[AsyncClient]:
    async with AsyncClient.connect(daemon.socket, name="editor", handlers={namespace: handler}) as connected:
        yield connected


async def test_a_request_inside_a_request(client: AsyncClient, daemon: Daemon, probe: Callable[..., Any]) -> None:
    asked: list[tuple[str, Any]] = []

    async def timeline(method: str, params: Any) -> Any:
        asked.append((method, params))
        return {**TIME, "plugins": len(await asking.list_plugins())}

    async with editor(daemon, "timeline", timeline) as asking:
        answer = await asking.call_plugin("probe", "host", args={"method": "timeline.getCurrentTime", "params": {}})
    assert answer == {**TIME, "plugins": 1}
    assert asked == [("timeline.getCurrentTime", {"pluginId": "probe"})]


async def test_params_reach_the_editor_with_the_plugins_name(daemon: Daemon, probe: Callable[..., Any]) -> None:
    asked: list[Any] = []

    async def timeline(_method: str, params: Any) -> Any:
        asked.append(params)
        return {"clipId": "c"}

    params = {"clip": {"source": "a.mp4", "start": 0}, "track": 1}
    async with editor(daemon, "timeline.addClip", timeline):
        assert await probe("timeline.addClip", params) == {"clipId": "c"}
        with pytest.raises(errors.PluginError):
            await probe("timeline.addClip", {**params, "pluginId": "forged"})
    (got,) = asked
    assert {key: got[key] for key in ("pluginId", "clip", "track")} == {"pluginId": "probe", **params}


async def test_without_an_editor_the_guest_gets_host_unavailable(probe: Callable[..., Any]) -> None:
    with pytest.raises(errors.PluginError) as caught:
        await probe("timeline.getState")
    assert caught.value.data.error is not None
    assert caught.value.data.error.code == errors.HostUnavailable.code


async def test_an_editor_that_leaves_during_a_call(daemon: Daemon, probe: Callable[..., Any]) -> None:
    asked = anyio.Event()

    async def timeline(_method: str, _params: Any) -> Any:
        asked.set()
        await anyio.sleep_forever()

    async def call() -> None:
        with pytest.raises(errors.PluginError) as caught:
            await probe("timeline.getState")
        assert caught.value.data.error is not None
        assert caught.value.data.error.code == errors.HostUnavailable.code

    async with anyio.create_task_group() as tasks, editor(daemon, "timeline", timeline):
        tasks.start_soon(call)
        await asked.wait()


async def test_an_editors_error_reaches_the_guest_and_then_the_caller(
    daemon: Daemon, probe: Callable[..., Any]
) -> None:
    async def timeline(_method: str, _params: Any) -> Any:
        raise errors.InvalidParams("no such clip", hint="look again")

    async with editor(daemon, "timeline", timeline):
        with pytest.raises(errors.PluginError) as caught:
            await probe("timeline.removeClip", {"clipId": "5"})
    inner = caught.value.data.error
    assert inner is not None
    assert (inner.code, inner.message, inner.data["hint"]) == (-32602, "no such clip", "look again")


async def test_the_newest_editor_answers(daemon: Daemon, probe: Callable[..., Any]) -> None:
    async def first(_method: str, _params: Any) -> Any:
        return {**TIME, "seconds": 1}

    async def second(_method: str, _params: Any) -> Any:
        return {**TIME, "seconds": 2}

    async with editor(daemon, "timeline", first):
        async with editor(daemon, "timeline", second):
            assert (await probe("timeline.getCurrentTime"))["seconds"] == 2
        assert (await probe("timeline.getCurrentTime"))["seconds"] == 1


async def test_permissions_are_checked_at_every_call(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"))

    async def system() -> Any:
        return await client.call_plugin("probe", "host", args={"method": "system.getInfo", "params": {}})

    with pytest.raises(errors.PluginError) as caught:
        await system()
    assert caught.value.data.error is not None
    assert caught.value.data.error.code == errors.PermissionDenied.code
    assert "pluginctl grant probe system.info" in caught.value.data.error.data["hint"]
    assert "system.info" in (await client.grant("probe", ["system.info"])).granted
    assert (await system())["apiVersion"] == "1.0"
    assert (await client.revoke("probe", ["system.info"])).granted == []
    with pytest.raises(errors.PluginError):
        await system()
    with pytest.raises(errors.InvalidParams):
        await client.grant("probe", ["native"])


async def test_revoking_bites_during_a_call(client: AsyncClient, daemon: Daemon, plugins: Path) -> None:
    await client.install(str(plugins / "probe"), grant="requested")

    async def timeline(_method: str, _params: Any) -> Any:
        return {**TIME, "granted": (await asking.revoke("probe", ["timeline.read"])).granted}

    async with editor(daemon, "timeline", timeline) as asking:
        call = {"method": "timeline.getCurrentTime", "params": {}}
        assert "timeline.read" not in (await client.call_plugin("probe", "host", args=call))["granted"]
        with pytest.raises(errors.PluginError) as caught:
            await client.call_plugin("probe", "host", args=call)
    assert caught.value.data.error is not None
    assert caught.value.data.error.code == errors.PermissionDenied.code


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("no.such", {}, -32601),
        ("timeline", {}, -32601),
        ("effects.register", {"id": ""}, -32602),
        ("effects.register", {"name": "x"}, -32602),
        ("effects.register", {"id": "x", "parameters": [{"type": "nonsense", "name": "a"}]}, -32602),
        ("timeline.getState", [1], -32602),
    ],
)
async def test_wrong_host_calls_are_the_guests_errors(
    probe: Callable[..., Any], method: str, params: Any, code: int
) -> None:
    with pytest.raises(errors.PluginError) as caught:
        await probe(method, params)
    assert caught.value.data.error is not None
    assert caught.value.data.error.code == code
