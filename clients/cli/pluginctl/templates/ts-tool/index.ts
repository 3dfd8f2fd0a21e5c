/** {{title}}: greets, and counts the clips that are selected. */
import { createApi, createPlugin, type TimelineStudioSDK } from "@timeline-studio/sdk";
import manifest from "./manifest.json";

/** How often it has greeted. It lasts as long as this instance of the plugin; see `saveState`. */
let greeted = 0;

export default createPlugin({
  manifest,

  /** Runs when the plugin becomes active. */
  async initialize(sdk) {
    await sdk.ui.addMenuItem({ id: "count", label: "Count the selected clips", menu: "Clip", onSelect: () => count(sdk) });
    console.log("{{title}} is ready");
  },

  /** What the next instance is to know, when this one is replaced: by a reload, an update, a change while you develop. */
  saveState: () => greeted,
  restoreState(state) {
    greeted = state as number;
  },
});

const { storage, timeline } = createApi();

/** `pluginctl call {{name}} greet '{"name": "world"}'` */
export async function greet({ name }: { name: string }): Promise<{ text: string; number: number }> {
  if (!name) throw new Error("nobody to greet");
  greeted += 1;
  await storage.set("last", name);
  return { text: `Hello, ${name}!`, number: greeted };
}

/** Who was greeted last: what is in storage outlives the plugin, its updates and the daemon. */
export async function last(): Promise<string | undefined> {
  return await storage.get<string>("last");
}

/** How many clips are selected. */
export async function selected(): Promise<number> {
  return (await timeline.getSelectedClips()).length;
}

async function count(sdk: TimelineStudioSDK): Promise<void> {
  await sdk.ui.showNotification(`${await selected()} clips are selected`);
}
