// Owns the text being built for the host: one growing UTF-8 buffer, reused for the life of the instance.
// Knows nothing of what the text means.

import { plugin_alloc, plugin_free } from "./memory";

const FIRST_CAPACITY: u32 = 256;

let buffer: u32 = 0;
let capacity: u32 = 0;
let length: u32 = 0;

/** Starts a new text, forgetting the one before. */
export function begin(): void {
  length = 0;
}

/** Appends a string; surrogate pairs are not supported, ours are plain ASCII. */
export function text(value: string): void {
  reserve(<u32>value.length * 3);
  for (let i = 0; i < value.length; i++) {
    const unit = <u32>value.charCodeAt(i);
    if (unit < 0x80) {
      byte(unit);
    } else if (unit < 0x800) {
      byte(0xc0 | (unit >> 6));
      byte(0x80 | (unit & 0x3f));
    } else {
      byte(0xe0 | (unit >> 12));
      byte(0x80 | ((unit >> 6) & 0x3f));
      byte(0x80 | (unit & 0x3f));
    }
  }
}

/** Appends bytes from memory as they are. */
export function bytes(ptr: u32, len: u32): void {
  reserve(len);
  memory.copy(buffer + length, ptr, len);
  length += len;
}

/** Appends a number with at most six decimals: for tables of limits and defaults, not for measurements. */
export function number(value: f64): void {
  if (value < 0) text("-");
  const scaled = <u64>Math.floor(Math.abs(value) * 1000000 + 0.5);
  integer(scaled / 1000000);
  let rest = scaled % 1000000;
  if (rest == 0) return;
  text(".");
  for (let unit: u64 = 100000; rest != 0; unit /= 10) {
    integer(rest / unit);
    rest %= unit;
  }
}

/** Appends a decimal integer. */
export function integer(value: u64): void {
  if (value > 9) integer(value / 10);
  reserve(1);
  byte(0x30 + <u32>(value % 10));
}

/** Address of the text so far; valid until the next append. */
export function ptr(): u32 {
  return buffer;
}

/** Bytes of the text so far. */
export function size(): u32 {
  return length;
}

/** Appends one byte, without asking for room. */
@inline
function byte(value: u32): void {
  store<u8>(buffer + length++, value);
}

function reserve(more: u32): void {
  if (length + more <= capacity && buffer != 0) return;
  const wanted = max(FIRST_CAPACITY, max(length + more, capacity * 2));
  const larger = plugin_alloc(wanted, 1);
  if (larger == 0) unreachable();
  memory.copy(larger, buffer, length);
  plugin_free(buffer, capacity, 1);
  buffer = larger;
  capacity = wanted;
}
