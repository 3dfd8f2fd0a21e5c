"""Plugins written with the Rust SDK, in a real daemon: effects, commands, host calls, events, errors, panics."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from tests.harness import documents, sdks
from tests.harness.consoles import console
from tests.harness.daemon import ROOT, Daemon
from tests.harness.waiting import until

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.methods import FrameRef

sys.path.insert(0, str(ROOT / "examples"))
import reference  # the examples are scripts, not packages

pytestmark = [pytest.mark.anyio, pytest.mark.process]

SDK = ROOT / "sdk" / "rust"
rng = np.random.default_rng(6)


def built(folder: Path) -> str:
    """Return a plugin's folder, once it is certain that its module was made of the sources as they are."""
    sources = [folder / "src", *SDK.glob("timeline-studio-sdk*/src"), *SDK.glob("**/Cargo.toml")]
    return sdks.require(folder, sources=sources, made_by="sdk-rust")


@pytest.fixture
async def probe(client: AsyncClient) -> str:
    info = await client.install(built(SDK / "probe"), grant=["effects.create", "events", "storage", "system.info"])
    await client.console_clear(info.plugin_id)
    return info.plugin_id


async def test_the_sample_of_the_specification_offers_its_effect_and_hears(client: AsyncClient) -> None:
    plugin = (await client.install(built(SDK / "examples" / "custom-blur"), grant="requested")).plugin_id
    (effect,) = await client.effects_list(plugin)
    assert (effect.effect_id, effect.name, effect.category) == ("custom-blur", "Custom Blur", "Filters")
    (parameter,) = effect.parameters
    assert (parameter.name, parameter.default, parameter.min, parameter.max) == ("radius", 5.0, 0.0, 100.0)
    await client.events_publish("timeline.clip_selected", payload={"clipId": "c1"})
    entries = await console(client, plugin, "Clip selected")
    assert "Event" in entries[-1].message
    assert '"c1"' in entries[-1].message


def test_the_sample_is_the_one_of_the_readme() -> None:
    readme = (SDK / "timeline-studio-sdk" / "README.md").read_text()
    sample = re.search(r"```rust,ignore\n(.*?)```", readme, re.DOTALL)
    assert sample is not None
    lines = [line for line in sample[1].splitlines() if line.strip() and not line.strip().startswith("//")]
    source = (SDK / "examples" / "custom-blur" / "src" / "lib.rs").read_text()
    assert len(lines) > 30
    assert all(line in source for line in lines if "apply_gaussian_blur(input: " not in line and "yours" not in line)


