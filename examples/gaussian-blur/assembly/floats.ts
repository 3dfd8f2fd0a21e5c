// The two passes for RGBA32F, a pixel to a vector.

import { floatWeights, reach } from "./kernel";

/** Bytes of a pixel in the padded row. */
export const PADDED_FLOAT_PIXEL: u32 = 16;

/** `rows` points at the address of the centre row, `line` at the first pixel of the padded row. */
export function blurDownFloats(rows: usize, line: u32, width: u32): void {
  for (let at: u32 = 0; at < width * 16; at += 16) {
    let sum = f32x4.mul(v128.load(load<u32>(rows) + at), v128.load32_splat(floatWeights));
    for (let k = 1; k <= reach; k++) {
      const above = v128.load(load<u32>(rows - k * 4) + at);
      const below = v128.load(load<u32>(rows + k * 4) + at);
      sum = f32x4.add(sum, f32x4.mul(f32x4.add(above, below), v128.load32_splat(floatWeights + k * 4)));
    }
    v128.store(line + at, sum);
  }
}

/** `line` is a padded row with its edges extended; alpha is `input`'s. */
export function blurAlongFloats(line: u32, input: u32, output: u32, width: u32): void {
  const colour = i32x4(-1, -1, -1, 0);
  for (let at: u32 = 0; at < width * 16; at += 16) {
    const centre = line + at;
    let sum = f32x4.mul(v128.load(centre), v128.load32_splat(floatWeights));
    for (let k = 1; k <= reach; k++) {
      const sides = f32x4.add(v128.load(centre - k * 16), v128.load(centre + k * 16));
      sum = f32x4.add(sum, f32x4.mul(sides, v128.load32_splat(floatWeights + k * 4)));
    }
    v128.store(output + at, v128.bitselect(sum, v128.load(input + at), colour));
  }
}
