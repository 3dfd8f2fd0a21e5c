// Effects that the plugin offers.

import { call } from "./host";
import { Json } from "./json";
import { log } from "./console";
import { formatName, PixelFormat, RawFrame, VideoFrame } from "./frame";
import { Parameter, Parameters } from "./parameters";
import { parse } from "./reader";

/** What `Effect.process` returns where all went well. */
export const DONE: i32 = 0;
/** Codes that this SDK answers by itself. */
const NO_EFFECT: i32 = 1;
const UNSUPPORTED_FORMAT: i32 = 2;
const BAD_PARAMETERS: i32 = 3;
const BAD_FRAME: i32 = 4;

/** An effect: what it is called, what it can be told, and what computes it. */
export abstract class Effect {
  /** What clients call it; made of the name: "Custom Blur" is `custom-blur`. */
  id: string;
  /** In the order of the editor's controls. */
  parameters: Array<Parameter> = [];
  /** What it takes; other frames are refused. */
  formats: Array<PixelFormat> = [PixelFormat.RGBA8, PixelFormat.RGBA32F];
  /**
   * Whether what it makes of a frame depends on nothing but that frame, its parameters and its time, and it asks the host for
   * nothing: frames may then be run by several workers at once.
   */
  parallel: bool = false;

  constructor(
    /** For people. */
    readonly name: string,
    /** For people: where editors list it. */
    readonly category: string = "",
  ) {
    this.id = idOf(name);
  }

  /**
   * Makes the output of the input.
   *
   * @returns `DONE`, or what `frame.fail` returns
   */
  abstract process(frame: VideoFrame, parameters: Parameters): i32;

  /** What the host is told. */
  describe(): Json {
    const parameters = Json.array([]);
    for (let i = 0; i < this.parameters.length; i++) parameters.push(this.parameters[i].describe());
    const made = Json.object().set("id", this.id).set("name", this.name).set("category", this.category);
    return made.set("parameters", parameters).set("parallel", this.parallel);
  }
}

class Registered {
  handle: i32 = -1;
  /** The parameters of the frame before, whose text and values mostly stay the same. */
  text: Uint8Array = new Uint8Array(0);
  values: Parameters | null = null;

  constructor(readonly effect: Effect) {}
}

const registered = new Array<Registered>();
const frame = new VideoFrame();
let loaded = false;

/** Offers an effect. Permission: `effects.create`. Those that are offered before the plugin is loaded, at the top level of a module, reach the host when it is. */
export function registerEffect(effect: Effect): Json {
  for (let i = 0; i < registered.length; i++) {
    assert(registered[i].effect.id != effect.id, `there are two effects ${effect.id}`);
  }
  const made = new Registered(effect);
  registered.push(made);
  return loaded ? register(made) : Json.nothing();
}

/** Offers what was offered before the host could be asked. */
export function registerAll(): Json {
  loaded = true;
  for (let i = 0; i < registered.length; i++) {
    const answer = register(registered[i]);
    if (answer.failed) return answer;
  }
  return Json.nothing();
}

function register(one: Registered): Json {
  const answer = call("effects.register", one.effect.describe());
  if (!answer.failed) one.handle = <i32>answer.get("effect").asInt(-1);
  return answer;
}

/** Processes a frame; 0, or the code of what went wrong. */
export function process(handle: i32, raw: RawFrame): i32 {
  const one = find(handle);
  if (one === null) return NO_EFFECT;
  const effect = one.effect;
  if (!raw.isSound()) return told(effect, "the frame structure is broken", BAD_FRAME);
  if (!effect.formats.includes(<PixelFormat>raw.format)) {
    return told(effect, `takes frames of ${names(effect.formats)}, not of ${formatName(raw.format)}`, UNSUPPORTED_FORMAT);
  }
  const values = valuesFor(one, raw.paramsPtr, raw.paramsLen);
  if (values === null) return told(effect, "the parameters are no JSON object", BAD_PARAMETERS);
  if (values.fault.length > 0) return told(effect, values.fault, BAD_PARAMETERS);
  frame.show(raw);
  const code = effect.process(frame, values);
  return code == DONE ? DONE : told(effect, frame.message, code);
}

/** The values of a frame; read anew only where the text is another. */
function valuesFor(one: Registered, ptr: usize, len: usize): Parameters | null {
  const before = one.values;
  if (before !== null && <usize>one.text.length == len && memory.compare(one.text.dataStart, ptr, len) == 0) return before;
  const given = len == 0 ? Json.object() : parse(ptr, len);
  if (given === null || !(given.isObject || given.isNull)) return null;
  const values = new Parameters(one.effect.parameters, given.isNull ? Json.object() : given);
  const text = new Uint8Array(<i32>len);
  memory.copy(text.dataStart, ptr, len);
  one.text = text;
  one.values = values;
  return values;
}

function find(handle: i32): Registered | null {
  for (let i = 0; i < registered.length; i++) {
    if (registered[i].handle == handle) return registered[i];
  }
  return null;
}

function told(effect: Effect, message: string, code: i32): i32 {
  log.error(`effect ${effect.id}: ${message.length > 0 ? message : `failed with code ${code}`}`);
  return code;
}

function names(formats: Array<PixelFormat>): string {
  let made = "";
  for (let i = 0; i < formats.length; i++) made += (i > 0 ? " or " : "") + formatName(formats[i]);
  return made;
}

/** Lower case, with dashes for what is no letter or digit of ASCII. */
function idOf(name: string): string {
  let made = "";
  for (let i = 0; i < name.length; i++) {
    const char = name.charCodeAt(i);
    const lower = char >= 0x41 && char <= 0x5a ? char | 0x20 : char; // the library's own brings tables of all of Unicode
    const plain = (lower >= 0x30 && lower <= 0x39) || (lower >= 0x61 && lower <= 0x7a);
    if (plain) made += String.fromCharCode(lower);
    else if (made.length > 0 && !made.endsWith("-")) made += "-";
  }
  return made.endsWith("-") ? made.substring(0, made.length - 1) : made;
}
