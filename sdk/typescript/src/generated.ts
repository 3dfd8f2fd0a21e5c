// Types of the host API. Made from the method table by `make generate`: do not edit.

/** Names of permissions; some take a scope after a colon. */
export type PermissionName =
  | "effects.apply"
  | "effects.create"
  | "events"
  | "file.read"
  | "file.write"
  | "media.read"
  | "media.write"
  | "native"
  | "network"
  | "storage"
  | "system.info"
  | "timeline.read"
  | "timeline.write"
  | "ui.create"
  | "ui.dialog";

/** Codes of errors that the host answers, by kind. */
export const ERROR_CODES = {
  /** No plugin of this id is installed. */
  PluginNotFound: -32001,
  /** The plugin's state does not allow this. */
  InvalidState: -32002,
  /** The plugin was not granted what it tried to use. */
  PermissionDenied: -32003,
  /** `manifest.json` is missing or wrong; `path` says where. */
  ManifestInvalid: -32004,
  /** A deadline passed. */
  Timeout: -32005,
  /** The plugin needs more memory than its limit allows. */
  MemoryLimit: -32006,
  /** The guest trapped: unreachable code, division by zero, out of bounds, stack overflow. */
  Trap: -32007,
  /** The plugin's worker process was lost during the call. */
  WorkerCrashed: -32008,
  /** This version crashed too often and is not started any more. */
  Quarantined: -32009,
  /** Nobody provides the host namespace the plugin asked for. */
  HostUnavailable: -32010,
  /** A message, frame or value is over its limit. */
  TooLarge: -32011,
  /** Too many requests in flight. */
  Overloaded: -32012,
  /** A package's signature does not hold. */
  SignatureInvalid: -32013,
  /** Dependencies cannot be satisfied together. */
  DependencyConflict: -32014,
  /** The package or its module is damaged or not acceptable. */
  PackageInvalid: -32015,
  /** The module asks for something this host does not offer. */
  UnsupportedAbi: -32016,
  /** The plugin has no such function or effect. */
  FunctionNotFound: -32017,
  /** The plugin answered with an error of its own, kept in `data.error`. */
  PluginError: -32018,
  /** This system lacks an essential layer of the sandbox, and the settings require them all. */
  SandboxIncomplete: -32019,
  /** There is no such file or folder. */
  NotFound: -32020,
  /** The JSON is not a JSON-RPC 2.0 request. */
  InvalidRequest: -32600,
  /** No such method. */
  MethodNotFound: -32601,
  /** The params do not fit the method. */
  InvalidParams: -32602,
  /** A fault of the daemon's own. */
  InternalError: -32603,
  /** The text is not JSON, or not JSON that we accept. */
  ParseError: -32700,
  /** The client cancelled the request by `$/cancelRequest`. */
  RequestCancelled: -32800,
} as const;

/** What kind of error it is. */
export type ErrorKind = keyof typeof ERROR_CODES;

