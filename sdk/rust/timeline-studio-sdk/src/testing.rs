//! A host for tests of plugins: `cargo test` on the machine you develop on, without a daemon.
//!
//! ```
//! use serde_json::json;
//! use timeline_studio_sdk::prelude::*;
//! use timeline_studio_sdk::testing::{self, ScriptedHost};
//!
//! #[command]
//! async fn rename_selection(api: PluginAPI, name: String) -> Result<usize> {
//!     let selected = api.timeline().get_selected_clips().await?.clips;
//!     for clip in &selected {
//!         let changes = ClipChanges { name: Some(name.clone()), ..Default::default() };
//!         api.timeline().update_clip(&clip.id, changes).await?;
//!     }
//!     Ok(selected.len())
//! }
//!
//! # fn main() {
//! let clip = json!({"id": "c1", "name": "a", "track": 0, "start": 0.0, "duration": 2.0});
//! let host = ScriptedHost::new()
//!     .answer("timeline.getSelectedClips", json!({"clips": [clip]}))
//!     .answer("timeline.updateClip", json!({"clip": clip}));
//! assert_eq!(testing::call("rename_selection", "b").unwrap(), 1);
//! assert_eq!(host.params_of("timeline.updateClip"), [json!({"clipId": "c1", "changes": {"name": "b"}})]);
//! # }
//! ```

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use serde::Serialize;
use serde_json::{json, Value};

use crate::error::{Error, Result};
use crate::frame::{Raw, VideoFrame};
use crate::{codes, console, effects, entry, executor, registry};

type Answer = Box<dyn FnMut(&Value) -> Result<Value>>;

#[derive(Default)]
struct Script {
    answers: HashMap<String, Answer>,
    calls: Vec<(String, Value)>,
    console: Vec<(i32, String)>,
    effects: Vec<String>,
}

thread_local! {
    static SCRIPT: RefCell<Option<Rc<RefCell<Script>>>> = RefCell::default();
}

/// A host that answers what it was told to, on the thread that made it, until another is made or it is dropped.
///
/// `effects.register` and `events.*` it answers by itself; everything else that it was not told of is HostUnavailable.
pub struct ScriptedHost {
    script: Rc<RefCell<Script>>,
}

impl Default for ScriptedHost {
    fn default() -> Self {
        Self::new()
    }
}

impl ScriptedHost {
    /// Makes one, for this thread.
    ///
    /// # Panics
    ///
    /// Two commands or two hooks of the plugin have one name.
    pub fn new() -> Self {
        console::install();
        registry::check();
        let script: Rc<RefCell<Script>> = Rc::default();
        SCRIPT.set(Some(Rc::clone(&script)));
        Self { script }
    }

    /// Answers a method with a value.
    #[must_use]
    pub fn answer(self, method: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("an answer that is JSON");
        self.on(method, move |_| Ok(value.clone()))
    }

    /// Fails a method.
    #[must_use]
    pub fn fail(self, method: &str, error: Error) -> Self {
        self.on(method, move |_| Err(error.clone()))
    }

    /// Answers a method with what a function makes of its params.
    #[must_use]
    pub fn on(self, method: &str, answer: impl FnMut(&Value) -> Result<Value> + 'static) -> Self {
        self.script.borrow_mut().answers.insert(method.into(), Box::new(answer));
        self
    }

    /// The params of all calls of a method, in order.
    pub fn params_of(&self, method: &str) -> Vec<Value> {
        let script = self.script.borrow();
        script.calls.iter().filter(|(name, _)| name == method).map(|(_, params)| params.clone()).collect()
    }

    /// What was written to the console: levels from 0, trace, to 4, error, and lines.
    pub fn console(&self) -> Vec<(i32, String)> {
        self.script.borrow().console.clone()
    }
}

impl Drop for ScriptedHost {
    fn drop(&mut self) {
        SCRIPT.with_borrow_mut(|script| {
            if script.as_ref().is_some_and(|one| Rc::ptr_eq(one, &self.script)) {
                *script = None;
            }
        });
    }
}

