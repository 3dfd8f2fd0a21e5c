//! Effects that a plugin offers.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::frame::{self, Raw, VideoFrame};
use crate::generated::{self, EffectHandle, Effects};
use crate::params::{Parameter, Parameters};
use crate::{executor, host};

/// What computes an effect.
///
/// ```
/// use timeline_studio_sdk::prelude::*;
///
/// struct Brightness;
///
/// impl EffectProcessor for Brightness {
///     async fn process(&self, input: VideoFrame, params: Parameters) -> Result<VideoFrame> {
///         let factor = params.get_float("factor")? as f32;
///         input.map_pixels(|[r, g, b, a]: [f32; 4]| [r * factor, g * factor, b * factor, a])
///     }
/// }
/// ```
pub trait EffectProcessor: 'static {
    /// Whether what it makes of a frame depends on nothing but that frame, its parameters and its time, and it asks the host
    /// for nothing. Frames may then be run by several workers at once. Such a worker runs [`on_load`](crate::on_load) and
    /// not `main`: register the effect there.
    const PARALLEL: bool = false;

    /// Makes a frame of a frame: see [`VideoFrame`] for how to do so without copies.
    ///
    /// The editor waits: what is awaited in here has to be there at once, as all host calls are. An error reaches the
    /// editor as `PluginError` with its code where that is positive (3 for parameters that do not fit, else 1); its words
    /// are in the plugin's console.
    fn process(&self, input: VideoFrame, params: Parameters) -> impl Future<Output = Result<VideoFrame>>;
}

/// An [`EffectProcessor`] behind a pointer. Every processor is one: `Box::new(MyEffect)` is all there is to do.
pub trait BoxedProcessor: 'static {
    /// [`EffectProcessor::PARALLEL`].
    fn parallel(&self) -> bool;

    /// Processes a frame.
    fn process_boxed<'a>(
        &'a self,
        input: VideoFrame,
        params: Parameters,
    ) -> Pin<Box<dyn Future<Output = Result<VideoFrame>> + 'a>>;
}

impl<T: EffectProcessor> BoxedProcessor for T {
    fn parallel(&self) -> bool {
        T::PARALLEL
    }

    fn process_boxed<'a>(
        &'a self,
        input: VideoFrame,
        params: Parameters,
    ) -> Pin<Box<dyn Future<Output = Result<VideoFrame>> + 'a>> {
        Box::pin(self.process(input, params))
    }
}

/// An effect to register.
pub struct EffectDefinition {
    /// For people. The id is made of it: "Custom Blur" is `custom-blur`, unless
    /// [`register_effect_as`](Effects::register_effect_as) gives another.
    pub name: String,
    /// For people: where editors list it.
    pub category: String,
    /// In the order of the controls.
    pub parameters: Vec<Parameter>,
    /// What computes it.
    pub processor: Box<dyn BoxedProcessor>,
}

struct Registered {
    handle: i32,
    id: String,
    parameters: Rc<[Parameter]>,
    processor: Box<dyn BoxedProcessor>,
}

thread_local! {
    static REGISTERED: RefCell<Vec<Rc<Registered>>> = RefCell::default();
}

impl Effects {
    /// Offers an effect, under an id made of its name; again with the same id to change it. Permission: `effects.create`.
    pub async fn register_effect(&self, definition: EffectDefinition) -> Result<EffectHandle> {
        let id = id_of(&definition.name);
        self.register_effect_as(id, definition).await
    }

    /// Offers an effect under an id.
    pub async fn register_effect_as(
        &self,
        id: impl Into<String>,
        definition: EffectDefinition,
    ) -> Result<EffectHandle> {
        #[allow(clippy::needless_update)] // fields that the table gains have the host's defaults
        let wire = generated::EffectDefinition {
            id: id.into(),
            name: definition.name,
            category: definition.category,
            parameters: definition.parameters.iter().map(Parameter::wire).collect(),
            parallel: definition.processor.parallel(),
            ..Default::default()
        };
        let answer: EffectHandle = host::call("effects.register", &wire).await?;
        let registered = Rc::new(Registered {
            handle: i32::try_from(answer.effect)?,
            id: wire.id,
            parameters: definition.parameters.into(),
            processor: definition.processor,
        });
        REGISTERED.with_borrow_mut(|all| {
            all.retain(|one| one.handle != registered.handle);
            all.push(registered);
        });
        Ok(answer)
    }
}

/// Makes an id of a name: lower case, with dashes for what is no letter or digit.
fn id_of(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

/// Processes a frame.
///
/// # Errors
///
/// There is no such effect, or what it answers.
///
/// # Safety
///
/// As for [`frame::process`].
pub(crate) unsafe fn process(handle: i32, raw: Raw, params: &[u8]) -> Result<()> {
    let found = REGISTERED.with_borrow(|all| all.iter().find(|one| one.handle == handle).cloned());
    let effect = found.ok_or_else(|| Error::msg(format_args!("there is no effect {handle}")))?;
    let params = Parameters::parse(&effect.parameters, params)?;
    // SAFETY: the caller's.
    let done =
        unsafe { frame::process(raw, |input| executor::block_on(effect.processor.process_boxed(input, params))) };
    done.map_err(|error| error.context(format_args!("effect {}", effect.id)))
}

/// The number of an effect.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn handle_of(id: &str) -> Option<i32> {
    REGISTERED.with_borrow(|all| all.iter().find(|one| one.id == id).map(|one| one.handle))
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_made_of_names() {
        assert_eq!(super::id_of("Custom Blur"), "custom-blur");
        assert_eq!(super::id_of("  3D LUT (fast)"), "3d-lut-fast");
    }
}
