//! Asking the host: the imports of Timeline ABI 1. Elsewhere than in WebAssembly, [`crate::testing`] stands in for it.

use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::error::{Error, Result};

/// Asks the host for something that it answers with a value.
///
/// A host call is synchronous underneath: the future is ready when it is polled first.
pub(crate) async fn call<R: DeserializeOwned>(method: &str, params: &impl Serialize) -> Result<R> {
    call_now(method, params)
}

/// Asks the host for something that it answers with nothing.
pub(crate) async fn call_null(method: &str, params: &impl Serialize) -> Result<()> {
    call_null_now(method, params)
}

/// The same without a future.
pub(crate) fn call_now<R: DeserializeOwned>(method: &str, params: &impl Serialize) -> Result<R> {
    let answer = ask(method, &serde_json::to_vec(params)?)?;
    serde_json::from_slice(&answer)
        .map_err(|error| Error::from(error).context(format_args!("the host's answer to {method}")))
}

/// The same for what is answered with nothing.
pub(crate) fn call_null_now(method: &str, params: &impl Serialize) -> Result<()> {
    ask(method, &serde_json::to_vec(params)?).map(|_| ())
}

#[cfg(target_family = "wasm")]
mod imports {
    #[link(wasm_import_module = "timeline")]
    extern "C" {
        pub fn host_call(name: *const u8, name_length: usize, params: *const u8, params_length: usize) -> u64;
        pub fn log(level: i32, text: *const u8, length: usize);
    }
}

#[cfg(target_family = "wasm")]
fn ask(method: &str, params: &[u8]) -> Result<Vec<u8>> {
    // SAFETY: the host reads the two texts before it returns, and nothing else of this memory.
    let packed = unsafe { imports::host_call(method.as_ptr(), method.len(), params.as_ptr(), params.len()) };
    let (failed, text) = crate::abi::take(packed);
    if failed {
        return Err(serde_json::from_slice::<Error>(&text).unwrap_or_else(|error| {
            Error::msg(format_args!("{method} failed, and the host's error is none: {error}"))
        }));
    }
    Ok(text)
}

#[cfg(not(target_family = "wasm"))]
fn ask(method: &str, params: &[u8]) -> Result<Vec<u8>> {
    crate::testing::answer(method, params)
}

/// Writes a line to the console.
pub(crate) fn log(level: i32, text: &str) {
    #[cfg(target_family = "wasm")]
    // SAFETY: the host reads the text before it returns.
    unsafe {
        imports::log(level, text.as_ptr(), text.len());
    }
    #[cfg(not(target_family = "wasm"))]
    crate::testing::hear(level, text);
}
