//! Types and calls of the host API. Made from the method table by `make generate`: do not edit.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Result;
use crate::host::{call, call_null};

fn is_false(value: &bool) -> bool {
    !value
}

fn yes() -> bool {
    true
}

/// Codes of errors that the host answers, by [`Error::code`](crate::Error::code).
pub mod codes {
    /// No plugin of this id is installed.
    pub const PLUGIN_NOT_FOUND: i32 = -32001;
    /// The plugin's state does not allow this.
    pub const INVALID_STATE: i32 = -32002;
    /// The plugin was not granted what it tried to use.
    pub const PERMISSION_DENIED: i32 = -32003;
    /// `manifest.json` is missing or wrong; `path` says where.
    pub const MANIFEST_INVALID: i32 = -32004;
    /// A deadline passed.
    pub const TIMEOUT: i32 = -32005;
    /// The plugin needs more memory than its limit allows.
    pub const MEMORY_LIMIT: i32 = -32006;
    /// The guest trapped: unreachable code, division by zero, out of bounds, stack overflow.
    pub const TRAP: i32 = -32007;
    /// The plugin's worker process was lost during the call.
    pub const WORKER_CRASHED: i32 = -32008;
    /// This version crashed too often and is not started any more.
    pub const QUARANTINED: i32 = -32009;
    /// Nobody provides the host namespace the plugin asked for.
    pub const HOST_UNAVAILABLE: i32 = -32010;
    /// A message, frame or value is over its limit.
    pub const TOO_LARGE: i32 = -32011;
    /// Too many requests in flight.
    pub const OVERLOADED: i32 = -32012;
    /// A package's signature does not hold.
    pub const SIGNATURE_INVALID: i32 = -32013;
    /// Dependencies cannot be satisfied together.
    pub const DEPENDENCY_CONFLICT: i32 = -32014;
    /// The package or its module is damaged or not acceptable.
    pub const PACKAGE_INVALID: i32 = -32015;
    /// The module asks for something this host does not offer.
    pub const UNSUPPORTED_ABI: i32 = -32016;
    /// The plugin has no such function or effect.
    pub const FUNCTION_NOT_FOUND: i32 = -32017;
    /// The plugin answered with an error of its own, kept in `data.error`.
    pub const PLUGIN_ERROR: i32 = -32018;
    /// This system lacks an essential layer of the sandbox, and the settings require them all.
    pub const SANDBOX_INCOMPLETE: i32 = -32019;
    /// There is no such file or folder.
    pub const NOT_FOUND: i32 = -32020;
    /// The JSON is not a JSON-RPC 2.0 request.
    pub const INVALID_REQUEST: i32 = -32600;
    /// No such method.
    pub const METHOD_NOT_FOUND: i32 = -32601;
    /// The params do not fit the method.
    pub const INVALID_PARAMS: i32 = -32602;
    /// A fault of the daemon's own.
    pub const INTERNAL_ERROR: i32 = -32603;
    /// The text is not JSON, or not JSON that we accept.
    pub const PARSE_ERROR: i32 = -32700;
    /// The client cancelled the request by `$/cancelRequest`.
    pub const REQUEST_CANCELLED: i32 = -32800;
}

/// `timeline.*`: what plugins read and change of the project, and how their changes are bracketed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Timeline;

impl Timeline {
    /// The whole timeline.
    ///
    /// `timeline.getState`. Permission: `timeline.read`.
    pub async fn get_state(&self) -> Result<TimelineState> {
        call("timeline.getState", &serde_json::json!({})).await
    }

    /// The playhead.
    ///
    /// `timeline.getCurrentTime`. Permission: `timeline.read`.
    pub async fn get_current_time(&self) -> Result<CurrentTime> {
        call("timeline.getCurrentTime", &serde_json::json!({})).await
    }

    /// The selected clips.
    ///
    /// `timeline.getSelectedClips`. Permission: `timeline.read`.
    pub async fn get_selected_clips(&self) -> Result<SelectedClips> {
        call("timeline.getSelectedClips", &serde_json::json!({})).await
    }

    /// Add a clip to a track.
    ///
    /// `timeline.addClip`. Permission: `timeline.write`.
    pub async fn add_clip(&self, clip: NewClip, track: u32) -> Result<ClipAdded> {
        call("timeline.addClip", &AddClip { clip, track }).await
    }

    /// Remove a clip.
    ///
    /// `timeline.removeClip`. Permission: `timeline.write`.
    pub async fn remove_clip(&self, clip_id: impl Into<String>) -> Result<()> {
        call_null("timeline.removeClip", &ClipId { clip_id: clip_id.into() }).await
    }

    /// Change a clip.
    ///
    /// `timeline.updateClip`. Permission: `timeline.write`.
    pub async fn update_clip(&self, clip_id: impl Into<String>, changes: ClipChanges) -> Result<ClipUpdated> {
        call("timeline.updateClip", &UpdateClip { clip_id: clip_id.into(), changes }).await
    }
}

/// `media.*`: what plugins learn of media files.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Media;

