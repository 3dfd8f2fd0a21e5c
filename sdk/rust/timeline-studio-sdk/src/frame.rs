//! Frames: views of the pixels that editor and plugin share.

use std::alloc::{self, Layout};
use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::Rc;
use std::slice;

use crate::error::{Error, Result};

/// How the pixels of a frame are laid out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PixelFormat {
    /// Four bytes a pixel, red first.
    Rgba8,
    /// Four half-precision numbers a pixel, white at 1.
    Rgba16F,
    /// Four single-precision numbers a pixel, white at 1.
    Rgba32F,
    /// Planes of bytes: Y, then U and V with half the width and height, rounded up.
    Yuv420P8,
}

impl PixelFormat {
    fn from_wire(number: u32) -> Option<Self> {
        [Self::Rgba8, Self::Rgba16F, Self::Rgba32F, Self::Yuv420P8].get(number as usize).copied()
    }

    /// Bytes of one pixel, of a plane's for YUV.
    pub fn bytes_per_pixel(self) -> usize {
        match self {
            Self::Rgba8 => 4,
            Self::Rgba16F => 8,
            Self::Rgba32F => 16,
            Self::Yuv420P8 => 1,
        }
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for [u8; 4] {}
    impl Sealed for [u16; 4] {}
    impl Sealed for [f32; 4] {}
}

/// What a pixel is to Rust: `[u8; 4]` for [`PixelFormat::Rgba8`], `[u16; 4]` (bits of half-precision numbers) for
/// [`PixelFormat::Rgba16F`], `[f32; 4]` for [`PixelFormat::Rgba32F`].
///
/// # Safety
///
/// Any bytes have to be a value of the type, and its size has to be that of a pixel of the format.
pub unsafe trait Pixel: Copy + sealed::Sealed + 'static {
    /// The format it belongs to.
    const FORMAT: PixelFormat;
}

// SAFETY: any bytes are such numbers, and there are four of the format's size.
unsafe impl Pixel for [u8; 4] {
    const FORMAT: PixelFormat = PixelFormat::Rgba8;
}
// SAFETY: as above.
unsafe impl Pixel for [u16; 4] {
    const FORMAT: PixelFormat = PixelFormat::Rgba16F;
}
// SAFETY: as above.
unsafe impl Pixel for [f32; 4] {
    const FORMAT: PixelFormat = PixelFormat::Rgba32F;
}

/// Code of the error for a format that an effect does not take.
pub const UNSUPPORTED_FORMAT: i32 = 2;

const ROW_ALIGNMENT: usize = 64;
const PLANES: usize = 3;

/// Size and shape of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Shape {
    width: usize,
    height: usize,
    stride: usize,
    format: PixelFormat,
}

#[derive(Clone, Copy)]
struct Plane {
    offset: usize,
    stride: usize,
    height: usize,
    row_bytes: usize,
}

impl Shape {
    fn planes(&self) -> usize {
        if self.format == PixelFormat::Yuv420P8 {
            PLANES
        } else {
            1
        }
    }

    fn plane(&self, number: usize) -> Plane {
        assert!(number < self.planes(), "a frame of {:?} has {} planes", self.format, self.planes());
        let row_bytes = self.width * self.format.bytes_per_pixel();
        let first = Plane { offset: 0, stride: self.stride, height: self.height, row_bytes };
        if number == 0 {
            return first;
        }
        let (stride, height) = (self.stride / 2, self.height.div_ceil(2));
        let offset = self.stride * self.height + (number - 1) * stride * height;
        Plane { offset, stride, height, row_bytes: self.width.div_ceil(2) }
    }

    /// A shape whose bytes can be counted and addressed.
    fn new(width: u32, height: u32, stride: usize, format: PixelFormat) -> Option<Self> {
        let (width, height) = (width as usize, height as usize);
        let fits = width > 0 && height > 0 && stride >= width.checked_mul(format.bytes_per_pixel())?;
        // twice: no planes are more than that, whatever is rounded up
        let most = stride.checked_mul(height.checked_add(1)?)?.checked_mul(2)?;
        (fits && most <= isize::MAX as usize).then_some(Self { width, height, stride, format })
    }

    /// Bytes from the first of the first row to the end of the last one's stride.
    fn bytes(&self) -> usize {
        let last = self.plane(self.planes() - 1);
        last.offset + last.stride * last.height
    }
}

