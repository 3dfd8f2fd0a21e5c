// Grades RGBA8. The curve of a channel depends on its byte alone and saturation is linear, so that everything a byte
// adds to red, green and blue can be tabulated: a pixel is the sum of three vectors looked up, rounded and packed.

import { Frame } from "../../assembly-common/frame";
import { LUMA_BLUE, LUMA_GREEN, LUMA_RED } from "./luma";

/** Each entry is four floats in units of 1/255: what the byte adds to red, green, blue, and 0 for alpha. */
const TABLE_BYTES: i32 = 256 * 16;
const redTable: usize = memory.data(TABLE_BYTES, 16);
const greenTable: usize = memory.data(TABLE_BYTES, 16);
const blueTable: usize = memory.data(TABLE_BYTES, 16);

/** The curve is cut off at this multiple of white, so that saturation cannot lose the low bits of a 32-bit float. */
const HEADROOM: f64 = 64;

const ROUNDING: f64 = 0.5;

/** What the tables were built for; NaN before the first frame. */
let tableLift: f64 = NaN;
let tableGamma: f64 = NaN;
let tableGain: f64 = NaN;
let tableSaturation: f64 = NaN;

export function gradeBytes(frame: Frame, lift: f64, gamma: f64, gain: f64, saturation: f64): void {
  if (lift != tableLift || gamma != tableGamma || gain != tableGain || saturation != tableSaturation) {
    buildTables(lift, gamma, gain, saturation);
    tableLift = lift;
    tableGamma = gamma;
    tableGain = gain;
    tableSaturation = saturation;
  }
  for (let y: u32 = 0; y < frame.height; y++) {
    gradeRow(frame.input + y * frame.stride, frame.output + y * frame.stride, frame.width * 4);
  }
}

function buildTables(lift: f64, gamma: f64, gain: f64, saturation: f64): void {
  for (let i: u32 = 0; i < 256; i++) {
    const x = <f64>i / 255;
    const curve = Math.pow(max(0, gain * (x + lift * (1 - x))), 1 / gamma);
    const value = min(HEADROOM, curve) * 255;
    const own = value * saturation;
    const grey = value * (1 - saturation);
    const red = grey * LUMA_RED;
    const green = grey * LUMA_GREEN;
    const blue = grey * LUMA_BLUE;
    storeEntry(redTable + i * 16, red + own + ROUNDING, red + ROUNDING, red + ROUNDING);
    storeEntry(greenTable + i * 16, green, green + own, green);
    storeEntry(blueTable + i * 16, blue, blue, blue + own);
  }
}

function storeEntry(entry: usize, red: f64, green: f64, blue: f64): void {
  store<f32>(entry, <f32>red, 0);
  store<f32>(entry, <f32>green, 4);
  store<f32>(entry, <f32>blue, 8);
}

function gradeRow(input: u32, output: u32, rowBytes: u32): void {
  const colour = i32x4.splat(0x00ffffff);
  const vectors = rowBytes & ~15;
  for (let at: u32 = 0; at < vectors; at += 16) {
    const low = i16x8.narrow_i32x4_s(lookUp(input + at, 0), lookUp(input + at, 4));
    const high = i16x8.narrow_i32x4_s(lookUp(input + at, 8), lookUp(input + at, 12));
    const graded = i8x16.narrow_i16x8_u(low, high);
    v128.store(output + at, v128.bitselect(graded, v128.load(input + at), colour));
  }
  for (let at = vectors; at < rowBytes; at += 4) {
    const wide = lookUp(input + at, 0);
    const narrow = i16x8.narrow_i32x4_s(wide, wide);
    const graded = <u32>i32x4.extract_lane(i8x16.narrow_i16x8_u(narrow, narrow), 0);
    store<u32>(output + at, (graded & 0x00ffffff) | (load<u32>(input + at) & 0xff000000));
  }
}

/** The graded pixel at `ptr + offset` as four integers, which the caller's narrowing clamps to a byte. */
@inline
function lookUp(ptr: u32, offset: u32): v128 {
  const pixel = load<u32>(ptr + offset);
  const red = v128.load(redTable + ((pixel << 4) & 0xff0));
  const green = v128.load(greenTable + ((pixel >> 4) & 0xff0));
  const blue = v128.load(blueTable + ((pixel >> 12) & 0xff0));
  return i32x4.trunc_sat_f32x4_s(f32x4.add(f32x4.add(red, green), blue));
}
