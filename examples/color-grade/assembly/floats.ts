// Grades RGBA32F, a pixel to a vector: what is above white stays above white, what is below black becomes black.

import { Frame } from "../../assembly-common/frame";
import { LUMA_BLUE, LUMA_GREEN, LUMA_RED } from "./luma";
import { power } from "./power";

export function gradeFloats(frame: Frame, lift: f32, gamma: f32, gain: f32, saturation: f32): void {
  // gain * (x + lift * (1 - x)) as one multiplication and one addition.
  const slope = f32x4.splat(gain * (1 - lift));
  const offset = f32x4.splat(gain * lift);
  const exponent = f32x4.splat(1 / gamma);
  const ownWeight = f32x4.splat(saturation);
  const greyWeights = f32x4.mul(
    f32x4(<f32>LUMA_RED, <f32>LUMA_GREEN, <f32>LUMA_BLUE, 0),
    f32x4.splat(1 - saturation),
  );
  const colour = i32x4(-1, -1, -1, 0);
  const zero = f32x4.splat(0);
  for (let y: u32 = 0; y < frame.height; y++) {
    const input = frame.input + y * frame.stride;
    const output = frame.output + y * frame.stride;
    const rowBytes = frame.width * 16;
    for (let at: u32 = 0; at < rowBytes; at += 16) {
      const pixel = v128.load(input + at);
      // pmax(0, NaN) is 0: a pixel that is not a number comes out black.
      let value = f32x4.pmax(zero, f32x4.add(f32x4.mul(pixel, slope), offset));
      if (gamma != 1) value = power(value, exponent);
      if (saturation != 1) value = f32x4.pmax(zero, f32x4.add(f32x4.mul(value, ownWeight), sum(value, greyWeights)));
      v128.store(output + at, v128.bitselect(value, pixel, colour));
    }
  }
}

/** The weighted sum of a vector's lanes, in every lane. */
@inline
function sum(value: v128, weights: v128): v128 {
  const products = f32x4.mul(value, weights);
  const pairs = f32x4.add(products, v128.shuffle<f32>(products, products, 1, 0, 3, 2));
  return f32x4.add(pairs, v128.shuffle<f32>(pairs, pairs, 2, 3, 0, 1));
}
