// A frame as the effect sees it: the shared memory itself, never a copy.

/** How pixels are stored; the numbers are the ABI's. */
export enum PixelFormat {
  RGBA8 = 0,
  RGBA16F = 1,
  RGBA32F = 2,
  YUV420P8 = 3,
}

/** Name of a format, for messages. */
export function formatName(format: PixelFormat): string {
  switch (format) {
    case PixelFormat.RGBA8:
      return "RGBA8";
    case PixelFormat.RGBA16F:
      return "RGBA16F";
    case PixelFormat.RGBA32F:
      return "RGBA32F";
    case PixelFormat.YUV420P8:
      return "YUV420P8";
    default:
      return `format ${<i32>format}`;
  }
}

/** The structure of Timeline ABI 1, as the host lays it out. */
@unmanaged
export class RawFrame {
  size: u32;
  width: u32;
  height: u32;
  stride: u32;
  format: u32;
  input: u32;
  output: u32;
  paramsPtr: u32;
  paramsLen: u32;
  ptsMicroseconds: i64;

  /** Whether both slots lie in memory, do not overlap by halves, and rows hold what they should at multiples of 16 bytes. */
  isSound(): bool {
    if (this.size < 48 || this.width == 0 || this.height == 0 || this.format > <u32>PixelFormat.YUV420P8) return false;
    if (((this.input | this.output | this.stride) & 15) != 0 || this.rowBytes() > this.stride) return false;
    const span = this.span();
    const end = <u64>memory.size() << 16;
    if (this.input + span > end || this.output + span > end) return false;
    const apart = this.input > this.output ? this.input - this.output : this.output - this.input;
    return apart == 0 || apart >= span;
  }

  /** Bytes of a row of pixels, without what it is filled up with. */
  rowBytes(): u64 {
    return this.format == <u32>PixelFormat.YUV420P8 ? this.width : (<u64>this.width * 4) << <u64>this.format;
  }

  /** Bytes of a slot. */
  span(): u64 {
    const rows = <u64>this.stride * this.height;
    return this.format == <u32>PixelFormat.YUV420P8 ? rows + <u64>this.stride * ((this.height + 1) / 2) : rows;
  }
}

/** What holds the input, where it has to be kept. */
let kept: usize = 0;
let keptBytes: usize = 0;

/**
 * One frame to process. `input` and `output` are addresses: load pixels from the one and store to the other. They may be the same: the
 * editor then has its frame changed in place. Rows start at multiples of 16 bytes and are filled up to one: whole vectors may be read and written up to
 * `rowVectors`. The addresses are good for this call only.
 */
export class VideoFrame {
  /** Pixels. */
  width: i32 = 0;
  /** Pixels. */
  height: i32 = 0;
  /** Bytes from row to row. */
  stride: usize = 0;
  format: PixelFormat = PixelFormat.RGBA8;
  /** Address of the input's first row. */
  input: usize = 0;
  /** Address of the output's first row. */
  output: usize = 0;
  /** Presentation time in microseconds. */
  pts: i64 = 0;
  /** Bytes of a row's pixels. */
  rowBytes: usize = 0;
  /** What went wrong; empty where nothing did. */
  message: string = "";
  private span: usize = 0;

  /** Looks at another frame. */
  show(raw: RawFrame): void {
    this.width = <i32>raw.width;
    this.height = <i32>raw.height;
    this.stride = raw.stride;
    this.format = <PixelFormat>raw.format;
    this.input = raw.input;
    this.output = raw.output;
    this.pts = raw.ptsMicroseconds;
    this.rowBytes = <usize>raw.rowBytes();
    this.span = <usize>raw.span();
    this.message = "";
  }

  /** Vectors of 16 bytes that hold a row. */
  get rowVectors(): i32 {
    return <i32>((this.rowBytes + 15) >> 4);
  }

  /** Whether output and input are the same memory. */
  get inPlace(): bool {
    return this.input == this.output;
  }

  @inline
  inputRow(y: i32): usize {
    return this.input + <usize>y * this.stride;
  }

  @inline
  outputRow(y: i32): usize {
    return this.output + <usize>y * this.stride;
  }

  /** Bytes from row to row of a plane: 0, or 1 and 2 of YUV420P8. */
  planeStride(plane: i32): usize {
    return plane == 0 ? this.stride : this.stride / 2;
  }

  planeWidth(plane: i32): i32 {
    return plane == 0 ? this.width : (this.width + 1) / 2;
  }

  planeHeight(plane: i32): i32 {
    return plane == 0 ? this.height : (this.height + 1) / 2;
  }

  /** Bytes from a slot's start to a plane. */
  planeOffset(plane: i32): usize {
    assert(plane == 0 || (this.format == PixelFormat.YUV420P8 && plane > 0 && plane < 3), `there is no plane ${plane}`);
    if (plane == 0) return 0;
    const luma = this.stride * <usize>this.height;
    return plane == 1 ? luma : luma + this.planeStride(1) * <usize>this.planeHeight(1);
  }

  /**
   * Makes sure that the input stays what it is while the output is written, for effects that look at neighbours: where both
   * are the same memory, the input is copied, once, and `input` is the copy.
   */
  keepInput(): void {
    if (!this.inPlace) return;
    if (keptBytes < this.span) {
      if (kept != 0) heap.free(kept);
      kept = heap.alloc(this.span);
      keptBytes = this.span;
    }
    memory.copy(kept, this.input, this.span);
    this.input = kept;
  }

  /** Copies the input to the output, for what leaves the frame as it is. */
  copyInput(): i32 {
    if (!this.inPlace) memory.copy(this.output, this.input, this.span);
    return 0;
  }

  /**
   * Says why the frame cannot be processed: `return frame.fail("…")`. The words go to the plugin's console.
   *
   * @param code what the editor gets with PluginError, positive
   */
  fail(message: string, code: i32 = 1): i32 {
    this.message = message;
    return max(code, 1);
  }
}