/// Pixels of the plugin's own.
struct Buffer {
    start: NonNull<u8>,
    layout: Layout,
}

impl Buffer {
    fn zeroed(bytes: usize) -> Self {
        let layout = Layout::from_size_align(bytes.max(1), ROW_ALIGNMENT).expect("a frame that fits into memory");
        // SAFETY: the size is not zero.
        let start = NonNull::new(unsafe { alloc::alloc_zeroed(layout) });
        Self { start: start.unwrap_or_else(|| alloc::handle_alloc_error(layout)), layout }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: allocated in `zeroed` with this layout.
        unsafe { alloc::dealloc(self.start.as_ptr(), self.layout) }
    }
}

/// The slots of one call of the host. Views of them hold it, so that their number is known when the call ends.
struct Lease {
    input: NonNull<u8>,
    output: NonNull<u8>,
    /// Whether there is, or was, a view that may write to the output.
    taken: Cell<bool>,
}

enum Place {
    /// The input slot; nobody writes to it while such a view lives.
    Input(Rc<Lease>),
    /// The output slot; no other view of it lives.
    Output(Rc<Lease>),
    Own(Buffer),
}

/// A frame of video: size, format, time, and its pixels where they lie.
///
/// The frame that [`EffectProcessor::process`](crate::EffectProcessor::process) gets is a view of the slot that the editor
/// filled, and [`output`](Self::output) is one of the slot that the editor will read. Nothing is copied, unless the editor
/// wants the result in place of the input and the effect needs both at once.
///
/// ```
/// # use timeline_studio_sdk::prelude::*;
/// /// Each pixel by itself: in place or from slot to slot, without a copy.
/// fn invert(input: VideoFrame) -> Result<VideoFrame> {
///     input.map_pixels(|[r, g, b, a]: [u8; 4]| [255 - r, 255 - g, 255 - b, a])
/// }
///
/// /// With its neighbours: from the input to the output.
/// fn smear(input: VideoFrame) -> Result<VideoFrame> {
///     let mut output = input.output();
///     for y in 0..input.height() {
///         let (from, to) = (input.pixels::<[u8; 4]>(y)?, output.pixels_mut::<[u8; 4]>(y)?);
///         for x in 0..to.len() {
///             to[x] = from[x.saturating_sub(1)];
///         }
///     }
///     Ok(output)
/// }
/// # let mut frame = VideoFrame::new(16, 16, PixelFormat::Rgba8);
/// # frame.pixels_mut::<[u8; 4]>(3).unwrap()[5] = [1, 2, 3, 4];
/// # let frame = invert(smear(frame).unwrap()).unwrap();
/// # assert_eq!(frame.pixels::<[u8; 4]>(3).unwrap()[6], [254, 253, 252, 4]);
/// ```
///
/// A view belongs to the call it came with: it is to be returned or dropped by then. One that is kept, or leaked, makes
/// the plugin trap at the end of the call, because its pixels are somebody else's afterwards. [`to_owned`](Self::to_owned)
/// makes a frame that may be kept.
pub struct VideoFrame {
    shape: Shape,
    pts_us: i64,
    place: Place,
}

impl VideoFrame {
    /// A black, transparent frame of the plugin's own.
    ///
    /// # Panics
    ///
    /// It has no pixels, or does not fit into memory.
    pub fn new(width: u32, height: u32, format: PixelFormat) -> Self {
        let alignment = if format == PixelFormat::Yuv420P8 { 2 * ROW_ALIGNMENT } else { ROW_ALIGNMENT };
        let bytes = (width as usize).checked_mul(format.bytes_per_pixel());
        let stride = bytes.and_then(|bytes| bytes.checked_next_multiple_of(alignment));
        let shape = stride.and_then(|stride| Shape::new(width, height, stride, format));
        Self::own(shape.expect("a frame that has pixels and fits into memory"), 0)
    }

    fn own(shape: Shape, pts_us: i64) -> Self {
        Self { shape, pts_us, place: Place::Own(Buffer::zeroed(shape.bytes())) }
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.shape.width as u32
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.shape.height as u32
    }

    /// Bytes from a row to the next one.
    pub fn stride(&self) -> usize {
        self.shape.stride
    }

