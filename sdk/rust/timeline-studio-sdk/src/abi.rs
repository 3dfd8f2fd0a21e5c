//! Timeline ABI 1: the functions that the host calls, and how texts cross over.

use std::alloc::{self, Layout};

use crate::error::{Error, Result};
use crate::frame::Raw;
use crate::{console, effects, entry, registry};

/// Bit of a packed text that says it is an error object.
const ERROR: u64 = 1 << 31;

extern "C" {
    /// Runs the static constructors; the linker makes it. Because it is called here, the linker does not call it at
    /// every export.
    fn __wasm_call_ctors();
}

/// The frame structure of the ABI.
#[repr(C)]
struct Frame {
    size: u32,
    width: u32,
    height: u32,
    stride: u32,
    format: u32,
    input: *mut u8,
    output: *mut u8,
    params: *const u8,
    params_length: usize,
    pts_us: i64,
}

#[no_mangle]
extern "C" fn _initialize() {
    console::install();
    // SAFETY: the host calls this once, before anything else.
    unsafe { __wasm_call_ctors() }
    registry::check();
}

#[no_mangle]
extern "C" fn plugin_abi() -> i32 {
    1
}

#[no_mangle]
extern "C" fn plugin_alloc(size: usize, align: usize) -> *mut u8 {
    match Layout::from_size_align(size, align) {
        Ok(layout) if size == 0 => std::ptr::without_provenance_mut(layout.align()),
        // SAFETY: the size is not zero.
        Ok(layout) => unsafe { alloc::alloc(layout) },
        Err(_) => std::ptr::null_mut(),
    }
}

/// # Safety
///
/// The host gives back what it got from `plugin_alloc`, or a text of ours, with its size and align.
#[no_mangle]
unsafe extern "C" fn plugin_free(at: *mut u8, size: usize, align: usize) {
    match Layout::from_size_align(size, align) {
        // SAFETY: the caller's.
        Ok(layout) if size > 0 => unsafe { alloc::dealloc(at, layout) },
        _ => {}
    }
}

/// # Safety
///
/// The host gives two texts.
#[no_mangle]
unsafe extern "C" fn plugin_call(name: *const u8, name_length: usize, params: *const u8, params_length: usize) -> u64 {
    // SAFETY: the caller's.
    let (name, params) = unsafe { (bytes(name, name_length), bytes(params, params_length)) };
    let answer = std::str::from_utf8(name)
        .map_err(Error::from)
        .and_then(|name| entry::call(name, if params.is_empty() { b"null".to_vec() } else { params.to_vec() }));
    match answer {
        Ok(text) => give(text),
        Err(error) => give(serde_json::to_vec(&error).unwrap_or_default()) | ERROR,
    }
}

/// # Safety
///
/// The host gives a frame structure whose slots hold frames, are the same or apart, and are left alone meanwhile.
#[no_mangle]
unsafe extern "C" fn plugin_process_frame(effect: i32, frame: *const Frame) -> i32 {
    // SAFETY: the caller's.
    match unsafe { process(effect, &*frame) } {
        Ok(()) => 0,
        Err(error) => {
            log::error!("{error}");
            frame_code(&error)
        }
    }
}

/// What stands for an error where there is only a number, which is positive.
fn frame_code(error: &Error) -> i32 {
    match error.code() {
        crate::codes::INVALID_PARAMS => 3,
        code if code > 0 => code,
        _ => Error::PLUGIN,
    }
}

unsafe fn process(effect: i32, frame: &Frame) -> Result<()> {
    if (frame.size as usize) < size_of::<Frame>() {
        return Err(Error::invalid("the frame structure is too short"));
    }
    let &Frame { width, height, stride, format, input, output, pts_us, .. } = frame;
    let raw = Raw { width, height, stride, format, input, output, pts_us };
    // SAFETY: the caller's.
    unsafe { effects::process(effect, raw, bytes(frame.params, frame.params_length)) }
}

unsafe fn bytes<'a>(at: *const u8, length: usize) -> &'a [u8] {
    // SAFETY: the caller's.
    if length == 0 {
        &[]
    } else {
        unsafe { std::slice::from_raw_parts(at, length) }
    }
}

/// Hands a text to the host, which frees it with align 1; an empty one is null.
fn give(text: Vec<u8>) -> u64 {
    if text.is_empty() {
        return 0;
    }
    let text = Box::leak(text.into_boxed_slice());
    ((text.as_mut_ptr() as u64) << 32) | text.len() as u64
}

/// Takes a text that the host put into memory from `plugin_alloc`; returns whether it is an error.
pub(crate) fn take(packed: u64) -> (bool, Vec<u8>) {
    let (at, length) = ((packed >> 32) as usize, (packed & (ERROR - 1)) as usize);
    if length == 0 {
        return (packed & ERROR != 0, b"null".to_vec());
    }
    // SAFETY: the host got this memory from `plugin_alloc` with this size and align 1, and hands it over.
    let text = unsafe { Vec::from_raw_parts(at as *mut u8, length, length) };
    (packed & ERROR != 0, text)
}
