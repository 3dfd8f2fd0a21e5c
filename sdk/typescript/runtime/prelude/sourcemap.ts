/** Source maps: from a place in what runs to the place in what was written. Read only when an error is told. */
import type { Natives } from "./natives";

export interface Place {
  file: string;
  line: number;
  column: number;
}

interface SourceMap {
  mappings: string;
  sources: string[];
  sourceRoot?: string;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const NAMED = /\/\/[#@] sourceMappingURL=(\S+)\s*$/;
const INLINE = /^data:application\/json[^,]*;base64,/;
const WITHIN = 1024;

function fromBase64(text: string): Uint8Array {
  const bytes: number[] = [];
  let bits = 0;
  let have = 0;
  for (const letter of text) {
    const digit = DIGITS.indexOf(letter);
    if (digit < 0) break;
    bits = (bits << 6) | digit;
    have += 6;
    if (have >= 8) {
      have -= 8;
      bytes.push((bits >> have) & 255);
    }
  }
  return new Uint8Array(bytes);
}

/** Numbers of one segment, in base 64 with a sign. */
function numbers(segment: string): number[] {
  const found: number[] = [];
  let value = 0;
  let shift = 0;
  for (const letter of segment) {
    const digit = DIGITS.indexOf(letter);
    value += (digit & 31) << shift;
    if (digit & 32) {
      shift += 5;
    } else {
      found.push(value & 1 ? -(value >> 1) : value >> 1);
      value = shift = 0;
    }
  }
  return found;
}

/** Where a module's map says that a source lies, as a path in the package. */
function joined(module: string, source: string): string {
  const parts = module.split("/").slice(0, -1);
  for (const part of source.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}

function read(natives: Natives, file: string): SourceMap | undefined {
  const text = natives.source(file);
  const lastLine = text === undefined ? -1 : text.trimEnd().lastIndexOf("\n");
  const named = text === undefined ? null : NAMED.exec(text.slice(lastLine + 1));
  if (!named) return undefined;
  const url = named[1]!;
  const inline = INLINE.exec(url);
  const json = inline
    ? natives.decode(fromBase64(url.slice(inline[0].length)), false)
    : url.length <= WITHIN
      ? natives.source(joined(file, url))
      : undefined;
  return json === undefined ? undefined : (JSON.parse(json) as SourceMap);
}

/** Find what a place was made of; the place itself where no map knows. Line and column count from 1. */
export function original(natives: Natives, place: Place): Place {
  let map: SourceMap | undefined;
  try {
    map = read(natives, place.file);
  } catch {
    return place; // a broken map is no reason to hide an error
  }
  if (!map || typeof map.mappings !== "string") return place;
  const lines = map.mappings.split(";", place.line);
  let source = 0;
  let line = 0;
  let column = 0;
  let found: Place | undefined;
  for (let at = 0; at < lines.length; at++) {
    let generated = 0;
    for (const segment of lines[at]!.split(",")) {
      const [step = 0, toSource, toLine, toColumn] = numbers(segment);
      generated += step;
      if (toSource === undefined || toLine === undefined || toColumn === undefined) continue;
      source += toSource;
      line += toLine;
      column += toColumn;
      if (at !== place.line - 1) continue;
      if (generated > place.column - 1 && found) return found;
      const name = map.sources[source];
      if (name !== undefined) {
        found = { file: joined(place.file, (map.sourceRoot ?? "") + name), line: line + 1, column: column + 1 };
      }
    }
  }
  return found ?? place;
}