impl Media {
    /// Streams and duration of a media file.
    ///
    /// `media.getInfo`. Permission: `media.read`.
    pub async fn get_info(&self, path: impl Into<String>) -> Result<MediaInfo> {
        call("media.getInfo", &GetInfo { path: path.into() }).await
    }

    /// A picture of one frame.
    ///
    /// `media.generateThumbnail`. Permission: `media.read`.
    pub async fn generate_thumbnail(&self, params: GenerateThumbnail) -> Result<Thumbnail> {
        call("media.generateThumbnail", &params).await
    }
}

/// `effects.*` of guests: what they offer, instances of it, and putting these on clips.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Effects;

impl Effects {
    /// Create an instance of an effect; it lives as long as the plugin is loaded.
    ///
    /// `effects.create`. Permission: `effects.create`.
    pub async fn create(&self, params: NewEffect) -> Result<EffectInstance> {
        call("effects.create", &params).await
    }

    /// Put an effect on a clip; the editor gets the whole instance as `effect`.
    ///
    /// `effects.applyToClip`. Permission: `effects.apply`.
    pub async fn apply_to_clip(&self, effect: impl Into<ApplyToClipEffect>, clip_id: impl Into<String>) -> Result<EffectApplied> {
        call("effects.applyToClip", &ApplyToClip { effect: effect.into(), clip_id: clip_id.into() }).await
    }
}

/// `ui.*`: what plugins show to the user, and ask of the user.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ui;

impl Ui {
    /// Open a panel; it closes when the plugin is unloaded.
    ///
    /// `ui.createPanel`. Permission: `ui.create`.
    pub async fn create_panel(&self, params: CreatePanel) -> Result<Panel> {
        call("ui.createPanel", &params).await
    }

    /// Close a panel of this plugin.
    ///
    /// `ui.closePanel`. Permission: `ui.create`.
    pub async fn close_panel(&self, panel_id: impl Into<String>) -> Result<()> {
        call_null("ui.closePanel", &ClosePanel { panel_id: panel_id.into() }).await
    }

    /// Ask the user something.
    ///
    /// `ui.showDialog`. Permission: `ui.dialog`.
    pub async fn show_dialog(&self, params: ShowDialog) -> Result<DialogResult> {
        call("ui.showDialog", &params).await
    }

    /// Add a menu item; it goes when the plugin is unloaded.
    ///
    /// `ui.addMenuItem`. Permission: `ui.create`.
    pub async fn add_menu_item(&self, params: AddMenuItem) -> Result<()> {
        call_null("ui.addMenuItem", &params).await
    }

    /// Remove a menu item of this plugin.
    ///
    /// `ui.removeMenuItem`. Permission: `ui.create`.
    pub async fn remove_menu_item(&self, id: impl Into<String>) -> Result<()> {
        call_null("ui.removeMenuItem", &RemoveMenuItem { id: id.into() }).await
    }

    /// Tell the user something.
    ///
    /// `ui.showNotification`. Permission: `ui.create`.
    pub async fn show_notification(&self, params: ShowNotification) -> Result<()> {
        call_null("ui.showNotification", &params).await
    }

    /// Let the user pick files.
    ///
    /// `ui.pickFile`. Permission: `ui.dialog`.
    pub async fn pick_file(&self, params: PickFile) -> Result<PickedFiles> {
        call("ui.pickFile", &params).await
    }

    /// Let the user pick a folder.
    ///
    /// `ui.pickDirectory`. Permission: `ui.dialog`.
    pub async fn pick_directory(&self, params: PickDirectory) -> Result<PickedDirectory> {
        call("ui.pickDirectory", &params).await
    }
}

/// `file.*`: the files that a plugin may see, in a tree of its own.
///
/// `assets/…` is its package, `project/…` the project's folder, `picked/…` what the user picked; everything else is
/// the plugin's private folder.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct File;

impl File {
    /// Read a file.
    ///
    /// `file.read`. Permission: `file.read`.
    pub async fn read(&self, params: ReadFile) -> Result<FileData> {
        call("file.read", &params).await
    }

    /// Write a file.
    ///
    /// `file.write`. Permission: `file.write`.
    pub async fn write(&self, params: WriteFile) -> Result<FileWritten> {
        call("file.write", &params).await
    }

    /// List a folder.
    ///
    /// `file.list`. Permission: `file.read`.
    pub async fn list(&self, params: ListFolder) -> Result<FolderEntries> {
        call("file.list", &params).await
    }

    /// Kind, size and age of a file.
    ///
    /// `file.stat`. Permission: `file.read`.
    pub async fn stat(&self, path: impl Into<String>) -> Result<FileStat> {
        call("file.stat", &StatFile { path: path.into() }).await
    }

    /// Remove a file or an empty folder.
    ///
    /// `file.remove`. Permission: `file.write`.
    pub async fn remove(&self, path: impl Into<String>) -> Result<()> {
        call_null("file.remove", &RemoveFile { path: path.into() }).await
    }
}

/// `storage.*`: JSON values that a plugin keeps, by key, between its runs.
///
/// What was acknowledged is there again after a crash, of the daemon too, and within a second it is safe from a power cut.
/// A value has at most 8 MiB; all of them, with what is in the private folder, count towards `storageBytes`. See
/// files, storage and events.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Storage;

