/** The host API as plugins use it: `PluginAPI`, typed, with what the host wraps unwrapped. */
import * as effects from "./effects";
import * as events from "./events";
import type * as Wire from "./generated";
import { call, callNow } from "./host";

/** The playhead: seconds, and as a timecode. */
export type Timecode = Wire.CurrentTime;
export type Clip = Wire.Clip;
export type ClipId = string;
export type Effect = Wire.EffectInstance;
export type Panel = Wire.Panel;
export type PanelConfig = Wire.CreatePanel;
export type DialogConfig = Wire.ShowDialog;
export type DialogResult = Wire.DialogResult;
export type MenuConfig = Wire.AddMenuItem & {
  /** Called when the item is chosen. */
  onSelect?: () => unknown;
};

export interface TimelineAPI {
  /** The whole timeline. Permission: `timeline.read`. */
  getState(): Promise<Wire.TimelineState>;
  /** The playhead; at once, as nothing has to be waited for. Permission: `timeline.read`. */
  getCurrentTime(): Timecode;
  /** The selected clips. Permission: `timeline.read`. */
  getSelectedClips(): Promise<Clip[]>;
  /** Add a clip to a track: a new one, or a copy of one that has media. Permission: `timeline.write`. */
  addClip(clip: Wire.NewClip | Clip, track: number): Promise<ClipId>;
  /** Remove a clip. Permission: `timeline.write`. */
  removeClip(clipId: ClipId): Promise<void>;
  /** Change a clip; the clip as it is then. Permission: `timeline.write`. */
  updateClip(clipId: ClipId, changes: Wire.ClipChanges): Promise<Clip>;
}

export interface EffectsAPI {
  /** Offer an effect. Permission: `effects.create`. */
  register(definition: effects.EffectDefinition): Promise<void>;
  /** Create an instance of an effect. Permission: `effects.create`. */
  create(effectId: string, params?: Record<string, unknown>): Promise<Effect>;
  /** Put an effect on a clip. Permission: `effects.apply`. */
  applyToClip(effect: Effect | Wire.NewEffect | string, clipId: ClipId): Promise<void>;
}

export interface UIAPI {
  /** Open a panel. Permission: `ui.create`. */
  createPanel(config: PanelConfig): Promise<Panel>;
  /** Close a panel of this plugin. Permission: `ui.create`. */
  closePanel(panel: Panel | string): Promise<void>;
  /** Ask the user something. Permission: `ui.dialog`. */
  showDialog(dialog: DialogConfig): Promise<DialogResult>;
  /** Add a menu item. Permission: `ui.create`. */
  addMenuItem(menu: MenuConfig): Promise<void>;
  /** Remove a menu item of this plugin. Permission: `ui.create`. */
  removeMenuItem(id: string): Promise<void>;
  /** Tell the user something. Permission: `ui.create`. */
  showNotification(notification: string | Wire.ShowNotification): Promise<void>;
  /** Let the user pick files; none where they changed their mind. Permission: `ui.dialog`. */
  pickFile(options?: Wire.PickFile): Promise<string[]>;
  /** Let the user pick a folder. Permission: `ui.dialog`. */
  pickDirectory(options?: Wire.PickDirectory): Promise<string | null>;
}

export interface FileAPI {
  /** Read a text. Permission: `file.read`. */
  read(path: string): Promise<string>;
  /** Read a part, or bytes as base64. Permission: `file.read`. */
  readData(params: Wire.ReadFile): Promise<Wire.FileData>;
  /** Write a text; answers its size in bytes. Permission: `file.write`. */
  write(path: string, data: string, options?: Omit<Wire.WriteFile, "path" | "data">): Promise<number>;
  /** List a folder. Permission: `file.read`. */
  list(path?: string, options?: { recursive?: boolean }): Promise<Wire.FolderEntry[]>;
  /** Kind, size and age. Permission: `file.read`. */
  stat(path: string): Promise<Wire.FileStat>;
  /** Remove a file or an empty folder. Permission: `file.write`. */
  remove(path: string): Promise<void>;
}

export interface StorageAPI {
  /** A stored value; undefined where there is none. Permission: `storage`. */
  get<T = unknown>(key: string): Promise<T | undefined>;
  /** Store any JSON value. Permission: `storage`. */
  set(key: string, value: unknown): Promise<void>;
  /** Remove a value; whether there was one. Permission: `storage`. */
  remove(key: string): Promise<boolean>;
  /** The keys, sorted. Permission: `storage`. */
  keys(prefix?: string): Promise<string[]>;
  /** Remove all values. Permission: `storage`. */
  clear(): Promise<void>;
}

export interface EventsAPI {
  /** Call back for events of a name or pattern. Permission: `events`. */
  on<P = unknown>(name: string, callback: events.EventCallback<P>): Promise<events.Unsubscribe>;
  /** Do not call back any more. Permission: `events`. */
  off(name: string, callback?: events.EventCallback): Promise<void>;
  /** Tell others something; they see `pluginId/name`. Permission: `events`. */
  emit(name: string, payload?: unknown): Promise<void>;
}

