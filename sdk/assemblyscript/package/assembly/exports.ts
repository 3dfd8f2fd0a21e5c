// What the host calls.

import { dispatch } from "./commands";
import { process } from "./effects";
import { RawFrame } from "./frame";
import { give } from "./host";
import { Json } from "./json";
import { parse } from "./reader";

export { plugin_alloc, plugin_free } from "./memory";

export function plugin_abi(): i32 {
  return 1;
}

export function plugin_call(method: usize, methodLen: usize, params: usize, paramsLen: usize): u64 {
  const name = String.UTF8.decodeUnsafe(method, methodLen);
  return give(dispatch(name, paramsLen == 0 ? Json.nothing() : parse(params, paramsLen)));
}

export function plugin_process_frame(effect: i32, frame: RawFrame): i32 {
  return process(effect, frame);
}