/** Params and result of every host method. */
export interface HostMethods {
  /** The whole timeline. Permission: `timeline.read`. */
  "timeline.getState": { params: Record<string, never>; result: TimelineState };
  /** The playhead. Permission: `timeline.read`. */
  "timeline.getCurrentTime": { params: Record<string, never>; result: CurrentTime };
  /** The selected clips. Permission: `timeline.read`. */
  "timeline.getSelectedClips": { params: Record<string, never>; result: SelectedClips };
  /** Add a clip to a track. Permission: `timeline.write`. */
  "timeline.addClip": { params: AddClip; result: ClipAdded };
  /** Remove a clip. Permission: `timeline.write`. */
  "timeline.removeClip": { params: ClipId; result: null };
  /** Change a clip. Permission: `timeline.write`. */
  "timeline.updateClip": { params: UpdateClip; result: ClipUpdated };
  /** Streams and duration of a media file. Permission: `media.read`. */
  "media.getInfo": { params: GetInfo; result: MediaInfo };
  /** A picture of one frame. Permission: `media.read`. */
  "media.generateThumbnail": { params: GenerateThumbnail; result: Thumbnail };
  /** Offer an effect; again with the same id to change it. Permission: `effects.create`. */
  "effects.register": { params: EffectDefinition; result: EffectHandle };
  /** Create an instance of an effect; it lives as long as the plugin is loaded. Permission: `effects.create`. */
  "effects.create": { params: NewEffect; result: EffectInstance };
  /** Put an effect on a clip; the editor gets the whole instance as `effect`. Permission: `effects.apply`. */
  "effects.applyToClip": { params: ApplyToClip; result: EffectApplied };
  /** Open a panel; it closes when the plugin is unloaded. Permission: `ui.create`. */
  "ui.createPanel": { params: CreatePanel; result: Panel };
  /** Close a panel of this plugin. Permission: `ui.create`. */
  "ui.closePanel": { params: ClosePanel; result: null };
  /** Ask the user something. Permission: `ui.dialog`. */
  "ui.showDialog": { params: ShowDialog; result: DialogResult };
  /** Add a menu item; it goes when the plugin is unloaded. Permission: `ui.create`. */
  "ui.addMenuItem": { params: AddMenuItem; result: null };
  /** Remove a menu item of this plugin. Permission: `ui.create`. */
  "ui.removeMenuItem": { params: RemoveMenuItem; result: null };
  /** Tell the user something. Permission: `ui.create`. */
  "ui.showNotification": { params: ShowNotification; result: null };
  /** Let the user pick files. Permission: `ui.dialog`. */
  "ui.pickFile": { params: PickFile; result: PickedFiles };
  /** Let the user pick a folder. Permission: `ui.dialog`. */
  "ui.pickDirectory": { params: PickDirectory; result: PickedDirectory };
  /** Read a file. Permission: `file.read`. */
  "file.read": { params: ReadFile; result: FileData };
  /** Write a file. Permission: `file.write`. */
  "file.write": { params: WriteFile; result: FileWritten };
  /** List a folder. Permission: `file.read`. */
  "file.list": { params: ListFolder; result: FolderEntries };
  /** Kind, size and age of a file. Permission: `file.read`. */
  "file.stat": { params: StatFile; result: FileStat };
  /** Remove a file or an empty folder. Permission: `file.write`. */
  "file.remove": { params: RemoveFile; result: null };
  /** A stored value. Permission: `storage`. */
  "storage.get": { params: GetValue; result: StoredValue };
  /** Store a value. Permission: `storage`. */
  "storage.set": { params: SetValue; result: null };
  /** Remove a stored value. Permission: `storage`. */
  "storage.remove": { params: RemoveValue; result: Removed };
  /** The keys of what is stored. Permission: `storage`. */
  "storage.keys": { params: ListKeys; result: Keys };
  /** Remove everything that is stored. Permission: `storage`. */
  "storage.clear": { params: Record<string, never>; result: null };
  /** Subscribe to events; they arrive as calls of `event`. Permission: `events`. */
  "events.on": { params: SubscribeEvent; result: null };
  /** End a subscription. Permission: `events`. */
  "events.off": { params: Unsubscribe; result: null };
  /** Tell plugins and clients something. Permission: `events`. */
  "events.emit": { params: EmitEvent; result: null };
  /** Make an HTTP request; redirects are answered, not followed. Permission: `network`. */
  "network.request": { params: HttpRequest; result: HttpResponse };
  /** The machine and the host. Permission: `system.info`. */
  "system.getInfo": { params: Record<string, never>; result: SystemInfo };
}

/** Names of all host methods. */
export const HOST_METHODS: readonly (keyof HostMethods)[] = ["timeline.getState", "timeline.getCurrentTime", "timeline.getSelectedClips", "timeline.addClip", "timeline.removeClip", "timeline.updateClip", "media.getInfo", "media.generateThumbnail", "effects.register", "effects.create", "effects.applyToClip", "ui.createPanel", "ui.closePanel", "ui.showDialog", "ui.addMenuItem", "ui.removeMenuItem", "ui.showNotification", "ui.pickFile", "ui.pickDirectory", "file.read", "file.write", "file.list", "file.stat", "file.remove", "storage.get", "storage.set", "storage.remove", "storage.keys", "storage.clear", "events.on", "events.off", "events.emit", "network.request", "system.getInfo"];

