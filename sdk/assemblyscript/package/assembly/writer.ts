// Writes JSON.

import { Json, JsonKind } from "./json";

/** The text of a value. */
export function write(value: Json): string {
  const parts = new Array<string>();
  add(value, parts);
  return parts.join("");
}

function add(value: Json, parts: Array<string>): void {
  switch (value.kind) {
    case JsonKind.BOOL:
      parts.push(value.asBool() ? "true" : "false");
      break;
    case JsonKind.INT:
      parts.push(value.asInt().toString());
      break;
    case JsonKind.FLOAT:
      parts.push(value.asFloat().toString());
      break;
    case JsonKind.STRING:
      addString(value.asString(), parts);
      break;
    case JsonKind.ARRAY:
      addItems(value, parts);
      break;
    case JsonKind.OBJECT:
      addMembers(value, parts);
      break;
    default:
      parts.push("null");
  }
}

function addItems(value: Json, parts: Array<string>): void {
  parts.push("[");
  for (let i = 0; i < value.length; i++) {
    if (i > 0) parts.push(",");
    add(value.at(i), parts);
  }
  parts.push("]");
}

function addMembers(value: Json, parts: Array<string>): void {
  const keys = value.keys();
  parts.push("{");
  for (let i = 0; i < keys.length; i++) {
    if (i > 0) parts.push(",");
    addString(keys[i], parts);
    parts.push(":");
    add(value.get(keys[i]), parts);
  }
  parts.push("}");
}

/** In pieces as long as nothing has to be escaped. */
function addString(text: string, parts: Array<string>): void {
  parts.push('"');
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char >= 0x20 && char != 0x22 && char != 0x5c) continue;
    if (i > start) parts.push(text.substring(start, i));
    parts.push(char >= 0x20 ? "\\" + text.charAt(i) : "\\u00" + (char < 16 ? "0" : "") + char.toString(16));
    start = i + 1;
  }
  parts.push(start == 0 ? text : text.substring(start));
  parts.push('"');
}
