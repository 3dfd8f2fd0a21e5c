import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import * as sdk from "../dist/index.js";
import { ScriptedHost } from "../dist/testing.js";

const manifest = { name: "tested", version: "1.0.0", main: "index.ts" };
let host;

beforeEach(() => {
  host = new ScriptedHost();
});
afterEach(() => host.close());

test("without a host, it is said where one is", async () => {
  host.close();
  await assert.rejects(() => sdk.createApi().storage.get("a"), /no host here/);
});

test("createPlugin hands an SDK to initialize, and keeps manifest and hooks", async () => {
  const seen = [];
  const plugin = sdk.createPlugin({
    manifest,
    onLoad: () => void seen.push("load"),
    initialize: (given) => void seen.push(given instanceof sdk.TimelineStudioSDK),
  });
  assert.equal(plugin.manifest, manifest);
  await host.activate(plugin);
  assert.deepEqual(seen, ["load", true]);
});

test("every method of the host has its call, with the params of the table", async () => {
  const api = sdk.createApi();
  const clip = { id: "c1", name: "", track: 0, start: 0, duration: 1 };
  const answers = {
    "timeline.getState": [() => api.timeline.getState(), {}, { tracks: [] }, { tracks: [] }],
    "timeline.getCurrentTime": [() => api.timeline.getCurrentTime(), {}, { seconds: 1 }, { seconds: 1 }],
    "timeline.getSelectedClips": [() => api.timeline.getSelectedClips(), {}, { clips: [clip] }, [clip]],
    "timeline.addClip": [() => api.timeline.addClip({ source: "a", start: 0 }, 2), { clip: { source: "a", start: 0 }, track: 2 }, { clipId: "c2" }, "c2"],
    "timeline.removeClip": [() => api.timeline.removeClip("c1"), { clipId: "c1" }, null, undefined],
    "timeline.updateClip": [() => api.timeline.updateClip("c1", { start: 2 }), { clipId: "c1", changes: { start: 2 } }, { clip }, clip],
    "media.getInfo": [() => api.media.getInfo("a.mp4"), { path: "a.mp4" }, { path: "a.mp4" }, { path: "a.mp4" }],
    "media.generateThumbnail": [() => api.media.generateThumbnail({ path: "a" }), { path: "a" }, { data: "" }, { data: "" }],
    "effects.register": [() => api.effects.register({ name: "My Effect!", process() {} }), { id: "my-effect", name: "My Effect!" }, { effect: 0 }, undefined],
    "effects.create": [() => api.effects.create("grade"), { effectId: "grade", params: {} }, { id: "e1" }, { id: "e1" }],
    "effects.applyToClip": [() => api.effects.applyToClip({ id: "e1", effectId: "grade" }, "c1"), { effect: "e1", clipId: "c1" }, {}, undefined],
    "ui.createPanel": [() => api.ui.createPanel({ id: "p", title: "P" }), { id: "p", title: "P" }, { panelId: "p1" }, { panelId: "p1" }],
    "ui.closePanel": [() => api.ui.closePanel({ panelId: "p1" }), { panelId: "p1" }, null, undefined],
    "ui.showDialog": [() => api.ui.showDialog({ title: "T" }), { title: "T" }, { button: null }, { button: null }],
    "ui.addMenuItem": [() => api.ui.addMenuItem({ id: "m", label: "M", onSelect() {} }), { id: "m", label: "M" }, null, undefined],
    "ui.removeMenuItem": [() => api.ui.removeMenuItem("m"), { id: "m" }, null, undefined],
    "ui.showNotification": [() => api.ui.showNotification("hi"), { message: "hi" }, null, undefined],
    "ui.pickFile": [() => api.ui.pickFile(), {}, { files: ["a"] }, ["a"]],
    "ui.pickDirectory": [() => api.ui.pickDirectory(), {}, {}, null],
    "file.read": [() => api.file.read("a"), { path: "a" }, { data: "text" }, "text"],
    "file.write": [() => api.file.write("a", "b", { append: true }), { path: "a", data: "b", append: true }, { size: 1 }, 1],
    "file.list": [() => api.file.list(), { path: "" }, { entries: [] }, []],
    "file.stat": [() => api.file.stat("a"), { path: "a" }, { path: "a" }, { path: "a" }],
    "file.remove": [() => api.file.remove("a"), { path: "a" }, null, undefined],
    "storage.get": [() => api.storage.get("k"), { key: "k" }, { value: 1, exists: true }, 1],
    "storage.set": [() => api.storage.set("k", [1]), { key: "k", value: [1] }, null, undefined],
    "storage.remove": [() => api.storage.remove("k"), { key: "k" }, { removed: true }, true],
    "storage.keys": [() => api.storage.keys("k"), { prefix: "k" }, { keys: ["k"] }, ["k"]],
    "storage.clear": [() => api.storage.clear(), {}, null, undefined],
    "events.on": [() => api.events.on("a.*", () => {}).then(() => 0), { name: "a.*" }, null, 0],
    "events.off": [() => api.events.off("a.*"), { name: "a.*" }, null, undefined],
    "events.emit": [() => api.events.emit("done"), { name: "done", payload: null }, null, undefined],
    "network.request": [() => api.network.request("https://a.b/"), { url: "https://a.b/" }, { status: 200 }, { status: 200 }],
    "system.getInfo": [() => api.system.getInfo(), {}, { os: "linux" }, { os: "linux" }],
  };
  assert.deepEqual(Object.keys(answers).sort(), [...sdk.HOST_METHODS].sort());
  for (const [method, [run, params, result, expected]] of Object.entries(answers)) {
    host.answer(method, result);
    assert.deepEqual(await run(), expected, method);
    assert.deepEqual(host.calls.at(-1), { method, params }, method);
  }
});