/** Adds a clip. */
export interface AddClip {
  /** What to add. */
  clip: NewClip;
  /** 0-based index among all tracks. */
  track: number;
}

/** Adds a menu item; one of the same id is replaced. Choosing it reaches the plugin as event `ui.menu`. */
export interface AddMenuItem {
  /** The plugin's own name for it: `{id}` is the event's payload. */
  id: string;
  /** For people. */
  label: string;
  /** Where: menus from the top, with `/` between them; default: the editor's menu for plugins. */
  menu?: string;
  /** Such as `Ctrl+Shift+G`; the editor leaves out one that is taken. */
  shortcut?: string;
  /** Whether it can be chosen; add it again with the same id to change that. */
  enabled?: boolean;
}

/** Puts an effect on a clip. */
export interface ApplyToClip {
  /** The id of an instance that this plugin created, or what to create one of. */
  effect: string | NewEffect;
  /** The clip to put it on. */
  clipId: string;
}

/** A clip on a track. */
export interface Clip {
  /** The editor's own id. */
  id: string;
  /** For people. */
  name: string;
  /** 0-based index among all tracks. */
  track: number;
  /** Where it begins on the timeline, in s. */
  start: number;
  /** In s. */
  duration: number;
  /** Path or URL of its media; absent for titles and the like. */
  source?: string;
  /** Where in the media it begins, in s; absent: at 0. */
  sourceStart?: number;
  /** Whether it is played. */
  enabled?: boolean;
  /** Effects on it, in order; each as the editor describes it. */
  effects?: unknown[];
  /** Whatever was kept with it. */
  metadata?: Record<string, unknown>;
  /** What else there is. */
  [more: string]: unknown;
}

/** The clip was added. */
export interface ClipAdded {
  /** Of the new clip. */
  clipId: string;
  /** What else there is. */
  [more: string]: unknown;
}

/** What is to change of a clip; what is absent, or null, stays. */
export interface ClipChanges {
  /** For people. */
  name?: string;
  /** In s. */
  start?: number;
  /** In s. */
  duration?: number;
  /** In s. */
  sourceStart?: number;
  /** 0-based index among all tracks. */
  track?: number;
  /** Whether it is played. */
  enabled?: boolean;
  /** Replaces what was kept with the clip. */
  metadata?: Record<string, unknown>;
}

/** Names a clip. */
export interface ClipId {
  /** Id of the clip. */
  clipId: string;
}

/** The clip as it is now. */
export interface ClipUpdated {
  /** With all of its fields. */
  clip: Clip;
  /** What else there is. */
  [more: string]: unknown;
}

/** Names a panel to close. */
export interface ClosePanel {
  /** As `ui.createPanel` answered. */
  panelId: string;
}

/** Opens a panel; one of the same id is replaced. */
export interface CreatePanel {
  /** The plugin's own name for it. */
  id: string;
  /** For people. */
  title: string;
  /** The page itself; the editor shows it without access to anything of its own. */
  html?: string;
  /** Instead of `html`: path of a page in the plugin's package. */
  url?: string;
  /** In pixels; default: the editor's choice. */
  width?: number;
  /** In pixels; default: the editor's choice. */
  height?: number;
  /** Where it is shown first. */
  dock?: "bottom" | "floating" | "left" | "right";
}

/** The playhead. */
export interface CurrentTime {
  /** In s from the beginning. */
  seconds: number;
  /** The same for display, such as `00:00:01:12`. */
  timecode: string;
  /** Frames per s. */
  fps: number;
  /** What else there is. */
  [more: string]: unknown;
}

/** What the user answered. */
export interface DialogResult {
  /** Label of the pressed button; null where the dialog was dismissed. */
  button: string | null;
  /** Values of the fields, by name. */
  values?: Record<string, unknown>;
  /** What else there is. */
  [more: string]: unknown;
}

