// The two passes for RGBA8, in integers: two taps of four channels to an instruction.
//
// Down: bytes times 15-bit weights, rounded to 6 fractional bits in a signed 16-bit lane.
// Along: those times 15-bit weights, rounded to bytes. The kernel is symmetric, so opposite taps are added first; their
// sum stays below 2 ** 15 with 6 fractional bits, which is why there are no more. The centre is its own opposite.

import { byteWeights, reach, UNIT_BITS } from "./kernel";

/** Bytes of a pixel in the padded row: four 16-bit channels. */
export const PADDED_BYTE_PIXEL: u32 = 8;

const FRACTION_BITS: i32 = 6;
const DOWN_SHIFT: i32 = UNIT_BITS - FRACTION_BITS;
const ALONG_SHIFT: i32 = UNIT_BITS + FRACTION_BITS;

/** `rows` points at the address of the centre row, `line` at the first pixel of the padded row. */
export function blurDownBytes(rows: usize, line: u32, width: u32): void {
  const rounding = i32x4.splat(1 << (DOWN_SHIFT - 1));
  const vectorWidth = width & ~3;
  for (let x: u32 = 0; x < vectorWidth; x += 4) {
    let first = rounding;
    let second = rounding;
    let third = rounding;
    let fourth = rounding;
    for (let k = 0; k <= reach; k += 2) {
      const weights = v128.load32_splat(byteWeights + k * 2);
      const above = v128.load(row(rows, -k) + x * 4);
      const below = v128.load(row(rows, k) + x * 4);
      const nextAbove = v128.load(row(rows, -k - 1) + x * 4);
      const nextBelow = v128.load(row(rows, k + 1) + x * 4);
      const lowEven = addLow(above, below);
      const highEven = addHigh(above, below);
      const lowOdd = addLow(nextAbove, nextBelow);
      const highOdd = addHigh(nextAbove, nextBelow);
      first = i32x4.add(first, i32x4.dot_i16x8_s(interleaveLow(lowEven, lowOdd), weights));
      second = i32x4.add(second, i32x4.dot_i16x8_s(interleaveHigh(lowEven, lowOdd), weights));
      third = i32x4.add(third, i32x4.dot_i16x8_s(interleaveLow(highEven, highOdd), weights));
      fourth = i32x4.add(fourth, i32x4.dot_i16x8_s(interleaveHigh(highEven, highOdd), weights));
    }
    const target = line + x * PADDED_BYTE_PIXEL;
    v128.store(target, i16x8.narrow_i32x4_s(i32x4.shr_s(first, DOWN_SHIFT), i32x4.shr_s(second, DOWN_SHIFT)));
    v128.store(target, i16x8.narrow_i32x4_s(i32x4.shr_s(third, DOWN_SHIFT), i32x4.shr_s(fourth, DOWN_SHIFT)), 16);
  }
  for (let x = vectorWidth; x < width; x++) downOnePixel(rows, line, x);
}

function downOnePixel(rows: usize, line: u32, x: u32): void {
  let sum = i32x4.splat(1 << (DOWN_SHIFT - 1));
  for (let k = 0; k <= reach; k++) {
    const above = v128.load32_zero(row(rows, -k) + x * 4);
    const below = v128.load32_zero(row(rows, k) + x * 4);
    sum = i32x4.add(sum, i32x4.extmul_low_i16x8_s(addLow(above, below), v128.load16_splat(byteWeights + k * 2)));
  }
  const shifted = i32x4.shr_s(sum, DOWN_SHIFT);
  v128.store64_lane(line + x * PADDED_BYTE_PIXEL, i16x8.narrow_i32x4_s(shifted, shifted), 0);
}

/** `line` is a padded row with its edges extended; alpha is `input`'s. */
export function blurAlongBytes(line: u32, input: u32, output: u32, width: u32): void {
  const rounding = i32x4.splat(1 << (ALONG_SHIFT - 1));
  const colour = i32x4.splat(0x00ffffff);
  const vectorWidth = width & ~3;
  for (let x: u32 = 0; x < vectorWidth; x += 4) {
    const centre = line + x * PADDED_BYTE_PIXEL;
    let first = rounding;
    let second = rounding;
    let third = rounding;
    let fourth = rounding;
    for (let k = 0; k <= reach; k += 2) {
      const weights = v128.load32_splat(byteWeights + k * 2);
      const left = centre - k * PADDED_BYTE_PIXEL;
      const right = centre + k * PADDED_BYTE_PIXEL;
      const lowEven = i16x8.add(v128.load(left), v128.load(right));
      const highEven = i16x8.add(v128.load(left, 16), v128.load(right, 16));
      const lowOdd = i16x8.add(v128.load(left - PADDED_BYTE_PIXEL), v128.load(right, 8));
      const highOdd = i16x8.add(v128.load(left, 8), v128.load(right, 24));
      first = i32x4.add(first, i32x4.dot_i16x8_s(interleaveLow(lowEven, lowOdd), weights));
      second = i32x4.add(second, i32x4.dot_i16x8_s(interleaveHigh(lowEven, lowOdd), weights));
      third = i32x4.add(third, i32x4.dot_i16x8_s(interleaveLow(highEven, highOdd), weights));
      fourth = i32x4.add(fourth, i32x4.dot_i16x8_s(interleaveHigh(highEven, highOdd), weights));
    }
    const low = i16x8.narrow_i32x4_s(i32x4.shr_s(first, ALONG_SHIFT), i32x4.shr_s(second, ALONG_SHIFT));
    const high = i16x8.narrow_i32x4_s(i32x4.shr_s(third, ALONG_SHIFT), i32x4.shr_s(fourth, ALONG_SHIFT));
    const blurred = i8x16.narrow_i16x8_u(low, high);
    v128.store(output + x * 4, v128.bitselect(blurred, v128.load(input + x * 4), colour));
  }
  for (let x = vectorWidth; x < width; x++) alongOnePixel(line, input, output, x);
}

function alongOnePixel(line: u32, input: u32, output: u32, x: u32): void {
  const centre = line + x * PADDED_BYTE_PIXEL;
  let sum = i32x4.splat(1 << (ALONG_SHIFT - 1));
  for (let k = 0; k <= reach; k++) {
    const left = v128.load64_zero(centre - k * PADDED_BYTE_PIXEL);
    const right = v128.load64_zero(centre + k * PADDED_BYTE_PIXEL);
    sum = i32x4.add(sum, i32x4.extmul_low_i16x8_s(i16x8.add(left, right), v128.load16_splat(byteWeights + k * 2)));
  }
  const shifted = i32x4.shr_s(sum, ALONG_SHIFT);
  const narrow = i16x8.narrow_i32x4_s(shifted, shifted);
  const blurred = <u32>i32x4.extract_lane(i8x16.narrow_i16x8_u(narrow, narrow), 0);
  store<u32>(output + x * 4, (blurred & 0x00ffffff) | (load<u32>(input + x * 4) & 0xff000000));
}

@inline
function row(rows: usize, k: i32): u32 {
  return load<u32>(rows + k * 4);
}

@inline
function addLow(a: v128, b: v128): v128 {
  return i16x8.add(i16x8.extend_low_i8x16_u(a), i16x8.extend_low_i8x16_u(b));
}

@inline
function addHigh(a: v128, b: v128): v128 {
  return i16x8.add(i16x8.extend_high_i8x16_u(a), i16x8.extend_high_i8x16_u(b));
}

@inline
function interleaveLow(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

@inline
function interleaveHigh(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
