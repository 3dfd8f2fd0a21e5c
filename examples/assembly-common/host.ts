// The calling convention of Timeline ABI 1: packed results, host calls, errors.
// A packed result is pointer << 32 | length, with bit 31 set for an error object; 0 is null.

import { plugin_alloc, plugin_free } from "./memory";
import * as out from "./writer";

@external("timeline", "host_call")
declare function host_call(methodPtr: u32, methodLen: u32, paramsPtr: u32, paramsLen: u32): i64;

export const METHOD_NOT_FOUND: i32 = -32601;
export const ABI_VERSION: i32 = 1;
const ERROR_BIT: u32 = 0x80000000;

/** Calls a method of the host; the result is the caller's to pass on or to `release`. */
export function callHost(methodPtr: u32, methodLen: u32, paramsPtr: u32, paramsLen: u32): i64 {
  return host_call(methodPtr, methodLen, paramsPtr, paramsLen);
}

/** As `callHost`, with a constant name and the text in the writer as params. */
export function callHostWritten(method: string): i64 {
  const paramsLen = out.size();
  out.text(method);
  return host_call(out.ptr() + paramsLen, out.size() - paramsLen, out.ptr(), paramsLen);
}

@inline
export function isError(result: i64): bool {
  return (<u32>result & ERROR_BIT) != 0;
}

@inline
export function resultPtr(result: i64): u32 {
  return <u32>(result >> 32);
}

@inline
export function resultLen(result: i64): u32 {
  return <u32>result & ~ERROR_BIT;
}

/** Frees a result of the host that is not passed on. */
export function release(result: i64): void {
  plugin_free(resultPtr(result), resultLen(result), 1);
}

/** Hands the text in the writer to the host as this call's result: a block of just that size, which the host frees. */
export function written(): i64 {
  const len = out.size();
  const ptr = plugin_alloc(len, 1);
  if (ptr == 0) unreachable();
  memory.copy(ptr, out.ptr(), len);
  return (<i64>ptr << 32) | <i64>len;
}

/** Hands the text in the writer to the host as this call's error object. */
export function writtenError(): i64 {
  return written() | <i64>ERROR_BIT;
}

/** Builds an error of this plugin's own; the message must need no JSON escapes. */
export function failure(code: i32, message: string): i64 {
  out.begin();
  out.text('{"code":');
  if (code < 0) out.text("-");
  out.integer(<u64>abs(code));
  out.text(',"message":"');
  out.text(message);
  out.text('"}');
  return writtenError();
}