/** The effect is on the clip. */
export interface EffectApplied {
  /** The clip it is on. */
  clipId: string;
  /** As the editor was given it. */
  effect: EffectInstance;
}

/** What a plugin registers. */
export interface EffectDefinition {
  /** What clients call it; not empty. */
  id: string;
  /** For people; default: the id. */
  name?: string;
  /** For people. */
  category?: string;
  /** In the order of the controls. */
  parameters?: EffectParameter[];
  /**
   * Stateless: what it makes of a frame depends on nothing but that frame, its params and its time, so that frames
   * may be run by several workers at once.
   */
  parallel?: boolean;
}

/** The number that `plugin_process_frame` is called with. */
export interface EffectHandle {
  /** The same for the same id as long as the plugin is loaded. */
  effect: number;
}

/** An effect with all of its values: everything an editor needs to run it by `effects.process`. */
export interface EffectInstance {
  /** Of the instance. */
  id: string;
  /** The effect's id at its plugin. */
  effectId: string;
  /** Whose effect it is. */
  pluginId: string;
  /** Values by name, defaults included. */
  params: Record<string, unknown>;
}

/** One parameter of an effect, for the editor's controls. */
export interface EffectParameter {
  /** Key in `params`. */
  name: string;
  /** What its values are; `color` is a string such as `#rrggbbaa`. */
  type?: "bool" | "choice" | "color" | "float" | "int" | "string";
  /** Value where none is given. */
  default?: unknown;
  /** Lowest value; of numbers. */
  min?: number;
  /** Highest value; of numbers. */
  max?: number;
  /** Values there are; of `choice`. */
  choices?: string[];
  /** For people; default: the name. */
  label?: string;
}

/** Tells others something. */
export interface EmitEvent {
  /** Without the plugin's id: others see `pluginId/name`. */
  name: string;
  /** Any JSON value. */
  payload?: unknown;
}

/** What the guest gets by the reserved method `event`. */
export interface Event {
  /** As it was published, or `pluginId/name`. */
  name: string;
  /** Any JSON value. */
  payload: unknown;
  /** The plugin that emitted it; absent where it is the editor's. */
  source?: string;
  /** Events that were lost before this one, because they came too fast. */
  dropped?: number;
}

/** One input of a dialog. */
export interface Field {
  /** Key in the result's `values`. */
  name: string;
  /** Default: the name. */
  label?: string;
  /** What it takes. */
  kind?: "checkbox" | "choice" | "number" | "text";
  /** Value at first. */
  default?: unknown;
  /** For `choice`. */
  choices?: string[];
}

/** A part of a file. */
export interface FileData {
  /** In the encoding. */
  data: string;
  /** As it was asked for. */
  encoding: "base64" | "utf8";
  /** Of the whole file, in bytes. */
  size: number;
}

/** Which files may be picked. */
export interface FileFilter {
  /** For people, such as `Videos`. */
  name: string;
  /** Without the dot. */
  extensions: string[];
}

/** What is known of it. */
export interface FileStat {
  /** In the plugin's tree. */
  path: string;
  /** What it is. */
  kind: "directory" | "file";
  /** In bytes; 0 for a directory. */
  size: number;
  /** In s since 1970, UTC. */
  modified: number;
}

/** The file was written. */
export interface FileWritten {
  /** Of the whole file now, in bytes. */
  size: number;
}

/** What is in a folder, by name. */
export interface FolderEntries {
  /** Sorted by path. */
  entries: FolderEntry[];
  /** Whether there are more than are listed. */
  truncated?: boolean;
}

/** One thing in a folder. */
export interface FolderEntry {
  /** Without the folder. */
  name: string;
  /** In the plugin's tree. */
  path: string;
  /** What it is. */
  kind: "directory" | "file";
  /** In bytes; 0 for a directory. */
  size: number;
  /** In s since 1970, UTC. */
  modified: number;
}

