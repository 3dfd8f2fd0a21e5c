//! {{title}}: writes the timeline as an edit decision list (CMX 3600).

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use timeline_studio_sdk::prelude::*;

#[derive(Deserialize)]
struct Export {
    /// In the plugin's tree: `project/…` lies beside the project, anything else in the plugin's private folder.
    path: String,
}

#[derive(Serialize)]
struct Exported {
    path: String,
    events: usize,
}

/// The list as text: `pluginctl call {{name}} edl`.
#[command]
async fn edl(api: PluginAPI) -> Result<String> {
    Ok(list(&api.timeline().get_state().await?).0)
}

/// Writes it: `pluginctl call {{name}} export '{"path": "cut.edl"}'`.
#[command]
async fn export(api: PluginAPI, args: Export) -> Result<Exported> {
    let (text, events) = list(&api.timeline().get_state().await?);
    let file = WriteFile { create_parents: true, ..WriteFile::new(&args.path, text) };
    api.file().write(file).await?;
    Ok(Exported { path: args.path, events })
}

/// Runs when the plugin becomes active.
#[plugin_main]
async fn main(api: PluginAPI) -> Result<()> {
    let item = AddMenuItem { menu: Some("File/Export".into()), ..AddMenuItem::new("edl", "Edit decision list") };
    api.ui().on_menu_item(item, move || api.spawn(chosen(api))).await?;
    Ok(())
}

async fn chosen(api: PluginAPI) -> Result<()> {
    let exported = export(api, Export { path: "project/cut.edl".into() }).await?;
    api.ui().notify(format!("{} events are in {}", exported.events, exported.path)).await
}

/// The text, and how many events it has: one for each clip of a video track, in order of time.
fn list(timeline: &TimelineState) -> (String, usize) {
    let video = timeline.tracks.iter().filter(|track| track.kind == TrackKind::Video);
    let mut clips: Vec<&Clip> = video.flat_map(|track| &track.clips).filter(|clip| clip.enabled).collect();
    clips.sort_by(|one, other| one.start.total_cmp(&other.start));
    let mut text = format!("TITLE: {}\nFCM: NON-DROP FRAME\n", timeline.name);
    for (number, clip) in clips.iter().enumerate() {
        let from = clip.source_start.unwrap_or(0.0);
        let times = [from, from + clip.duration, clip.start, clip.start + clip.duration];
        let codes = times.map(|seconds| timecode(seconds, timeline.fps)).join(" ");
        // a list is text in memory: writing to it cannot fail
        let _ = writeln!(text, "\n{:03}  AX       V     C        {codes}", number + 1);
        let _ = writeln!(text, "* FROM CLIP NAME: {}", clip.name);
    }
    (text, clips.len())
}

fn timecode(seconds: f64, fps: f64) -> String {
    let rate = fps.round().max(1.0) as u64;
    let frames = (seconds * fps).round().max(0.0) as u64;
    let (whole, frame) = (frames / rate, frames % rate);
    format!("{:02}:{:02}:{:02}:{frame:02}", whole / 3600, whole / 60 % 60, whole % 60)
}
