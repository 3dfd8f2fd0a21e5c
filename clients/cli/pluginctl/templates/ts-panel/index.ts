/** {{title}}: a panel that says what is selected. */
import { createPlugin, type Clip } from "@timeline-studio/sdk";
import manifest from "./manifest.json";

export default createPlugin({
  manifest,

  /** Runs when the plugin becomes active. */
  async initialize(sdk) {
    const show = (clips: Clip[]) =>
      sdk.ui.createPanel({ id: "selection", title: "{{title}}", html: page(clips), width: 320, dock: "right" });
    await show([]);
    await sdk.timeline.onSelectionChange((clips) => void show(clips));
  },
});

/** The page that the panel shows; it has no access to anything, so that all of it is made here. */
export function page(clips: Pick<Clip, "name" | "duration">[]): string {
  const rows = clips.map((clip) => `<li>${escaped(clip.name)}: ${clip.duration} s</li>`);
  return `<h1>${clips.length} clips</h1><ul>${rows.join("")}</ul>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
