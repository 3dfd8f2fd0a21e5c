/** `console`: what a plugin prints goes to its own console, one message a call. */
import { describe } from "./errors";
import type { Natives } from "./natives";

const MAX_DEPTH = 4;
const MAX_ITEMS = 100;
const MAX_TEXT = 8000;
const TRACE = 0;
const DEBUG = 1;
const INFO = 2;
const WARN = 3;
const ERROR = 4;

export function makeConsole(natives: Natives): Record<string, unknown> {
  let indent = "";
  const counts = new Map<string, number>();
  const timers = new Map<string, number>();

  function inspect(value: unknown, depth: number, seen: unknown[]): string {
    if (typeof value === "string") return JSON.stringify(value);
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "function") return `[Function: ${value.name || "(anonymous)"}]`;
    if (typeof value !== "object" || value === null) return String(value);
    if (seen.includes(value)) return "[Circular]";
    if (value instanceof Error) return shown(value);
    if (depth > MAX_DEPTH) return Array.isArray(value) ? "[Array]" : "[Object]";
    return structure(value, depth, [...seen, value]);
  }

  function shown(error: Error): string {
    const { message, data } = describe(natives, error);
    return [`${String(data["name"])}: ${message}`, ...(data["stack"] as string[])].join("\n");
  }

  function structure(value: object, depth: number, seen: unknown[]): string {
    const one = (item: unknown) => inspect(item, depth + 1, seen);
    if (Array.isArray(value)) return list("[", value.slice(0, MAX_ITEMS).map(one), value.length, "]");
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    if (value instanceof RegExp) return String(value);
    if (value instanceof Promise) {
      const settled = natives.settled(value);
      return `Promise { ${settled ? (settled[0] ? "<rejected> " : "") + one(settled[1]) : "<pending>"} }`;
    }
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
      const numbers = value as unknown as ArrayLike<unknown>;
      const some = Array.from({ length: Math.min(numbers.length, MAX_ITEMS) }, (_, at) => String(numbers[at]));
      return list(`${value.constructor.name}(${numbers.length}) [`, some, numbers.length, "]");
    }
    if (value instanceof Map) {
      return list(`Map(${value.size}) {`, [...value].slice(0, MAX_ITEMS).map(([k, v]) => `${one(k)} => ${one(v)}`), value.size, "}");
    }
    if (value instanceof Set) return list(`Set(${value.size}) {`, [...value].slice(0, MAX_ITEMS).map(one), value.size, "}");
    const names = Object.keys(value);
    const kind = Object.getPrototypeOf(value)?.constructor?.name;
    const fields = names.slice(0, MAX_ITEMS).map((name) => {
      const own = Object.getOwnPropertyDescriptor(value, name);
      const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
      return `${key}: ${own && "value" in own ? one(own.value) : "[Getter]"}`;
    });
    return list(kind && kind !== "Object" ? `${kind} {` : "{", fields, names.length, "}");
  }

  function list(open: string, items: string[], all: number, close: string): string {
    const rest = all > items.length ? [...items, `… ${all - items.length} more`] : items;
    const space = close === "}" ? " " : "";
    return rest.length === 0 ? open + close : `${open}${space}${rest.join(", ")}${space}${close}`;
  }

  const plain = (value: unknown) => (typeof value === "string" ? value : inspect(value, 0, []));

  function format(values: unknown[]): string {
    const [first, ...rest] = values;
    if (typeof first !== "string" || !first.includes("%")) return values.map(plain).join(" ");
    const text = first.replace(/%[sdifoOjc%]/g, (mark) => {
      if (mark === "%%") return "%";
      if (rest.length === 0) return mark;
      const value = rest.shift();
      if (mark === "%s") return plain(value);
      if (mark === "%d" || mark === "%f") return String(Number(value));
      if (mark === "%i") return String(Math.trunc(Number(value)));
      return mark === "%c" ? "" : inspect(value, 0, []);
    });
    return [text, ...rest.map(plain)].join(" ");
  }

  function print(level: number, values: unknown[]): void {
    let text: string;
    try {
      text = format(values);
    } catch (error) {
      text = `(what was to be printed cannot be shown: ${String(error)})`;
    }
    natives.log(level, (indent + text.replaceAll("\n", `\n${indent}`)).slice(0, MAX_TEXT));
  }

  const at = (level: number) => (...values: unknown[]) => print(level, values);
  return {
    log: at(INFO),
    info: at(INFO),
    debug: at(DEBUG),
    warn: at(WARN),
    error: at(ERROR),
    dir: (value: unknown) => print(INFO, [value]),
    table: (value: unknown) => print(INFO, [value]),
    trace: (...values: unknown[]) => print(TRACE, [...values, new Error("trace")]),
    assert: (holds: unknown, ...values: unknown[]) => {
      if (!holds) print(ERROR, ["Assertion failed", ...values]);
    },
    count: (label = "default") => {
      counts.set(label, (counts.get(label) ?? 0) + 1);
      print(INFO, [`${label}: ${counts.get(label)}`]);
    },
    countReset: (label = "default") => void counts.delete(label),
    time: (label = "default") => void timers.set(label, natives.now()),
    timeLog: (label = "default") => print(INFO, [`${label}: ${natives.now() - (timers.get(label) ?? natives.now())} ms`]),
    timeEnd: (label = "default") => {
      print(INFO, [`${label}: ${natives.now() - (timers.get(label) ?? natives.now())} ms`]);
      timers.delete(label);
    },
    group: (...values: unknown[]) => {
      if (values.length > 0) print(INFO, values);
      indent += "  ";
    },
    groupEnd: () => {
      indent = indent.slice(2);
    },
  };
}
