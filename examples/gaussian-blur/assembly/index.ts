// A separable Gaussian blur with clamped edges; the kernel is described in this folder's README.

import { accept, call } from "../../assembly-common/effect";
import { DONE, Frame } from "../../assembly-common/frame";
import { ABI_VERSION } from "../../assembly-common/host";
import { blur } from "./blur";

export { plugin_alloc, plugin_free } from "../../assembly-common/memory";

const HEADING = '"id":"blur","name":"Gaussian blur","category":"Blur"';
const NAMES: StaticArray<string> = ["radius"];
const LIMITS: StaticArray<f64> = [5, 0, 100];
const VALUES: StaticArray<f64> = [0];

export function plugin_abi(): i32 {
  return ABI_VERSION;
}

export function plugin_call(methodPtr: u32, methodLen: u32, paramsPtr: u32, paramsLen: u32): i64 {
  return call(HEADING, NAMES, LIMITS, methodPtr, methodLen);
}

export function plugin_process_frame(effect: i32, frame: Frame): i32 {
  const fault = accept(effect, frame, NAMES, LIMITS, VALUES);
  return fault != DONE ? fault : blur(frame, unchecked(VALUES[0]));
}
