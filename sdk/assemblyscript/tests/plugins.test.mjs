// The SDK by its plugins, on Node.js: `npm run build` first. tests/integration/test_sdk_assemblyscript.py of plugind runs the same modules in the daemon.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, beforeEach, describe, test } from "node:test";
import { HostError, load, PluginError, Trap } from "@timeline-studio/assemblyscript/testing";

const root = new URL("..", import.meta.url);
const module = (folder) => readFile(new URL(`${folder}/plugin.wasm`, root));

/** A picture whose bytes come from a small generator: the same in each run. */
function picture(width, height, seed = 1) {
  const data = new Uint8Array(width * height * 4);
  let state = seed;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state >>> 24;
  }
  return { width, height, data };
}

function floats({ width, height, data }) {
  return { width, height, data: Float32Array.from(data, (one) => one / 255) };
}

/** What each pixel should be, from what it was: four numbers from 0 to 255. */
function expected({ width, height, data }, compute) {
  const made = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 4) {
    made.set(compute(data.subarray(i, i + 4)).map((one) => Math.min(255, Math.max(0, Math.floor(one + 0.5)))), i);
  }
  return { width, height, data: made };
}

function assertClose(actual, wanted, tolerance) {
  assert.equal(actual.data.length, wanted.data.length);
  for (let i = 0; i < wanted.data.length; i++) {
    const off = Math.abs(actual.data[i] - wanted.data[i]);
    assert.ok(off <= tolerance, `value ${i} is ${actual.data[i]}, not ${wanted.data[i]}`);
  }
}

