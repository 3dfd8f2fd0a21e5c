"""Plugins in JavaScript and TypeScript, in a real daemon and a real worker: calls, modules, globals, events, frames."""

import base64
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from tests.fakes.editor import TimelineEditor
from tests.harness import sdks
from tests.harness.consoles import console
from tests.harness.daemon import ROOT, Daemon
from tests.harness.engines import require
from tests.harness.scripts import script
from tests.harness.waiting import until

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.package import folder, write

sys.path.insert(0, str(ROOT / "examples"))
import reference  # the examples are scripts, not packages

pytestmark = [pytest.mark.anyio, pytest.mark.process]

EXAMPLES = ROOT / "sdk" / "typescript" / "examples"
rng = np.random.default_rng(36)


async def called(client: AsyncClient, folder: Path, text: str, function: str = "run", **more: Any) -> Any:
    """Install a script that exports a function, and call that."""
    info = await client.install(script(folder, text, **more), grant="requested")
    return await client.call_plugin(info.plugin_id, function)


async def test_functions_are_called_with_args_and_promises_awaited(client: AsyncClient, tmp_path: Path) -> None:
    source = """
        export const add = ({ a, b }) => a + b;
        export async function later(words) { await new Promise(resolve => setTimeout(resolve, 5)); return words; }
        export function nothing() {}
        export const version = 3;
    """
    plugin = (await client.install(script(tmp_path, source))).plugin_id
    assert await client.call_plugin(plugin, "add", args={"a": 2, "b": 3}) == 5
    assert await client.call_plugin(plugin, "later", args="päuse 𝄞") == "päuse 𝄞"
    assert await client.call_plugin(plugin, "nothing") is None
    info = await client.get_plugin(plugin)
    assert info.abi == "javascript"
    for missing in ("version", "toString", "default", "constructor", "lifecycle.nope"):
        with pytest.raises(errors.FunctionNotFound):
            await client.call_plugin(plugin, missing)


async def test_typescript_runs_without_any_tool(client: AsyncClient, tmp_path: Path) -> None:
    files = {
        "src/index.ts": """
            import { twice, type Pair } from "./lib/twice.js";
            import * as all from "./lib";
            import data from "./data.json";
            enum Colour { Red = 1, Green }
            class Point { constructor(private readonly x: number, public y = 0) {} get sum(): number { return this.x + this.y } }
            export function run(_: unknown): unknown[] {
                const pair: Pair = [twice(4) as number, all.three!];
                return [...pair, Colour.Green, new Point(5, 6).sum, data.list satisfies number[]];
            }
        """,
        "src/lib/twice.ts": "export type Pair = [number, number]; export const twice = <T extends number>(x: T) => x * 2;",
        "src/lib/index.ts": "export const three: number | undefined = 3;",
        "src/data.json": '{"list": [7]}',
    }
    assert await called(client, tmp_path, files, main="src/index.ts") == [8, 3, 2, 11, [7]]


async def test_an_uncaught_error_names_the_line_in_typescript(client: AsyncClient, tmp_path: Path) -> None:
    source = "\n".join(
        (
            "interface Clip { id: string }",
            "type Unused = { [key: string]: number };",
            "",
            "export async function run(): Promise<void> {",
            "    const clip: Clip | undefined = undefined as Clip | undefined;",
            "    await null;",
            "    console.log(clip!.id);",
            "}",
        )
    )
    with pytest.raises(errors.PluginError) as raised:
        await called(client, tmp_path, source, main="index.ts")
    assert raised.value.message.startswith(
        "scripted 1.2.3: TypeError: cannot read property 'id' of undefined (at index.ts:7:"
    )
    error = raised.value.data.error
    assert error is not None
    assert (error.data["name"], error.data["file"], error.data["line"]) == ("TypeError", "index.ts", 7)
    assert any("index.ts:7" in line for line in error.data["stack"])


@pytest.mark.parametrize("inline", [True, False])
async def test_a_bundle_is_shown_as_what_it_was_made_of(client: AsyncClient, tmp_path: Path, *, inline: bool) -> None:
    # by hand: line 2 of the bundle, column 5 on, is line 40, column 9 of src/panel.ts; the rest of the line 41
    mapping = {"version": 3, "sources": ["../src/panel.ts"], "names": [], "mappings": ";IAuCQ,kBACR"}
    text = json.dumps(mapping)
    url = f"data:application/json;base64,{base64.b64encode(text.encode()).decode()}" if inline else "plugin.js.map"
    bundle = f"export function run() {{\n    throw new Error('x'); }}\n//# sourceMappingURL={url}\n"
    files = {"dist/plugin.js": bundle, **({} if inline else {"dist/plugin.js.map": text})}
    with pytest.raises(errors.PluginError, match=r"Error: x \(at src/panel\.ts:4\d:\d+\)"):
        await called(client, tmp_path, files, main="dist/plugin.js")