    /// How its pixels are laid out.
    pub fn format(&self) -> PixelFormat {
        self.shape.format
    }

    /// Presentation time, in µs.
    pub fn pts_us(&self) -> i64 {
        self.pts_us
    }

    /// How many planes there are: 3 for YUV, else 1.
    pub fn planes(&self) -> usize {
        self.shape.planes()
    }

    /// Bytes of a row of the first, or only, plane, without padding.
    ///
    /// # Panics
    ///
    /// There is no such row.
    pub fn row(&self, y: u32) -> &[u8] {
        self.plane_row(0, y)
    }

    /// The same, to write to.
    pub fn row_mut(&mut self, y: u32) -> &mut [u8] {
        self.plane_row_mut(0, y)
    }

    /// Bytes of a row of a plane, without padding. Planes 1 and 2 of YUV have half as many rows.
    ///
    /// # Panics
    ///
    /// There is no such plane or row.
    pub fn plane_row(&self, plane: usize, y: u32) -> &[u8] {
        let (at, length) = self.row_at(plane, y);
        // SAFETY: the row lies within the frame, which outlives this view (`settle` sees to it), and only `&mut self`
        // leads to a writer of it.
        unsafe { slice::from_raw_parts(at.as_ptr(), length) }
    }

    /// The same, to write to.
    ///
    /// Where this is the input, it becomes the output first: for nothing where the editor wants the result in its place,
    /// else by a copy of the frame. To write without that copy, write to [`output`](Self::output).
    pub fn plane_row_mut(&mut self, plane: usize, y: u32) -> &mut [u8] {
        self.make_writable();
        let (at, length) = self.row_at(plane, y);
        // SAFETY: as above; a writable view is the only one of its memory.
        unsafe { slice::from_raw_parts_mut(at.as_ptr(), length) }
    }

    /// Pixels of a row.
    ///
    /// # Errors
    ///
    /// The frame has another format: code [`UNSUPPORTED_FORMAT`].
    ///
    /// # Panics
    ///
    /// There is no such row.
    pub fn pixels<P: Pixel>(&self, y: u32) -> Result<&[P]> {
        self.require::<P>()?;
        let row = self.row(y);
        // SAFETY: any bytes are pixels (`Pixel`), and rows begin at multiples of what pixels are aligned to (`view` and
        // `new` see to it).
        Ok(unsafe { slice::from_raw_parts(row.as_ptr().cast(), self.shape.width) })
    }

    /// The same, to write to; see [`plane_row_mut`](Self::plane_row_mut).
    pub fn pixels_mut<P: Pixel>(&mut self, y: u32) -> Result<&mut [P]> {
        self.require::<P>()?;
        let width = self.shape.width;
        let row = self.row_mut(y);
        // SAFETY: as above.
        Ok(unsafe { slice::from_raw_parts_mut(row.as_mut_ptr().cast(), width) })
    }

    /// A frame of the same size to write the result to: the slot that the editor reads.
    ///
    /// It is a frame of the plugin's own, copied once at the end, where the editor wants the result in place of the
    /// input, and where the slot was given out already. What is in it before is anything.
    #[must_use]
    pub fn output(&self) -> Self {
        if let Place::Input(lease) = &self.place {
            if lease.input != lease.output && !lease.taken.replace(true) {
                let place = Place::Output(Rc::clone(lease));
                return Self { shape: self.shape, pts_us: self.pts_us, place };
            }
        }
        Self::own(self.shape, self.pts_us)
    }

    /// Replaces each pixel by what a function makes of it, without a copy.
    ///
    /// # Errors
    ///
    /// The frame has another format: code [`UNSUPPORTED_FORMAT`].
    pub fn map_pixels<P: Pixel>(mut self, mut of: impl FnMut(P) -> P) -> Result<Self> {
        self.require::<P>()?;
        let apart = matches!(&self.place, Place::Input(lease) if lease.input != lease.output && !lease.taken.get());
        if apart {
            let mut output = self.output();
            for y in 0..self.height() {
                for (to, from) in output.pixels_mut::<P>(y)?.iter_mut().zip(self.pixels::<P>(y)?) {
                    *to = of(*from);
                }
            }
            return Ok(output);
        }
        for y in 0..self.height() {
            for pixel in self.pixels_mut::<P>(y)? {
                *pixel = of(*pixel);
            }
        }
        Ok(self)
    }