/** Asks for a picture of one frame. */
export interface GenerateThumbnail {
  /** As for `media.getInfo`. */
  path: string;
  /** Of the frame, in s; default: where the provider finds a good one. */
  time?: number;
  /** Largest width, in pixels; the shape of the picture is kept. */
  width?: number;
  /** Largest height, in pixels. */
  height?: number;
  /** Of the picture. */
  format?: "jpeg" | "png";
}

/** Asks about a media file. */
export interface GetInfo {
  /** A path as for `file.read`; absolute paths and URLs need `media.read` without a scope. */
  path: string;
}

/** Names a value. */
export interface GetValue {
  /** Its key. */
  key: string;
}

/** One request. */
export interface HttpRequest {
  /** `https://…` or `http://…`. The permission's scope is matched with its host. */
  url: string;
  /** In capitals. */
  method?: string;
  /** By name. Those that say where a message ends, or to whom it goes, are the daemon's. */
  headers?: Record<string, string>;
  /** What is sent. */
  body?: string;
  /** How `body` is written. */
  encoding?: "base64" | "utf8";
}

/** The answer, whatever its status; where it leads elsewhere, that is the plugin's to follow. */
export interface HttpResponse {
  /** As HTTP has it: 200 and the like. */
  status: number;
  /** By name in small letters; several of one name are joined by `, `. */
  headers: Record<string, string>;
  /** What came. */
  body: string;
  /** How `body` is written: `utf8` where it is that. */
  encoding: "base64" | "utf8";
}

/** Keys, sorted. */
export interface Keys {
  /** In the order of their characters' code points. */
  keys: string[];
  /** Whether there are more: 10 000 come at once. */
  truncated?: boolean;
}

/** Lists a folder. */
export interface ListFolder {
  /** In the plugin's tree; empty for its private folder. */
  path: string;
  /** List what is in its folders too. */
  recursive?: boolean;
}

/** Lists keys. */
export interface ListKeys {
  /** Only those that begin so. */
  prefix?: string;
  /** Only those that come after this one: the last one of an answer that was `truncated`. */
  after?: string;
}

/** What a media file holds. */
export interface MediaInfo {
  /** As it was asked for. */
  path: string;
  /** In s. */
  duration: number;
  /** Short name of its format, such as `mp4`. */
  container: string;
  /** In bytes. */
  size: number;
  /** In the order of the file. */
  streams: MediaStream[];
  /** What else there is. */
  [more: string]: unknown;
}

/** One stream of a media file. */
export interface MediaStream {
  /** `video`, `audio`, `subtitle` or `data`. */
  kind: string;
  /** Short name, such as `h264`. */
  codec: string;
  /** In pixels; of video. */
  width?: number;
  /** In pixels; of video. */
  height?: number;
  /** Frames per s; of video. */
  fps?: number;
  /** Such as `yuv420p`; of video. */
  pixelFormat?: string;
  /** Samples per s; of audio. */
  sampleRate?: number;
  /** Of audio. */
  channels?: number;
  /** In s, where the file says so. */
  duration?: number;
  /** Bits per s, where the file says so. */
  bitRate?: number;
  /** What else there is. */
  [more: string]: unknown;
}

/** A clip to be added. */
export interface NewClip {
  /** Path or URL of its media. */
  source: string;
  /** Where it is to begin on the timeline, in s. */
  start: number;
  /** Default: the name of the media. */
  name?: string;
  /** In s; default: all of the media from `sourceStart`. */
  duration?: number;
  /** Where in the media it is to begin, in s; default 0. */
  sourceStart?: number;
  /** Kept with the clip. */
  metadata?: Record<string, unknown>;
}

/** An effect with values for its parameters. */
export interface NewEffect {
  /** An effect that this plugin registered; one of another plugin as `pluginId/effectId`. */
  effectId: string;
  /** Values by name; those left out get the effect's defaults. */
  params?: Record<string, unknown>;
}

/** An open panel. */
export interface Panel {
  /** For `ui.closePanel`. */
  panelId: string;
  /** What else there is. */
  [more: string]: unknown;
}

/** Lets the user pick a folder. */
export interface PickDirectory {
  /** Of the dialog. */
  title?: string;
}

