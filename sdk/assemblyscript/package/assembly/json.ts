// Values of JSON, as commands get and answer them and as host calls do: null, bool, number, string, array, object, and
// failures, which take the place of exceptions.

import { parse } from "./reader";
import { write } from "./writer";

/** What a value is. */
export enum JsonKind {
  NULL,
  BOOL,
  /** A whole number that fits 64 bits and was written without fraction and exponent. */
  INT,
  FLOAT,
  STRING,
  ARRAY,
  OBJECT,
}

/** Codes of errors that this SDK answers by itself; the host's are listed in its documentation. */
export namespace codes {
  export const METHOD_NOT_FOUND: i32 = -32601;
  export const INVALID_PARAMS: i32 = -32602;
  export const PERMISSION_DENIED: i32 = -32003;
  /** Of failures that name none of their own. */
  export const PLUGIN: i32 = 1;
}

/** One value of JSON. What is asked of a value of another kind answers the fallback, so that nothing needs to be checked first. */
export class Json {
  private _kind: JsonKind = JsonKind.NULL;
  private _bits: u64 = 0;
  private _text: string = "";
  private _items: Array<Json> | null = null;
  private _members: Map<string, Json> | null = null;
  private _failed: bool = false;

  /** `null`. */
  static nothing(): Json {
    return new Json();
  }

  static bool(value: bool): Json {
    return Json.raw(JsonKind.BOOL, value ? 1 : 0);
  }

  static int(value: i64): Json {
    return Json.raw(JsonKind.INT, <u64>value);
  }

  /** A number; NaN and infinity, which JSON does not have, become `null`. */
  static float(value: f64): Json {
    return isFinite(value) ? Json.raw(JsonKind.FLOAT, reinterpret<u64>(value)) : new Json();
  }

  static string(value: string): Json {
    const made = Json.raw(JsonKind.STRING, 0);
    made._text = value;
    return made;
  }

  static array(items: Array<Json> = []): Json {
    const made = Json.raw(JsonKind.ARRAY, 0);
    made._items = items;
    return made;
  }

  static object(): Json {
    const made = Json.raw(JsonKind.OBJECT, 0);
    made._members = new Map<string, Json>();
    return made;
  }

  /** A value of any of the types that JSON has: `bool`, numbers, `string`, `Json`; no `Json` is `null`. */
  static of<T>(value: T): Json {
    if (isString<T>()) return Json.string(changetype<string>(value));
    else if (isBoolean<T>()) return Json.bool(<bool>value);
    else if (isFloat<T>()) return Json.float(<f64>value);
    else if (isInteger<T>()) return Json.int(<i64>value);
    else if (isNullable<T>()) return value === null ? new Json() : value;
    else return value;
  }

  /** The value of a text, or null where it is no JSON. */
  static parse(text: string): Json | null {
    const bytes = String.UTF8.encode(text, false, String.UTF8.ErrorMode.REPLACE);
    return parse(changetype<usize>(bytes), bytes.byteLength);
  }

  private static raw(kind: JsonKind, bits: u64): Json {
    const made = new Json();
    made._kind = kind;
    made._bits = bits;
    return made;
  }

  get kind(): JsonKind {
    return this._kind;
  }

  get isNull(): bool {
    return this._kind == JsonKind.NULL;
  }

  get isNumber(): bool {
    return this._kind == JsonKind.INT || this._kind == JsonKind.FLOAT;
  }

  get isString(): bool {
    return this._kind == JsonKind.STRING;
  }

  get isArray(): bool {
    return this._kind == JsonKind.ARRAY;
  }

  get isObject(): bool {
    return this._kind == JsonKind.OBJECT;
  }

  asBool(fallback: bool = false): bool {
    return this._kind == JsonKind.BOOL ? this._bits != 0 : fallback;
  }

  asFloat(fallback: f64 = NaN): f64 {
    if (this._kind == JsonKind.INT) return <f64>(<i64>this._bits);
    return this._kind == JsonKind.FLOAT ? reinterpret<f64>(this._bits) : fallback;
  }

  /** A whole number, also where it came as `5.0`. */
  asInt(fallback: i64 = 0): i64 {
    if (this._kind == JsonKind.INT) return <i64>this._bits;
    if (this._kind != JsonKind.FLOAT) return fallback;
    const value = reinterpret<f64>(this._bits);
    return value == trunc(value) && abs(value) < 9.2e18 ? <i64>value : fallback;
  }

  /** Whether `asInt` answers the value and not its fallback. */
  get isInt(): bool {
    return this.asInt(0) == this.asInt(1);
  }

  asString(fallback: string = ""): string {
    return this._kind == JsonKind.STRING ? this._text : fallback;
  }

  /** Number of an array's items or an object's members; otherwise 0. */
  get length(): i32 {
    const items = this._items;
    const members = this._members;
    return items !== null ? items.length : members !== null ? members.size : 0;
  }

  /** An item of an array; `null` where there is none. */
  at(index: i32): Json {
    const items = this._items;
    return items !== null && index >= 0 && index < items.length ? items[index] : new Json();
  }

  /** The keys of an object, in its order. */
  keys(): Array<string> {
    const members = this._members;
    return members === null ? [] : members.keys();
  }

  has(key: string): bool {
    const members = this._members;
    return members !== null && members.has(key);
  }

  /** A member of an object; `null` where there is none. */
  get(key: string): Json {
    const members = this._members;
    return members !== null && members.has(key) ? members.get(key) : new Json();
  }

  /** Sets a member of an object, and returns the object. */
  set<T>(key: string, value: T): Json {
    const members = this._members;
    assert(members !== null, "only objects have members");
    members!.set(key, Json.of<T>(value));
    return this;
  }

  /** Adds an item to an array, and returns the array. */
  push<T>(value: T): Json {
    const items = this._items;
    assert(items !== null, "only arrays have items");
    items!.push(Json.of<T>(value));
    return this;
  }

  /** Whether this is a failure: made by `fail`, or what a host call answered. */
  get failed(): bool {
    return this._failed;
  }

  /** Of a failure. */
  get code(): i32 {
    return <i32>this.get("code").asInt();
  }

  /** Of a failure. */
  get message(): string {
    return this.get("message").asString();
  }

  /** Of a failure: whether the user has not granted what the call needs. */
  get isPermissionDenied(): bool {
    return this._failed && this.code == codes.PERMISSION_DENIED;
  }

  /** Makes an error object a failure. */
  asFailure(): Json {
    this._failed = true;
    return this;
  }

  /** The text, on one line. */
  toString(): string {
    return write(this);
  }
}

/** What a command returns that has nothing to say. */
export function ok(): Json {
  return new Json();
}

/**
 * A failure. A command that returns it makes `plugins.call` fail with PluginError, which has its code, message and data.
 *
 * @param code positive ones are the plugin's own
 */
export function fail(message: string, code: i32 = codes.PLUGIN, data: Json | null = null): Json {
  const made = Json.object().set("code", code).set("message", message);
  if (data !== null) made.set("data", data);
  return made.asFailure();
}
