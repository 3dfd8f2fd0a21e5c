// Reads JSON, from UTF-8 in memory. The host has checked what it sends; this checks again, since it reads other texts too.

import { Json } from "./json";

/** As the host's own limit. */
const MAX_DEPTH: i32 = 128;

const QUOTE: u8 = 0x22;
const COMMA: u8 = 0x2c;
const COLON: u8 = 0x3a;
const BACKSLASH: u8 = 0x5c;
const CLOSE_ARRAY: u8 = 0x5d;
const CLOSE_OBJECT: u8 = 0x7d;

/** The value of a text, or null where it is no JSON. */
export function parse(ptr: usize, len: usize): Json | null {
  const reader = new Reader(ptr, ptr + len);
  const value = reader.value(0);
  return value !== null && reader.atEnd() ? value : null;
}

class Reader {
  constructor(
    private at: usize,
    private end: usize,
  ) {}

  atEnd(): bool {
    this.skipSpace();
    return this.at == this.end;
  }

  value(depth: i32): Json | null {
    this.skipSpace();
    if (depth > MAX_DEPTH) return null;
    switch (this.peek()) {
      case QUOTE:
        const text = this.string();
        return text === null ? null : Json.string(text);
      case 0x5b:
        return this.array(depth);
      case 0x7b:
        return this.object(depth);
      case 0x74:
        return this.word("true") ? Json.bool(true) : null;
      case 0x66:
        return this.word("false") ? Json.bool(false) : null;
      case 0x6e:
        return this.word("null") ? Json.nothing() : null;
      default:
        return this.number();
    }
  }

  private array(depth: i32): Json | null {
    const made = Json.array([]);
    this.at++;
    if (this.take(CLOSE_ARRAY)) return made;
    do {
      const item = this.value(depth + 1);
      if (item === null) return null;
      made.push(item);
    } while (this.take(COMMA));
    return this.take(CLOSE_ARRAY) ? made : null;
  }

  private object(depth: i32): Json | null {
    const made = Json.object();
    this.at++;
    if (this.take(CLOSE_OBJECT)) return made;
    do {
      this.skipSpace();
      const key = this.peek() == QUOTE ? this.string() : null;
      if (key === null || !this.take(COLON)) return null;
      const item = this.value(depth + 1);
      if (item === null) return null;
      made.set(key, item);
    } while (this.take(COMMA));
    return this.take(CLOSE_OBJECT) ? made : null;
  }

  /** A string; what is between two escapes is taken in one piece. */
  private string(): string | null {
    let made = "";
    let start = ++this.at;
    while (this.at < this.end) {
      const char = load<u8>(this.at);
      if (char < 0x20) return null;
      if (char != QUOTE && char != BACKSLASH) {
        this.at++;
        continue;
      }
      if (this.at > start) made += String.UTF8.decodeUnsafe(start, this.at - start);
      this.at++;
      if (char == QUOTE) return made;
      const unit = this.escape();
      if (unit < 0) return null;
      made += String.fromCharCode(unit);
      start = this.at;
    }
    return null;
  }

  /** The UTF-16 unit that an escape stands for; -1 where it is broken. */
  private escape(): i32 {
    const char = this.peek();
    this.at++;
    switch (char) {
      case 0x62:
        return 0x08;
      case 0x66:
        return 0x0c;
      case 0x6e:
        return 0x0a;
      case 0x72:
        return 0x0d;
      case 0x74:
        return 0x09;
      case 0x75:
        return this.hex();
      default:
        return char == QUOTE || char == BACKSLASH || char == 0x2f ? <i32>char : -1;
    }
  }

  private hex(): i32 {
    let value: i32 = 0;
    for (let i = 0; i < 4; i++) {
      const char = <i32>this.peek();
      const lower = char | 0x20;
      if (char >= 0x30 && char <= 0x39) value = value * 16 + char - 0x30;
      else if (lower >= 0x61 && lower <= 0x66) value = value * 16 + lower - 0x57;
      else return -1;
      this.at++;
    }
    return value;
  }

  private number(): Json | null {
    const start = this.at;
    if (this.peek() == 0x2d) this.at++;
    const first = this.peek();
    if (!this.digits() || (first == 0x30 && this.lengthSince(start) > 1)) return null;
    let whole = true;
    if (this.peek() == 0x2e) {
      whole = false;
      this.at++;
      if (!this.digits()) return null;
    }
    if ((this.peek() | 0x20) == 0x65) {
      whole = false;
      this.at++;
      if (this.peek() == 0x2b || this.peek() == 0x2d) this.at++;
      if (!this.digits()) return null;
    }
    const text = String.UTF8.decodeUnsafe(start, this.at - start);
    // 18 digits fit 64 bits whatever they are
    return whole && text.length <= 18 ? Json.int(I64.parseInt(text)) : Json.float(F64.parseFloat(text));
  }

  /** Digits of a number so far, its sign not counted. */
  private lengthSince(start: usize): usize {
    return this.at - start - (load<u8>(start) == 0x2d ? 1 : 0);
  }

  private digits(): bool {
    const start = this.at;
    while (isDigit(this.peek())) this.at++;
    return this.at > start;
  }

  private word(word: string): bool {
    for (let i = 0; i < word.length; i++, this.at++) {
      if (<i32>this.peek() != word.charCodeAt(i)) return false;
    }
    return true;
  }

  private take(char: u8): bool {
    this.skipSpace();
    if (this.peek() != char) return false;
    this.at++;
    return true;
  }

  /** The byte here; 0, which no JSON has, at the end. */
  private peek(): u8 {
    return this.at < this.end ? load<u8>(this.at) : 0;
  }

  private skipSpace(): void {
    while (this.at < this.end) {
      const char = load<u8>(this.at);
      if (char != 0x20 && char != 0x0a && char != 0x0d && char != 0x09) break;
      this.at++;
    }
  }
}

function isDigit(char: u8): bool {
  return char >= 0x30 && char <= 0x39;
}
