"""The editor on a page with a real daemon and a real plugin: its timeline is edited, and it says so."""

import json
import signal
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream
from tests.harness.daemon import ROOT, Daemon

from plugind_client import AsyncClient

pytestmark = [pytest.mark.anyio, pytest.mark.process]

ADD = {"method": "timeline.addClip", "params": {"clip": {"source": "a.mp4", "start": 2, "duration": 3}, "track": 1}}


def command(daemon: Daemon, *arguments: str) -> list[str]:
    return [sys.executable, "-u", str(ROOT / "examples/mini_editor.py"), "--socket", str(daemon.socket), *arguments]


async def test_one_call_edits_its_timeline(daemon: Daemon, client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"), grant="requested")
    call = command(daemon, "--call", "probe", "host", json.dumps(ADD))
    with anyio.fail_after(30):
        done = await anyio.run_process(call)
    step, answer, clip = done.stdout.decode().splitlines()
    assert (step, answer) == ("probe: host: 1 edits", '{"clipId": "c1"}')
    assert clip == "c1  track 1  2 s to 5 s  a.mp4"


async def test_it_serves_plugins_until_it_is_ended(daemon: Daemon, client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"), grant="requested")
    changed = client.notifications("host.changed")
    async with await anyio.open_process(command(daemon)) as editor:
        assert editor.stdout is not None
        said = BufferedByteReceiveStream(editor.stdout)

        async def line() -> str:
            return (await said.receive_until(b"\n", 1000)).decode()

        async def host(method: str, **params: Any) -> Any:
            return await client.call_plugin("probe", "host", args={"method": method, "params": params})

        assert "serving the plugins of plugind" in await line()
        assert (await anext(changed)).provider.name == "mini-editor"
        added = await client.call_plugin("probe", "host", args=ADD)
        state = await host("timeline.getState")
        assert [clip["id"] for clip in state["tracks"][1]["clips"]] == [added["clipId"]]
        await host("ui.showNotification", message="saved\x1b[2J")
        assert (await line(), await line()) == ("probe: host: 1 edits", "[probe] 'saved\\x1b[2J'")
        editor.send_signal(signal.SIGINT)
        await editor.wait()
