//! Notes on clips: the timeline, storage, events and dialogs from a tool.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use timeline_studio_sdk::prelude::*;

const KEY: &str = "notes";

/// Notes by the ids of their clips.
type Notes = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Note {
    text: String,
}

#[derive(Serialize)]
struct Noted {
    clips: usize,
    notes: usize,
}

/// Puts a note on each selected clip.
#[command]
async fn note(api: PluginAPI, note: Note) -> Result<Noted> {
    let clips = api.timeline().get_selected_clips().await?.clips;
    ensure!(!clips.is_empty(), "no clip is selected");
    let mut notes: Notes = api.storage().get_as(KEY).await?.unwrap_or_default();
    for clip in &clips {
        let name = Some(format!("{}: {}", clip.name, note.text));
        api.timeline().update_clip(&clip.id, ClipChanges { name, ..Default::default() }).await?;
        notes.insert(clip.id.clone(), note.text.clone());
    }
    api.storage().set(KEY, &notes).await?;
    api.events().emit("noted", &notes).await?;
    Ok(Noted { clips: clips.len(), notes: notes.len() })
}

/// All notes.
#[command]
async fn notes(api: PluginAPI) -> Result<Notes> {
    Ok(api.storage().get_as(KEY).await?.unwrap_or_default())
}

/// Forgets all notes, if the user agrees.
#[command]
async fn forget(api: PluginAPI) -> Result<bool> {
    let agreed = api.ui().ask("Forget all notes?", &["Forget", "Keep"]).await?.as_deref() == Some("Forget");
    if agreed {
        api.storage().remove(KEY).await?;
    }
    Ok(agreed)
}

#[plugin_main]
async fn main(api: PluginAPI) -> Result<()> {
    let item = AddMenuItem { menu: Some("Clip".into()), ..AddMenuItem::new("count", "Count the notes") };
    api.ui().on_menu_item(item, move || api.spawn(count(api))).await?;
    api.events().on("timeline.selectionChange", |event| log::info!("selected: {}", event.payload)).await?;
    Ok(())
}

async fn count(api: PluginAPI) -> Result<()> {
    let notes: Notes = api.storage().get_as(KEY).await?.unwrap_or_default();
    api.ui().notify(format!("{} notes", notes.len())).await
}

#[on_deactivate]
fn rest() -> Result<()> {
    println!("resting");
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use timeline_studio_sdk::testing::{self, ScriptedHost};

    fn host() -> ScriptedHost {
        let clip = json!({"id": "c1", "name": "beach", "track": 0, "start": 0.0, "duration": 2.0});
        ScriptedHost::new()
            .answer("timeline.getSelectedClips", json!({"clips": [clip]}))
            .answer("timeline.updateClip", json!({"clip": clip}))
            .answer("storage.get", json!({"value": null, "exists": false}))
            .answer("storage.set", ())
    }

    #[test]
    fn a_note_goes_to_the_clip_and_into_storage() {
        let host = host();
        assert_eq!(testing::call("note", json!({"text": "shaky"})).unwrap(), json!({"clips": 1, "notes": 1}));
        let changes = json!({"clipId": "c1", "changes": {"name": "beach: shaky"}});
        assert_eq!(host.params_of("timeline.updateClip"), [changes]);
        assert_eq!(host.params_of("storage.set"), [json!({"key": "notes", "value": {"c1": "shaky"}})]);
    }

    #[test]
    fn without_a_selection_there_is_nothing_to_note() {
        let host = host().answer("timeline.getSelectedClips", json!({"clips": []}));
        let error = testing::call("note", json!({"text": "shaky"})).unwrap_err();
        assert_eq!(error.message(), "no clip is selected");
        assert!(host.params_of("storage.set").is_empty());
    }

    #[test]
    fn the_menu_item_counts() {
        let host = host().answer("ui.addMenuItem", ()).answer("ui.showNotification", ());
        testing::call("main", ()).unwrap();
        testing::publish("ui.menu", json!({"id": "other"})).unwrap();
        assert!(host.params_of("ui.showNotification").is_empty());
        testing::publish("ui.menu", json!({"id": "count"})).unwrap();
        assert_eq!(host.params_of("ui.showNotification"), [json!({"message": "0 notes"})]);
    }
}
