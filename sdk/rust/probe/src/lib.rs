//! Each way in which a plugin can behave, for tests/integration/test_sdk_rust.py.

use std::cell::{Cell, RefCell};

use serde_json::{json, Value};
use timeline_studio_sdk::prelude::*;
use timeline_studio_sdk::{codes, println};

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
    static HEARD: RefCell<Vec<Value>> = RefCell::default();
    static KEPT: RefCell<Option<VideoFrame>> = RefCell::default();
}

#[on_load]
async fn load(api: PluginAPI) -> Result<()> {
    COUNT.set(100);
    effect(api, "Invert", Invert).await?;
    effect(api, "Keeper", Keeper).await?;
    effect(api, "Choosy", Choosy).await
}

/// Waits for two events, one after the other, long after the host's call has ended.
#[plugin_main]
async fn main(api: PluginAPI) -> Result<()> {
    let mut events = api.events().listen("probe.*").await?;
    for _ in 0..2 {
        let event = events.next().await;
        HEARD.with_borrow_mut(|heard| heard.push(event.payload));
    }
    bail!("heard enough");
}

#[command]
fn heard() -> Result<Vec<Value>> {
    Ok(HEARD.with_borrow(Clone::clone))
}

#[command]
fn count() -> Result<u32> {
    COUNT.set(COUNT.get() + 1);
    Ok(COUNT.get())
}

/// What is counted goes on in the next instance.
#[save_state]
fn save() -> Result<u32> {
    Ok(COUNT.get())
}

#[restore_state]
async fn restore(_api: PluginAPI, count: u32) -> Result<()> {
    COUNT.set(count);
    Ok(())
}

#[command]
fn echo(value: Value) -> Result<Value> {
    Ok(value)
}

#[command(name = "add.numbers")]
fn add((left, right): (i64, i64)) -> Result<i64> {
    Ok(left + right)
}

#[command]
fn parse(text: String) -> Result<i64> {
    Ok(text.parse()?)
}

#[command]
fn refuse() -> Result<()> {
    Err(Error::new(7, "not today").with_data(json!({"until": "tomorrow"})))
}

#[command]
async fn denied(api: PluginAPI) -> Result<Value> {
    let error = api.timeline().get_state().await.expect_err("it has no permission");
    ensure!(error.is_permission_denied(), "{error:?}");
    ensure!(error.code() == codes::PERMISSION_DENIED, "{error:?}");
    Err(error)
}

#[command]
fn panics(what: String) -> Result<()> {
    deeper(&what)
}

fn deeper(what: &str) -> Result<()> {
    panic!("cannot go on with {what}");
}

#[command]
async fn pends() -> Result<()> {
    std::future::pending().await
}

#[command]
fn prints() -> Result<()> {
    println!("println {}", 1);
    eprintln!("eprintln {}", 2);
    helper();
    log::error!("log error");
    log::warn!("log warn");
    log::info!("log info");
    log::debug!("log debug");
    log::trace!("log trace");
    Ok(())
}

fn helper() {
    println!("println of a helper");
}

#[command]
async fn system(api: PluginAPI) -> Result<SystemInfo> {
    api.system().get_info().await
}

async fn effect(api: PluginAPI, name: &str, processor: impl EffectProcessor) -> Result<()> {
    let processor = Box::new(processor);
    let definition = EffectDefinition { name: name.into(), category: String::new(), parameters: vec![], processor };
    api.effects().register_effect(definition).await.map(|_| ())
}

struct Invert;

impl EffectProcessor for Invert {
    const PARALLEL: bool = true;

    async fn process(&self, input: VideoFrame, _params: Parameters) -> Result<VideoFrame> {
        input.map_pixels(|[r, g, b, a]: [u8; 4]| [255 - r, 255 - g, 255 - b, a])
    }
}

/// Keeps what is not its own.
struct Keeper;

impl EffectProcessor for Keeper {
    async fn process(&self, input: VideoFrame, _params: Parameters) -> Result<VideoFrame> {
        let output = input.output();
        KEPT.set(Some(input));
        Ok(output)
    }
}

/// Takes one strength only.
struct Choosy;

impl EffectProcessor for Choosy {
    async fn process(&self, input: VideoFrame, params: Parameters) -> Result<VideoFrame> {
        if params.get_int("strength")? != 3 {
            return Err(Error::new(42, "the strength is 3"));
        }
        Ok(input)
    }
}
