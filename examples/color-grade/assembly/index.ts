// Lift, gamma, gain and saturation; the formula is in this folder's README.

import { accept, call } from "../../assembly-common/effect";
import { DONE, Frame, RGBA8 } from "../../assembly-common/frame";
import { ABI_VERSION } from "../../assembly-common/host";
import { gradeBytes } from "./bytes";
import { gradeFloats } from "./floats";

export { plugin_alloc, plugin_free } from "../../assembly-common/memory";

const HEADING = '"id":"grade","name":"Colour grade","category":"Color"';
const NAMES: StaticArray<string> = ["lift", "gamma", "gain", "saturation"];
const LIMITS: StaticArray<f64> = [0, -0.5, 0.5, 1, 0.1, 4, 1, 0, 4, 1, 0, 4];
const VALUES: StaticArray<f64> = [0, 0, 0, 0];

export function plugin_abi(): i32 {
  return ABI_VERSION;
}

export function plugin_call(methodPtr: u32, methodLen: u32, paramsPtr: u32, paramsLen: u32): i64 {
  return call(HEADING, NAMES, LIMITS, methodPtr, methodLen);
}

export function plugin_process_frame(effect: i32, frame: Frame): i32 {
  const fault = accept(effect, frame, NAMES, LIMITS, VALUES);
  if (fault != DONE) return fault;
  const lift = unchecked(VALUES[0]);
  const gamma = unchecked(VALUES[1]);
  const gain = unchecked(VALUES[2]);
  const saturation = unchecked(VALUES[3]);
  if (frame.format == RGBA8) gradeBytes(frame, lift, gamma, gain, saturation);
  else gradeFloats(frame, <f32>lift, <f32>gamma, <f32>gain, <f32>saturation);
  return DONE;
}