test("keys are asked for until there are no more", async () => {
  host.answer("storage.keys", ({ after }) => (after ? { keys: ["c"] } : { keys: ["a", "b"], truncated: true }));
  assert.deepEqual(await sdk.createApi().storage.keys(), ["a", "b", "c"]);
});

test("what the host refuses is a typed error", async () => {
  host.refuse("storage.get", "PermissionDenied", "not granted").refuse("file.read", "NotFound").refuse("storage.clear", "Overloaded");
  const { storage, file } = sdk.createApi();
  await assert.rejects(storage.get("a"), (error) => {
    assert(error instanceof sdk.PermissionDeniedError);
    assert(error instanceof sdk.HostError);
    assert(sdk.HostError.is(error, "PermissionDenied"));
    assert(!sdk.HostError.is(error, "NotFound"));
    assert.deepEqual([error.code, error.kind, error.method, error.message], [-32003, "PermissionDenied", "storage.get", "not granted"]);
    return true;
  });
  await assert.rejects(file.read("a"), sdk.NotFoundError);
  await assert.rejects(storage.clear(), (error) => error.constructor === sdk.HostError && error.kind === "Overloaded");
  await assert.rejects(storage.keys(), sdk.HostUnavailableError);
});

test("events reach the callbacks of their names and patterns", async () => {
  const { events } = sdk.createApi();
  const seen = [];
  const end = await events.on("timeline.*", (payload, event) => seen.push([event.name, payload]));
  await events.on("other/**", (payload) => seen.push(payload));
  await host.emit("timeline.play", 1);
  await host.emit("timeline.clip.added", 2);
  await host.emit("other/a/b.c", 3);
  await end();
  await host.emit("timeline.play", 4);
  assert.deepEqual(seen, [["timeline.play", 1], 3]);
  assert.deepEqual(host.calls.at(-1), { method: "events.off", params: { name: "timeline.*" } });
});

test("a menu item calls back, and only for its own id", async () => {
  const seen = [];
  host.answer("ui.addMenuItem", null);
  await sdk.createApi().ui.addMenuItem({ id: "mine", label: "Mine", onSelect: () => seen.push("mine") });
  await host.emit("ui.menu", { id: "other" });
  await host.emit("ui.menu", { id: "mine" });
  assert.deepEqual(seen, ["mine"]);
});

test("frames are processed, with parameters checked", async () => {
  const { effects } = sdk.createApi();
  const invert = sdk.table((x) => 1 - x);
  await effects.register({
    name: "Invert",
    parameters: [
      { name: "amount", type: "float", default: 1, min: 0, max: 1 },
      { name: "kind", type: "choice", choices: ["a", "b"], default: "a" },
    ],
    process: (frame, params) => frame.mapChannels(params.amount === 1 ? invert : sdk.table((x) => x)),
  });
  const input = Uint8Array.from({ length: 4 * 16 * 16 }, (_, at) => at % 251);
  const output = await host.process("invert", input, { width: 16, height: 16 });
  assert.deepEqual(output, input.map((value, at) => (at % 4 === 3 ? value : 255 - value)));
  assert.deepEqual(await host.process("invert", input, { width: 16, height: 16 }, { amount: 0.5 }), input);
  for (const params of [{ amount: 2 }, { amount: "1" }, { kind: "c" }]) {
    await assert.rejects(host.process("invert", input, { width: 16, height: 16 }, params), sdk.PluginError);
  }
});

test("a frame is convolved, edges repeated, alpha left alone", async () => {
  await sdk.createApi().effects.register({ name: "Box", process: (frame) => frame.convolve([0.25, 0.5, 0.25]) });
  const input = new Uint8Array(16 * 16 * 4).fill(8);
  input[0] = 72;
  input[3] = 200;
  const output = await host.process("box", input, { width: 16, height: 16 });
  assert.deepEqual([...output.subarray(0, 8)], [44, 8, 8, 200, 20, 8, 8, 8]);
  await sdk.createApi().effects.register({ name: "Even", process: (frame) => frame.convolve([1, 1]) });
  await assert.rejects(host.process("even", input, { width: 16, height: 16 }), RangeError);
});

test("pixels of another format are refused with code 2", async () => {
  await sdk.createApi().effects.register({ name: "Bytes", process: (frame) => void frame.inputRow(0) });
  const floats = new Uint8Array(16 * 16 * 16);
  await assert.rejects(host.process("bytes", floats, { width: 16, height: 16, format: "rgba32f" }), (error) => error.code === 2);
});
