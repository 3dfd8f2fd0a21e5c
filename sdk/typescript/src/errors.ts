/** Errors that the host answers, typed; and a plugin's own, with a code. */
import { ERROR_CODES, type ErrorKind } from "./generated";

/** The error object of the contract. */
export interface ErrorObject {
  code: number;
  message: string;
  data?: { kind?: string; hint?: string; path?: string; [more: string]: unknown };
}

/** What the host answered in place of a result. */
export class HostError extends Error {
  override readonly name: string = "HostError";

  constructor(
    /** The host's code; see {@link ERROR_CODES}. */
    readonly code: number,
    message: string,
    /** The host method that was called. */
    readonly method: string,
    /** What the host says besides: kind, hint, path. */
    readonly data: NonNullable<ErrorObject["data"]> = {},
  ) {
    super(message);
  }

  /** What kind of error it is; undefined where the SDK does not know its code. */
  get kind(): ErrorKind | undefined {
    return (Object.keys(ERROR_CODES) as ErrorKind[]).find((kind) => ERROR_CODES[kind] === this.code);
  }

  /** What to do about it, in words. */
  get hint(): string {
    return typeof this.data.hint === "string" ? this.data.hint : "";
  }

  /** Whether a value is an error that the host answered, of a kind where one is named. */
  static is(error: unknown, kind?: ErrorKind): error is HostError {
    return error instanceof HostError && (kind === undefined || error.code === ERROR_CODES[kind]);
  }
}

/** The plugin was not granted what it tried to use. */
export class PermissionDeniedError extends HostError {
  override readonly name = "PermissionDeniedError";
}

/** Nobody provides what was asked for: no editor is connected, or it does not offer this. */
export class HostUnavailableError extends HostError {
  override readonly name = "HostUnavailableError";
}

/** The params do not fit the method; `data.path` says where. */
export class InvalidParamsError extends HostError {
  override readonly name = "InvalidParamsError";
}

/** There is no such file or folder. */
export class NotFoundError extends HostError {
  override readonly name = "NotFoundError";
}

/** A value is over its limit. */
export class TooLargeError extends HostError {
  override readonly name = "TooLargeError";
}

/** The host, or the user, did not answer in time. */
export class TimeoutError extends HostError {
  override readonly name = "TimeoutError";
}

const CLASSES = new Map<number, typeof HostError>([
  [ERROR_CODES.PermissionDenied, PermissionDeniedError],
  [ERROR_CODES.HostUnavailable, HostUnavailableError],
  [ERROR_CODES.InvalidParams, InvalidParamsError],
  [ERROR_CODES.NotFound, NotFoundError],
  [ERROR_CODES.TooLarge, TooLargeError],
  [ERROR_CODES.Timeout, TimeoutError],
]);

/** Return what is thrown for an error object of the host's; anything else comes back as it is. */
export function toHostError(error: unknown, method: string): unknown {
  const found = error as Partial<ErrorObject> | null;
  if (error instanceof Error || typeof found !== "object" || typeof found?.code !== "number") return error;
  const kind = CLASSES.get(found.code) ?? HostError;
  return new kind(found.code, String(found.message), method, found.data ?? {});
}

/** An error of the plugin's own, with a code (above 0) by which callers tell it apart. */
export class PluginError extends Error {
  override readonly name: string = "PluginError";

  constructor(
    readonly code: number,
    message: string,
    /** Any JSON value, for programs. */
    readonly data?: unknown,
  ) {
    super(message);
  }
}