impl Storage {
    /// A stored value.
    ///
    /// `storage.get`. Permission: `storage`.
    pub async fn get(&self, key: impl Into<String>) -> Result<StoredValue> {
        call("storage.get", &GetValue { key: key.into() }).await
    }

    /// Store a value.
    ///
    /// `storage.set`. Permission: `storage`.
    pub async fn set(&self, key: impl Into<String>, value: impl Serialize) -> Result<()> {
        call_null("storage.set", &SetValue { key: key.into(), value: serde_json::to_value(value)? }).await
    }

    /// Remove a stored value.
    ///
    /// `storage.remove`. Permission: `storage`.
    pub async fn remove(&self, key: impl Into<String>) -> Result<Removed> {
        call("storage.remove", &RemoveValue { key: key.into() }).await
    }

    /// The keys of what is stored.
    ///
    /// `storage.keys`. Permission: `storage`.
    pub async fn keys(&self, params: ListKeys) -> Result<Keys> {
        call("storage.keys", &params).await
    }

    /// Remove everything that is stored.
    ///
    /// `storage.clear`. Permission: `storage`.
    pub async fn clear(&self) -> Result<()> {
        call_null("storage.clear", &serde_json::json!({})).await
    }
}

/// `events.*`: what plugins hear of the editor and of one another.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Events;

/// `network.*`: HTTP for plugins, by the daemon; a plugin's own process can open no connection.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Network;

impl Network {
    /// Make an HTTP request; redirects are answered, not followed.
    ///
    /// `network.request`. Permission: `network`.
    pub async fn request(&self, params: HttpRequest) -> Result<HttpResponse> {
        call("network.request", &params).await
    }
}

/// `system.*`: the machine and the host.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct System;

impl System {
    /// The machine and the host.
    ///
    /// `system.getInfo`. Permission: `system.info`.
    pub async fn get_info(&self) -> Result<SystemInfo> {
        call("system.getInfo", &serde_json::json!({})).await
    }
}

/// Adds a clip.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddClip {
    /// What to add.
    pub(crate) clip: NewClip,
    /// 0-based index among all tracks.
    pub(crate) track: u32,
}

/// Adds a menu item; one of the same id is replaced. Choosing it reaches the plugin as event `ui.menu`.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddMenuItem {
    /// The plugin's own name for it: `{id}` is the event's payload.
    pub id: String,
    /// For people.
    pub label: String,
    /// Where: menus from the top, with `/` between them; default: the editor's menu for plugins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub menu: Option<String>,
    /// Such as `Ctrl+Shift+G`; the editor leaves out one that is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortcut: Option<String>,
    /// Whether it can be chosen; add it again with the same id to change that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

impl AddMenuItem {
    /// With what is required; the rest as the host chooses.
    pub fn new(id: impl Into<String>, label: impl Into<String>) -> Self {
        Self { id: id.into(), label: label.into(), ..Self::default() }
    }
}

/// Puts an effect on a clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApplyToClip {
    /// The id of an instance that this plugin created, or what to create one of.
    pub(crate) effect: ApplyToClipEffect,
    /// The clip to put it on.
    pub(crate) clip_id: String,
}

/// One of several types.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ApplyToClipEffect {
    /// The id of one.
    Id(String),
    /// All of a [`NewEffect`].
    NewEffect(NewEffect),
}

impl From<String> for ApplyToClipEffect {
    fn from(value: String) -> Self {
        Self::Id(value)
    }
}

impl From<&str> for ApplyToClipEffect {
    fn from(value: &str) -> Self {
        Self::Id(value.into())
    }
}

impl From<NewEffect> for ApplyToClipEffect {
    fn from(value: NewEffect) -> Self {
        Self::NewEffect(value)
    }
}

/// A clip on a track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Clip {
    /// The editor's own id.
    pub id: String,
    /// For people.
    pub name: String,
    /// 0-based index among all tracks.
    pub track: u32,
    /// Where it begins on the timeline, in s.
    pub start: f64,
    /// In s.
    pub duration: f64,
    /// Path or URL of its media; absent for titles and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Where in the media it begins, in s; absent: at 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_start: Option<f64>,
    /// Whether it is played.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Effects on it, in order; each as the editor describes it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Value>,
    /// Whatever was kept with it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// The clip was added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ClipAdded {
    /// Of the new clip.
    pub clip_id: String,
}

/// What is to change of a clip; what is absent, or null, stays.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClipChanges {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<f64>,
    /// In s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// In s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_start: Option<f64>,
    /// 0-based index among all tracks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<u32>,
    /// Whether it is played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Replaces what was kept with the clip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

/// Names a clip.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClipId {
    /// Id of the clip.
    pub(crate) clip_id: String,
}

/// The clip as it is now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ClipUpdated {
    /// With all of its fields.
    pub clip: Clip,
}

/// Names a panel to close.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClosePanel {
    /// As `ui.createPanel` answered.
    pub(crate) panel_id: String,
}