export interface MediaAPI {
  /** Streams and duration of a media file. Permission: `media.read`. */
  getInfo(path: string): Promise<Wire.MediaInfo>;
  /** A picture of one frame. Permission: `media.read`. */
  generateThumbnail(params: Wire.GenerateThumbnail): Promise<Wire.Thumbnail>;
}

export interface NetworkAPI {
  /** Ask by HTTP; a URL alone is a GET. Permission: `network`. */
  request(request: string | Wire.HttpRequest): Promise<Wire.HttpResponse>;
}

export interface SystemAPI {
  /** The machine and the host. Permission: `system.info`. */
  getInfo(): Promise<Wire.SystemInfo>;
}

/** All that a plugin may ask of its host. */
export interface PluginAPI {
  timeline: TimelineAPI;
  effects: EffectsAPI;
  ui: UIAPI;
  file: FileAPI;
  storage: StorageAPI;
  events: EventsAPI;
  media: MediaAPI;
  network: NetworkAPI;
  system: SystemAPI;
}

const NEW_CLIP: readonly (keyof Wire.NewClip)[] = ["source", "start", "name", "duration", "sourceStart", "metadata"];

/** What a new clip takes over of another one. */
function newClip(clip: Wire.NewClip | Clip): Wire.NewClip {
  const kept = NEW_CLIP.filter((name) => name in clip).map((name) => [name, (clip as Wire.NewClip)[name]]);
  return Object.fromEntries(kept) as Wire.NewClip;
}

const timeline: TimelineAPI = {
  getState: () => call("timeline.getState", {}),
  getCurrentTime: () => callNow("timeline.getCurrentTime", {}),
  getSelectedClips: async () => (await call("timeline.getSelectedClips", {})).clips,
  addClip: async (clip, track) => (await call("timeline.addClip", { clip: newClip(clip), track })).clipId,
  removeClip: async (clipId) => void (await call("timeline.removeClip", { clipId })),
  updateClip: async (clipId, changes) => (await call("timeline.updateClip", { clipId, changes })).clip,
};

const effectsApi: EffectsAPI = {
  register: effects.register,
  create: (effectId, params = {}) => call("effects.create", { effectId, params }),
  applyToClip: async (effect, clipId) => {
    const given = typeof effect === "object" && "id" in effect ? (effect as Effect).id : effect;
    await call("effects.applyToClip", { effect: given as string | Wire.NewEffect, clipId });
  },
};

const ui: UIAPI = {
  createPanel: (config) => call("ui.createPanel", config),
  closePanel: async (panel) => {
    await call("ui.closePanel", { panelId: typeof panel === "string" ? panel : panel.panelId });
  },
  showDialog: (dialog) => call("ui.showDialog", dialog),
  addMenuItem: async ({ onSelect, ...menu }) => {
    await call("ui.addMenuItem", menu);
    if (onSelect) {
      events.onOwn<{ id?: string }>("ui.menu", (payload) => (payload?.id === menu.id ? onSelect() : undefined));
    }
  },
  removeMenuItem: async (id) => void (await call("ui.removeMenuItem", { id })),
  showNotification: async (one) => {
    await call("ui.showNotification", typeof one === "string" ? { message: one } : one);
  },
  pickFile: async (options = {}) => (await call("ui.pickFile", options)).files,
  pickDirectory: async (options = {}) => (await call("ui.pickDirectory", options)).directory ?? null,
};

const file: FileAPI = {
  read: async (path) => (await call("file.read", { path })).data,
  readData: (params) => call("file.read", params),
  write: async (path, data, options = {}) => (await call("file.write", { path, data, ...options })).size,
  list: async (path = "", options = {}) => (await call("file.list", { path, ...options })).entries,
  stat: (path) => call("file.stat", { path }),
  remove: async (path) => void (await call("file.remove", { path })),
};

async function keys(prefix?: string): Promise<string[]> {
  const found: string[] = [];
  for (let after: string | undefined; ; after = found[found.length - 1]) {
    const part = await call("storage.keys", {
      ...(prefix === undefined ? {} : { prefix }),
      ...(after === undefined ? {} : { after }),
    });
    found.push(...part.keys);
    if (!part.truncated) return found;
  }
}

const storage: StorageAPI = {
  get: async <T>(key: string) => {
    const { value, exists } = await call("storage.get", { key });
    return exists ? (value as T) : undefined;
  },
  set: async (key, value) => void (await call("storage.set", { key, value })),
  remove: async (key) => (await call("storage.remove", { key })).removed,
  keys,
  clear: async () => void (await call("storage.clear", {})),
};

const eventsApi: EventsAPI = {
  on: events.on,
  off: events.off,
  emit: async (name, payload = null) => void (await call("events.emit", { name, payload })),
};

const media: MediaAPI = {
  getInfo: (path) => call("media.getInfo", { path }),
  generateThumbnail: (params) => call("media.generateThumbnail", params),
};

const network: NetworkAPI = {
  request: (one) => call("network.request", typeof one === "string" ? { url: one } : one),
};

const system: SystemAPI = { getInfo: () => call("system.getInfo", {}) };

/** The host API of this plugin. */
export function createApi(): PluginAPI {
  return { timeline, effects: effectsApi, ui, file, storage, events: eventsApi, media, network, system };
}