describe("the probe", () => {
  let wasm;
  let plugin;
  before(async () => {
    wasm = await module("probe");
  });
  beforeEach(async () => {
    plugin = await load(wasm, {
      "events.on": null,
      "storage.set": null,
      "storage.get": ({ key }) => ({ exists: true, value: `of ${key}` }),
      "system.getInfo": { os: "tests" },
    });
  });

  test("values go through unchanged", () => {
    for (const value of [
      null, true, false, 0, -1, 5, 1.5, -2.25e-7, 1e300, 123456789012345, "", "plain", 'q"\\/\b\f\n\r\t\u0001', "ü€😀", "\ud800x",
      [], [1, [2, [3]]], {}, { a: 1, "": null, ü: { b: [] } },
    ]) {
      const wanted = value === "\ud800x" ? "\ufffdx" : value;
      assert.deepEqual(plugin.call("echo", value), wanted);
    }
    assert.equal(JSON.stringify(plugin.call("echo", { z: 1, a: 2 })), '{"z":1,"a":2}', "in their order");
  });

  test("texts that are no JSON are refused", () => {
    for (const text of [
      "", "nul", "01", "-", "1.", ".5", "1e", '"', '"\\x"', '"\\u12"', "[1", "[1,]", "{1:2}", '{"a"}', '{"a":1,}', "1 2", "NaN", '"\n"',
      "[".repeat(200) + "]".repeat(200),
    ]) {
      assert.throws(() => plugin.call("parses", text), { name: "PluginError", message: "no JSON" }, text);
    }
    assert.deepEqual(plugin.call("parses", ' {"a" : [ 1e3 , "\\ud83d\\ude00\\/" ] } '), { a: [1000, "😀/"] });
    assert.deepEqual(plugin.call("parses", '{"a":1,"a":2}'), { a: 2 });
    assert.equal(plugin.call("parses", "[".repeat(100) + "]".repeat(100)).length, 1);
  });

  test("commands answer, and fail with code, message and data", () => {
    assert.equal(plugin.call("add.numbers", [2, 3.0]), 5);
    assert.throws(() => plugin.call("add.numbers", [2, 0.5]), { code: -32602, message: "the arguments are two whole numbers" });
    assert.throws(() => plugin.call("refuse"), { code: 7, message: "not today", data: { until: "tomorrow" } });
    assert.throws(() => plugin.call("nothing"), (error) => error instanceof PluginError && error.code === -32601);
  });

  test("host calls answer, and what they fail with is a value", async () => {
    assert.deepEqual(plugin.call("system"), { os: "tests" });
    assert.equal(plugin.call("keep", { deep: [1] }), "of kept");
    assert.deepEqual(plugin.asked.at(-2), { method: "storage.set", params: { key: "kept", value: { deep: [1] } } });
    assert.throws(() => plugin.call("denied"), { code: -32003 });
    const other = await load(wasm, {
      "timeline.getState": () => {
        throw new HostError(-32010, "no editor");
      },
    });
    assert.throws(() => other.call("denied"), { code: 1, message: "it has no permission, and was not refused" });
  });

  test("hooks run, and one that fails says so", () => {
    plugin.call("lifecycle.activate");
    assert.deepEqual(plugin.call("hooks"), ["load", "activate"]);
    assert.throws(() => plugin.call("lifecycle.deactivate"), { code: 1, message: "not yet" });
    assert.equal(plugin.call("lifecycle.unload"), null);
  });

  test("what an instance saves is given to the next one", async () => {
    plugin.call("count");
    const state = plugin.call("lifecycle.saveState");
    assert.equal(state, 101);
    const next = await load(wasm);
    assert.equal(next.call("lifecycle.restoreState", state), null);
    assert.equal(next.call("count"), 102);
    assert.throws(() => next.call("lifecycle.restoreState", "many"), { message: "it counts in whole numbers" });
    assert.equal(next.call("count"), 103);
  });

  test("an effect that cannot be registered fails the load", async () => {
    const refuse = () => {
      throw new HostError(-32003, "effects.create was not granted");
    };
    await assert.rejects(load(wasm, { "effects.register": refuse }), { code: -32003 });
  });

  test("events reach those who asked", () => {
    plugin.call("main");
    plugin.event("probe.one", 1);
    plugin.event("probe", 2);
    plugin.event("probe.two.three", 3);
    plugin.event("other/done.now", null, { source: "other" });
    plugin.event("@acme/other/done", null, { source: "@acme/other" });
    assert.deepEqual(plugin.call("heard"), [1, { of: "other", name: "other/done.now" }]);
  });

  test("what is logged has its level", () => {
    plugin.call("say", "ü");
    assert.deepEqual(
      plugin.console.map(({ level, message }) => [level, message]),
      ["trace", "debug", "info", "warn", "error"].map((level) => [level, `${level} ü`]),
    );
  });

  test("what ends the instance is told with its place", async () => {
    const source = (await readFile(new URL("probe/assembly/index.ts", root), "utf8")).split("\n");
    const line = 1 + source.findIndex((text) => text.includes("cannot go on with"));
    assert.throws(() => plugin.call("throws", "this"), {
      name: "Trap",
      message: `unreachable: aborted at assembly/index.ts:${line}:3: cannot go on with this`,
    });
    const other = await load(wasm);
    assert.throws(() => other.call("bounds", 3), (error) => error instanceof Trap && /aborted at ~lib\/.*Index out of range/.test(error.message));
  });

  test("garbage is collected", () => {
    const pages = plugin.call("churn", 1000).pages;
    for (let round = 0; round < 20; round++) plugin.call("churn", 1000);
    assert.ok(plugin.call("churn", 1000).pages <= pages * 2);
  });

  test("effects are registered as they are declared", () => {
    assert.deepEqual([...plugin.effects.keys()], ["brightness", "invert", "grey", "half", "choosy-with-all-parameters", "planes"]);
    assert.equal(plugin.effects.get("invert").parallel, true);
    assert.deepEqual(plugin.effects.get("choosy-with-all-parameters").parameters, [
      { name: "share", type: "float", default: 0.5, min: 0, max: 1 },
      { name: "strength", type: "int", default: 3, min: 1, max: 5 },
      { name: "on", type: "bool", default: true },
      { name: "tint", type: "color", default: "#ff8000" },
      { name: "mode", type: "choice", default: "mix", choices: ["mix", "add"] },
      { name: "note", type: "string", default: "" },
    ]);
  });

  for (const [width, height] of [[16, 16], [33, 17], [61, 5]]) {
    for (const inPlace of [false, true]) {
      test(`vectors compute a frame of ${width}x${height}${inPlace ? " in place" : ""}`, () => {
        const noise = picture(width, height);
        const inverted = plugin.process("invert", noise, {}, { inPlace });
        assertClose(inverted, expected(noise, ([r, g, b, a]) => [255 - r, 255 - g, 255 - b, a]), 0);
        const half = plugin.process("half", noise, {}, { inPlace });
        assertClose(half, expected(noise, ([r, g, b, a]) => [...[r, g, b].map((one) => (one * 127) / 255), a]), 0);
        const bright = plugin.process("brightness", noise, { factor: 1.5 }, { inPlace });
        assertClose(bright, expected(noise, ([r, g, b, a]) => [r * 1.5, g * 1.5, b * 1.5, a]), 0);
        const luma = ([r, g, b, a]) => [...Array(3).fill(0.2126 * r + 0.7152 * g + 0.0722 * b), a];
        assertClose(plugin.process("grey", noise, {}, { inPlace }), expected(noise, luma), 1);
        const light = floats(noise);
        const wanted = { ...light, data: Float32Array.from(light.data) };
        for (let i = 0; i < wanted.data.length; i += 4) wanted.data.set(luma(light.data.subarray(i, i + 4)), i);
        assertClose(plugin.process("grey", light, {}, { inPlace }), wanted, 1e-6);
      });
    }
  }

  test("parameters have their defaults, and are checked before the effect sees them", () => {
    const noise = picture(16, 16);
    const effect = "choosy-with-all-parameters";
    const tint = [255, 128, 0];
    const mixed = (share) => expected(noise, ([r, g, b, a]) => [...[r, g, b].map((one, i) => one + (tint[i] - one) * share), a]);
    assertClose(plugin.process(effect, noise), mixed(0.5), 1);
    assertClose(plugin.process(effect, noise, { share: 1 }), mixed(1), 1);
    assertClose(plugin.process(effect, noise, { share: 1 }), mixed(1), 1);
    assertClose(plugin.process(effect, noise, { on: false }), noise, 0);
    const added = expected(noise, ([r, g, b, a]) => [...[r, g, b].map((one, i) => one + (tint[i] * a) / 255), a]);
    assertClose(plugin.process(effect, noise, { mode: "add" }), added, 1);
    for (const [params, code, words] of [
      [{ share: 2 }, 3, 'parameter "share" has to be 0.0 to 1.0, not 2'],
      [{ share: "much" }, 3, 'parameter "share" has to be a number, not "much"'],
      [{ strength: 2.5 }, 3, 'parameter "strength" has to be a whole number, not 2.5'],
      [{ strength: 9 }, 3, 'parameter "strength" has to be 1 to 5, not 9'],
      [{ on: 1 }, 3, 'parameter "on" has to be true or false, not 1'],
      [{ tint: "#ff80" }, 3, 'parameter "tint" has to be a colour such as #ff8000 or #ff8000cc, not "#ff80"'],
      [{ mode: "burn" }, 3, 'parameter "mode" has to be one of mix, add, not "burn"'],
      [{ note: 5 }, 3, 'parameter "note" has to be a text, not 5'],
      [[], 3, "the parameters are no JSON object"],
      [{ strength: 4 }, 42, "the strength is not 4"],
    ]) {
      assert.throws(() => plugin.process(effect, noise, params), { name: "PluginError", code, message: `effect ${effect}: ${words}` });
    }
    assert.throws(() => plugin.process(effect, noise, { note: "undeclared" }), /there is no parameter "nothing"/);
  });

  test("frames of another format are refused in words", () => {
    assert.throws(() => plugin.process("invert", floats(picture(16, 16))), {
      code: 2,
      message: "effect invert: takes frames of RGBA8, not of RGBA32F",
    });
  });
});

