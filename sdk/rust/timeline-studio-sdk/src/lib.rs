#![doc = include_str!("../README.md")]

#[cfg(target_family = "wasm")]
mod abi;
mod api;
mod commands;
mod console;
mod effects;
#[cfg_attr(not(target_family = "wasm"), allow(dead_code))] // the host's tests call it
mod entry;
mod error;
mod events;
mod executor;
mod frame;
#[rustfmt::skip]
mod generated;
mod host;
mod params;
mod registry;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use api::{api, PluginAPI};
pub use commands::Commands;
pub use effects::{BoxedProcessor, EffectDefinition, EffectProcessor};
pub use error::{Error, Result};
pub use events::{EventStream, Subscription};
pub use frame::{Pixel, PixelFormat, VideoFrame, UNSUPPORTED_FORMAT};
pub use generated::*;
pub use params::{Parameter, Parameters};
pub use timeline_studio_sdk_macros::{
    command, on_activate, on_deactivate, on_load, on_unload, plugin_main, restore_state, save_state,
};

/// What nearly every plugin uses: `use timeline_studio_sdk::prelude::*;`.
///
/// The types of the host API besides, such as [`Clip`] or [`ShowDialog`], are in it as well; [`println!`](crate::println)
/// cannot be.
pub mod prelude {
    pub use crate::generated::*;
    pub use crate::{
        api, bail, command, ensure, on_activate, on_deactivate, on_load, on_unload, plugin_main, restore_state,
        save_state, EffectDefinition, EffectProcessor, Error, Parameter, Parameters, PixelFormat, PluginAPI, Result,
        VideoFrame,
    };
}

/// For what the attributes write; not for people.
#[doc(hidden)]
pub mod __private {
    pub use crate::commands::{answer, arguments};
    pub use crate::console::{eprint, print};
    pub use crate::registry::{done, BoxFuture, Hook, Kind, Registration};
}
