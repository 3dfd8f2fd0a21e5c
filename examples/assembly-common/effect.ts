// A plugin of one effect: its table of parameters, its registration and the methods every such plugin answers.
// What it makes of a frame depends on nothing but that frame and its parameters, so that frames may go to several workers.

import { BAD_PARAMS, checkFrame, DONE, Frame, UNKNOWN_EFFECT } from "./frame";
import { callHostWritten, failure, isError, METHOD_NOT_FOUND, release, resultLen, resultPtr, written } from "./host";
import * as json from "./json";
import * as out from "./writer";

/** The columns of a table of limits: three numbers for each parameter. */
const DEFAULT: i32 = 0;
const MIN: i32 = 1;
const MAX: i32 = 2;
const COLUMNS: i32 = 3;

const BAD_REGISTRATION: i32 = 1;

/** The host's handle of our effect; what is not an integer of 32 bits never gets here. */
let handle: i32 = 0;
let registered: bool = false;

/**
 * Answers `plugin_call`.
 *
 * @param heading the start of the definition's JSON: `"id":…,"name":…,"category":…`
 * @param names one name for each parameter
 * @param limits default, minimum and maximum for each parameter
 */
export function call(
  heading: string,
  names: StaticArray<string>,
  limits: StaticArray<f64>,
  methodPtr: u32,
  methodLen: u32,
): i64 {
  const describing = json.equals(methodPtr, methodLen, "describe");
  const loading = json.equals(methodPtr, methodLen, "lifecycle.load");
  if (!describing && !loading) return failure(METHOD_NOT_FOUND, "method not found");
  out.begin();
  writeDefinition(heading, names, limits);
  return describing ? written() : register();
}

/** Registers the definition in the writer and keeps the handle; an error of the host becomes our own. */
function register(): i64 {
  const result = callHostWritten("effects.register");
  if (isError(result)) return result;
  const found = json.member(resultPtr(result), resultLen(result), "effect");
  const value = found ? json.toNumber(json.valuePtr, json.valueLen) : NaN;
  release(result);
  if (value != <f64>(<i32>value)) return failure(BAD_REGISTRATION, "effects.register gave no effect handle");
  handle = <i32>value;
  registered = true;
  return 0;
}

function writeDefinition(heading: string, names: StaticArray<string>, limits: StaticArray<f64>): void {
  out.text("{");
  out.text(heading);
  out.text(',"parallel":true,"parameters":[');
  for (let i = 0; i < names.length; i++) {
    out.text(i == 0 ? '{"name":"' : ',{"name":"');
    out.text(unchecked(names[i]));
    out.text('","type":"float","default":');
    out.number(limit(limits, i, DEFAULT));
    out.text(',"min":');
    out.number(limit(limits, i, MIN));
    out.text(',"max":');
    out.number(limit(limits, i, MAX));
    out.text("}");
  }
  out.text("]}");
}

/**
 * Checks a frame and reads its parameters; nothing is written when it answers other than `DONE`.
 *
 * @param values receives a value for each parameter, its default where the frame names none
 */
export function accept(
  effect: i32,
  frame: Frame,
  names: StaticArray<string>,
  limits: StaticArray<f64>,
  values: StaticArray<f64>,
): i32 {
  if (!registered || effect != handle) return UNKNOWN_EFFECT;
  const fault = checkFrame(frame);
  if (fault != DONE) return fault;
  return readParameters(frame.paramsPtr, frame.paramsLen, names, limits, values) ? DONE : BAD_PARAMS;
}

function readParameters(
  ptr: u32,
  len: u32,
  names: StaticArray<string>,
  limits: StaticArray<f64>,
  values: StaticArray<f64>,
): bool {
  if (<u64>ptr + len > <u64>memory.size() << 16) return false;
  if (len != 0 && !json.isObject(ptr, len)) return false;
  for (let i = 0; i < names.length; i++) {
    let value = limit(limits, i, DEFAULT);
    if (len != 0 && json.member(ptr, len, unchecked(names[i]))) value = json.toNumber(json.valuePtr, json.valueLen);
    // Written so that NaN, which is what toNumber gives for anything but a number, is refused too.
    if (!(value >= limit(limits, i, MIN) && value <= limit(limits, i, MAX))) return false;
    unchecked((values[i] = value));
  }
  return true;
}

@inline
function limit(limits: StaticArray<f64>, parameter: i32, column: i32): f64 {
  return unchecked(limits[parameter * COLUMNS + column]);
}