/// Opens a panel; one of the same id is replaced.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatePanel {
    /// The plugin's own name for it.
    pub id: String,
    /// For people.
    pub title: String,
    /// The page itself; the editor shows it without access to anything of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Instead of `html`: path of a page in the plugin's package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// In pixels; default: the editor's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// In pixels; default: the editor's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Where it is shown first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dock: Option<CreatePanelDock>,
}

impl CreatePanel {
    /// With what is required; the rest as the host chooses.
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self { id: id.into(), title: title.into(), ..Self::default() }
    }
}

/// Where it is shown first.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CreatePanelDock {
    /// `bottom`
    #[serde(rename = "bottom")]
    Bottom,
    /// `floating`
    #[serde(rename = "floating")]
    Floating,
    /// `left`
    #[serde(rename = "left")]
    Left,
    /// `right`
    #[serde(rename = "right")]
    Right,
}

/// The playhead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CurrentTime {
    /// In s from the beginning.
    pub seconds: f64,
    /// The same for display, such as `00:00:01:12`.
    pub timecode: String,
    /// Frames per s.
    pub fps: f64,
}

/// What the user answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DialogResult {
    /// Label of the pressed button; null where the dialog was dismissed.
    pub button: Option<String>,
    /// Values of the fields, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Map<String, Value>>,
}

/// The effect is on the clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EffectApplied {
    /// The clip it is on.
    pub clip_id: String,
    /// As the editor was given it.
    pub effect: EffectInstance,
}

/// What a plugin registers.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EffectDefinition {
    /// What clients call it; not empty.
    pub(crate) id: String,
    /// For people; default: the id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) category: String,
    /// In the order of the controls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parameters: Vec<EffectParameter>,
    /// Stateless: what it makes of a frame depends on nothing but that frame, its params and its time, so that frames may be run by several workers at once.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) parallel: bool,
}

/// The number that `plugin_process_frame` is called with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EffectHandle {
    /// The same for the same id as long as the plugin is loaded.
    pub effect: i64,
}

/// An effect with all of its values: everything an editor needs to run it by `effects.process`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EffectInstance {
    /// Of the instance.
    pub id: String,
    /// The effect's id at its plugin.
    pub effect_id: String,
    /// Whose effect it is.
    pub plugin_id: String,
    /// Values by name, defaults included.
    pub params: Map<String, Value>,
}

/// One parameter of an effect, for the editor's controls.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EffectParameter {
    /// Key in `params`.
    pub(crate) name: String,
    /// What its values are; `color` is a string such as `#rrggbbaa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) r#type: Option<EffectParameterType>,
    /// Value where none is given.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) default: Value,
    /// Lowest value; of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<f64>,
    /// Highest value; of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<f64>,
    /// Values there are; of `choice`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) choices: Vec<String>,
    /// For people; default: the name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) label: String,
}

/// What its values are; `color` is a string such as `#rrggbbaa`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub(crate) enum EffectParameterType {
    /// `bool`
    #[serde(rename = "bool")]
    Bool,
    /// `choice`
    #[serde(rename = "choice")]
    Choice,
    /// `color`
    #[serde(rename = "color")]
    Color,
    /// `float`
    #[serde(rename = "float")]
    Float,
    /// `int`
    #[serde(rename = "int")]
    Int,
    /// `string`
    #[serde(rename = "string")]
    String,
}

/// Tells others something.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EmitEvent {
    /// Without the plugin's id: others see `pluginId/name`.
    pub(crate) name: String,
    /// Any JSON value.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) payload: Value,
}

/// What the guest gets by the reserved method `event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Event {
    /// As it was published, or `pluginId/name`.
    pub name: String,
    /// Any JSON value.
    pub payload: Value,
    /// The plugin that emitted it; absent where it is the editor's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Events that were lost before this one, because they came too fast.
    #[serde(default)]
    pub dropped: i64,
}

/// One input of a dialog.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// Key in the result's `values`.
    pub name: String,
    /// Default: the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FieldKind>,
    /// Value at first.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub default: Value,
    /// For `choice`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

impl Field {
    /// With what is required; the rest as the host chooses.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// What it takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FieldKind {
    /// `checkbox`
    #[serde(rename = "checkbox")]
    Checkbox,
    /// `choice`
    #[serde(rename = "choice")]
    Choice,
    /// `number`
    #[serde(rename = "number")]
    Number,
    /// `text`
    #[serde(rename = "text")]
    Text,
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FileData {
    /// In the encoding.
    pub data: String,
    /// As it was asked for.
    pub encoding: FileDataEncoding,
    /// Of the whole file, in bytes.
    pub size: i64,
}

/// As it was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FileDataEncoding {
    /// `base64`
    #[serde(rename = "base64")]
    Base64,
    /// `utf8`
    #[serde(rename = "utf8")]
    Utf8,
}

/// Which files may be picked.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileFilter {
    /// For people, such as `Videos`.
    pub name: String,
    /// Without the dot.
    pub extensions: Vec<String>,
}

impl FileFilter {
    /// With what is required; the rest as the host chooses.
    pub fn new(name: impl Into<String>, extensions: Vec<String>) -> Self {
        Self { name: name.into(), extensions }
    }
}

