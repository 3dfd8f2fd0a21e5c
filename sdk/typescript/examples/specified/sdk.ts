// The example of the plugin system's specification, word for word, behind the types that it names.
import type {
  Clip, ClipId, DialogConfig, DialogResult, Effect, EffectDefinition, MenuConfig, Panel, PanelConfig, PluginAPI,
  PluginManifest, Timecode, TimelinePlugin,
} from "@timeline-studio/sdk";

interface PluginConfig {
  manifest: PluginManifest;
  initialize(sdk: TimelineStudioSDK): Promise<void>;
}

// @timeline-studio/sdk
export class TimelineStudioSDK {
    private api: PluginAPI;
    
    constructor(api: PluginAPI) {
        this.api = api;
    }
    
    // Timeline manipulation
    timeline = {
        getCurrentTime: (): Timecode => this.api.timeline.getCurrentTime(),
        
        addClip: (clip: Clip, track: number): Promise<ClipId> => 
            this.api.timeline.addClip(clip, track),
        
        removeClip: (clipId: ClipId): Promise<void> => 
            this.api.timeline.removeClip(clipId),
        
        getSelectedClips: (): Promise<Clip[]> => 
            this.api.timeline.getSelectedClips(),
        
        // Events
        onSelectionChange: (callback: (clips: Clip[]) => void) => 
            this.api.events.on('timeline.selectionChange', callback),
    };
    
    // Effects
    effects = {
        createEffect: (type: string, params: any): Promise<Effect> => 
            this.api.effects.create(type, params),
        
        applyToClip: (effect: Effect, clipId: ClipId): Promise<void> => 
            this.api.effects.applyToClip(effect, clipId),
        
        registerCustomEffect: (definition: EffectDefinition): Promise<void> => 
            this.api.effects.register(definition),
    };
    
    // UI
    ui = {
        createPanel: (config: PanelConfig): Promise<Panel> => 
            this.api.ui.createPanel(config),
        
        showDialog: (dialog: DialogConfig): Promise<DialogResult> => 
            this.api.ui.showDialog(dialog),
        
        addMenuItem: (menu: MenuConfig): Promise<void> => 
            this.api.ui.addMenuItem(menu),
    };
}

// Utility for creating plugins
export function createPlugin(config: PluginConfig): TimelinePlugin {
    return {
        manifest: config.manifest,
        
        async main(api: PluginAPI) {
            const sdk = new TimelineStudioSDK(api);
            await config.initialize(sdk);
        }
    };
}
