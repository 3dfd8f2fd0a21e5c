// Reads JSON where it lies, as pointers and lengths into the host's text: no tree, no allocation.
// The host has checked the text already; this checks again what it steps over and answers "not there" when in doubt.

const MAX_DEPTH: i32 = 64;

/** Where the value found by the last successful `member` starts, and its length in bytes. */
export let valuePtr: u32 = 0;
export let valueLen: u32 = 0;

/** Whether the text is exactly one JSON object. */
export function isObject(ptr: u32, len: u32): bool {
  const end = ptr + len;
  const start = skipSpace(ptr, end);
  if (start >= end || load<u8>(start) != 0x7b) return false;
  const after = skipValue(start, end, 0);
  return after != 0 && skipSpace(after, end) == end;
}

/**
 * Finds a member of a JSON object and leaves its raw text in `valuePtr` and `valueLen`.
 *
 * @param key plain ASCII; a key spelt with escapes in the text is not recognised
 * @returns false when the text is not an object or has no such member
 */
export function member(ptr: u32, len: u32, key: string): bool {
  const end = ptr + len;
  let at = skipSpace(ptr, end);
  if (at >= end || load<u8>(at) != 0x7b) return false;
  at = skipSpace(at + 1, end);
  while (at < end && load<u8>(at) == 0x22) {
    const keyEnd = skipString(at, end);
    if (keyEnd == 0) return false;
    const found = equals(at + 1, keyEnd - at - 2, key);
    at = skipSpace(keyEnd, end);
    if (at >= end || load<u8>(at) != 0x3a) return false;
    at = skipSpace(at + 1, end);
    const after = skipValue(at, end, 0);
    if (after == 0) return false;
    if (found) {
      valuePtr = at;
      valueLen = after - at;
      return true;
    }
    at = skipSpace(after, end);
    if (at >= end || load<u8>(at) != 0x2c) return false;
    at = skipSpace(at + 1, end);
  }
  return false;
}

/** Whether UTF-8 text equals a plain ASCII string. */
export function equals(ptr: u32, len: u32, text: string): bool {
  if (len != <u32>text.length) return false;
  for (let i: u32 = 0; i < len; i++) {
    if (<i32>load<u8>(ptr + i) != text.charCodeAt(i)) return false;
  }
  return true;
}

/** The value of a JSON number to within an ulp or two, NaN for anything else. */
export function toNumber(ptr: u32, len: u32): f64 {
  const end = ptr + len;
  if (len == 0 || skipNumber(ptr, end) != end) return NaN;
  const negative = load<u8>(ptr) == 0x2d;
  let at = negative ? ptr + 1 : ptr;
  let digits: f64 = 0;
  let exponent: i32 = 0;
  let fraction = false;
  for (; at < end; at++) {
    const char = load<u8>(at);
    if (char == 0x2e) {
      fraction = true;
    } else if (isDigit(char)) {
      digits = digits * 10 + <f64>(char - 0x30);
      if (fraction) exponent--;
    } else {
      exponent += toExponent(at + 1, end);
      break;
    }
  }
  const scaled = exponent < 0 ? digits / tenTo(-exponent) : digits * tenTo(exponent);
  return negative ? -scaled : scaled;
}

/** Exact up to 22, infinite from 309 on. Not the library's `pow`, whose tables are larger than all the rest here. */
function tenTo(exponent: i32): f64 {
  let power: f64 = 1;
  for (let i = min(exponent, 309); i > 0; i--) power *= 10;
  return power;
}

function toExponent(ptr: u32, end: u32): i32 {
  const sign = load<u8>(ptr);
  let at = sign == 0x2d || sign == 0x2b ? ptr + 1 : ptr;
  let value: i32 = 0;
  for (; at < end; at++) value = min(value * 10 + <i32>(load<u8>(at) - 0x30), 9999);
  return sign == 0x2d ? -value : value;
}

/** The address after a value, or 0 when there is no value at `ptr`. */
function skipValue(ptr: u32, end: u32, depth: i32): u32 {
  if (ptr >= end || depth > MAX_DEPTH) return 0;
  const first = load<u8>(ptr);
  if (first == 0x22) return skipString(ptr, end);
  if (first == 0x7b) return skipItems(ptr, end, 0x7d, depth);
  if (first == 0x5b) return skipItems(ptr, end, 0x5d, depth);
  if (first == 0x74) return skipWord(ptr, end, "true");
  if (first == 0x66) return skipWord(ptr, end, "false");
  if (first == 0x6e) return skipWord(ptr, end, "null");
  return skipNumber(ptr, end);
}

/** Steps over an object or an array, whose closing bracket is `close`. */
function skipItems(ptr: u32, end: u32, close: u8, depth: i32): u32 {
  let at = skipSpace(ptr + 1, end);
  if (at < end && load<u8>(at) == close) return at + 1;
  while (at < end) {
    if (close == 0x7d) {
      at = load<u8>(at) == 0x22 ? skipString(at, end) : 0;
      if (at == 0) return 0;
      at = skipSpace(at, end);
      if (at >= end || load<u8>(at) != 0x3a) return 0;
      at = skipSpace(at + 1, end);
    }
    at = skipValue(at, end, depth + 1);
    if (at == 0) return 0;
    at = skipSpace(at, end);
    if (at >= end) return 0;
    const char = load<u8>(at);
    if (char == close) return at + 1;
    if (char != 0x2c) return 0;
    at = skipSpace(at + 1, end);
  }
  return 0;
}

function skipString(ptr: u32, end: u32): u32 {
  for (let at = ptr + 1; at < end; at++) {
    const char = load<u8>(at);
    if (char == 0x22) return at + 1;
    if (char < 0x20) return 0;
    if (char == 0x5c) at++;
  }
  return 0;
}

function skipWord(ptr: u32, end: u32, word: string): u32 {
  const len = <u32>word.length;
  return end - ptr >= len && equals(ptr, len, word) ? ptr + len : 0;
}

function skipNumber(ptr: u32, end: u32): u32 {
  let at = load<u8>(ptr) == 0x2d ? ptr + 1 : ptr;
  if (at < end && load<u8>(at) == 0x30) at++;
  else at = skipDigits(at, end);
  if (at != 0 && at < end && load<u8>(at) == 0x2e) at = skipDigits(at + 1, end);
  if (at != 0 && at < end && (load<u8>(at) | 0x20) == 0x65) {
    at++;
    if (at < end && (load<u8>(at) == 0x2d || load<u8>(at) == 0x2b)) at++;
    at = skipDigits(at, end);
  }
  return at;
}

/** Steps over one digit or more; 0 when there is none. */
function skipDigits(ptr: u32, end: u32): u32 {
  let at = ptr;
  while (at < end && isDigit(load<u8>(at))) at++;
  return at == ptr ? 0 : at;
}

function skipSpace(ptr: u32, end: u32): u32 {
  let at = ptr;
  while (at < end) {
    const char = load<u8>(at);
    if (char != 0x20 && char != 0x0a && char != 0x0d && char != 0x09) break;
    at++;
  }
  return at;
}

@inline
function isDigit(char: u8): bool {
  return char >= 0x30 && char <= 0x39;
}
