// A plugin that edits: asks the host how long the timeline is, and puts clips at its end.

import {
  ABI_VERSION,
  callHostWritten,
  failure,
  isError,
  METHOD_NOT_FOUND,
  release,
  resultLen,
  resultPtr,
  written,
} from "../../assembly-common/host";
import * as json from "../../assembly-common/json";
import * as out from "../../assembly-common/writer";

export { plugin_alloc, plugin_free } from "../../assembly-common/memory";

const BAD_PARAMS: i32 = -32602;
const MOST: f64 = 100;

export function plugin_abi(): i32 {
  return ABI_VERSION;
}

export function plugin_call(methodPtr: u32, methodLen: u32, paramsPtr: u32, paramsLen: u32): i64 {
  if (!json.equals(methodPtr, methodLen, "append")) return failure(METHOD_NOT_FOUND, "method not found");
  const times = json.member(paramsPtr, paramsLen, "times") ? json.toNumber(json.valuePtr, json.valueLen) : 1;
  if (!(times >= 1 && times <= MOST)) return failure(BAD_PARAMS, "times is 1 to 100");
  if (!json.member(paramsPtr, paramsLen, "source")) return failure(BAD_PARAMS, "append needs a source");
  const sourcePtr = json.valuePtr;
  const sourceLen = json.valueLen;
  for (let count = 0; count < <i32>times; count++) {
    const answer = append(sourcePtr, sourceLen);
    if (isError(answer)) return answer;
    release(answer);
  }
  return told(<u64>times);
}

/** Puts one clip at the end; the answer is the host's. */
function append(sourcePtr: u32, sourceLen: u32): i64 {
  out.begin();
  out.text("{}");
  const state = callHostWritten("timeline.getState");
  if (isError(state)) return state;
  out.begin();
  out.text('{"track":0,"clip":{"source":');
  out.bytes(sourcePtr, sourceLen);
  out.text(',"start":');
  if (json.member(resultPtr(state), resultLen(state), "duration")) out.bytes(json.valuePtr, json.valueLen);
  else out.text("0");
  out.text("}}");
  release(state);
  return callHostWritten("timeline.addClip");
}

/** Tells the user, if that is allowed, and answers with how many there were. */
function told(times: u64): i64 {
  out.begin();
  out.text('{"message":"Clips appended: ');
  out.integer(times);
  out.text('","kind":"success"}');
  const answer = callHostWritten("ui.showNotification");
  if (answer != 0) release(answer);
  out.begin();
  out.text('{"appended":');
  out.integer(times);
  out.text("}");
  return written();
}