test("the sample of the README is what is tested", async () => {
  const readme = await readFile(new URL("package/README.md", root), "utf8");
  const [, sample] = readme.match(/```typescript\n([^]*?)```/);
  const source = await readFile(new URL("probe/assembly/index.ts", root), "utf8");
  const parts = sample.split("\n\n").filter((part) => !part.startsWith("import "));
  assert.ok(parts.length > 4);
  for (const part of parts) assert.ok(source.includes(part.trim()), part);
});

describe("the example", () => {
  let plugin;
  before(async () => {
    plugin = await load(await module("examples/custom-blur"), { "events.on": null });
  });

  test("a point becomes round, and what is flat stays so", () => {
    const flat = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 4).fill(20) };
    flat.data.set([255, 20, 20, 40], (8 * 32 + 8) * 4);
    const { data } = plugin.process("custom-blur", flat, { radius: 4 });
    const red = (x, y) => data[(y * 32 + x) * 4];
    assert.equal(red(25, 25), 20);
    assert.ok(red(8, 8) > red(9, 8) && red(9, 8) > red(10, 8));
    assert.deepEqual([red(9, 8), red(8, 9)], [red(7, 8), red(8, 7)]);
    assert.deepEqual([...data.subarray((8 * 32 + 8) * 4 + 1, (8 * 32 + 9) * 4)], [20, 20, 40]);
  });

  test("a radius of nothing is a copy, and in place is the same", () => {
    const noise = picture(40, 30);
    assertClose(plugin.process("custom-blur", noise, { radius: 0 }), noise, 0);
    const apart = plugin.process("custom-blur", noise, { radius: 9 });
    assertClose(plugin.process("custom-blur", noise, { radius: 9 }, { inPlace: true }), apart, 0);
  });

  test("what is selected is told", () => {
    plugin.call("main");
    plugin.event("timeline.clip_selected", { clipId: "c1" });
    assert.equal(plugin.console.at(-1).message, 'Clip selected: {"clipId":"c1"}');
  });
});
