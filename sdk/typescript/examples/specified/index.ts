/** A plugin that uses all that the specification's example offers. */
import type { Clip } from "@timeline-studio/sdk";
import manifest from "./manifest.json";
import { createPlugin } from "./sdk";

const selections: string[][] = [];

export default createPlugin({
  manifest,
  async initialize(sdk) {
    sdk.timeline.onSelectionChange((clips: Clip[]) => {
      selections.push(clips.map((clip) => clip.id));
    });
    await sdk.effects.registerCustomEffect({
      name: "Darken",
      process: (frame) => frame.mapChannels(new Uint8Array(256).map((_, at) => at >> 1)),
    });
    const [first] = await sdk.timeline.getSelectedClips();
    const id = await sdk.timeline.addClip({ ...first!, start: sdk.timeline.getCurrentTime().seconds }, 1);
    await sdk.effects.applyToClip(await sdk.effects.createEffect("darken", {}), id);
    await sdk.timeline.removeClip(first!.id);
    await sdk.ui.addMenuItem({ id: "again", label: "Again" });
    const panel = await sdk.ui.createPanel({ id: "panel", title: "Selections", html: "<ol></ol>" });
    const { button } = await sdk.ui.showDialog({ title: `Is ${panel.panelId} there?`, buttons: ["Yes"] });
    console.log("answered", button, "clip", id);
  },
});

export const seen = (): string[][] => selections;
