// Walks the rows: for each, blurs down the columns into a padded row, then along that row into the output.
// In place, rows are kept in a ring before they are overwritten, for the kernel reaches back to them.

import { DONE, Frame, OUT_OF_MEMORY, pixelBytes, RGBA8 } from "../../assembly-common/frame";
import { plugin_alloc, plugin_free } from "../../assembly-common/memory";
import { blurAlongBytes, blurDownBytes, PADDED_BYTE_PIXEL } from "./bytes";
import { blurAlongFloats, blurDownFloats, PADDED_FLOAT_PIXEL } from "./floats";
import { isIdentityForBytes, MAX_REACH, prepare, reach } from "./kernel";

/** Addresses of the rows under the kernel: the centre's is at index `reach`, rounded up to odd. */
const rows: usize = memory.data((2 * MAX_REACH + 1) * 4, 4);

const VECTOR: u32 = 16;

/** Below this, a neighbour's weight is 0 even in float64: exp(-20000). */
const SMALLEST_RADIUS: f64 = 0.01;

/** Scratch memory, kept from frame to frame. */
let scratch: u32 = 0;
let scratchSize: u32 = 0;

/** Blurs a frame that `checkFrame` has passed; radius in pixels, 0 to 100. */
export function blur(frame: Frame, radius: f64): i32 {
  const bytes = frame.format == RGBA8;
  if (radius < SMALLEST_RADIUS) return copy(frame);
  prepare(radius);
  if (bytes && isIdentityForBytes()) return copy(frame);
  // The byte kernels take taps in pairs, hence the odd number of neighbours on each side.
  const side = <u32>reach | 1;
  const rowBytes = frame.width * pixelBytes(frame.format);
  const padded = bytes ? PADDED_BYTE_PIXEL : PADDED_FLOAT_PIXEL;
  const paddedBytes = (frame.width + 2 * side) * padded;
  const inPlace = frame.input == frame.output;
  if (!reserve(<u64>paddedBytes + (inPlace ? <u64>rowBytes * (side + 1) : 0))) return OUT_OF_MEMORY;
  const ring = inPlace ? scratch + paddedBytes : 0;
  const line = scratch + side * padded;
  for (let y: u32 = 0; y < frame.height; y++) {
    const input = frame.input + y * frame.stride;
    const output = frame.output + y * frame.stride;
    if (inPlace) memory.copy(ring + (y % (side + 1)) * rowBytes, input, rowBytes);
    pointAtRows(frame, y, side, ring, rowBytes);
    if (bytes) {
      blurDownBytes(rows + side * 4, line, frame.width);
      extendEdges(line, frame.width, side, padded);
      blurAlongBytes(line, input, output, frame.width);
    } else {
      blurDownFloats(rows + side * 4, line, frame.width);
      extendEdges(line, frame.width, side, padded);
      blurAlongFloats(line, input, output, frame.width);
    }
  }
  return DONE;
}

function copy(frame: Frame): i32 {
  if (frame.input == frame.output) return DONE;
  const rowBytes = frame.width * pixelBytes(frame.format);
  for (let y: u32 = 0; y < frame.height; y++) {
    memory.copy(frame.output + y * frame.stride, frame.input + y * frame.stride, rowBytes);
  }
  return DONE;
}

/** Fills `rows` for the row `y`: clamped at the edges, and from the ring where they are overwritten already. */
function pointAtRows(frame: Frame, y: u32, side: u32, ring: u32, rowBytes: u32): void {
  for (let k: u32 = 0; k <= 2 * side; k++) {
    const row = min(max(y + k, side) - side, frame.height - 1);
    const overwritten = ring != 0 && row < y;
    const address = overwritten ? ring + (row % (side + 1)) * rowBytes : frame.input + row * frame.stride;
    store<u32>(rows + k * 4, address);
  }
}

/** Repeats the first and the last pixel of a padded row into its padding. */
function extendEdges(line: u32, width: u32, side: u32, padded: u32): void {
  const last = line + (width - 1) * padded;
  for (let k: u32 = 1; k <= side; k++) {
    memory.copy(line - k * padded, line, padded);
    memory.copy(last + k * padded, last, padded);
  }
}

function reserve(size: u64): bool {
  if (size <= scratchSize) return true;
  if (size > u32.MAX_VALUE) return false;
  plugin_free(scratch, scratchSize, VECTOR);
  scratch = plugin_alloc(<u32>size, VECTOR);
  scratchSize = scratch == 0 ? 0 : <u32>size;
  return scratch != 0;
}
