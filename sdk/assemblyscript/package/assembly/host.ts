// Asking the host: texts over the ABI.

import { fail, Json } from "./json";
import { plugin_alloc, plugin_free } from "./memory";
import { parse } from "./reader";

@external("timeline", "host_call")
declare function host_call(method: usize, methodLen: usize, params: usize, paramsLen: usize): u64;

/** Bit of a packed text that says it is an error object. */
const ERROR_BIT: u64 = 0x80000000;

/**
 * Asks the host. The namespaces `timeline`, `ui`, `storage` and so on have a function for each method there is.
 *
 * @returns what the host answers, or a failure: look at `failed`, or return it as it is
 */
export function call(method: string, params: Json): Json {
  const name = encode(method);
  const text = encode(params.toString());
  const answer = host_call(changetype<usize>(name), name.byteLength, changetype<usize>(text), text.byteLength);
  const value = take(answer);
  return (answer & ERROR_BIT) != 0 ? value.asFailure() : value;
}

/** Hands a value to the host as the answer of its call: in a block of just that size, which the host frees. */
export function give(value: Json): u64 {
  if (value.isNull) return 0;
  const text = encode(value.toString());
  const len = <u32>text.byteLength;
  const ptr = plugin_alloc(len, 1);
  if (ptr == 0) throw new Error("no memory for the answer");
  memory.copy(ptr, changetype<usize>(text), len);
  return (<u64>ptr << 32) | len | (value.failed ? ERROR_BIT : 0);
}

/** The value of a text of the host's that this plugin owns. */
function take(packed: u64): Json {
  const ptr = <u32>(packed >> 32);
  const len = <u32>(packed & (ERROR_BIT - 1));
  if (len == 0) return Json.nothing();
  const value = parse(ptr, len);
  plugin_free(ptr, len, 1);
  return value === null ? fail("the host answered something that is no JSON") : value;
}

function encode(text: string): ArrayBuffer {
  return String.UTF8.encode(text, false, String.UTF8.ErrorMode.REPLACE);
}
