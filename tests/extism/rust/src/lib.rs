//! Each thing that a plugin by Extism's Rust PDK can do, for tests/integration/test_extism.py.

use extism_pdk::*;
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Vowels {
    count: usize,
    total: i64,
}

#[plugin_fn]
pub fn count_vowels(text: String) -> FnResult<Json<Vowels>> {
    let count = text.chars().filter(|one| "aeiouAEIOU".contains(*one)).count();
    let total = var::get::<i64>("total")?.unwrap_or(0) + count as i64;
    var::set("total", total)?;
    Ok(Json(Vowels { count, total }))
}

#[plugin_fn]
pub fn reverse(data: Vec<u8>) -> FnResult<Vec<u8>> {
    Ok(data.into_iter().rev().collect())
}

#[plugin_fn]
pub fn nothing() -> FnResult<()> {
    Ok(())
}

#[plugin_fn]
pub fn greet(name: String) -> FnResult<String> {
    let greeting = config::get("greeting")?.unwrap_or_else(|| "(none)".into());
    let missing = config::get("missing")?.unwrap_or_else(|| "(none)".into());
    Ok(format!("{greeting}, {name}! missing is {missing}"))
}

#[plugin_fn]
pub fn forget(_: ()) -> FnResult<()> {
    var::remove("total")?;
    Ok(())
}

#[plugin_fn]
pub fn say(text: String) -> FnResult<()> {
    log!(LogLevel::Trace, "trace {text}");
    debug!("debug {text}");
    info!("info {text}");
    warn!("warn {text}");
    error!("error {text}");
    Ok(())
}

#[plugin_fn]
pub fn fail(words: String) -> FnResult<()> {
    Err(WithReturnCode::new(Error::msg(words), 42))
}

#[plugin_fn]
pub fn panics(words: String) -> FnResult<()> {
    panic!("cannot go on with {words}")
}

#[derive(Deserialize)]
struct Fetch {
    url: String,
    method: Option<String>,
    body: Option<String>,
}

#[derive(Serialize)]
struct Fetched {
    status: u16,
    kind: Option<String>,
    body: String,
}

#[plugin_fn]
pub fn fetch(Json(wanted): Json<Fetch>) -> FnResult<Json<Fetched>> {
    let mut request = HttpRequest::new(wanted.url).with_header("x-from", "extism");
    if let Some(method) = wanted.method {
        request = request.with_method(method);
    }
    let answer = http::request::<String>(&request, wanted.body)?;
    Ok(Json(Fetched {
        status: answer.status_code(),
        kind: answer.header("content-type").map(str::to_string),
        body: String::from_utf8_lossy(&answer.body()).into_owned(),
    }))
}

#[host_fn("extism:host/user")]
extern "ExtismHost" {
    fn host_call(method: String, params: Json<Value>) -> Json<BTreeMap<String, Value>>;
}

#[plugin_fn]
pub fn remember(look: String) -> FnResult<Json<Value>> {
    let set = unsafe { host_call("storage.set".into(), Json(json!({"key": "look", "value": look})))? }.0;
    if set.contains_key("error") {
        return Ok(Json(json!(set)));
    }
    let got = unsafe { host_call("storage.get".into(), Json(json!({"key": "look"})))? }.0;
    Ok(Json(json!(got)))
}

/// Takes memory until there is none.
#[plugin_fn]
pub fn hoard(_: ()) -> FnResult<()> {
    let mut kept = Vec::new();
    loop {
        kept.push(Memory::from_bytes(vec![1u8; 1 << 20])?);
    }
}

/// Keeps more in variables than there may be.
#[plugin_fn]
pub fn overfill(_: ()) -> FnResult<()> {
    for number in 0..20 {
        var::set(format!("part {number}"), vec![0u8; 100_000])?;
    }
    Ok(())
}

#[plugin_fn]
pub fn spin(_: ()) -> FnResult<()> {
    loop {
        std::hint::spin_loop();
    }
}