    /// A copy that may be kept beyond the call.
    #[must_use]
    pub fn to_owned(&self) -> Self {
        let mut copy = Self::own(self.shape, self.pts_us);
        copy.copy_from(self);
        copy
    }

    /// Copies the pixels of a frame of the same size and format.
    ///
    /// # Panics
    ///
    /// Size or format are not the same.
    pub fn copy_from(&mut self, other: &Self) {
        assert!(self.is_like(other), "frames differ in size or format");
        for plane in 0..self.planes() {
            for y in 0..self.shape.plane(plane).height as u32 {
                self.plane_row_mut(plane, y).copy_from_slice(other.plane_row(plane, y));
            }
        }
    }

    /// Whether a frame has the same size and format.
    pub fn is_like(&self, other: &Self) -> bool {
        let (a, b) = (self.shape, other.shape);
        (a.width, a.height, a.format) == (b.width, b.height, b.format)
    }

    /// Where a row lies, and how many bytes it has.
    fn row_at(&self, plane: usize, y: u32) -> (NonNull<u8>, usize) {
        let plane = self.shape.plane(plane);
        let y = y as usize;
        assert!(y < plane.height, "row {y} of a plane of {} rows", plane.height);
        let start = match &self.place {
            Place::Input(lease) => lease.input,
            Place::Output(lease) => lease.output,
            Place::Own(buffer) => buffer.start,
        };
        // SAFETY: within the frame's bytes, as `Shape::bytes` counts them.
        (unsafe { start.add(plane.offset + y * plane.stride) }, plane.row_bytes)
    }

    fn require<P: Pixel>(&self) -> Result<()> {
        if self.shape.format == P::FORMAT {
            return Ok(());
        }
        let message = format!("takes frames of {:?}, not of {:?}", P::FORMAT, self.shape.format);
        Err(Error::new(UNSUPPORTED_FORMAT, message))
    }

    fn make_writable(&mut self) {
        let Place::Input(lease) = &self.place else { return };
        if lease.input == lease.output && !lease.taken.replace(true) {
            // the only view of this memory: an output of a call in place is never given out beside the input
            self.place = Place::Output(Rc::clone(lease));
            return;
        }
        let mut writable = self.output();
        writable.copy_from(self);
        *self = writable;
    }
}

impl std::fmt::Debug for VideoFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shape { width, height, format, .. } = self.shape;
        write!(f, "VideoFrame({width}x{height} {format:?} at {} µs)", self.pts_us)
    }
}

/// What the host says of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw {
    pub width: u32,
    pub height: u32,
    pub stride: u32,
    pub format: u32,
    pub input: *mut u8,
    pub output: *mut u8,
    pub pts_us: i64,
}

/// Code of the error for a frame that cannot be.
const IMPOSSIBLE: i32 = 4;

/// Has a frame processed, and its result put into the output slot.
///
/// # Errors
///
/// The processor's; or the frame cannot be, or the result has another size or format.
///
/// # Panics
///
/// A view of the slots was kept.
///
/// # Safety
///
/// Both slots hold a frame of this shape, are the same or do not overlap, and nobody else writes to them meanwhile.
pub(crate) unsafe fn process(raw: Raw, run: impl FnOnce(VideoFrame) -> Result<VideoFrame>) -> Result<()> {
    let (shape, lease) = admit(raw).ok_or_else(|| Error::new(IMPOSSIBLE, "the host gave a frame that cannot be"))?;
    let answer = run(VideoFrame { shape, pts_us: raw.pts_us, place: Place::Input(Rc::clone(&lease)) });
    let returned = matches!(&answer, Ok(VideoFrame { place: Place::Input(_) | Place::Output(_), .. }));
    let kept = Rc::strong_count(&lease) - 1 - usize::from(returned);
    assert!(kept == 0, "a VideoFrame was kept beyond its call; keep a copy by to_owned()");
    settle(answer?, shape, &lease)
}