/// Calls a function of the plugin as the host would: a command, or a reserved one such as `main`.
///
/// # Errors
///
/// As the host would get it.
pub fn call(name: &str, args: impl Serialize) -> Result<Value> {
    let answer = entry::call(name, serde_json::to_vec(&args)?)?;
    Ok(if answer.is_empty() { Value::Null } else { serde_json::from_slice(&answer)? })
}

/// Tells the plugin of an event.
///
/// # Errors
///
/// As the host would get it.
pub fn publish(name: &str, payload: impl Serialize) -> Result<()> {
    call("event", json!({"name": name, "payload": serde_json::to_value(payload)?})).map(|_| ())
}

/// Has a registered effect process a frame, from one slot to another.
///
/// # Errors
///
/// As the host would get it; or there is no such effect.
pub fn process(effect_id: &str, input: &VideoFrame, params: impl Serialize) -> Result<VideoFrame> {
    // not freed where the effect panics: a view of them may have been leaked
    let blank = || ManuallyDrop::new(VideoFrame::new(input.width(), input.height(), input.format()));
    let (mut source, mut target) = (blank(), blank());
    source.copy_from(input);
    let handle = effects::handle_of(effect_id)
        .ok_or_else(|| Error::msg(format_args!("no effect {effect_id:?} is registered")))?;
    let raw = Raw {
        width: input.width(),
        height: input.height(),
        stride: u32::try_from(source.stride())?,
        format: input.format() as u32,
        input: source.row_mut(0).as_mut_ptr(),
        output: target.row_mut(0).as_mut_ptr(),
        pts_us: input.pts_us(),
    };
    // SAFETY: two frames of this shape that nobody else uses.
    let done = unsafe { effects::process(handle, raw, &serde_json::to_vec(&params)?) };
    drop(ManuallyDrop::into_inner(source));
    let target = ManuallyDrop::into_inner(target);
    done.map(|()| target)
}

/// Runs a future to its end.
///
/// # Errors
///
/// What it answers, or that it waits for what cannot happen.
pub fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    executor::block_on(future)
}

/// Answers a host call.
pub(crate) fn answer(method: &str, params: &[u8]) -> Result<Vec<u8>> {
    let params: Value = serde_json::from_slice(params)?;
    let Some(script) = SCRIPT.with_borrow(Clone::clone) else { return Ok(serde_json::to_vec(&by_itself(method, 0)?)?) };
    script.borrow_mut().calls.push((method.into(), params.clone()));
    let told = script.borrow_mut().answers.remove(method);
    let Some(mut told) = told else {
        let number = script.borrow_mut().number_of(params.get("id"));
        return Ok(serde_json::to_vec(&by_itself(method, number)?)?);
    };
    let value = told(&params);
    script.borrow_mut().answers.entry(method.into()).or_insert(told);
    Ok(serde_json::to_vec(&value?)?)
}

impl Script {
    fn number_of(&mut self, effect: Option<&Value>) -> usize {
        let Some(id) = effect.and_then(Value::as_str) else { return 0 };
        self.effects.iter().position(|one| one == id).unwrap_or_else(|| {
            self.effects.push(id.into());
            self.effects.len() - 1
        })
    }
}

fn by_itself(method: &str, number: usize) -> Result<Value> {
    match method {
        "effects.register" => Ok(json!({"effect": number})),
        "events.on" | "events.off" | "events.emit" => Ok(Value::Null),
        _ => {
            Err(Error::new(codes::HOST_UNAVAILABLE, format_args!("the test's host was not told what {method} answers")))
        }
    }
}

/// Keeps a line of the console.
pub(crate) fn hear(level: i32, text: &str) {
    SCRIPT.with_borrow(|script| match script {
        Some(script) => script.borrow_mut().console.push((level, text.into())),
        None => std::eprintln!("[console {level}] {text}"),
    });
}
