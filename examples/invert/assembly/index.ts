// Inverts colours. As light as an effect can be, so that what is measured with it is the host, not the effect.

import { accept, call } from "../../assembly-common/effect";
import { DONE, Frame, pixelBytes, RGBA8 } from "../../assembly-common/frame";
import { ABI_VERSION } from "../../assembly-common/host";

export { plugin_alloc, plugin_free } from "../../assembly-common/memory";

const HEADING = '"id":"invert","name":"Invert","category":"Color"';
const NAMES: StaticArray<string> = [];
const LIMITS: StaticArray<f64> = [];
const VALUES: StaticArray<f64> = [];

const VECTOR: u32 = 16;

export function plugin_abi(): i32 {
  return ABI_VERSION;
}

export function plugin_call(methodPtr: u32, methodLen: u32, paramsPtr: u32, paramsLen: u32): i64 {
  return call(HEADING, NAMES, LIMITS, methodPtr, methodLen);
}

export function plugin_process_frame(effect: i32, frame: Frame): i32 {
  const fault = accept(effect, frame, NAMES, LIMITS, VALUES);
  if (fault != DONE) return fault;
  const rowBytes = frame.width * pixelBytes(frame.format);
  for (let y: u32 = 0; y < frame.height; y++) {
    const input = frame.input + y * frame.stride;
    const output = frame.output + y * frame.stride;
    if (frame.format == RGBA8) invertBytes(input, output, rowBytes);
    else invertFloats(input, output, rowBytes);
  }
  return DONE;
}

function invertBytes(input: u32, output: u32, rowBytes: u32): void {
  const colour = i32x4.splat(0x00ffffff);
  const vectors = rowBytes & ~(VECTOR - 1);
  for (let at: u32 = 0; at < vectors; at += VECTOR) {
    v128.store(output + at, v128.xor(v128.load(input + at), colour));
  }
  for (let at = vectors; at < rowBytes; at += 4) store<u32>(output + at, load<u32>(input + at) ^ 0x00ffffff);
}

/** One pixel to a vector: 1 - colour, alpha as it was. */
function invertFloats(input: u32, output: u32, rowBytes: u32): void {
  const colour = i32x4(-1, -1, -1, 0);
  const one = f32x4.splat(1);
  for (let at: u32 = 0; at < rowBytes; at += VECTOR) {
    const pixel = v128.load(input + at);
    v128.store(output + at, v128.bitselect(f32x4.sub(one, pixel), pixel, colour));
  }
}