/// What is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FileStat {
    /// In the plugin's tree.
    pub path: String,
    /// What it is.
    pub kind: FileStatKind,
    /// In bytes; 0 for a directory.
    pub size: i64,
    /// In s since 1970, UTC.
    pub modified: f64,
}

/// What it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FileStatKind {
    /// `directory`
    #[serde(rename = "directory")]
    Directory,
    /// `file`
    #[serde(rename = "file")]
    File,
}

/// The file was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FileWritten {
    /// Of the whole file now, in bytes.
    pub size: i64,
}

/// What is in a folder, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FolderEntries {
    /// Sorted by path.
    pub entries: Vec<FolderEntry>,
    /// Whether there are more than are listed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
}

/// One thing in a folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FolderEntry {
    /// Without the folder.
    pub name: String,
    /// In the plugin's tree.
    pub path: String,
    /// What it is.
    pub kind: FolderEntryKind,
    /// In bytes; 0 for a directory.
    pub size: i64,
    /// In s since 1970, UTC.
    pub modified: f64,
}

/// What it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FolderEntryKind {
    /// `directory`
    #[serde(rename = "directory")]
    Directory,
    /// `file`
    #[serde(rename = "file")]
    File,
}

/// Asks for a picture of one frame.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GenerateThumbnail {
    /// As for `media.getInfo`.
    pub path: String,
    /// Of the frame, in s; default: where the provider finds a good one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<f64>,
    /// Largest width, in pixels; the shape of the picture is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Largest height, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Of the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<GenerateThumbnailFormat>,
}

impl GenerateThumbnail {
    /// With what is required; the rest as the host chooses.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }
}

/// Of the picture.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum GenerateThumbnailFormat {
    /// `jpeg`
    #[serde(rename = "jpeg")]
    Jpeg,
    /// `png`
    #[serde(rename = "png")]
    Png,
}

/// Asks about a media file.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetInfo {
    /// A path as for `file.read`; absolute paths and URLs need `media.read` without a scope.
    pub(crate) path: String,
}

/// Names a value.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetValue {
    /// Its key.
    pub(crate) key: String,
}

/// One request.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRequest {
    /// `https://…` or `http://…`. The permission's scope is matched with its host.
    pub url: String,
    /// In capitals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// By name. Those that say where a message ends, or to whom it goes, are the daemon's.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub headers: Map<String, Value>,
    /// What is sent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// How `body` is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<HttpRequestEncoding>,
}

impl HttpRequest {
    /// With what is required; the rest as the host chooses.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }
}

/// How `body` is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum HttpRequestEncoding {
    /// `base64`
    #[serde(rename = "base64")]
    Base64,
    /// `utf8`
    #[serde(rename = "utf8")]
    Utf8,
}

/// The answer, whatever its status; where it leads elsewhere, that is the plugin's to follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct HttpResponse {
    /// As HTTP has it: 200 and the like.
    pub status: i64,
    /// By name in small letters; several of one name are joined by `, `.
    pub headers: Map<String, Value>,
    /// What came.
    pub body: String,
    /// How `body` is written: `utf8` where it is that.
    pub encoding: HttpResponseEncoding,
}

/// How `body` is written: `utf8` where it is that.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum HttpResponseEncoding {
    /// `base64`
    #[serde(rename = "base64")]
    Base64,
    /// `utf8`
    #[serde(rename = "utf8")]
    Utf8,
}

/// Keys, sorted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Keys {
    /// In the order of their characters' code points.
    pub keys: Vec<String>,
    /// Whether there are more: 10 000 come at once.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
}

/// Lists a folder.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListFolder {
    /// In the plugin's tree; empty for its private folder.
    pub path: String,
    /// List what is in its folders too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub recursive: bool,
}

impl ListFolder {
    /// With what is required; the rest as the host chooses.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }
}

/// Lists keys.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListKeys {
    /// Only those that begin so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Only those that come after this one: the last one of an answer that was `truncated`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub after: String,
}

/// What a media file holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MediaInfo {
    /// As it was asked for.
    pub path: String,
    /// In s.
    pub duration: f64,
    /// Short name of its format, such as `mp4`.
    pub container: String,
    /// In bytes.
    pub size: u64,
    /// In the order of the file.
    pub streams: Vec<MediaStream>,
}

/// One stream of a media file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MediaStream {
    /// `video`, `audio`, `subtitle` or `data`.
    pub kind: String,
    /// Short name, such as `h264`.
    pub codec: String,
    /// In pixels; of video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// In pixels; of video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Frames per s; of video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
    /// Such as `yuv420p`; of video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixel_format: Option<String>,
    /// Samples per s; of audio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u64>,
    /// Of audio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u64>,
    /// In s, where the file says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// Bits per s, where the file says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bit_rate: Option<u64>,
}

/// A clip to be added.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewClip {
    /// Path or URL of its media.
    pub source: String,
    /// Where it is to begin on the timeline, in s.
    pub start: f64,
    /// Default: the name of the media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In s; default: all of the media from `sourceStart`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// Where in the media it is to begin, in s; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_start: Option<f64>,
    /// Kept with the clip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

