import type { Host } from "../../src/host";

/** What the runtime's C side offers to this side: the pixel work of the host as it is, and what the host is made of. */
export interface Natives extends Pick<Host, "call" | "mapChannels" | "convolve"> {
  /** Print: 0 trace … 4 error. */
  log(level: number, text: string): void;
  encode(text: string): Uint8Array;
  /** Undefined where `fatal` and not well-formed. */
  decode(bytes: Uint8Array, fatal: boolean): string | undefined;
  /** Fill with random bytes. */
  fill(bytes: ArrayBufferView): void;
  /** A number of 0 up to 1. */
  random(): number;
  /** Milliseconds of a clock that only goes forward. */
  now(): number;
  /** Text of one of the plugin's files. */
  source(name: string): string | undefined;
  /** Whether a promise is rejected, and its value; undefined while it is pending. */
  settled(promise: unknown): [boolean, unknown] | undefined;
  /** Run one of our own scripts, and return what it makes. */
  run(script: string): unknown;
  /** Offer a module: each property of the object is an export. */
  offer(name: string, exports: object): void;
}
