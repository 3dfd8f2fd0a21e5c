/**
 * Runs first in every script plugin: makes the globals, and tells the runtime what it calls of a plugin.
 *
 * What is called on behalf of the host later is taken hold of here, before any code of the plugin's could replace it.
 */
import * as sdk from "../../src/index";
import type { Event } from "../../src/generated";
import type { FrameHandler, Host } from "../../src/host";
import { makeConsole } from "./console";
import { describe } from "./errors";
import type { Natives } from "./natives";
import { makeText } from "./text";

type Callable = (params: unknown) => unknown;

const { apply } = Reflect;
const { hasOwn, isExtensible } = Object;

const HOOK = "lifecycle.";

function hide(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

function makeGlobals(natives: Natives): void {
  hide("console", makeConsole(natives));
  for (const [name, value] of Object.entries(makeText(natives))) hide(name, value);
  for (const [name, value] of Object.entries(natives.run("url") as object)) hide(name, value);
  hide("performance", { now: () => natives.now() });
  Object.defineProperty(Math, "random", { value: () => natives.random(), writable: true, configurable: true });
  hide("crypto", {
    getRandomValues<T extends ArrayBufferView>(view: T): T {
      natives.fill(view);
      return view;
    },
    randomUUID(): string {
      const bytes = new Uint8Array(16);
      natives.fill(bytes);
      bytes[6] = (bytes[6]! & 15) | 64;
      bytes[8] = (bytes[8]! & 63) | 128;
      const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
      return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
    },
  });
  hide("structuredClone", (value: unknown) => clone(value, new Map()));
}

function clone(value: unknown, seen: Map<object, object>): unknown {
  if (typeof value === "function" || typeof value === "symbol") throw new TypeError("it cannot be cloned");
  if (typeof value !== "object" || value === null) return value;
  const known = seen.get(value);
  if (known) return known;
  if (value instanceof Date) return new Date(value);
  if (value instanceof RegExp) return new RegExp(value);
  if (value instanceof ArrayBuffer) return value.slice(0);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return (value as Uint8Array).slice();
  if (value instanceof Map) {
    const copy = new Map<unknown, unknown>();
    seen.set(value, copy);
    for (const [key, one] of value) copy.set(clone(key, seen), clone(one, seen));
    return copy;
  }
  if (value instanceof Set) {
    const copy = new Set<unknown>();
    seen.set(value, copy);
    for (const one of value) copy.add(clone(one, seen));
    return copy;
  }
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [] : {};
  seen.set(value, copy);
  for (const name of Object.keys(value)) {
    (copy as Record<string, unknown>)[name] = clone((value as Record<string, unknown>)[name], seen);
  }
  return copy;
}

/** The plugin: its main module's exports. */
class Plugin {
  exports: Record<string, unknown> = {};

  get main(): Record<string, unknown> {
    const found = this.exports["default"];
    return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : {};
  }
}

export default (natives: Natives) => {
  const plugin = new Plugin();
  const eventHandlers: ((event: Event) => unknown)[] = [];
  const frameHandlers: FrameHandler[] = [];
  let events = 0;
  let frames = 0;

  const host: Host = {
    version: 1,
    call: (method, params) => natives.call(method, params),
    mapChannels: (...given) => natives.mapChannels(...given),
    convolve: (...given) => natives.convolve(...given),
    onEvent: (handler) => {
      eventHandlers[events++] = handler;
    },
    onFrame: (handler) => {
      frameHandlers[frames++] = handler;
    },
  };
  Object.defineProperty(globalThis, Symbol.for("timeline-studio.host"), { value: Object.freeze(host) });
  makeGlobals(natives);
  natives.offer("@timeline-studio/sdk", sdk);

  const deliver = async (event: Event): Promise<void> => {
    for (let at = 0; at < events; at++) await eventHandlers[at]!(event);
  };

  const bound = (of: Record<string, unknown>, name: string): Callable | undefined => {
    const found = of[name];
    return typeof found === "function" ? (params) => apply(found, of, [params]) : undefined;
  };

  const hook = (name: string): Callable | undefined => {
    const plain = name.slice(HOOK.length);
    return bound(plugin.main, `on${plain.charAt(0).toUpperCase()}${plain.slice(1)}`) ?? bound(plugin.main, plain);
  };

  const reserved = (name: string): Callable | undefined => {
    if (name === "main") {
      const found = plugin.main["main"];
      return typeof found === "function" ? () => apply(found, plugin.main, [sdk.createApi()]) : undefined;
    }
    return name === "event" && events > 0 ? (event) => deliver(event as Event) : undefined;
  };

  const exported = (name: string): Callable | undefined =>
    name !== "default" && hasOwn(plugin.exports, name) ? bound(plugin.exports, name) : undefined;

  return {
    adopt: (exports: Record<string, unknown>) => {
      plugin.exports = exports;
      return isExtensible(exports) ? undefined : null;
    },
    /** What a call of the host's runs, as an async function; null where there is none. */
    find: (name: string) => {
      const found = (name.startsWith(HOOK) ? hook(name) : reserved(name)) ?? exported(name);
      return found === undefined ? null : async (params: unknown) => await found(params);
    },
    process: async (
      effect: number,
      input: ArrayBuffer,
      output: ArrayBuffer,
      width: number,
      height: number,
      stride: number,
      format: number,
      ptsUs: number,
      params: Record<string, unknown> | null,
    ) => {
      const frame = { input, output, width, height, stride, format, ptsUs };
      for (let at = 0; at < frames; at++) {
        if ((await frameHandlers[at]!(effect, frame, params ?? {})) !== false) return;
      }
      throw new sdk.PluginError(1, `there is no effect ${effect}`);
    },
    describe: (error: unknown) => describe(natives, error),
  };
};