impl NewClip {
    /// With what is required; the rest as the host chooses.
    pub fn new(source: impl Into<String>, start: f64) -> Self {
        Self { source: source.into(), start, ..Self::default() }
    }
}

/// An effect with values for its parameters.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewEffect {
    /// An effect that this plugin registered; one of another plugin as `pluginId/effectId`.
    pub effect_id: String,
    /// Values by name; those left out get the effect's defaults.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
}

impl NewEffect {
    /// With what is required; the rest as the host chooses.
    pub fn new(effect_id: impl Into<String>) -> Self {
        Self { effect_id: effect_id.into(), ..Self::default() }
    }
}

/// An open panel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Panel {
    /// For `ui.closePanel`.
    pub panel_id: String,
}

/// Lets the user pick a folder.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PickDirectory {
    /// Of the dialog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// Lets the user pick files.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PickFile {
    /// Of the dialog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The first is chosen; default: all files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<FileFilter>,
    /// Let several be picked.
    #[serde(default, skip_serializing_if = "is_false")]
    pub multiple: bool,
    /// Pick where to write, instead of what to read.
    #[serde(default, skip_serializing_if = "is_false")]
    pub save: bool,
}

/// What was picked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PickedDirectory {
    /// As with `ui.pickFile`; null where the dialog was dismissed.
    pub directory: Option<String>,
}

/// What was picked; empty where the dialog was dismissed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PickedFiles {
    /// From the editor, real paths; to the plugin, paths that `file.*` and `media.*` take.
    pub files: Vec<String>,
}

/// Reads a file, or a part of one.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadFile {
    /// In the plugin's tree.
    pub path: String,
    /// How the data is given; text that is not UTF-8 needs `base64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<ReadFileEncoding>,
    /// Where to begin, in bytes.
    #[serde(default)]
    pub offset: u64,
    /// At most so many bytes; default: to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
}

impl ReadFile {
    /// With what is required; the rest as the host chooses.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }
}

/// How the data is given; text that is not UTF-8 needs `base64`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ReadFileEncoding {
    /// `base64`
    #[serde(rename = "base64")]
    Base64,
    /// `utf8`
    #[serde(rename = "utf8")]
    Utf8,
}

/// Removes a file, or a folder with nothing in it.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RemoveFile {
    /// In the plugin's tree.
    pub(crate) path: String,
}

/// Removes a menu item of this plugin.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RemoveMenuItem {
    /// As it was added.
    pub(crate) id: String,
}

/// Names a value to remove.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RemoveValue {
    /// Its key.
    pub(crate) key: String,
}

/// Whether there was something to remove.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Removed {
    /// False where there was none.
    pub removed: bool,
}

/// The selection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SelectedClips {
    /// In order of time; empty where nothing is selected.
    pub clips: Vec<Clip>,
}

/// Stores a value.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetValue {
    /// Its key.
    pub(crate) key: String,
    /// Any JSON value.
    pub(crate) value: Value,
}

/// Asks the user something.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShowDialog {
    /// For people.
    pub title: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What it looks like; `input` where there are fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ShowDialogKind>,
    /// Labels, in order; default: the editor's own for this kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<String>,
    /// The button that Enter presses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Inputs to fill in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

impl ShowDialog {
    /// With what is required; the rest as the host chooses.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }
}

/// What it looks like; `input` where there are fields.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ShowDialogKind {
    /// `error`
    #[serde(rename = "error")]
    Error,
    /// `info`
    #[serde(rename = "info")]
    Info,
    /// `input`
    #[serde(rename = "input")]
    Input,
    /// `question`
    #[serde(rename = "question")]
    Question,
    /// `warning`
    #[serde(rename = "warning")]
    Warning,
}

/// Tells the user something, without waiting.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShowNotification {
    /// For people.
    pub message: String,
    /// What it looks like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ShowNotificationKind>,
    /// How long, in ms; default: the editor's choice; 0: until dismissed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u32>,
    /// Above the message; default: the plugin's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

impl ShowNotification {
    /// With what is required; the rest as the host chooses.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }
}

/// What it looks like.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ShowNotificationKind {
    /// `error`
    #[serde(rename = "error")]
    Error,
    /// `info`
    #[serde(rename = "info")]
    Info,
    /// `success`
    #[serde(rename = "success")]
    Success,
    /// `warning`
    #[serde(rename = "warning")]
    Warning,
}

/// Asks about one file or folder.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatFile {
    /// In the plugin's tree.
    pub(crate) path: String,
}

/// A stored value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StoredValue {
    /// Any JSON value; null where there is none.
    pub value: Value,
    /// Whether there is one.
    pub exists: bool,
}

/// Subscribes to events.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SubscribeEvent {
    /// A name, or a pattern: `*` stands for one part, `**` for any number of parts. A plugin's events are `pluginId/name`; names without `/` are the editor's.
    pub(crate) name: String,
}

