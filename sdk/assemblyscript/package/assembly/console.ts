// The plugin's console, and what is said before the instance ends.

@external("timeline", "log")
declare function host_log(level: i32, ptr: usize, len: usize): void;

/** Lines in the plugin's console, which `pluginctl logs` shows. One line is cut at 8 KiB. */
export namespace log {
  export function trace(message: string): void {
    write(0, message);
  }

  export function debug(message: string): void {
    write(1, message);
  }

  export function info(message: string): void {
    write(2, message);
  }

  export function warn(message: string): void {
    write(3, message);
  }

  export function error(message: string): void {
    write(4, message);
  }
}

const ERROR: i32 = 4;

function write(level: i32, message: string): void {
  const text = String.UTF8.encode(message, false, String.UTF8.ErrorMode.REPLACE);
  host_log(level, changetype<usize>(text), text.byteLength);
}

let aborting = false;

/**
 * What `throw`, `assert` and the runtime's own checks end with: the message and its place become the last line of the
 * console, which the host repeats in its error. `asconfig.json` of this package puts it in the place of `abort`.
 */
@global
export function timeline_abort(message: string | null, file: string | null, line: u32, column: u32): void {
  if (!aborting) {
    aborting = true; // making the text may fail for want of memory, which ends here again
    const place = file === null ? "" : ` at ${file}:${line}:${column}`;
    write(ERROR, `aborted${place}: ${message === null ? "(no message)" : message}`);
  }
  unreachable();
}
