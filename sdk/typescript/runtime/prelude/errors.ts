/** How errors are told: to the host as an error object, to people with their stack in what they wrote. */
import { original, type Place } from "./sourcemap";
import type { Natives } from "./natives";

const FRAME = /^(\s*at .*?\(?)([^\s()]+):(\d+):(\d+)(\)?)$/;
const OURS = /^timeline:/;
const MAX_FRAMES = 30;
const DEFAULT_CODE = 1;

export interface Told {
  code: number;
  message: string;
  data: Record<string, unknown>;
}

/** The lines of a stack, each place as it was written; and the innermost place. */
export function stackOf(natives: Natives, stack: string): { lines: string[]; at: Place | undefined } {
  let at: Place | undefined;
  const lines: string[] = [];
  for (const line of stack.split("\n").slice(0, MAX_FRAMES)) {
    const match = FRAME.exec(line);
    if (match && OURS.test(match[2]!)) continue;
    if (match) {
      const place = original(natives, { file: match[2]!, line: Number(match[3]), column: Number(match[4]) });
      at ??= place;
      lines.push(`${match[1]}${place.file}:${place.line}:${place.column}${match[5]}`);
    } else if (line.trim() !== "" && !line.includes("(native)")) {
      lines.push(line);
    }
  }
  return { lines, at };
}

function field(error: object, name: string): unknown {
  try {
    return (error as Record<string, unknown>)[name];
  } catch {
    return undefined; // a getter that throws
  }
}

function words(value: unknown): string {
  try {
    return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
  } catch {
    return "a value that has no words";
  }
}

/** Turn whatever was thrown into an error object; what is printed of it comes along, unseen by JSON. */
export function describe(natives: Natives, error: unknown): Told {
  const told = error instanceof Error ? ofError(natives, error) : ofValue(error);
  const { name, stack } = told.data as { name?: string; stack?: string[] };
  const head = name ? `Uncaught ${name}: ${told.message}` : `Uncaught ${told.message}`;
  Object.defineProperty(told, "printed", { value: [head, ...(stack ?? [])].join("\n"), enumerable: false });
  return told;
}

function ofValue(value: unknown): Told {
  const found = typeof value === "object" && value !== null ? value : {};
  const code = field(found, "code");
  const message = field(found, "message");
  return {
    code: Number.isInteger(code) ? (code as number) : DEFAULT_CODE,
    message: typeof message === "string" ? message : words(value),
    data: { name: "" },
  };
}

function ofError(natives: Natives, error: Error): Told {
  const code = field(error, "code");
  const name = field(error, "name");
  const stack = field(error, "stack");
  const data = field(error, "data");
  const cause = field(error, "cause");
  const { lines, at } = stackOf(natives, typeof stack === "string" ? stack : "");
  const more = typeof data === "object" && data !== null && !Array.isArray(data) ? data : data === undefined ? {} : { data };
  return {
    code: Number.isInteger(code) && code !== 0 ? (code as number) : DEFAULT_CODE,
    message: words(field(error, "message")),
    data: {
      ...more,
      name: typeof name === "string" ? name : "Error",
      ...(at ? { at: `${at.file}:${at.line}:${at.column}`, file: at.file, line: at.line, column: at.column } : {}),
      stack: lines,
      ...(cause === undefined ? {} : { cause: words(cause instanceof Error ? `${cause.name}: ${cause.message}` : cause) }),
    },
  };
}
