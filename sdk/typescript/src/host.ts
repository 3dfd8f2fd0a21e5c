/** The way to the host: what the runtime puts into a plugin's global object, and calls through it. */
import type { Event, HostMethods } from "./generated";
import { toHostError } from "./errors";

/** What the runtime offers the SDK. The test host offers the same. */
export interface Host {
  readonly version: 1;
  /** Ask the host; its error object is thrown as it is. */
  call(method: string, params: unknown): unknown;
  /** Look each byte of RGBA8 pixels up in a table of 256, one table a channel: faster than a script could. */
  mapChannels(
    input: ArrayBuffer,
    output: ArrayBuffer,
    width: number,
    height: number,
    stride: number,
    ...tables: [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  ): void;
  /** Convolve rows and columns of RGBA8 or RGBA32F with the same weights; edges repeated, alpha as it is. */
  convolve(
    input: ArrayBuffer,
    output: ArrayBuffer,
    width: number,
    height: number,
    stride: number,
    format: number,
    weights: ArrayLike<number>,
  ): void;
  /** Be told of every event that comes. */
  onEvent(handler: (event: Event) => unknown): void;
  /** Process the frames of this plugin's effects. */
  onFrame(handler: FrameHandler): void;
}

/** One frame, as the runtime hands it over: both buffers are the host's memory and taken away afterwards. */
export type FrameHandler = (effect: number, frame: RawFrame, params: Record<string, unknown>) => unknown;

export interface RawFrame {
  readonly input: ArrayBuffer;
  readonly output: ArrayBuffer;
  readonly width: number;
  readonly height: number;
  readonly stride: number;
  readonly format: number;
  readonly ptsUs: number;
}

const KEY = Symbol.for("timeline-studio.host");

/** The host of this plugin. */
export function host(): Host {
  const found = (globalThis as { [KEY]?: Host })[KEY];
  if (!found) {
    throw new Error("there is no host here: this runs inside plugind, or in tests with @timeline-studio/sdk/testing");
  }
  return found;
}

/** Put a host in place of the one that is there; for tests. */
export function replaceHost(other: Host | undefined): void {
  (globalThis as { [KEY]?: Host | undefined })[KEY] = other;
}

/**
 * Call a host method, and get its result at once: the host answers while the plugin waits.
 *
 * @throws {HostError} What the host answered instead of a result.
 */
export function callNow<M extends keyof HostMethods>(
  method: M,
  params: HostMethods[M]["params"],
): HostMethods[M]["result"] {
  try {
    return host().call(method, params) as HostMethods[M]["result"];
  } catch (error) {
    throw toHostError(error, method);
  }
}

/** Call a host method; the promise is rejected with a {@link HostError} where the host refuses. */
export async function call<M extends keyof HostMethods>(
  method: M,
  params: HostMethods[M]["params"],
): Promise<HostMethods[M]["result"]> {
  return callNow(method, params);
}