/** Lets the user pick files. */
export interface PickFile {
  /** Of the dialog. */
  title?: string;
  /** The first is chosen; default: all files. */
  filters?: FileFilter[];
  /** Let several be picked. */
  multiple?: boolean;
  /** Pick where to write, instead of what to read. */
  save?: boolean;
}

/** What was picked. */
export interface PickedDirectory {
  /** As with `ui.pickFile`; null where the dialog was dismissed. */
  directory: string | null;
  /** What else there is. */
  [more: string]: unknown;
}

/** What was picked; empty where the dialog was dismissed. */
export interface PickedFiles {
  /** From the editor, real paths; to the plugin, paths that `file.*` and `media.*` take. */
  files: string[];
  /** What else there is. */
  [more: string]: unknown;
}

/** Reads a file, or a part of one. */
export interface ReadFile {
  /** In the plugin's tree. */
  path: string;
  /** How the data is given; text that is not UTF-8 needs `base64`. */
  encoding?: "base64" | "utf8";
  /** Where to begin, in bytes. */
  offset?: number;
  /** At most so many bytes; default: to the end. */
  length?: number;
}

/** Removes a file, or a folder with nothing in it. */
export interface RemoveFile {
  /** In the plugin's tree. */
  path: string;
}

/** Removes a menu item of this plugin. */
export interface RemoveMenuItem {
  /** As it was added. */
  id: string;
}

/** Names a value to remove. */
export interface RemoveValue {
  /** Its key. */
  key: string;
}

/** Whether there was something to remove. */
export interface Removed {
  /** False where there was none. */
  removed: boolean;
}

/** The selection. */
export interface SelectedClips {
  /** In order of time; empty where nothing is selected. */
  clips: Clip[];
  /** What else there is. */
  [more: string]: unknown;
}

/** Stores a value. */
export interface SetValue {
  /** Its key. */
  key: string;
  /** Any JSON value. */
  value: unknown;
}

/** Asks the user something. */
export interface ShowDialog {
  /** For people. */
  title: string;
  /** For people. */
  message?: string;
  /** What it looks like; `input` where there are fields. */
  kind?: "error" | "info" | "input" | "question" | "warning";
  /** Labels, in order; default: the editor's own for this kind. */
  buttons?: string[];
  /** The button that Enter presses. */
  default?: string;
  /** Inputs to fill in. */
  fields?: Field[];
}

/** Tells the user something, without waiting. */
export interface ShowNotification {
  /** For people. */
  message: string;
  /** What it looks like. */
  kind?: "error" | "info" | "success" | "warning";
  /** How long, in ms; default: the editor's choice; 0: until dismissed. */
  durationMs?: number;
  /** Above the message; default: the plugin's name. */
  title?: string;
}

/** Asks about one file or folder. */
export interface StatFile {
  /** In the plugin's tree. */
  path: string;
}

/** A stored value. */
export interface StoredValue {
  /** Any JSON value; null where there is none. */
  value: unknown;
  /** Whether there is one. */
  exists: boolean;
}

/** Subscribes to events. */
export interface SubscribeEvent {
  /**
   * A name, or a pattern: `*` stands for one part, `**` for any number of parts. A plugin's events are
   * `pluginId/name`; names without `/` are the editor's.
   */
  name: string;
}

/** What a plugin may know of the machine. */
export interface SystemInfo {
  /** `linux`, `darwin` or `win32`. */
  os: string;
  /** Of the processor, such as `x86_64`. */
  arch: string;
  /** Processors that the system has. */
  cpuCount: number;
  /** Of plugind. */
  daemonVersion: string;
  /** Of the plugin API. */
  apiVersion: string;
  /** In bytes. */
  memoryTotal: number;
  /** That programs could have now, in bytes. */
  memoryAvailable: number;
}

/** A picture. */
export interface Thumbnail {
  /** Of the data. */
  mimeType: "image/jpeg" | "image/png";
  /** In pixels. */
  width: number;
  /** In pixels. */
  height: number;
  /** The file, in base64. */
  data: string;
}

