/** What the runtime's C side offers to this side. */
export interface Natives {
  /** Print: 0 trace … 4 error. */
  log(level: number, text: string): void;
  /** Ask the host; its error object is thrown. */
  call(method: string, params: unknown): unknown;
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
  /** Look each byte of RGBA8 pixels up in a table of 256, one table a channel. */
  mapChannels(
    input: ArrayBuffer,
    output: ArrayBuffer,
    width: number,
    height: number,
    stride: number,
    ...tables: [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  ): void;
  /** Convolve rows and columns with the same weights; edges repeated, alpha as it is. */
  convolve(
    input: ArrayBuffer,
    output: ArrayBuffer,
    width: number,
    height: number,
    stride: number,
    format: number,
    weights: ArrayLike<number>,
  ): void;
  /** Offer a module: each property of the object is an export. */
  offer(name: string, exports: object): void;
}
