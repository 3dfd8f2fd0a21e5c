// Decodes one JSON string at a time into UTF-8, in a buffer that grows and is used again.

import { plugin_alloc, plugin_free } from "../../../../examples/assembly-common/memory";

export let decodedPtr: u32 = 0;
export let decodedLen: u32 = 0;
let capacity: u32 = 0;

/** Decodes a raw JSON string, quotes included; false when it is not one or has a broken escape. */
export function decode(ptr: u32, len: u32): bool {
  if (len < 2 || load<u8>(ptr) != 0x22) return false;
  reserve(len);
  decodedLen = 0;
  const end = ptr + len - 1;
  let at = ptr + 1;
  while (at < end) {
    const char = <u32>load<u8>(at);
    if (char != 0x5c) {
      byte(char);
      at++;
    } else {
      at = decodeEscape(at + 1, end);
      if (at == 0) return false;
    }
  }
  return true;
}

/** The address after an escape whose backslash lies before `at`, 0 when it is broken. */
function decodeEscape(at: u32, end: u32): u32 {
  switch (load<u8>(at)) {
    case 0x62: byte(0x08); break;
    case 0x66: byte(0x0c); break;
    case 0x6e: byte(0x0a); break;
    case 0x72: byte(0x0d); break;
    case 0x74: byte(0x09); break;
    case 0x75: return decodeUnicode(at + 1, end);
    default: byte(load<u8>(at));
  }
  return at + 1;
}

function decodeUnicode(at: u32, end: u32): u32 {
  const unit = hex(at, end);
  if (unit < 0) return 0;
  if ((unit & 0xf800) != 0xd800) return codePoint(<u32>unit, at + 4);
  const paired = unit < 0xdc00 && at + 6 <= end && load<u8>(at + 4) == 0x5c && load<u8>(at + 5) == 0x75;
  const low = paired ? hex(at + 6, end) : -1;
  if ((low & 0xfc00) != 0xdc00 || low < 0) return 0;
  return codePoint(<u32>(0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff)), at + 10);
}

function codePoint(point: u32, next: u32): u32 {
  if (point < 0x80) {
    byte(point);
  } else {
    const bytes: u32 = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    byte(((0xf00 >> bytes) & 0xff) | (point >> (6 * (bytes - 1))));
    for (let i = <i32>bytes - 2; i >= 0; i--) byte(0x80 | ((point >> (6 * i)) & 0x3f));
  }
  return next;
}

/** Four hexadecimal digits, -1 when they are not. */
function hex(at: u32, end: u32): i32 {
  if (at + 4 > end) return -1;
  let value: i32 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    const char = <i32>load<u8>(at + i);
    const lower = char | 0x20;
    if (char >= 0x30 && char <= 0x39) value = value * 16 + char - 0x30;
    else if (lower >= 0x61 && lower <= 0x66) value = value * 16 + lower - 0x61 + 10;
    else return -1;
  }
  return value;
}

/** Escapes never grow: three bytes of UTF-8 take six characters to escape, four take twelve. */
function reserve(len: u32): void {
  if (len <= capacity) return;
  plugin_free(decodedPtr, capacity, 1);
  decodedPtr = plugin_alloc(len, 1);
  if (decodedPtr == 0) unreachable();
  capacity = len;
}

function byte(value: u32): void {
  store<u8>(decodedPtr + decodedLen++, <u8>value);
}