/// What a plugin may know of the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SystemInfo {
    /// `linux`, `darwin` or `win32`.
    pub os: String,
    /// Of the processor, such as `x86_64`.
    pub arch: String,
    /// Processors that the system has.
    pub cpu_count: i64,
    /// Of plugind.
    pub daemon_version: String,
    /// Of the plugin API.
    pub api_version: String,
    /// In bytes.
    pub memory_total: i64,
    /// That programs could have now, in bytes.
    pub memory_available: i64,
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Thumbnail {
    /// Of the data.
    pub mime_type: ThumbnailMimeType,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// The file, in base64.
    pub data: String,
}

/// Of the data.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ThumbnailMimeType {
    /// `image/jpeg`
    #[serde(rename = "image/jpeg")]
    ImageJpeg,
    /// `image/png`
    #[serde(rename = "image/png")]
    ImagePng,
}

/// The whole timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TimelineState {
    /// Of the project.
    pub name: String,
    /// In s.
    pub duration: f64,
    /// Frames per s.
    pub fps: f64,
    /// The playhead, in s.
    pub current_time: f64,
    /// All tracks, in the order of their index.
    pub tracks: Vec<Track>,
    /// Ids of the selected clips.
    pub selection: Vec<String>,
    /// Of the picture, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Of the picture, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
}

/// One track with its clips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Track {
    /// 0-based index among all tracks.
    pub index: u32,
    /// For people.
    pub name: String,
    /// What its clips give.
    pub kind: TrackKind,
    /// In order of time.
    pub clips: Vec<Clip>,
}

/// What its clips give.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TrackKind {
    /// `audio`
    #[serde(rename = "audio")]
    Audio,
    /// `video`
    #[serde(rename = "video")]
    Video,
}

/// Ends a subscription.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Unsubscribe {
    /// As it was given to `events.on`.
    pub(crate) name: String,
}

/// Changes a clip.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateClip {
    /// The clip to change.
    pub(crate) clip_id: String,
    /// What is to be different.
    pub(crate) changes: ClipChanges,
}

/// Writes a file; it is replaced as a whole or not at all, unless it is appended to.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteFile {
    /// In the plugin's tree.
    pub path: String,
    /// In the encoding.
    pub data: String,
    /// How the data is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<WriteFileEncoding>,
    /// Write behind what is there, instead of replacing it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub append: bool,
    /// Make the folders that are missing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub create_parents: bool,
}

impl WriteFile {
    /// With what is required; the rest as the host chooses.
    pub fn new(path: impl Into<String>, data: impl Into<String>) -> Self {
        Self { path: path.into(), data: data.into(), ..Self::default() }
    }
}

/// How the data is given.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum WriteFileEncoding {
    /// `base64`
    #[serde(rename = "base64")]
    Base64,
    /// `utf8`
    #[serde(rename = "utf8")]
    Utf8,
}

#[cfg(test)]
mod examples {
    use super::*;

