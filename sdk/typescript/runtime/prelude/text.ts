/** `TextEncoder` and `TextDecoder`, for UTF-8. */
import type { Natives } from "./natives";

function bytesOf(source: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}

const UTF8 = new Set(["utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"]);

/** How many bytes at the end begin a character that is not whole yet. */
function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
}

export function makeText(natives: Natives) {
  class TextEncoder {
    get encoding(): string {
      return "utf-8";
    }

    encode(text = ""): Uint8Array {
      return natives.encode(String(text).toWellFormed());
    }

    encodeInto(text: string, target: Uint8Array): { read: number; written: number } {
      let read = 0;
      let written = 0;
      for (const character of String(text)) {
        const bytes = natives.encode(character.toWellFormed());
        if (written + bytes.length > target.length) break;
        target.set(bytes, written);
        written += bytes.length;
        read += character.length;
      }
      return { read, written };
    }
  }

  class TextDecoder {
    readonly encoding = "utf-8";
    readonly fatal: boolean;
    readonly ignoreBOM: boolean;
    #kept = new Uint8Array(0);
    #begun = false;

    constructor(label = "utf-8", options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
      if (!UTF8.has(String(label).trim().toLowerCase())) throw new RangeError(`only utf-8 can be decoded, not ${label}`);
      this.fatal = Boolean(options.fatal);
      this.ignoreBOM = Boolean(options.ignoreBOM);
    }

    decode(source?: ArrayBuffer | ArrayBufferView, options: { stream?: boolean } = {}): string {
      let bytes = source === undefined ? new Uint8Array(0) : bytesOf(source);
      if (this.#kept.length > 0) {
        const joined = new Uint8Array(this.#kept.length + bytes.length);
        joined.set(this.#kept);
        joined.set(bytes, this.#kept.length);
        bytes = joined;
      }
      const left = options.stream ? unfinished(bytes) : 0;
      this.#kept = bytes.slice(bytes.length - left);
      const text = natives.decode(bytes.subarray(0, bytes.length - left), this.fatal);
      if (text === undefined) throw new TypeError("the encoded data is not valid UTF-8");
      const first = !this.#begun;
      this.#begun = Boolean(options.stream) && (this.#begun || bytes.length > left);
      return first && !this.ignoreBOM && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
    }
  }

  return { TextEncoder, TextDecoder };
}