async def test_hooks_main_and_events(client: AsyncClient, tmp_path: Path) -> None:
    source = """
        import { createPlugin } from "@timeline-studio/sdk";
        import manifest from "./manifest.json";
        const seen = [];
        export default createPlugin({
            manifest,
            onLoad: () => { seen.push("load") },
            onActivate: async () => { seen.push("activate") },
            onDeactivate: () => { seen.push("deactivate") },
            async initialize(sdk) {
                seen.push(`main ${manifest.name}`);
                sdk.timeline.onSelectionChange(clips => { seen.push(clips.map(clip => clip.id)) });
                await sdk.events.on("x.*", (payload, event) => { seen.push([event.name, payload]) });
            },
        });
        export const run = () => seen;
    """
    plugin = (await client.install(script(tmp_path, source, permissions=["events"]), grant="requested")).plugin_id
    await client.activate(plugin)
    await client.events_publish("timeline.selectionChange", payload={"clips": [{"id": "c1"}, {"id": "c2"}]})
    await client.events_publish("x.y", payload=[1])
    await client.events_publish("other", payload=0)
    expected = ["load", "activate", "main scripted", ["c1", "c2"], ["x.y", [1]]]

    async def seen() -> list[Any] | None:
        found: list[Any] = await client.call_plugin(plugin, "run")
        return found if len(found) >= len(expected) else None

    assert await until(seen) == expected
    await client.deactivate(plugin)
    assert await client.call_plugin(plugin, "run") == [*expected, "deactivate"]


async def test_state_goes_over_a_reload(client: AsyncClient, tmp_path: Path) -> None:
    source = """
        let count = 0;
        export default { saveState: () => ({ count }), restoreState: state => { count = state.count } };
        export const run = () => ++count;
    """
    assert await called(client, tmp_path, source) == 1
    await client.reload("scripted")
    assert await client.call_plugin("scripted", "run") == 2


async def test_a_refused_permission_is_a_typed_error(client: AsyncClient, tmp_path: Path) -> None:
    source = """
        import { createApi, HostError, PermissionDeniedError } from "@timeline-studio/sdk";
        const { storage, timeline, file } = createApi();
        async function told(promise) {
            try { return await promise() } catch (error) {
                return [error instanceof PermissionDeniedError, HostError.is(error), error.name, error.kind, error.code, error.method];
            }
        }
        export const run = async () => [
            await told(() => storage.get("a")), await told(() => file.read("x")), await told(async () => timeline.getCurrentTime()),
        ];
        export const uncaught = () => storage.set("a", 1);
    """
    plugin = (
        await client.install(script(tmp_path, source, permissions=["storage", "file.read"]), grant=["file.read"])
    ).plugin_id
    denied = [True, True, "PermissionDeniedError", "PermissionDenied", -32003]
    stored, file, time = await client.call_plugin(plugin, "run")
    assert stored == [*denied, "storage.get"]
    assert file == [False, True, "NotFoundError", "NotFound", -32020, "file.read"]
    assert time == [*denied, "timeline.getCurrentTime"]
    with pytest.raises(errors.PluginError, match="PermissionDeniedError") as raised:
        await client.call_plugin(plugin, "uncaught")
    error = raised.value.data.error
    assert error is not None
    assert (error.code, error.data["kind"]) == (-32003, "PermissionDenied")