    /// Whether all that is in the first value is in the second.
    fn covered(one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::Object(one), Value::Object(other)) => {
                one.iter().all(|(key, value)| other.get(key).is_some_and(|found| covered(value, found)))
            }
            (Value::Array(one), Value::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| covered(one, other))
            }
            (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
            _ => one == other,
        }
    }

    fn goes_through<T: Serialize + serde::de::DeserializeOwned>(text: &str) {
        let value: Value = serde_json::from_str(text).unwrap();
        let typed: T = serde_json::from_value(value.clone()).unwrap();
        let again = serde_json::to_value(typed).unwrap();
        assert!(covered(&value, &again), "{value} became {again}");
    }

    #[test]
    fn go_through_the_types_unchanged() {
        goes_through::<TimelineState>(r#"{"name": "Holidays", "duration": 4.0, "fps": 25.0, "width": 1920, "height": 1080, "currentTime": 1.48, "tracks": [{"index": 0, "name": "V1", "kind": "video", "clips": [{"id": "c1", "name": "beach", "track": 0, "start": 0.0, "duration": 4.0, "source": "media/beach.mp4", "sourceStart": 1.5}]}], "selection": ["c1"]}"#);
        goes_through::<CurrentTime>(r#"{"seconds": 1.48, "timecode": "00:00:01:12", "fps": 25.0}"#);
        goes_through::<SelectedClips>(r#"{"clips": [{"id": "c1", "name": "beach", "track": 0, "start": 0.0, "duration": 4.0, "source": "media/beach.mp4", "sourceStart": 1.5}]}"#);
        goes_through::<AddClip>(r#"{"clip": {"source": "media/beach.mp4", "start": 4.0}, "track": 0}"#);
        goes_through::<ClipAdded>(r#"{"clipId": "c2"}"#);
        goes_through::<ClipId>(r#"{"clipId": "c2"}"#);
        goes_through::<UpdateClip>(r#"{"clipId": "c1", "changes": {"start": 2.0}}"#);
        goes_through::<ClipUpdated>(r#"{"clip": {"id": "c1", "name": "beach", "track": 0, "start": 2.0, "duration": 4.0, "source": "media/beach.mp4", "sourceStart": 1.5}}"#);
        goes_through::<GetInfo>(r#"{"path": "project/media/beach.mp4"}"#);
        goes_through::<MediaInfo>(r#"{"path": "project/media/beach.mp4", "duration": 12.0, "container": "mp4", "size": 4194304, "streams": [{"kind": "video", "codec": "h264", "width": 1920, "height": 1080, "fps": 25.0}]}"#);
        goes_through::<GenerateThumbnail>(r#"{"path": "project/media/beach.mp4", "time": 2.0, "width": 160}"#);
        goes_through::<Thumbnail>(r#"{"mimeType": "image/png", "width": 160, "height": 90, "data": "iVBORw0KGgo="}"#);
        goes_through::<EffectDefinition>(r#"{"id": "grade", "name": "Colour grade", "parameters": [{"name": "gamma", "default": 1, "min": 0.1}]}"#);
        goes_through::<EffectHandle>(r#"{"effect": 0}"#);
        goes_through::<NewEffect>(r#"{"effectId": "grade", "params": {"gamma": 1.2}}"#);
        goes_through::<EffectInstance>(r#"{"id": "e1", "effectId": "grade", "pluginId": "color-grade", "params": {"gamma": 1.2}}"#);
        goes_through::<ApplyToClip>(r#"{"effect": "e1", "clipId": "c1"}"#);
        goes_through::<EffectApplied>(r#"{"clipId": "c1", "effect": {"id": "e1", "effectId": "grade", "pluginId": "color-grade", "params": {"gamma": 1.2}}}"#);
        goes_through::<CreatePanel>(r#"{"id": "scopes", "title": "Scopes", "html": "<p>\u2026</p>"}"#);
        goes_through::<Panel>(r#"{"panelId": "p1"}"#);
        goes_through::<ClosePanel>(r#"{"panelId": "p1"}"#);
        goes_through::<ShowDialog>(r#"{"title": "Grade all clips?", "kind": "question", "buttons": ["Grade", "Leave"]}"#);
        goes_through::<DialogResult>(r#"{"button": "Grade"}"#);
        goes_through::<AddMenuItem>(r#"{"id": "grade", "label": "Grade the selection", "menu": "Clip", "shortcut": "Ctrl+G"}"#);
        goes_through::<RemoveMenuItem>(r#"{"id": "grade"}"#);
        goes_through::<ShowNotification>(r#"{"message": "Graded 12 clips", "kind": "success"}"#);
        goes_through::<PickFile>(r#"{"title": "Choose a look", "filters": [{"name": "LUT", "extensions": ["cube"]}]}"#);
        goes_through::<PickedFiles>(r#"{"files": ["picked/7f3a/warm.cube"]}"#);
        goes_through::<PickDirectory>(r#"{"title": "Where to export"}"#);
        goes_through::<PickedDirectory>(r#"{"directory": "picked/91c0"}"#);
        goes_through::<ReadFile>(r#"{"path": "looks/warm.cube"}"#);
        goes_through::<FileData>(r#"{"data": "LUT_3D_SIZE 2\n", "encoding": "utf8", "size": 14}"#);
        goes_through::<WriteFile>(r#"{"path": "presets/mine.json", "data": "{}", "createParents": true}"#);
        goes_through::<FileWritten>(r#"{"size": 2}"#);
        goes_through::<ListFolder>(r#"{"path": "presets"}"#);
        goes_through::<FolderEntries>(r#"{"entries": [{"name": "mine.json", "path": "presets/mine.json", "kind": "file", "size": 2, "modified": 1764095400.0}]}"#);
        goes_through::<StatFile>(r#"{"path": "presets/mine.json"}"#);
        goes_through::<FileStat>(r#"{"path": "presets/mine.json", "kind": "file", "size": 2, "modified": 1764095400.0}"#);
        goes_through::<RemoveFile>(r#"{"path": "presets/mine.json"}"#);
        goes_through::<GetValue>(r#"{"key": "look"}"#);
        goes_through::<StoredValue>(r#"{"value": {"name": "warm"}, "exists": true}"#);
        goes_through::<SetValue>(r#"{"key": "look", "value": {"name": "warm"}}"#);
        goes_through::<RemoveValue>(r#"{"key": "look"}"#);
        goes_through::<Removed>(r#"{"removed": true}"#);
        goes_through::<ListKeys>(r#"{"prefix": "l"}"#);
        goes_through::<Keys>(r#"{"keys": ["look"]}"#);
        goes_through::<SubscribeEvent>(r#"{"name": "timeline.*"}"#);
        goes_through::<Unsubscribe>(r#"{"name": "timeline.*"}"#);
        goes_through::<EmitEvent>(r#"{"name": "done", "payload": {"clips": 12}}"#);
        goes_through::<HttpRequest>(r#"{"url": "https://api.acme.example/luts?kind=film", "headers": {"accept": "application/json"}}"#);
        goes_through::<HttpResponse>(r#"{"status": 200, "headers": {"content-type": "application/json"}, "body": "[]", "encoding": "utf8"}"#);
        goes_through::<SystemInfo>(r#"{"os": "linux", "arch": "x86_64", "cpuCount": 8, "daemonVersion": "0.1.0", "apiVersion": "1.0", "memoryTotal": 16777216000, "memoryAvailable": 8388608000}"#);
    }
}
