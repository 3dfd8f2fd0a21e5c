// Parameters of an effect: how they are declared, and the values that one frame comes with.

import { Json } from "./json";

/** One parameter of an effect, as it is declared. The editor shows a control for it. */
export abstract class Parameter {
  /** For people; by default the name. */
  label: string = "";

  constructor(
    /** Its key. */
    readonly name: string,
  ) {}

  /** What the host is told of it. */
  abstract describe(): Json;

  /** What a value has to be, in words; empty where it fits. */
  abstract fault(value: Json): string;

  /** The value where none is given. */
  abstract fallback(): Json;

  protected described(type: string): Json {
    const made = Json.object().set("name", this.name).set("type", type).set("default", this.fallback());
    return this.label.length > 0 ? made.set("label", this.label) : made;
  }
}

/** A number. */
export class FloatParameter extends Parameter {
  constructor(
    name: string,
    readonly value: f64,
    readonly min: f64 = -Infinity,
    readonly max: f64 = Infinity,
  ) {
    super(name);
  }

  describe(): Json {
    return bounds(this.described("float"), Json.float(this.min), Json.float(this.max));
  }

  fault(value: Json): string {
    if (!value.isNumber) return "a number";
    const number = value.asFloat();
    return number >= this.min && number <= this.max ? "" : `${this.min} to ${this.max}`;
  }

  fallback(): Json {
    return Json.float(this.value);
  }
}

/** A whole number. */
export class IntParameter extends Parameter {
  constructor(
    name: string,
    readonly value: i64,
    readonly min: i64 = i64.MIN_VALUE,
    readonly max: i64 = i64.MAX_VALUE,
  ) {
    super(name);
  }

  describe(): Json {
    const least = this.min == i64.MIN_VALUE ? Json.nothing() : Json.int(this.min);
    return bounds(this.described("int"), least, this.max == i64.MAX_VALUE ? Json.nothing() : Json.int(this.max));
  }

  fault(value: Json): string {
    if (!value.isNumber || !value.isInt) return "a whole number";
    const number = value.asInt();
    return number >= this.min && number <= this.max ? "" : `${this.min} to ${this.max}`;
  }

  fallback(): Json {
    return Json.int(this.value);
  }
}

/** Yes or no. */
export class BoolParameter extends Parameter {
  constructor(
    name: string,
    readonly value: bool,
  ) {
    super(name);
  }

  describe(): Json {
    return this.described("bool");
  }

  fault(value: Json): string {
    return value.asBool(true) == value.asBool(false) ? "" : "true or false";
  }

  fallback(): Json {
    return Json.bool(this.value);
  }
}

/** A colour, as `#rrggbb` or `#rrggbbaa`. */
export class ColorParameter extends Parameter {
  constructor(
    name: string,
    readonly value: string,
  ) {
    super(name);
  }

  describe(): Json {
    return this.described("color");
  }

  fault(value: Json): string {
    return isColor(value.asString()) ? "" : "a colour such as #ff8000 or #ff8000cc";
  }

  fallback(): Json {
    return Json.string(this.value);
  }
}

/** One of several words; the first where none is given. */
export class ChoiceParameter extends Parameter {
  constructor(
    name: string,
    readonly choices: Array<string>,
  ) {
    super(name);
  }

  describe(): Json {
    const words = Json.array([]);
    for (let i = 0; i < this.choices.length; i++) words.push(this.choices[i]);
    return this.described("choice").set("choices", words);
  }

  fault(value: Json): string {
    return value.isString && this.choices.includes(value.asString()) ? "" : `one of ${this.choices.join(", ")}`;
  }

  fallback(): Json {
    return Json.string(this.choices[0]);
  }
}

/** A text. */
export class TextParameter extends Parameter {
  constructor(
    name: string,
    readonly value: string = "",
  ) {
    super(name);
  }

  describe(): Json {
    return this.described("string");
  }

  fault(value: Json): string {
    return value.isString ? "" : "a text";
  }

  fallback(): Json {
    return Json.string(this.value);
  }
}

/**
 * The values that a frame is to be processed with. Those that were declared have been checked before the effect sees them: type,
 * range, choices; one that was left out has its default.
 */
export class Parameters {
  /** What does not fit, in words; empty where all does. */
  fault: string = "";

  constructor(
    declared: Array<Parameter>,
    private values: Json,
  ) {
    for (let i = 0; i < declared.length; i++) {
      const one = declared[i];
      if (!values.has(one.name)) {
        values.set(one.name, one.fallback());
        continue;
      }
      const given = values.get(one.name);
      const wanted = one.fault(given);
      if (wanted.length > 0) {
        this.fault = `parameter "${one.name}" has to be ${wanted}, not ${given.toString().substring(0, 80)}`;
        break;
      }
    }
  }

  getFloat(name: string): f64 {
    return this.get(name).asFloat();
  }

  getInt(name: string): i64 {
    return this.get(name).asInt();
  }

  getBool(name: string): bool {
    return this.get(name).asBool();
  }

  getString(name: string): string {
    return this.get(name).asString();
  }

  /** A colour as four floats from 0 to 1: red, green, blue, alpha. */
  getColor(name: string): v128 {
    const text = this.get(name).asString();
    assert(isColor(text), `parameter "${name}" is no colour`);
    return f32x4(channel(text, 1), channel(text, 3), channel(text, 5), text.length == 9 ? channel(text, 7) : 1);
  }

  /** Any value. One that was not declared may be missing, which is a mistake of the plugin's. */
  get(name: string): Json {
    assert(this.values.has(name), `there is no parameter "${name}"`);
    return this.values.get(name);
  }

  has(name: string): bool {
    return this.values.has(name);
  }
}

function bounds(described: Json, min: Json, max: Json): Json {
  if (!min.isNull) described.set("min", min);
  return max.isNull ? described : described.set("max", max);
}

function isColor(text: string): bool {
  if (!text.startsWith("#") || (text.length != 7 && text.length != 9)) return false;
  for (let i = 1; i < text.length; i++) {
    if (digit(text, i) < 0) return false;
  }
  return true;
}

function channel(text: string, at: i32): f32 {
  return <f32>(digit(text, at) * 16 + digit(text, at + 1)) / 255;
}

/** A hexadecimal digit's value; -1 where it is none. */
function digit(text: string, at: i32): i32 {
  const char = text.charCodeAt(at);
  if (char >= 0x30 && char <= 0x39) return char - 0x30;
  const lower = char | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
