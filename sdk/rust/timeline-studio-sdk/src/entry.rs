//! What the host calls, once names and params are plain Rust.

use crate::api::api;
use crate::error::{Error, Result};
use crate::generated::Event;
use crate::registry::{self, Hook};
use crate::{commands, events, executor};

/// The reserved names and their hooks.
const HOOKS: [(&str, Hook); 5] = [
    ("lifecycle.load", Hook::Load),
    ("lifecycle.activate", Hook::Activate),
    ("main", Hook::Main),
    ("lifecycle.deactivate", Hook::Deactivate),
    ("lifecycle.unload", Hook::Unload),
];

/// Calls a function of the plugin; the answer is JSON, or empty for null.
///
/// # Errors
///
/// What the function answers, or that there is none of this name.
pub(crate) fn call(name: &str, params: Vec<u8>) -> Result<Vec<u8>> {
    if let Some((name, hook)) = HOOKS.iter().find(|(reserved, _)| *reserved == name) {
        return run_hook(name, *hook);
    }
    if name == "event" {
        events::tell(&serde_json::from_slice::<Event>(&params)?);
        executor::run();
        return Ok(Vec::new());
    }
    if let Some(run) = registry::command(name) {
        return executor::block_on(run(api(), params));
    }
    let handler = commands::find(name).ok_or_else(Error::no_such_function)?;
    executor::block_on(handler(params))
}

fn run_hook(name: &'static str, hook: Hook) -> Result<Vec<u8>> {
    let run = registry::hook(hook).ok_or_else(Error::no_such_function)?;
    match hook {
        Hook::Main => executor::start(name, run(api()))?,
        _ => executor::block_on(run(api()))?,
    }
    Ok(Vec::new())
}