/** The whole timeline. */
export interface TimelineState {
  /** Of the project. */
  name: string;
  /** In s. */
  duration: number;
  /** Frames per s. */
  fps: number;
  /** The playhead, in s. */
  currentTime: number;
  /** All tracks, in the order of their index. */
  tracks: Track[];
  /** Ids of the selected clips. */
  selection: string[];
  /** Of the picture, in pixels. */
  width?: number;
  /** Of the picture, in pixels. */
  height?: number;
  /** What else there is. */
  [more: string]: unknown;
}

/** One track with its clips. */
export interface Track {
  /** 0-based index among all tracks. */
  index: number;
  /** For people. */
  name: string;
  /** What its clips give. */
  kind: "audio" | "video";
  /** In order of time. */
  clips: Clip[];
  /** What else there is. */
  [more: string]: unknown;
}

/** Ends a subscription. */
export interface Unsubscribe {
  /** As it was given to `events.on`. */
  name: string;
}

/** Changes a clip. */
export interface UpdateClip {
  /** The clip to change. */
  clipId: string;
  /** What is to be different. */
  changes: ClipChanges;
}

/** Writes a file; it is replaced as a whole or not at all, unless it is appended to. */
export interface WriteFile {
  /** In the plugin's tree. */
  path: string;
  /** In the encoding. */
  data: string;
  /** How the data is given. */
  encoding?: "base64" | "utf8";
  /** Write behind what is there, instead of replacing it. */
  append?: boolean;
  /** Make the folders that are missing. */
  createParents?: boolean;
}

/** Resources the plugin wants less of than the defaults allow. */
export interface ManifestLimits {
  /** Linear memory of the guest in bytes, frame windows not counted: 64 KiB … 4 GiB. */
  memory_bytes?: number;
  /** Processor time of a worker over its whole life, in s. */
  cpu_seconds?: number;
  /** Deadline of a call that names none, in ms: 1 … 3 600 000. */
  call_timeout_ms?: number;
  /** Descriptors that a worker may have open. */
  file_descriptors?: number;
  /** What the plugin may keep in its storage, in bytes. */
  storage_bytes?: number;
  /** Elements of each of the guest's tables; counts from the next start of its worker on. */
  table_elements?: number;
  /** Largest result of a call, and largest params of a host call, in bytes; counts from the next start on. */
  message_bytes?: number;
  /** Host calls per second on average; those beyond it wait. */
  host_calls_per_second?: number;
  /** Console messages per second on average; those beyond it are dropped, and how many is told. */
  log_messages_per_second?: number;
}

/** What the store shows. */
export interface ManifestMetadata {
  category?: string;
  tags?: string[];
  /** In the store's currency; 0 is free. */
  price?: number;
  /** Pictures in the plugin's folder, by relative path. */
  screenshots?: string[];
}
/** A plugin's manifest. */
export interface PluginManifest {
  /** The plugin's id. */
  name: string;
  /** Semantic version. */
  version: string;
  /** The module in the plugin's folder, by relative path. */
  main: string;
  description?: string;
  author?: string;
  /** SPDX expression. */
  license?: string;
  /** What it is to the user: effect, tool, export … */
  type?: string;
  /** How the module is called; recognised by its exports and imports when absent. */
  abi?: "extism" | "javascript" | "numeric" | "timeline";
  /** The engine it must run on; the daemon's choice when absent. */
  engine?: "wasmer" | "wasmtime";
  /** Version of the plugin API that it was written for. */
  api_version?: string;
  /** Oldest version of Timeline Studio that it works with. */
  min_timeline_version?: string;
  /** What it asks for: names, some with a scope after a colon. */
  permissions?: string[];
  /** Other plugins it needs: name → version range as in npm. */
  dependencies?: Record<string, string>;
  /** Folders and files it brings along, by kind. */
  resources?: Record<string, string[]>;
  /** What the plugin finds when it asks for its configuration, unless the user says else; of the ABI `extism`. */
  config?: Record<string, string>;
  /** What the store shows. */
  metadata?: ManifestMetadata;
  /** Resources it wants less of than the defaults allow. */
  limits?: ManifestLimits;
}
