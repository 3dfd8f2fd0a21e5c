//! {{title}}: greets, and counts the clips that are selected.

use std::cell::Cell;

use serde::{Deserialize, Serialize};
use timeline_studio_sdk::prelude::*;

thread_local! {
    /// How often it has greeted. It lasts as long as this instance of the plugin; see `save` and `restore`.
    static GREETED: Cell<u32> = const { Cell::new(0) };
}

#[derive(Deserialize)]
struct Greet {
    name: String,
}

#[derive(Serialize)]
struct Greeting {
    text: String,
    number: u32,
}

/// `pluginctl call {{name}} greet '{"name": "world"}'`
#[command]
async fn greet(api: PluginAPI, args: Greet) -> Result<Greeting> {
    ensure!(!args.name.is_empty(), "nobody to greet");
    GREETED.set(GREETED.get() + 1);
    api.storage().set("last", &args.name).await?;
    Ok(Greeting { text: format!("Hello, {}!", args.name), number: GREETED.get() })
}

/// Who was greeted last: what is in storage outlives the plugin, its updates and the daemon.
#[command]
async fn last(api: PluginAPI) -> Result<Option<String>> {
    api.storage().get_as("last").await
}

/// How many clips are selected.
#[command]
async fn selected(api: PluginAPI) -> Result<usize> {
    Ok(api.timeline().get_selected_clips().await?.clips.len())
}

/// Runs when the plugin becomes active.
#[plugin_main]
async fn main(api: PluginAPI) -> Result<()> {
    let item = AddMenuItem { menu: Some("Clip".into()), ..AddMenuItem::new("count", "Count the selected clips") };
    api.ui().on_menu_item(item, move || api.spawn(count(api))).await?;
    println!("{{title}} is ready");
    Ok(())
}

async fn count(api: PluginAPI) -> Result<()> {
    let count = selected(api).await?;
    api.ui().notify(format!("{count} clips are selected")).await
}

/// What the next instance is to know, when this one is replaced: by a reload, an update, a change while you develop.
#[save_state]
fn save() -> Result<u32> {
    Ok(GREETED.get())
}

#[restore_state]
fn restore(greeted: u32) -> Result<()> {
    GREETED.set(greeted);
    Ok(())
}