/// Returns shape and slots, if the frame can be.
fn admit(raw: Raw) -> Option<(Shape, Rc<Lease>)> {
    let format = PixelFormat::from_wire(raw.format)?;
    let shape = Shape::new(raw.width, raw.height, raw.stride as usize, format)?;
    let (input, output) = (NonNull::new(raw.input)?, NonNull::new(raw.output)?);
    let aligned = [raw.input as usize, raw.output as usize, shape.stride].iter().all(|at| at % 16 == 0);
    let apart = (raw.input as usize).abs_diff(raw.output as usize);
    let disjoint = apart == 0 || apart >= shape.bytes();
    (aligned && disjoint).then(|| (shape, Rc::new(Lease { input, output, taken: Cell::new(false) })))
}

/// Puts a result into the output slot, where it is not there already.
fn settle(frame: VideoFrame, shape: Shape, lease: &Rc<Lease>) -> Result<()> {
    match &frame.place {
        Place::Output(_) => return Ok(()),
        Place::Input(of) if of.input == of.output => return Ok(()),
        _ => {}
    }
    let mut output = VideoFrame { shape, pts_us: 0, place: Place::Output(Rc::clone(lease)) };
    if !output.is_like(&frame) {
        return Err(Error::msg(format_args!("made {frame:?} of a frame of {}x{}", shape.width, shape.height)));
    }
    // no other view lives: `process` has counted them
    output.copy_from(&frame);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots in one piece of memory, with a pattern in the first.
    struct Slots {
        memory: Buffer,
        shape: Shape,
    }

    impl Slots {
        fn new(format: PixelFormat) -> Self {
            let shape = VideoFrame::new(33, 17, format).shape;
            let memory = Buffer::zeroed(2 * shape.bytes().next_multiple_of(4096));
            for at in 0..shape.bytes() {
                // SAFETY: within the buffer.
                unsafe { memory.start.add(at).write((at % 251) as u8) }
            }
            Self { memory, shape }
        }

        fn raw(&self, in_place: bool) -> Raw {
            let Shape { width, height, stride, format } = self.shape;
            let input = self.memory.start.as_ptr();
            let second = if in_place { 0 } else { self.shape.bytes().next_multiple_of(4096) };
            // SAFETY: within the buffer.
            let output = unsafe { input.add(second) };
            let format = format as u32;
            Raw { width: width as u32, height: height as u32, stride: stride as u32, format, input, output, pts_us: 7 }
        }

        fn run(&self, in_place: bool, run: impl FnOnce(VideoFrame) -> Result<VideoFrame>) -> Result<()> {
            // SAFETY: two slots of this shape, used by nobody else.
            unsafe { process(self.raw(in_place), run) }
        }

        fn byte(&self, output: bool, y: usize, x: usize) -> u8 {
            let slot = if output { self.shape.bytes().next_multiple_of(4096) } else { 0 };
            // SAFETY: within the buffer.
            unsafe { *self.memory.start.add(slot + y * self.shape.stride + x).as_ptr() }
        }
    }

    fn was(y: usize, x: usize, stride: usize) -> u8 {
        ((y * stride + x) % 251) as u8
    }

    #[test]
    fn each_way_of_writing_gives_the_same_in_place_and_apart() {
        type Way = fn(VideoFrame) -> Result<VideoFrame>;
        let ways: [Way; 4] = [
            |frame| frame.map_pixels(|pixel: [u8; 4]| pixel.map(|one| 255 - one)),
            |mut frame| {
                for y in 0..frame.height() {
                    frame.row_mut(y).iter_mut().for_each(|one| *one = 255 - *one);
                }
                Ok(frame)
            },
            |frame| {
                let mut output = frame.output();
                for y in 0..frame.height() {
                    output.row_mut(y).iter_mut().zip(frame.row(y)).for_each(|(to, from)| *to = 255 - from);
                }
                Ok(output)
            },
            |frame| frame.to_owned().map_pixels(|pixel: [u8; 4]| pixel.map(|one| 255 - one)),
        ];
        for (number, way) in ways.into_iter().enumerate() {
            for in_place in [true, false] {
                let slots = Slots::new(PixelFormat::Rgba8);
                slots.run(in_place, way).unwrap();
                for (y, x) in [(0, 0), (16, 131), (9, 50)] {
                    let old = was(y, x, slots.shape.stride);
                    assert_eq!(slots.byte(!in_place, y, x), 255 - old, "way {number}, in place: {in_place}");
                    if !in_place {
                        assert_eq!(slots.byte(false, y, x), old, "way {number} changed the input");
                    }
                }
            }
        }
    }

    #[test]
    fn a_frame_handed_back_as_it_is_is_copied_where_that_is_needed() {
        let slots = Slots::new(PixelFormat::Rgba8);
        slots.run(false, Ok).unwrap();
        assert_eq!(slots.byte(true, 16, 131), was(16, 131, slots.shape.stride));
    }

    #[test]
    fn views_are_of_the_slots_themselves() {
        let slots = Slots::new(PixelFormat::Rgba32F);
        let raw = slots.raw(false);
        slots
            .run(false, |input| {
                assert_eq!(input.row(0).as_ptr(), raw.input.cast_const());
                let mut output = input.output();
                assert_eq!(output.row_mut(0).as_mut_ptr(), raw.output);
                assert_ne!(input.output().row_mut(0).as_mut_ptr(), raw.output, "given out once");
                assert_eq!(input.pts_us(), 7);
                Ok(output)
            })
            .unwrap();
    }

    #[test]
    #[should_panic(expected = "kept beyond its call")]
    fn a_view_that_is_leaked_traps() {
        let slots = Slots::new(PixelFormat::Rgba8);
        let mut kept = None;
        let _ = slots.run(false, |input| {
            let output = input.output();
            kept = Some(Box::leak(Box::new(input)));
            Ok(output)
        });
    }

    #[test]
    #[should_panic(expected = "kept beyond its call")]
    fn an_output_that_is_kept_traps() {
        let slots = Slots::new(PixelFormat::Rgba8);
        let mut kept = None;
        let _ = slots.run(false, |input| {
            kept = Some(input.output());
            Ok(input)
        });
    }

    #[test]
    fn a_copy_may_be_kept() {
        let slots = Slots::new(PixelFormat::Rgba8);
        let mut kept = None;
        slots
            .run(true, |input| {
                kept = Some(input.to_owned());
                Ok(input)
            })
            .unwrap();
        assert_eq!(kept.unwrap().row(16)[131], was(16, 131, slots.shape.stride));
    }

    #[test]
    fn another_format_is_refused_in_words() {
        let slots = Slots::new(PixelFormat::Rgba16F);
        let error = slots.run(true, |frame| frame.map_pixels(|pixel: [u8; 4]| pixel)).unwrap_err();
        assert_eq!((error.code(), error.message()), (2, "takes frames of Rgba8, not of Rgba16F"));
    }

    #[test]
    fn a_result_of_another_size_is_refused() {
        let slots = Slots::new(PixelFormat::Rgba8);
        let error = slots.run(false, |_| Ok(VideoFrame::new(32, 17, PixelFormat::Rgba8))).unwrap_err();
        assert_eq!(error.message(), "made VideoFrame(32x17 Rgba8 at 0 µs) of a frame of 33x17");
    }

    #[test]
    fn planes_of_yuv_lie_behind_one_another() {
        let slots = Slots::new(PixelFormat::Yuv420P8);
        let stride = slots.shape.stride;
        slots
            .run(true, |frame| {
                assert_eq!((frame.planes(), frame.row(16).len(), frame.plane_row(1, 8).len()), (3, 33, 17));
                let (y, u) = (stride * 17, stride / 2 * 9);
                assert_eq!(frame.plane_row(1, 0)[0], (y % 251) as u8);
                assert_eq!(frame.plane_row(2, 8)[16], ((y + u + 8 * stride / 2 + 16) % 251) as u8);
                Ok(frame)
            })
            .unwrap();
    }

    #[test]
    fn frames_that_cannot_be_are_refused() {
        let slots = Slots::new(PixelFormat::Rgba8);
        let good = slots.raw(false);
        // SAFETY: within the buffer.
        let inside = unsafe { good.input.add(64) };
        for raw in [
            Raw { format: 9, ..good },
            Raw { width: 0, ..good },
            Raw { stride: 128, ..good },
            Raw { output: inside, ..good },
            Raw { input: std::ptr::null_mut(), ..good },
        ] {
            // SAFETY: refused before anything is read.
            let error = unsafe { process(raw, Ok) }.unwrap_err();
            assert_eq!(error.code(), IMPOSSIBLE, "{raw:?}");
        }
    }
}
