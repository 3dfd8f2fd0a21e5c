/** What the runtime does to pixels, for tests under Node: the same results, at the speed of a script. */

import type { Host } from "./host";

const RGBA32F = 2;

export const mapChannels: Host["mapChannels"] = (input, output, width, height, stride, ...tables) => {
  for (let y = 0; y < height; y++) {
    const from = new Uint8Array(input, y * stride, width * 4);
    const to = new Uint8Array(output, y * stride, width * 4);
    for (let at = 0; at < to.length; at++) to[at] = tables[at % 4]![from[at]!]!;
  }
};

/** Convolve rows, and turn columns into rows, so that the same again does the other direction. */
function turned(from: Float32Array, width: number, height: number, weights: ArrayLike<number>): Float32Array {
  const reach = (weights.length - 1) / 2;
  const to = new Float32Array(from.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let tap = 0; tap < weights.length; tap++) {
          const at = Math.min(width - 1, Math.max(0, x + tap - reach));
          sum += from[(y * width + at) * 4 + channel]! * weights[tap]!;
        }
        to[(x * height + y) * 4 + channel] = sum;
      }
      to[(x * height + y) * 4 + 3] = from[(y * width + x) * 4 + 3]!;
    }
  }
  return to;
}

export const convolve: Host["convolve"] = (input, output, width, height, stride, format, weights) => {
  if (weights.length % 2 === 0) throw new RangeError("there must be an odd number of weights");
  const row = (buffer: ArrayBuffer, y: number) =>
    format === RGBA32F
      ? new Float32Array(buffer, y * stride, width * 4)
      : new Uint8ClampedArray(buffer, y * stride, width * 4);
  const pixels = new Float32Array(width * height * 4);
  for (let y = 0; y < height; y++) pixels.set(row(input, y), y * width * 4);
  const done = turned(turned(pixels, width, height, weights), height, width, weights);
  for (let y = 0; y < height; y++) row(output, y).set(done.subarray(y * width * 4, (y + 1) * width * 4));
};
