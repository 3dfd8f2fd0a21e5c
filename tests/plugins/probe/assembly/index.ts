// The guest of the daemon's own tests: does what a call tells it to, well or badly. Its methods are listed in
// tests/plugins/README.md.

import { BAD_FRAME, checkFrame, DONE, Frame, pixelBytes } from "../../../../examples/assembly-common/frame";
import {
  ABI_VERSION,
  callHost,
  failure,
  METHOD_NOT_FOUND,
  written,
  writtenError,
} from "../../../../examples/assembly-common/host";
import * as json from "../../../../examples/assembly-common/json";
import { plugin_alloc } from "../../../../examples/assembly-common/memory";
import * as out from "../../../../examples/assembly-common/writer";
import { List } from "./list";
import { decode, decodedLen, decodedPtr } from "./strings";

export { plugin_alloc, plugin_free } from "../../../../examples/assembly-common/memory";

@external("timeline", "log")
declare function log(level: i32, ptr: u32, len: u32): void;

const BAD_PARAMS: i32 = -32602;
const OUT_OF_MEMORY: i32 = 1;
const PAGE_STEP: u32 = 4096;

let count: u64 = 0;
const hooks: usize = memory.data(List.SIZE, 4);
const events: usize = memory.data(List.SIZE, 4);

export function plugin_abi(): i32 {
  return ABI_VERSION;
}

export function plugin_call(methodPtr: u32, methodLen: u32, paramsPtr: u32, paramsLen: u32): i64 {
  if (isHook(methodPtr, methodLen)) return record(methodPtr, methodLen, paramsPtr, paramsLen);
  if (json.equals(methodPtr, methodLen, "echo")) return echo(paramsPtr, paramsLen);
  if (json.equals(methodPtr, methodLen, "host")) return host(paramsPtr, paramsLen);
  if (json.equals(methodPtr, methodLen, "log")) return logMessage(paramsPtr, paramsLen);
  if (json.equals(methodPtr, methodLen, "fail")) return fail(paramsPtr, paramsLen);
  if (json.equals(methodPtr, methodLen, "count")) return number(++count);
  if (json.equals(methodPtr, methodLen, "hooks")) return listed(hooks);
  if (json.equals(methodPtr, methodLen, "events")) return listed(events);
  if (json.equals(methodPtr, methodLen, "alloc")) return allocate(paramsPtr, paramsLen);
  if (json.equals(methodPtr, methodLen, "pages")) return number(<u64>memory.size());
  if (json.equals(methodPtr, methodLen, "panic")) unreachable();
  if (json.equals(methodPtr, methodLen, "spin")) spin();
  return failure(METHOD_NOT_FOUND, "method not found");
}

/** Copies input to output, or does what `params.do` says: "trap", "spin", or "fail" with `params.code`. */
export function plugin_process_frame(effect: i32, frame: Frame): i32 {
  const fault = checkFrame(frame);
  if (fault != DONE) return fault;
  if (frame.paramsLen != 0 && json.member(frame.paramsPtr, frame.paramsLen, "do")) {
    if (json.equals(json.valuePtr, json.valueLen, '"trap"')) unreachable();
    if (json.equals(json.valuePtr, json.valueLen, '"spin"')) spin();
    if (json.equals(json.valuePtr, json.valueLen, '"fail"')) {
      const given = json.member(frame.paramsPtr, frame.paramsLen, "code");
      return given ? <i32>json.toNumber(json.valuePtr, json.valueLen) : BAD_FRAME;
    }
  }
  const rowBytes = frame.width * pixelBytes(frame.format);
  for (let y: u32 = 0; y < frame.height; y++) {
    memory.copy(frame.output + y * frame.stride, frame.input + y * frame.stride, rowBytes);
  }
  return DONE;
}

function isHook(ptr: u32, len: u32): bool {
  return (
    json.equals(ptr, len, "lifecycle.load") ||
    json.equals(ptr, len, "lifecycle.activate") ||
    json.equals(ptr, len, "lifecycle.deactivate") ||
    json.equals(ptr, len, "lifecycle.unload") ||
    json.equals(ptr, len, "main") ||
    json.equals(ptr, len, "event")
  );
}

function record(methodPtr: u32, methodLen: u32, paramsPtr: u32, paramsLen: u32): i64 {
  out.begin();
  out.text('"');
  out.bytes(methodPtr, methodLen);
  out.text('"');
  List.append(hooks, out.ptr(), out.size());
  if (json.equals(methodPtr, methodLen, "event")) List.append(events, paramsPtr, paramsLen);
  return 0;
}

function echo(paramsPtr: u32, paramsLen: u32): i64 {
  out.begin();
  out.bytes(paramsPtr, paramsLen);
  return written();
}

/** Performs a host call; what the host gives, a result or an error object, is passed on as it is. */
function host(paramsPtr: u32, paramsLen: u32): i64 {
  if (!json.member(paramsPtr, paramsLen, "method") || !decode(json.valuePtr, json.valueLen)) {
    return failure(BAD_PARAMS, "host needs a method");
  }
  if (json.member(paramsPtr, paramsLen, "params")) {
    return callHost(decodedPtr, decodedLen, json.valuePtr, json.valueLen);
  }
  out.begin();
  out.text("null");
  return callHost(decodedPtr, decodedLen, out.ptr(), out.size());
}

function logMessage(paramsPtr: u32, paramsLen: u32): i64 {
  const level = json.member(paramsPtr, paramsLen, "level") ? json.toNumber(json.valuePtr, json.valueLen) : 2;
  if (!json.member(paramsPtr, paramsLen, "message") || !decode(json.valuePtr, json.valueLen)) {
    return failure(BAD_PARAMS, "log needs a message");
  }
  log(<i32>level, decodedPtr, decodedLen);
  return 0;
}

/** Answers with its params as the error object; the host should expect code, message and maybe data. */
function fail(paramsPtr: u32, paramsLen: u32): i64 {
  out.begin();
  out.bytes(paramsPtr, paramsLen);
  return writtenError();
}

/** Takes memory for good and writes into each of its pages, so that it counts. */
function allocate(paramsPtr: u32, paramsLen: u32): i64 {
  if (!json.member(paramsPtr, paramsLen, "bytes")) return failure(BAD_PARAMS, "alloc needs bytes");
  const wanted = json.toNumber(json.valuePtr, json.valueLen);
  if (!(wanted >= 0 && wanted <= <f64>u32.MAX_VALUE)) return failure(BAD_PARAMS, "bytes out of range");
  const size = <u32>wanted;
  const block = plugin_alloc(size, PAGE_STEP);
  if (block == 0) return failure(OUT_OF_MEMORY, "out of memory");
  for (let offset: u64 = 0; offset < size; offset += PAGE_STEP) store<u8>(block + <u32>offset, 1);
  return number(<u64>block);
}

function number(value: u64): i64 {
  out.begin();
  out.integer(value);
  return written();
}

function listed(list: usize): i64 {
  out.begin();
  out.text("[");
  out.bytes(List.ptr(list), List.size(list));
  out.text("]");
  return written();
}

function spin(): void {
  for (;;) count++;
}