async def test_the_globals_of_a_script(client: AsyncClient, tmp_path: Path) -> None:
    source = """
        export async function run() {
            const order = [];
            setTimeout(() => order.push("later"), 4); setTimeout(word => order.push(word), 1, "sooner");
            const gone = setTimeout(() => order.push("never"), 1); clearTimeout(gone);
            const again = setInterval(() => { order.push("tick"); if (order.filter(x => x === "tick").length === 2) clearInterval(again) }, 1);
            queueMicrotask(() => order.push("microtask"));
            await new Promise(resolve => setTimeout(resolve, 12));
            const url = new URL("../b?x=1&y=%20#z", "https://user@example.org:8443/a/c/d");
            const decoder = new TextDecoder(); const bytes = new TextEncoder().encode("é𝄞\\ud800");
            let fatal; try { new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([0xff])) } catch (error) { fatal = error.name }
            return {
                order: [order[0], order.includes("sooner"), order.includes("later"), order.includes("never"), order.filter(x => x === "tick").length],
                url: [url.href, url.searchParams.get("y"), new URLSearchParams({ a: "b c" }).toString()],
                text: [decoder.decode(bytes.subarray(0, 1), { stream: true }) + decoder.decode(bytes.subarray(1)), fatal, decoder.decode(new Uint8Array([0x61, 0xe2, 0x82, 0x62]))],
                random: new Set(Array.from({ length: 20 }, () => crypto.randomUUID())).size,
                clone: structuredClone({ a: [1, new Map([[1, 2]])] }).a[1].get(1),
                node: [typeof process, typeof require, typeof Buffer, typeof fetch, typeof WebAssembly, typeof std, typeof os],
                clock: performance.now() > 0 && Date.now() > 1.7e12,
            };
        }
    """
    found = await called(client, tmp_path, source)
    assert found["order"] == ["microtask", True, True, False, 2]
    assert found["url"] == ["https://user@example.org:8443/a/b?x=1&y=%20#z", " ", "a=b+c"]
    assert found["text"] == ["é𝄞\N{REPLACEMENT CHARACTER}", "TypeError", "a\N{REPLACEMENT CHARACTER}b"]
    assert (found["random"], found["clone"], found["clock"]) == (20, 2, True)
    assert set(found["node"]) == {"undefined"}


async def test_what_is_printed_comes_to_the_console(client: AsyncClient, tmp_path: Path) -> None:
    source = """
        export function run() {
            console.log("plain", 1, { a: [1, "two"], m: new Map([["k", new Set([1])]]) }, null, undefined);
            console.warn("%s has %d clips", "V1", 3);
            console.error(new RangeError("far"));
            console.debug([1n, Symbol("s"), () => 1, new Uint8Array(3)]);
            const loop = {}; loop.self = loop; console.info(loop);
        }
    """
    await called(client, tmp_path, source)
    entries = await console(client, "scripted", "Circular")
    lines = [(entry.level, entry.message) for entry in entries]
    assert lines[0] == ("info", 'plain 1 { a: [1, "two"], m: Map(1) { "k" => Set(1) { 1 } } } null undefined')
    assert lines[1] == ("warn", "V1 has 3 clips")
    assert lines[2][0] == "error"
    assert lines[2][1].startswith("RangeError: far\n")
    assert "index.js:5" in lines[2][1]
    assert lines[3] == ("debug", "[1n, Symbol(s), [Function: (anonymous)], Uint8Array(3) [0, 0, 0]]")
    assert lines[4] == ("info", "{ self: [Circular] }")


async def test_the_second_script_does_not_compile_quickjs_again(client: AsyncClient, tmp_path: Path) -> None:
    one = await client.install(script(tmp_path, "export const run = () => 1;", name="one"))
    compiled = (await client.daemon_metrics()).cache.misses
    other = await client.install(script(tmp_path, "export const run = () => 2;", name="two"))
    assert [await client.call_plugin(info.plugin_id, "run") for info in (one, other)] == [1, 2]
    assert (await client.daemon_metrics()).cache.misses == compiled


async def test_a_package_holds_the_modules_and_nothing_else(client: AsyncClient, tmp_path: Path) -> None:
    files = {
        "src/index.ts": "import { two } from './lib'; export const run = (): number => two;",
        "src/lib.ts": "export const two = 2;",
        "src/index.test.ts": "throw 1",
        "tsconfig.json": "{}",
    }
    plugin = Path(script(tmp_path, files, main="src/index.ts"))
    package = tmp_path / "scripted.tsplugin"
    with package.open("xb") as stream:
        write.write(folder.read(plugin), stream)
    with zipfile.ZipFile(package) as opened:
        assert opened.namelist() == ["manifest.json", "src/index.ts", "src/lib.ts"]
    await client.install(str(package))
    assert await client.call_plugin("scripted", "run") == 2


async def test_a_change_in_development_is_taken(client: AsyncClient, tmp_path: Path) -> None:
    files = {
        "index.ts": "import { value } from './lib'; export const run = () => value;",
        "lib.ts": "export const value = 1;",
    }
    plugin = Path(script(tmp_path, files, main="index.ts"))
    await client.load_development(str(plugin))
    assert await client.call_plugin("scripted", "run") == 1
    (plugin / "lib.ts").write_text("export const value: number = 2;")
    await client.reload("scripted")
    assert await client.call_plugin("scripted", "run") == 2


