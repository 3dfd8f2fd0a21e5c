// Pixels by vectors of 128 bits: four pixels of RGBA8, or one of RGBA32F. The helpers are inlined: one costs what its
// instructions cost. Where a pixel is "floats", it is red, green, blue and alpha in one vector.
//
// Not used are `f32x4.convert_i32x4_u`, which wasmer 1.1 gets wrong for lanes that were just widened, and `i16x8.extmul_…`, which it refuses.

import { PixelFormat, VideoFrame } from "./frame";

/** One RGBA8 pixel in memory, as floats from 0 to 255. */
// @ts-ignore: decorator
@inline
export function loadPixel8(at: usize): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at))));
}

/** Stores floats as one RGBA8 pixel: rounded, and cut off at 0 and 255. */
// @ts-ignore: decorator
@inline
export function storePixel8(at: usize, pixel: v128): void {
  v128.store32_lane(at, pack8(pixel, pixel, pixel, pixel), 0);
}

/** The first of a vector's four RGBA8 pixels, as floats from 0 to 255. */
// @ts-ignore: decorator
@inline
export function pixel0(pixels: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(pixels)));
}

/** The second of them. */
// @ts-ignore: decorator
@inline
export function pixel1(pixels: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(i16x8.extend_low_i8x16_u(pixels)));
}

/** The third of them. */
// @ts-ignore: decorator
@inline
export function pixel2(pixels: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(i16x8.extend_high_i8x16_u(pixels)));
}

/** The fourth of them. */
// @ts-ignore: decorator
@inline
export function pixel3(pixels: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(i16x8.extend_high_i8x16_u(pixels)));
}

/** Four pixels of floats as one vector of RGBA8: rounded, and cut off at 0 and 255. */
// @ts-ignore: decorator
@inline
export function pack8(first: v128, second: v128, third: v128, fourth: v128): v128 {
  return i8x16.narrow_i16x8_u(
    i16x8.narrow_i32x4_s(rounded(first), rounded(second)),
    i16x8.narrow_i32x4_s(rounded(third), rounded(fourth)),
  );
}

// @ts-ignore: decorator
@inline
function rounded(pixel: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.add(pixel, f32x4.splat(0.5)));
}

/** A vector of RGBA8 with the colours of the one and the alpha of the other. */
// @ts-ignore: decorator
@inline
export function withAlpha8(colours: v128, alpha: v128): v128 {
  return v128.bitselect(colours, alpha, i32x4.splat(0x00ffffff));
}

/** A pixel of floats with the colour of the one and the alpha of the other. */
// @ts-ignore: decorator
@inline
export function withAlpha(colour: v128, alpha: v128): v128 {
  return v128.bitselect(colour, alpha, i32x4(-1, -1, -1, 0));
}

/** One pixel's alpha in all four lanes. */
// @ts-ignore: decorator
@inline
export function alphaOf(pixel: v128): v128 {
  return v128.shuffle<f32>(pixel, pixel, 3, 3, 3, 3);
}

/** Rec. 709 luma of a pixel of floats, in all four lanes. */
// @ts-ignore: decorator
@inline
export function luma(pixel: v128): v128 {
  const parts = f32x4.mul(pixel, f32x4(0.2126, 0.7152, 0.0722, 0));
  const pairs = f32x4.add(parts, v128.shuffle<f32>(parts, parts, 1, 0, 3, 2));
  return f32x4.add(pairs, v128.shuffle<f32>(pairs, pairs, 2, 3, 0, 1));
}

/** From the one to the other by a share from 0 to 1, in floats. */
// @ts-ignore: decorator
@inline
export function mix(from: v128, to: v128, share: v128): v128 {
  return f32x4.add(from, f32x4.mul(f32x4.sub(to, from), share));
}

/** Floats, cut off below and above; what is not a number becomes `least`. */
// @ts-ignore: decorator
@inline
export function clamp(value: v128, least: f32, most: f32): v128 {
  return f32x4.pmin(f32x4.splat(most), f32x4.pmax(f32x4.splat(least), value));
}

/** Bytes times bytes over 255, rounded: what a fraction of a channel is. */
// @ts-ignore: decorator
@inline
export function scale8(bytes: v128, by: v128): v128 {
  return i8x16.narrow_i16x8_u(
    over255(i16x8.mul(i16x8.extend_low_i8x16_u(bytes), i16x8.extend_low_i8x16_u(by))),
    over255(i16x8.mul(i16x8.extend_high_i8x16_u(bytes), i16x8.extend_high_i8x16_u(by))),
  );
}

/** Products of two bytes over 255, rounded; exact for all of them. */
// @ts-ignore: decorator
@inline
function over255(products: v128): v128 {
  const more = i16x8.add(products, i16x8.splat(128));
  return i16x8.shr_u(i16x8.add(more, i16x8.shr_u(more, 8)), 8);
}

/**
 * Computes a frame vector by vector: 16 bytes, four pixels of RGBA8.
 *
 * @param kernel an object with a method `compute(vector: v128): v128`, which is inlined: what it needs besides the vector are
 *   its fields. A function does as well, and is called once for each vector
 */
// @ts-ignore: decorator
@inline
export function mapVectors<K>(frame: VideoFrame, kernel: K): void {
  const bytes = <usize>frame.rowVectors << 4;
  for (let y = 0; y < frame.height; y++) {
    const input = frame.inputRow(y);
    const output = frame.outputRow(y);
    for (let at: usize = 0; at < bytes; at += 16) v128.store(output + at, apply<K>(kernel, v128.load(input + at)));
  }
}

/**
 * Computes a frame of RGBA8 or RGBA32F pixel by pixel, as floats where 1 is white, whatever its format.
 *
 * @param kernel as for `mapVectors`: an object with a method `compute(pixel: v128): v128`, or a function
 */
// @ts-ignore: decorator
@inline
export function mapPixels<K>(frame: VideoFrame, kernel: K): void {
  if (frame.format == PixelFormat.RGBA32F) {
    mapVectors<K>(frame, kernel);
    return;
  }
  assert(frame.format == PixelFormat.RGBA8, "mapPixels takes frames of RGBA8 and RGBA32F");
  const bytes = <usize>frame.rowVectors << 4;
  for (let y = 0; y < frame.height; y++) {
    const input = frame.inputRow(y);
    const output = frame.outputRow(y);
    for (let at: usize = 0; at < bytes; at += 16) {
      const pixels = v128.load(input + at);
      const first = byUnit<K>(kernel, pixel0(pixels));
      const second = byUnit<K>(kernel, pixel1(pixels));
      const third = byUnit<K>(kernel, pixel2(pixels));
      const fourth = byUnit<K>(kernel, pixel3(pixels));
      v128.store(output + at, pack8(first, second, third, fourth));
    }
  }
}

/** Computes a pixel from 0 to 255 by a kernel that knows them from 0 to 1. */
// @ts-ignore: decorator
@inline
function byUnit<K>(kernel: K, pixel: v128): v128 {
  return f32x4.mul(apply<K>(kernel, f32x4.mul(pixel, f32x4.splat(1.0 / 255))), f32x4.splat(255));
}

// @ts-ignore: decorator
@inline
function apply<K>(kernel: K, vector: v128): v128 {
  if (isFunction<K>()) return kernel(vector);
  else return kernel.compute(vector);
}
