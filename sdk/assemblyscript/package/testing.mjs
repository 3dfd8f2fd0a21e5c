// A host for tests, on Node.js: runs a built plugin with scripted answers. See docs/sdk-assemblyscript.md of plugind.

const LEVELS = ["trace", "debug", "info", "warn", "error"];
const ERROR_BIT = 0x80000000n;
const ROW_ALIGNMENT = 64;
const PAGE = 4096;
const FRAME_BYTES = 48;

/** What a plugin's command answered with `fail`, or what stands for a frame's code. */
export class PluginError extends Error {
  constructor({ code, message, data }) {
    super(message);
    this.name = "PluginError";
    this.code = code;
    this.data = data;
  }
}

/** What ended the plugin's instance. The message has what it logged last, if that was an error. */
export class Trap extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "Trap";
  }
}

/** Throw it in an answer: the plugin gets it as a failure. */
export class HostError extends Error {
  constructor(code, message, data) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/**
 * Loads a plugin: its top level and `lifecycle.load` run.
 *
 * @param wasm the module's bytes
 * @param answers what the host answers, by method: a value, or a function of the params. Effects can always be registered
 */
export async function load(wasm, answers = {}) {
  const plugin = new Plugin(answers);
  const module = await WebAssembly.compile(wasm);
  const { exports } = await WebAssembly.instantiate(module, { timeline: plugin.imports() });
  plugin.begin(exports);
  return plugin;
}

/** A plugin that runs. */
class Plugin {
  #exports;
  #answers;
  #effects = new Map();
  /** What was logged: `{level, message}`. */
  console = [];
  /** What the host was asked: `{method, params}`. */
  asked = [];

  constructor(answers) {
    this.#answers = { "effects.register": (definition) => this.#register(definition), ...answers };
  }

  /** The definitions of the effects, by id. */
  get effects() {
    return new Map([...this.#effects].map(([id, { definition }]) => [id, definition]));
  }

  imports() {
    return {
      log: (level, ptr, len) => {
        this.console.push({ level: LEVELS[level] ?? level, message: this.#text(ptr, len) });
      },
      host_call: (method, methodLen, params, paramsLen) =>
        this.#answer(this.#text(method, methodLen), JSON.parse(this.#text(params, paramsLen) || "null")),
    };
  }

  begin(exports) {
    this.#exports = exports;
    this.#run(() => exports._initialize?.());
    this.call("lifecycle.load");
  }

  /** Calls a command or a hook. */
  call(name, params = null) {
    const method = new TextEncoder().encode(name);
    const args = new TextEncoder().encode(JSON.stringify(params));
    const size = method.length + args.length;
    const at = this.#run(() => this.#exports.plugin_alloc(size, 1)) >>> 0;
    this.#bytes(at, size).set([...method, ...args]);
    const packed = BigInt.asUintN(
      64,
      this.#run(() => this.#exports.plugin_call(at, method.length, at + method.length, args.length)),
    );
    this.#exports.plugin_free(at, size, 1);
    const [ptr, len] = [Number(packed >> 32n), Number(packed & (ERROR_BIT - 1n))];
    const value = len === 0 ? null : JSON.parse(this.#text(ptr, len));
    if (len !== 0) this.#exports.plugin_free(ptr, len, 1);
    if ((packed & ERROR_BIT) === 0n) return value;
    if (name.startsWith("lifecycle.") && value.code === -32601) return null;
    throw new PluginError(value);
  }

  /** Tells an event. */
  event(name, payload = null, more = {}) {
    this.call("event", { name, payload, ...more });
  }

  /**
   * Has a frame processed.
   *
   * @param picture `{width, height, data}` with four channels: a Uint8Array of bytes, or a Float32Array
   * @param inPlace give one memory for input and output
   * @returns the output, in the same form
   */
  process(effect, { width, height, data }, params = {}, { inPlace = false, pts = 0n } = {}) {
    const handle = this.#effects.get(effect)?.handle;
    if (handle === undefined) throw new Error(`there is no effect ${effect}`);
    const row = (width * 4 * data.BYTES_PER_ELEMENT) | 0;
    const stride = Math.ceil(row / ROW_ALIGNMENT) * ROW_ALIGNMENT;
    const slot = Math.ceil((stride * height) / PAGE) * PAGE;
    const size = slot * (inPlace ? 1 : 2);
    const input = this.#exports.plugin_alloc(size, PAGE) >>> 0;
    const output = inPlace ? input : input + slot;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let y = 0; y < height; y++) {
      this.#bytes(input + y * stride, row).set(bytes.subarray(y * row, (y + 1) * row));
    }
    const format = data instanceof Float32Array ? 2 : 0;
    const code = this.#frame(handle, { width, height, stride, format, input, output, pts }, params);
    const result = new Uint8Array(row * height);
    for (let y = 0; y < height; y++) result.set(this.#bytes(output + y * stride, row), y * row);
    this.#exports.plugin_free(input, size, PAGE);
    if (code !== 0) throw new PluginError({ code, message: this.#lastWords() || `failed with code ${code}` });
    return { width, height, data: new data.constructor(result.buffer) };
  }

  #frame(handle, { width, height, stride, format, input, output, pts }, params) {
    const text = new TextEncoder().encode(JSON.stringify(params));
    const at = this.#exports.plugin_alloc(FRAME_BYTES + text.length, 16) >>> 0;
    const fields = [FRAME_BYTES, width, height, stride, format, input, output, at + FRAME_BYTES, text.length];
    const view = new DataView(this.#exports.memory.buffer, at, FRAME_BYTES);
    fields.forEach((value, index) => view.setUint32(index * 4, value, true));
    view.setBigInt64(40, BigInt(pts), true);
    this.#bytes(at + FRAME_BYTES, text.length).set(text);
    const code = this.#run(() => this.#exports.plugin_process_frame(handle, at));
    this.#exports.plugin_free(at, FRAME_BYTES + text.length, 16);
    return code;
  }

  #register(definition) {
    const handle = this.#effects.get(definition.id)?.handle ?? this.#effects.size + 1;
    this.#effects.set(definition.id, { handle, definition });
    return { effect: handle };
  }

  #answer(method, params) {
    this.asked.push({ method, params });
    try {
      if (!(method in this.#answers)) throw new HostError(-32003, `${method} has no answer in this test`);
      const answer = this.#answers[method];
      return this.#give(typeof answer === "function" ? answer(params) : answer, 0n);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      return this.#give({ code: error.code, message: error.message, data: error.data }, ERROR_BIT);
    }
  }

  #give(value, bit) {
    if (value === null || value === undefined) return 0n;
    const text = new TextEncoder().encode(JSON.stringify(value));
    const at = this.#exports.plugin_alloc(text.length, 1) >>> 0;
    this.#bytes(at, text.length).set(text);
    return BigInt.asIntN(64, (BigInt(at) << 32n) | BigInt(text.length) | bit);
  }

  #run(work) {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      const words = this.#lastWords();
      throw new Trap(words ? `${error.message}: ${words}` : error.message, { cause: error });
    }
  }

  #lastWords() {
    const last = this.console.at(-1);
    return last?.level === "error" ? last.message : "";
  }

  #bytes(at, length) {
    return new Uint8Array(this.#exports.memory.buffer, at >>> 0, length);
  }

  #text(at, length) {
    return new TextDecoder().decode(this.#bytes(at, length));
  }
}
