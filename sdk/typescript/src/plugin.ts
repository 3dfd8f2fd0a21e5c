/** What a plugin is made of: `createPlugin`, and the SDK object that its `initialize` gets. */
import type {
  Clip,
  ClipId,
  DialogConfig,
  DialogResult,
  Effect,
  MenuConfig,
  Panel,
  PanelConfig,
  PluginAPI,
  Timecode,
} from "./api";
import type { EffectDefinition } from "./effects";
import type { EventCallback } from "./events";
import type { NewClip, PluginManifest } from "./generated";

/** A plugin, as the host runs it: the default export of its main module. */
export interface TimelinePlugin extends Hooks {
  manifest: PluginManifest;
  /** Run when the plugin becomes active. */
  main(api: PluginAPI): Promise<void>;
}

/** Called by the host; all are optional. */
export interface Hooks {
  /** The plugin is loaded. Effects that are `parallel` are registered here. */
  onLoad?(): Promise<void> | void;
  /** It becomes active; `main` follows. */
  onActivate?(): Promise<void> | void;
  /** It stops being active. */
  onDeactivate?(): Promise<void> | void;
  /** Before it ends. */
  onUnload?(): Promise<void> | void;
  /** Before its worker is ended for having nothing to do; an error keeps it. */
  onSleep?(): Promise<void> | void;
  /** What the instance that replaces this one is to know: after a reload, an update, a change in development. */
  saveState?(): unknown;
  /** What the instance before this one has saved; between `onLoad` and `onActivate`. */
  restoreState?(state: unknown): Promise<void> | void;
}

/** What `createPlugin` takes. */
export interface PluginConfig extends Hooks {
  manifest: PluginManifest;
  /** The plugin's main functionality, when it becomes active. */
  initialize(sdk: TimelineStudioSDK): Promise<void> | void;
}

/** The SDK: the host API, grouped as plugins use it. */
export class TimelineStudioSDK {
  readonly api: PluginAPI;

  constructor(api: PluginAPI) {
    this.api = api;
  }

  timeline = {
    getState: () => this.api.timeline.getState(),
    getCurrentTime: (): Timecode => this.api.timeline.getCurrentTime(),
    addClip: (clip: NewClip | Clip, track: number): Promise<ClipId> => this.api.timeline.addClip(clip, track),
    removeClip: (clipId: ClipId): Promise<void> => this.api.timeline.removeClip(clipId),
    updateClip: (...args: Arguments<"timeline", "updateClip">) => this.api.timeline.updateClip(...args),
    getSelectedClips: (): Promise<Clip[]> => this.api.timeline.getSelectedClips(),
    /** Call back with the selected clips, each time that the selection changes. */
    onSelectionChange: (callback: (clips: Clip[]) => void) =>
      this.api.events.on<Clip[] | { clips: Clip[] }>("timeline.selectionChange", (payload) =>
        callback(Array.isArray(payload) ? payload : (payload?.clips ?? [])),
      ),
  };

  effects = {
    createEffect: (type: string, params: Record<string, unknown>): Promise<Effect> =>
      this.api.effects.create(type, params),
    applyToClip: (effect: Effect, clipId: ClipId): Promise<void> => this.api.effects.applyToClip(effect, clipId),
    registerCustomEffect: (definition: EffectDefinition): Promise<void> => this.api.effects.register(definition),
  };

  ui = {
    createPanel: (config: PanelConfig): Promise<Panel> => this.api.ui.createPanel(config),
    closePanel: (panel: Panel | string): Promise<void> => this.api.ui.closePanel(panel),
    showDialog: (dialog: DialogConfig): Promise<DialogResult> => this.api.ui.showDialog(dialog),
    addMenuItem: (menu: MenuConfig): Promise<void> => this.api.ui.addMenuItem(menu),
    removeMenuItem: (id: string): Promise<void> => this.api.ui.removeMenuItem(id),
    showNotification: (...args: Arguments<"ui", "showNotification">) => this.api.ui.showNotification(...args),
    pickFile: (...args: Arguments<"ui", "pickFile">) => this.api.ui.pickFile(...args),
    pickDirectory: (...args: Arguments<"ui", "pickDirectory">) => this.api.ui.pickDirectory(...args),
  };

  get file() {
    return this.api.file;
  }

  get storage() {
    return this.api.storage;
  }

  get media() {
    return this.api.media;
  }

  get network() {
    return this.api.network;
  }

  get system() {
    return this.api.system;
  }

  events = {
    on: <P = unknown>(name: string, callback: EventCallback<P>) => this.api.events.on(name, callback),
    off: (name: string, callback?: EventCallback) => this.api.events.off(name, callback),
    emit: (name: string, payload?: unknown) => this.api.events.emit(name, payload),
  };
}

type Arguments<N extends keyof PluginAPI, M extends keyof PluginAPI[N]> = PluginAPI[N][M] extends (
  ...args: infer A
) => unknown
  ? A
  : never;

/** Make a plugin: what the main module exports by default. */
export function createPlugin(config: PluginConfig): TimelinePlugin {
  const { initialize, ...rest } = config;
  return {
    ...rest,
    async main(api: PluginAPI) {
      await initialize(new TimelineStudioSDK(api));
    },
  };
}
