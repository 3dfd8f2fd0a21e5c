// The arithmetic: two passes, along rows and along columns, with the edges of the picture repeated outwards. All in floats,
// one pixel to a vector.

import { loadPixel8, PixelFormat, storePixel8, VideoFrame, withAlpha } from "@timeline-studio/assemblyscript";

/** Bytes of a pixel of floats. */
const PIXEL: usize = 16;

/** Blurs a frame of RGBA8 or RGBA32F, with a standard deviation of half the radius. */
export function blur(frame: VideoFrame, radius: f64): void {
  const weights = weightsOf(radius);
  const reach = weights.length - 1;
  if (reach == 0) {
    frame.copyInput();
    return;
  }
  frame.keepInput();
  const row = <usize>frame.width * PIXEL;
  const padded = new Uint8Array(<i32>(row + <usize>reach * 2 * PIXEL));
  // rows that were blurred along themselves, as many as the kernel is high; row y lies at y modulo their number
  const count = 2 * reach + 1;
  const rows = new Uint8Array(<i32>row * count);
  for (let y = -reach; y < reach; y++) alongRow(frame, y, weights, padded, rows.dataStart + slot(y, count) * row);
  const lines = new StaticArray<usize>(count);
  for (let y = 0; y < frame.height; y++) {
    alongRow(frame, y + reach, weights, padded, rows.dataStart + slot(y + reach, count) * row);
    for (let k = 0; k < count; k++) lines[k] = rows.dataStart + slot(y - reach + k, count) * row;
    alongColumns(frame, y, weights, lines);
  }
}

/** Where a row is kept; rows above the picture have negative numbers. */
function slot(y: i32, count: i32): usize {
  return <usize>((y + count) % count);
}

/** Blurs a row along itself, into floats. Rows outside of the picture are those at its edge. */
function alongRow(frame: VideoFrame, y: i32, weights: StaticArray<f32>, padded: Uint8Array, to: usize): void {
  const reach = weights.length - 1;
  const width = frame.width;
  const start = padded.dataStart + <usize>reach * PIXEL;
  unpack(frame, frame.inputRow(min(max(y, 0), frame.height - 1)), start);
  const first = v128.load(start);
  const last = v128.load(start + <usize>(width - 1) * PIXEL);
  for (let k = 1; k <= reach; k++) {
    v128.store(start - <usize>k * PIXEL, first);
    v128.store(start + <usize>(width - 1 + k) * PIXEL, last);
  }
  for (let x = 0; x < width; x++) {
    const at = start + <usize>x * PIXEL;
    let sum = f32x4.mul(v128.load(at), f32x4.splat(unchecked(weights[0])));
    for (let k = 1; k <= reach; k++) {
      const pair = f32x4.add(v128.load(at - <usize>k * PIXEL), v128.load(at + <usize>k * PIXEL));
      sum = f32x4.add(sum, f32x4.mul(pair, f32x4.splat(unchecked(weights[k]))));
    }
    v128.store(to + <usize>x * PIXEL, sum);
  }
}

/** Blurs along columns: a row of the output, of the blurred rows around it. */
function alongColumns(frame: VideoFrame, y: i32, weights: StaticArray<f32>, lines: StaticArray<usize>): void {
  const reach = weights.length - 1;
  const input = frame.inputRow(y);
  const output = frame.outputRow(y);
  const bytes = frame.format == PixelFormat.RGBA8;
  for (let x: usize = 0; x < <usize>frame.width; x++) {
    const at = x * PIXEL;
    let sum = f32x4.mul(v128.load(unchecked(lines[reach]) + at), f32x4.splat(unchecked(weights[0])));
    for (let k = 1; k <= reach; k++) {
      const pair = f32x4.add(
        v128.load(unchecked(lines[reach - k]) + at),
        v128.load(unchecked(lines[reach + k]) + at),
      );
      sum = f32x4.add(sum, f32x4.mul(pair, f32x4.splat(unchecked(weights[k]))));
    }
    if (bytes) storePixel8(output + x * 4, withAlpha(sum, loadPixel8(input + x * 4)));
    else v128.store(output + at, withAlpha(sum, v128.load(input + at)));
  }
}

/** A row as floats. */
function unpack(frame: VideoFrame, from: usize, to: usize): void {
  if (frame.format == PixelFormat.RGBA32F) {
    memory.copy(to, from, frame.rowBytes);
    return;
  }
  for (let x: usize = 0; x < <usize>frame.width; x++) v128.store(to + x * PIXEL, loadPixel8(from + x * 4));
}

/** Weights of the kernel from its centre outwards: it reaches three standard deviations to each side, and they add up to 1. */
function weightsOf(radius: f64): StaticArray<f32> {
  const sigma = radius / 2;
  const reach = <i32>Math.ceil(3 * sigma);
  const weights = new StaticArray<f32>(reach + 1);
  let total: f64 = 0;
  for (let k = 0; k <= reach; k++) total += (k == 0 ? 1 : 2) * weight(k, sigma);
  for (let k = 0; k <= reach; k++) weights[k] = <f32>(weight(k, sigma) / total);
  return weights;
}

function weight(k: i32, sigma: f64): f64 {
  return k == 0 ? 1 : Math.exp(-(<f64>(k * k)) / (2 * sigma * sigma));
}