@pytest.mark.timeout(900)  # two builds, on a machine that has other things to do
async def test_the_tutorial_is_what_happens(client: AsyncClient, daemon: Daemon, tmp_path: Path) -> None:
    page = ROOT / "docs" / "sdk-rust.md"
    built(SDK / "probe")  # the toolchain is there
    (tmp_path / "sdk").symlink_to(ROOT / "sdk")
    for block in documents.blocks(page):
        documents.write(block, tmp_path)
    plugin = tmp_path / "film-look"
    shutil.copy(SDK / "Cargo.lock", plugin)  # the versions that are there already
    environment = {**os.environ, "CARGO_TARGET_DIR": str(SDK / "target"), "CARGO_NET_OFFLINE": "true"}
    for command, words in (
        (["cargo", "test"], b"2 passed"),
        ([sys.executable, "-m", "pluginctl", "build"], b"built film-look 1.0.0"),
    ):
        done = await anyio.run_process(command, cwd=plugin, env=environment, check=False, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout.decode()
        assert words in done.stdout
    await anyio.to_thread.run_sync(documents.follow_tutorial, page, tmp_path, daemon)


async def test_pixels_are_inverted(client: AsyncClient, probe: str) -> None:
    noise = rng.integers(0, 256, (180, 321, 4), dtype=np.uint8)
    assert (await sdks.process(client, probe, "invert", noise) == reference.invert(noise)).all()


async def test_a_stateless_effect_is_run_by_several_workers(client: AsyncClient, probe: str) -> None:
    parallel = {effect.effect_id: effect.parallel for effect in await client.effects_list(probe)}
    assert parallel == {"invert": True, "keeper": False, "choosy": False}
    noise = rng.integers(0, 256, (360, 640, 4), dtype=np.uint8)
    await sdks.until_several_workers(client, probe, "invert", noise, reference.invert)


async def test_errors_of_an_effect_have_their_code_and_words(client: AsyncClient, probe: str) -> None:
    window = await client.frames_open(probe, width=16, height=16, pixel_format="RGBA32F", slots=1)
    frame = FrameRef(window_id=window.window_id, input=0)
    for effect, params, code, words in (
        ("invert", {}, 2, "effect invert: takes frames of Rgba8, not of Rgba32F"),
        ("choosy", {"strength": 4}, 42, "effect choosy: the strength is 3"),
        ("choosy", {}, 3, 'effect choosy: there is no parameter "strength"'),
    ):
        with pytest.raises(errors.PluginError) as caught:
            await client.effects_process(probe, effect, frame=frame, params=params)
        assert str(caught.value).endswith(f"with code {code}")
        assert (await console(client, probe, words))[-1].level == "error"


async def test_a_frame_that_is_kept_traps_and_says_why(client: AsyncClient, probe: str) -> None:
    window = await client.frames_open(probe, width=16, height=16, slots=2)
    frame = FrameRef(window_id=window.window_id, input=0, output=1)
    with pytest.raises(errors.Trap, match="kept beyond its call"):
        await client.effects_process(probe, "keeper", frame=frame)
    await console(client, probe, "a VideoFrame was kept beyond its call; keep a copy by to_owned()")
    await client.effects_process(probe, "invert", frame=frame)  # a fresh instance, effects and windows and all


async def test_commands_take_and_answer_json(client: AsyncClient, probe: str) -> None:
    assert await client.call_plugin(probe, "echo", args={"a": [1, None, "ü"]}) == {"a": [1, None, "ü"]}
    assert await client.call_plugin(probe, "echo") is None
    assert await client.call_plugin(probe, "add.numbers", args=[2, 3]) == 5
    assert (await client.call_plugin(probe, "system"))["os"] == sys.platform
    with pytest.raises(errors.PluginError, match="the arguments do not fit: invalid type") as caught:
        await client.call_plugin(probe, "add.numbers", args={"left": 2})
    assert caught.value.data.error.code == errors.InvalidParams.code
    with pytest.raises(errors.FunctionNotFound):
        await client.call_plugin(probe, "nothing")


async def test_errors_reach_the_caller(client: AsyncClient, probe: str) -> None:
    with pytest.raises(errors.PluginError, match="invalid digit found in string") as caught:
        await client.call_plugin(probe, "parse", args="x1")
    assert caught.value.data.error.code == 1
    with pytest.raises(errors.PluginError, match="not today") as caught:
        await client.call_plugin(probe, "refuse")
    assert (caught.value.data.error.code, caught.value.data.error.data) == (7, {"until": "tomorrow"})
    with pytest.raises(errors.PluginError, match=r"timeline\.read") as caught:
        await client.call_plugin(probe, "denied")
    assert caught.value.data.error.code == errors.PermissionDenied.code
    with pytest.raises(errors.PluginError, match="cannot happen while the host waits"):
        await client.call_plugin(probe, "pends")


async def test_a_panic_is_told_with_file_and_line(client: AsyncClient, probe: str) -> None:
    assert await client.call_plugin(probe, "count") == 101
    assert await client.call_plugin(probe, "count") == 102
    with pytest.raises(errors.Trap, match=r"panicked at .*src/lib\.rs:\d+:5: cannot go on with this$") as caught:
        await client.call_plugin(probe, "panics", args="this")
    source = (SDK / "probe" / "src" / "lib.rs").read_text().splitlines()
    line = 1 + next(number for number, text in enumerate(source) if "cannot go on" in text)
    entries = await console(client, probe, f"src/lib.rs:{line}:5: cannot go on with this")
    assert entries[-1].level == "error"
    assert any("deeper" in name for name in caught.value.data.stack)
    assert await client.call_plugin(probe, "count") == 101, "a fresh instance, loaded again"


async def test_state_is_carried_over_a_reload(client: AsyncClient, probe: str) -> None:
    assert await client.call_plugin(probe, "count") == 101
    assert await client.call_plugin(probe, "count") == 102
    await client.reload(probe)
    assert await client.call_plugin(probe, "count") == 103


async def test_what_is_printed_is_in_the_console(client: AsyncClient, probe: str) -> None:
    await client.call_plugin(probe, "prints")
    entries = [(entry.level, entry.message) for entry in await console(client, probe, "log trace")]
    assert entries == [
        ("info", "println 1"),
        ("error", "eprintln 2"),
        ("info", "println of a helper"),
        *((level, f"log {level}") for level in ("error", "warn", "info", "debug", "trace")),
    ]


async def test_main_may_wait_for_events(client: AsyncClient, probe: str) -> None:
    await client.activate(probe)
    assert await client.call_plugin(probe, "heard") == []
    await client.events_publish("probe.one", payload=1)
    await client.events_publish("probe.two", payload={"n": 2})
    await console(client, probe, "main failed: heard enough")
    assert await client.call_plugin(probe, "heard") == [1, {"n": 2}]


class Editor:
    """Answers what it was told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        clip = {"id": "c1", "name": "beach", "track": 0, "start": 0.0, "duration": 2.0}
        self.answers: dict[str, Any] = {
            "timeline.getSelectedClips": {"clips": [clip]},
            "timeline.updateClip": {"clip": clip},
            "ui.showDialog": {"button": "Forget"},
        }

    async def handle(self, method: str, params: Any) -> Any:
        self.asked.append((method, params))
        return self.answers.get(method)

    def of(self, method: str) -> list[Any]:
        return [{k: v for k, v in params.items() if k != "pluginId"} for name, params in self.asked if name == method]


@pytest.fixture
async def editor(daemon: Daemon) -> AsyncIterator[Editor]:
    editor = Editor()
    handlers = dict.fromkeys(("timeline", "ui"), editor.handle)
    async with AsyncClient.connect(daemon.socket, name="editor", handlers=handlers):
        yield editor


async def test_a_tool_edits_stores_and_asks(client: AsyncClient, editor: Editor) -> None:
    plugin = (await client.install(built(SDK / "examples" / "clip-notes"), grant="requested")).plugin_id
    await client.activate(plugin)
    (item,) = editor.of("ui.addMenuItem")
    assert (item["id"], item["menu"]) == ("count", "Clip")
    assert await client.call_plugin(plugin, "note", args={"text": "shaky"}) == {"clips": 1, "notes": 1}
    (edit,) = editor.of("timeline.updateClip")
    assert (edit["clipId"], edit["changes"]) == ("c1", {"name": "beach: shaky"})
    assert editor.of("timeline.commit"), "the edits are one transaction"
    await client.unload(plugin)  # what is stored outlives the instance
    assert await client.call_plugin(plugin, "notes") == {"c1": "shaky"}
    await client.activate(plugin)
    await client.events_publish("ui.menu", payload={"id": "count"}, plugin_id=plugin)
    await until(lambda: editor.of("ui.showNotification"))
    assert editor.of("ui.showNotification") == [{"message": "1 notes"}]
    assert await client.call_plugin(plugin, "forget") is True
    (dialog,) = editor.of("ui.showDialog")
    assert (dialog["kind"], dialog["buttons"]) == ("question", ["Forget", "Keep"])
    assert await client.call_plugin(plugin, "notes") == {}
    editor.answers["timeline.getSelectedClips"] = {"clips": []}
    with pytest.raises(errors.PluginError, match="no clip is selected"):
        await client.call_plugin(plugin, "note", args={"text": "shaky"})
    await client.deactivate(plugin)
    await console(client, plugin, "resting")
