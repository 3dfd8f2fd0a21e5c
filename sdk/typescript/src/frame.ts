/** Frames of an effect: the editor's own pixels, shared and not copied. */
import { PluginError } from "./errors";
import { host, type RawFrame } from "./host";

/** How pixels are written: one byte, half or whole float for each of red, green, blue, alpha; or planes. */
export type PixelFormat = "rgba8" | "rgba16f" | "rgba32f" | "yuv420p8";

const FORMATS: readonly PixelFormat[] = ["rgba8", "rgba16f", "rgba32f", "yuv420p8"];
const FORMAT_CODE = 2;

/**
 * A frame to be processed. Its memory is the editor's: it can be used until the effect's `process` is done, and is
 * detached then. What should last has to be copied.
 */
export class VideoFrame {
  readonly width: number;
  readonly height: number;
  /** Bytes from row to row. */
  readonly stride: number;
  readonly format: PixelFormat;
  /** Presentation time, in µs. */
  readonly ptsUs: number;
  readonly #raw: RawFrame;

  /** @internal */
  constructor(raw: RawFrame) {
    this.#raw = raw;
    this.width = raw.width;
    this.height = raw.height;
    this.stride = raw.stride;
    this.format = FORMATS[raw.format] ?? "rgba8";
    this.ptsUs = raw.ptsUs;
  }

  /** All bytes of the input. */
  get input(): Uint8Array {
    return new Uint8Array(this.#raw.input);
  }

  /** All bytes of the output, which the editor reads; the input's own where the editor wants it in place. */
  get output(): Uint8Array {
    return new Uint8Array(this.#raw.output);
  }

  /** Whether input and output are the same memory. */
  get inPlace(): boolean {
    return this.#raw.input === this.#raw.output;
  }

  /**
   * A row of RGBA8 pixels of the input, as `width * 4` bytes.
   *
   * @throws {PluginError} The frame has another format.
   */
  inputRow(y: number): Uint8Array {
    return this.#row(this.#raw.input, y);
  }

  /** A row of RGBA8 pixels of the output; otherwise as {@link inputRow}. */
  outputRow(y: number): Uint8Array {
    return this.#row(this.#raw.output, y);
  }

  /** A row of RGBA32F pixels of the input, as `width * 4` floats; throws where the frame has another format. */
  inputFloats(y: number): Float32Array {
    this.#expect("rgba32f");
    return new Float32Array(this.#raw.input, y * this.stride, this.width * 4);
  }

  /** A row of RGBA32F pixels of the output; otherwise as {@link inputFloats}. */
  outputFloats(y: number): Float32Array {
    this.#expect("rgba32f");
    return new Float32Array(this.#raw.output, y * this.stride, this.width * 4);
  }

  /**
   * Look each channel of each RGBA8 pixel up in a table of 256 values; alpha stays where no table is given for it.
   * The fast way for curves, gamma, levels, invert: the runtime does it, some hundred times as fast as a script.
   */
  mapChannels(red: Uint8Array, green: Uint8Array = red, blue: Uint8Array = red, alpha: Uint8Array = AS_IT_IS): void {
    this.#expect("rgba8");
    const { input, output, width, height, stride } = this.#raw;
    host().mapChannels(input, output, width, height, stride, red, green, blue, alpha);
  }

  /**
   * Convolve rows, then columns, of RGBA8 or RGBA32F with an odd number of weights, edges repeated outwards; alpha stays.
   * Blurs, box filters, sharpening: done by the runtime.
   */
  convolve(weights: ArrayLike<number>): void {
    if (this.format !== "rgba32f") this.#expect("rgba8");
    const { input, output, width, height, stride, format } = this.#raw;
    host().convolve(input, output, width, height, stride, format, weights);
  }

  #row(buffer: ArrayBuffer, y: number): Uint8Array {
    this.#expect("rgba8");
    return new Uint8Array(buffer, y * this.stride, this.width * 4);
  }

  #expect(format: PixelFormat): void {
    if (this.format !== format) {
      throw new PluginError(FORMAT_CODE, `the frame is ${this.format}, and ${format} was asked for`);
    }
  }
}

/** A table for {@link VideoFrame.mapChannels}: what a function makes of 0 … 1, rounded to a byte. */
export function table(curve: (value: number) => number): Uint8Array {
  const values = new Uint8Array(256);
  for (let at = 0; at < 256; at++) values[at] = Math.min(255, Math.max(0, Math.floor(curve(at / 255) * 255 + 0.5)));
  return values;
}

const AS_IT_IS = new Uint8Array(256).map((_, at) => at);
