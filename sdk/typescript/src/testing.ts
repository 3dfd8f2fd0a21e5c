/** A host for tests under Node: answers as told, and remembers what it was asked. */
import { VideoFrame, type PixelFormat } from "./frame";
import type { ErrorKind, Event, HostMethods } from "./generated";
import { ERROR_CODES } from "./generated";
import { replaceHost, type FrameHandler, type Host } from "./host";
import { createApi } from "./api";
import { convolve, mapChannels } from "./kernels";
import type { TimelinePlugin } from "./plugin";

type Answers<M extends keyof HostMethods> =
  | HostMethods[M]["result"]
  | ((params: HostMethods[M]["params"]) => HostMethods[M]["result"]);

const FORMATS: readonly PixelFormat[] = ["rgba8", "rgba16f", "rgba32f", "yuv420p8"];
const BYTES = { rgba8: 4, rgba16f: 8, rgba32f: 16, yuv420p8: 1 };

/** Stands for the host while a test runs; what it was not told to answer is refused as unavailable. */
export class ScriptedHost implements Host {
  readonly version = 1;
  /** What was asked, in order. */
  readonly calls: { method: string; params: unknown }[] = [];
  #answers = new Map<string, unknown>();
  #events: ((event: Event) => unknown)[] = [];
  #frames: FrameHandler[] = [];
  #effects = 0;
  #byId = new Map<string, number>();

  constructor() {
    replaceHost(this);
    this.answer("events.on", null).answer("events.off", null);
    this.#answers.set("effects.register", ({ id }: { id: string }) => {
      const effect = this.#byId.get(id) ?? this.#effects++;
      this.#byId.set(id, effect);
      return { effect };
    });
  }

  /** Answer a method with a result, or with what a function makes of its params. */
  answer<M extends keyof HostMethods>(method: M, answer: Answers<M>): this {
    this.#answers.set(method, answer);
    return this;
  }

  /** Refuse a method with an error of the host's. */
  refuse(method: keyof HostMethods, kind: ErrorKind, message = `${method} is refused`): this {
    this.#answers.set(method, () => {
      throw { code: ERROR_CODES[kind], message, data: { kind } };
    });
    return this;
  }

  call(method: string, params: unknown): unknown {
    this.calls.push({ method, params: JSON.parse(JSON.stringify(params)) });
    if (!this.#answers.has(method)) {
      throw { code: ERROR_CODES.HostUnavailable, message: `nobody answers ${method}`, data: { kind: "HostUnavailable" } };
    }
    const answer = this.#answers.get(method);
    return typeof answer === "function" ? (answer as (params: unknown) => unknown)(params) : answer;
  }

  readonly mapChannels = mapChannels;
  readonly convolve = convolve;

  onEvent(handler: (event: Event) => unknown): void {
    this.#events.push(handler);
  }

  onFrame(handler: FrameHandler): void {
    this.#frames.push(handler);
  }

  /** Make a plugin active: its hooks run as the host runs them. */
  async activate(plugin: TimelinePlugin): Promise<void> {
    await plugin.onLoad?.();
    await plugin.onActivate?.();
    await plugin.main(createApi());
  }

  /** Let an event come. */
  async emit(name: string, payload: unknown = null): Promise<void> {
    for (const handler of this.#events) await handler({ name, payload });
  }

  /** Have a frame processed; the bytes of the output, rows of `width` pixels without gaps. */
  async process(
    effectId: string,
    input: Uint8Array,
    size: { width: number; height: number; format?: PixelFormat },
    params: Record<string, unknown> = {},
  ): Promise<Uint8Array> {
    const { width, height, format = "rgba8" } = size;
    const effect = this.#byId.get(effectId);
    if (effect === undefined) throw new Error(`no effect ${effectId} was registered`);
    const output = new ArrayBuffer(input.length);
    const raw = {
      input: input.slice().buffer as ArrayBuffer,
      output,
      width,
      height,
      stride: width * BYTES[format],
      format: FORMATS.indexOf(format),
      ptsUs: 0,
    };
    for (const handler of this.#frames) await handler(effect, raw, params);
    return new Uint8Array(output);
  }

  /** Give the place back. */
  close(): void {
    replaceHost(undefined);
  }
}

export { VideoFrame };