async def test_scripts_run_on_wasmer_too(start: Callable[..., Daemon], tmp_path: Path) -> None:
    require("wasmer")
    daemon = await anyio.to_thread.run_sync(start, "--engine", "wasmer")
    source = (
        "export const run = async ({ n }: { n: number }) => { await new Promise(r => setTimeout(r, 1)); return n + 1 };"
    )
    async with AsyncClient.connect(daemon.socket, name="test") as client:
        info = await client.install(script(tmp_path, source, main="index.ts"))
        assert await client.call_plugin(info.plugin_id, "run", args={"n": 1}) == 2
        assert (await client.get_plugin(info.plugin_id)).engine == "wasmer"
        await client.install(str(EXAMPLES / "custom-blur"), grant="requested")
        noise = rng.integers(0, 256, (37, 53, 4), dtype=np.uint8)
        blurred = await sdks.process(client, "custom-blur-ts", "custom-blur", noise, radius=6.0)
    assert np.abs(blurred.astype(int) - reference.blur(noise, radius=6.0).astype(int)).max() <= 1


async def test_an_effect_is_listed_as_it_was_registered(client: AsyncClient) -> None:
    plugin = (await client.install(str(EXAMPLES / "custom-blur"), grant="requested")).plugin_id
    await client.activate(plugin)
    (effect,) = await client.effects_list(plugin)
    assert (effect.effect_id, effect.name, effect.category) == ("custom-blur", "Custom Blur", "Filters")


async def test_frames_are_shared_for_one_call_only(client: AsyncClient, tmp_path: Path) -> None:
    source = """
        import { createPlugin, PluginError, table } from "@timeline-studio/sdk";
        let kept;
        export default createPlugin({ manifest: {}, async initialize(sdk) {
            const process = frame => { kept = frame.input; frame.mapChannels(table(x => 1 - x)) };
            await sdk.effects.registerCustomEffect({ name: "Invert", process });
            await sdk.effects.registerCustomEffect({ name: "Fails", process: async () => { await null; throw new PluginError(7, "no") } });
        } });
        export const run = () => [kept.length, kept.byteLength];
    """
    plugin = (
        await client.install(script(tmp_path, source, permissions=["effects.create"]), grant="requested")
    ).plugin_id
    await client.activate(plugin)
    noise = rng.integers(0, 256, (33, 47, 4), dtype=np.uint8)
    assert (await sdks.process(client, plugin, "invert", noise) == reference.invert(noise)).all()
    assert await client.call_plugin(plugin, "run") == [0, 0]
    with pytest.raises(errors.PluginError) as raised:
        await sdks.process(client, plugin, "fails", noise)
    assert raised.value.data.error is not None
    assert raised.value.data.error.code == 7
    assert "PluginError: no" in (await console(client, plugin, "no"))[-1].message


async def test_the_sample_of_the_specification_runs(client: AsyncClient, daemon: Daemon) -> None:
    editor = TimelineEditor(transactions=False)
    clip = {"id": "c1", "name": "beach", "track": 0, "start": 0.0, "duration": 4.0, "source": "beach.mp4"}
    editor.answers |= {
        "timeline.getSelectedClips": {"clips": [clip]},
        "ui.createPanel": {"panelId": "p1"},
        "ui.showDialog": {"button": "Yes"},
        "ui.addMenuItem": {},
    }
    editor.nulls.add("ui.addMenuItem")
    del editor.answers["ui.addMenuItem"]
    async with editor.connected(daemon.socket):
        plugin = (await client.install(str(EXAMPLES / "specified"), grant="requested")).plugin_id
        await client.activate(plugin)
        assert (await console(client, plugin, "answered"))[-1].message == "answered Yes clip c2"
        await client.events_publish("timeline.selectionChange", payload=[clip])
        await until(lambda: client.call_plugin(plugin, "seen"))
        assert await client.call_plugin(plugin, "seen") == [["c1"]]
    asked = dict(editor.asked)
    assert asked["timeline.addClip"]["clip"] == {"source": "beach.mp4", "start": 1.48, "name": "beach", "duration": 4.0}
    assert asked["effects.applyToClip"]["effect"]["effectId"] == "darken"
    assert asked["ui.showDialog"]["title"] == "Is p1 there?"
    assert "c1" not in editor.clips


def test_the_sample_is_the_one_of_the_specification() -> None:
    source = (EXAMPLES / "specified" / "sdk.ts").read_text()
    sample = source[source.index("// @timeline-studio/sdk") :]
    assert sample.count("export class TimelineStudioSDK {") == sample.count("export function createPlugin(") == 1
    assert len(sample.splitlines()) == 62
