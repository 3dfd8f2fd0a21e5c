// The frame of Timeline ABI 1 as the host lays it out, and the checks every effect makes before it touches a pixel.

export const RGBA8: u32 = 0;
export const RGBA32F: u32 = 2;

/** What `plugin_process_frame` returns. */
export const DONE: i32 = 0;
export const UNKNOWN_EFFECT: i32 = 1;
export const UNSUPPORTED_FORMAT: i32 = 2;
export const BAD_PARAMS: i32 = 3;
export const BAD_FRAME: i32 = 4;
export const OUT_OF_MEMORY: i32 = 5;

const FRAME_BYTES: u32 = 48;

@unmanaged
export class Frame {
  size: u32;
  width: u32;
  height: u32;
  /** Bytes from one row to the next, the same for input and output; bytes beyond the pixels are left alone. */
  stride: u32;
  format: u32;
  input: u32;
  /** Equal to input: in place. */
  output: u32;
  paramsPtr: u32;
  paramsLen: u32;
  ptsMicroseconds: i64;
}

/** Bytes of one pixel, 0 for a format our effects do not take. */
export function pixelBytes(format: u32): u32 {
  if (format == RGBA8) return 4;
  if (format == RGBA32F) return 16;
  return 0;
}

/** Checks format and geometry, so that what follows stays inside the two buffers. */
export function checkFrame(frame: Frame): i32 {
  if (frame.size < FRAME_BYTES) return BAD_FRAME;
  const pixel = pixelBytes(frame.format);
  if (pixel == 0) return UNSUPPORTED_FORMAT;
  if (frame.width == 0 || frame.height == 0) return BAD_FRAME;
  const row = <u64>frame.width * pixel;
  if (row > frame.stride) return BAD_FRAME;
  const span = <u64>frame.stride * (frame.height - 1) + row;
  const end = <u64>memory.size() << 16;
  if (frame.input + span > end || frame.output + span > end) return BAD_FRAME;
  const low = <u64>min(frame.input, frame.output);
  const overlaps = low + span > max(frame.input, frame.output);
  return overlaps && frame.input != frame.output ? BAD_FRAME : DONE;
}
